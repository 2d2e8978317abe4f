"""Chunk data: the trigger count that a camera sends with each frame, by maker.

The trigger count minus the frame number is the number of triggers the sensor
ignored (overruns). The count is also the best key for pairing two cameras.
"""

from dataclasses import dataclass

from genicam import genapi
from harvesters.core import Buffer, ImageAcquirer

from drivers.errors import SettingRefusedError
from drivers.genicam import nodes
from drivers.genicam.frame_numbering import FrameNumbering


@dataclass(frozen=True, slots=True)
class _TriggerCountChunk:
    selector_entry: str
    value_node: str
    counter: str | None = None


_TRIGGER_COUNT_CHUNKS = (
    # SFNC 2.7, sections 20 and 11: a counter of all triggers received.
    _TriggerCountChunk("CounterValue", "ChunkCounterValue", counter="Counter0"),
    # Basler ace GigE and ace USB (feature names of their descriptions).
    _TriggerCountChunk("Triggerinputcounter", "ChunkTriggerinputcounter"),
    _TriggerCountChunk("FrameTriggerCounter", "ChunkFrameTriggerCounter"),
)
ALL_TRIGGERS = "FrameTrigger"
"""Event of every trigger that the camera receives, taken or not."""


class OverrunCount:
    """Triggers received less frames sent; None where nothing ``counts`` the triggers."""

    def __init__(self, *, counts: bool) -> None:
        self.count: int | None = 0 if counts else None
        self._counts = counts
        self._first: tuple[int, int, int] | None = None

    def note(self, trigger_count: int, sequence: int, numbering: FrameNumbering) -> None:
        """Note the next frame; unknown while the frame numbers do not tell what was sent."""
        if not self._counts:
            return
        if not numbering.tells_losses:
            self.count, self._first = None, None
            return
        breaks = numbering.breaks
        if self._first is None or self._first[2] != breaks:
            # Where the numbers jump, frames lost look like triggers ignored.
            self._first = (trigger_count - (self.count or 0), sequence, breaks)
        first_count, first_sequence, _ = self._first
        self.count = (trigger_count - first_count) - (sequence - first_sequence)


class TriggerCountChunk:
    """Switches the trigger count chunk on and reads it from buffers.

    Every call touches the node map: the caller holds the camera's lock.
    """

    def __init__(self, node_map: genapi.NodeMap) -> None:
        self._node_map = node_map
        self._value: genapi.IInteger | None = None
        self.counter: str | None = None
        """The counter that counts all triggers, while one does."""

    @property
    def active(self) -> bool:
        """Whether frames carry a trigger count."""
        return self._value is not None

    def enable(self) -> None:
        """Enable the first trigger count chunk offered; switch chunks off if there is none.

        Every other chunk is switched off: unused chunks cost bandwidth and time.
        """
        self._value, self.counter = None, None
        mode = nodes.find(self._node_map, "ChunkModeActive")
        if mode is None or not nodes.is_writable(mode):
            return
        nodes.write(mode, True)
        chosen = self._enable_one()
        if chosen is None or (chosen.counter and not self._count_triggers(chosen.counter)):
            nodes.write(mode, False)
            return
        self._value = nodes.lookup(self._node_map, chosen.value_node)
        self.counter = chosen.counter

    def _enable_one(self) -> _TriggerCountChunk | None:
        selector = nodes.find(self._node_map, "ChunkSelector")
        if selector is None:
            return None
        offered = nodes.symbolics(selector)
        chosen = next((c for c in _TRIGGER_COUNT_CHUNKS if c.selector_entry in offered), None)
        for entry in offered:
            nodes.write(selector, entry)
            enable = nodes.find(self._node_map, "ChunkEnable")
            if enable is not None and nodes.is_writable(enable):
                nodes.write(enable, chosen is not None and entry == chosen.selector_entry)
        return chosen

    def _count_triggers(self, counter: str) -> bool:
        """Let ``counter`` count every trigger received; False if it cannot."""
        try:
            nodes.set_choice(self._node_map, ("CounterSelector",), counter, "counter")
            nodes.set_choice(self._node_map, ("CounterEventSource",), ALL_TRIGGERS, "counted event")
            if nodes.find(self._node_map, "ChunkCounterSelector") is not None:
                nodes.set_choice(self._node_map, ("ChunkCounterSelector",), counter, "counter")
        except SettingRefusedError:
            return False
        return True

    def read(self, raw_buffer: object, acquirer: ImageAcquirer) -> int | None:
        """Triggers the camera had received at this frame; None if the chunk is missing."""
        if self._value is None:
            return None
        buffer = Buffer(module=raw_buffer, node_map=self._node_map, acquire=acquirer)
        buffer.update_chunk_data()
        try:
            return int(self._value.value)
        except genapi.GenericException:
            return None  # this buffer came without the chunk
