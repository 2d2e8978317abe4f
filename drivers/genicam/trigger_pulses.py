"""Pulses that reach a camera while no frame comes: a silent wire, or triggers that it ignores.

Names: SFNC 2.7, chapter 11. Every call touches the node map: the caller holds the camera's lock.
"""

from contextlib import suppress

from drivers.errors import SettingRefusedError
from drivers.genicam import nodes
from drivers.genicam.chunks import ALL_TRIGGERS
from drivers.genicam.nodes import NodeMap

_SELECTOR = "CounterSelector"
_EVENT = "CounterEventSource"
_VALUE = "CounterValue"


class TriggerPulses:
    """Counts with a counter that the camera has to spare, from when it is made."""

    def __init__(self, node_map: NodeMap, line: str, taken: str | None) -> None:
        """``line`` is the trigger's source, ``taken`` a counter that counts triggers already."""
        self._node_map = node_map
        self._counter = taken or self._set_up(line)
        self._before: float | None = None
        self.silent: int | None = None
        """Pulses since frames stay away; None while frames come, and where nothing counts them."""

    def _set_up(self, line: str) -> str | None:
        """Let the last counter count; None where none can."""
        counter = next(reversed(nodes.offered(self._node_map, _SELECTOR)), None)
        events = [
            event
            for event in (line, ALL_TRIGGERS)
            if event in nodes.offered(self._node_map, _EVENT)
        ]
        if counter is None or not events:
            return None
        try:
            nodes.put(self._node_map, _SELECTOR, counter)
            nodes.put(self._node_map, _EVENT, events[0])
        except SettingRefusedError:
            return None
        # Nothing may start or clear it, and it may not end.
        for name in ("CounterTriggerSource", "CounterResetSource"):
            if "Off" in nodes.offered(self._node_map, name):
                with suppress(SettingRefusedError):
                    nodes.put(self._node_map, name, "Off")
        duration = nodes.numeric_control(self._node_map, "CounterDuration", unit="")
        if duration is not None:
            with suppress(SettingRefusedError):
                nodes.put(self._node_map, "CounterDuration", int(duration.maximum))
        return counter

    def forget(self) -> None:
        """A frame came: count anew."""
        self._before = self.silent = None

    def look(self) -> None:
        """No frame came for a while: count from the first such look on."""
        self.silent = self._since_silence()

    def _since_silence(self) -> int | None:
        if self._counter is None:
            return None
        try:
            nodes.put(self._node_map, _SELECTOR, self._counter)
        except SettingRefusedError:
            return None
        value = nodes.number_of(self._node_map, _VALUE)
        if value is None:
            return None
        if self._before is None:
            self._before = value
        return max(0, int(value - self._before))
