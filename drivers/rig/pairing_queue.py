"""One camera's frames on their way to be paired, and the trigger counts some of them lack."""

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from statistics import median

from drivers.frame import FrameMetadata

_RECENT = 16
_FEW_INTERVALS = 4
"""Fewer have no median to speak of."""

_LONGEST_HOLD = 64
"""Frames without a count that wait for one that has it."""

TOLERANCE_PERIODS = 0.4
"""How far two times may differ and mean one instant; at half a period nothing is certain."""

_STEADY_FRAMES = 8
"""So many in a row make a rhythm of their own, whatever was before."""

_CLEAR_PERIODS = 0.25
"""How far from a whole number of trigger periods an elapsed time may be."""


@dataclass(frozen=True, slots=True, eq=False)
class Waiting:
    """A frame not yet paired; ``index`` is its place in the camera's stream.

    ``interval_ns`` lies between it and its predecessor, per frame of the ``steps`` sent
    since, ``period_ns`` is the median of the recent ones, ``trigger_period_ns`` that of
    recent triggers; infinite while not known. ``regular`` frames were delivered in the
    camera's rhythm, neither held up nor in a burst after one that was.
    """

    index: int
    metadata: FrameMetadata
    count: int | None
    steps: int
    interval_ns: float
    period_ns: float
    trigger_period_ns: float
    regular: bool


class PairingQueue:
    """Frames in order of arrival, of which only the oldest is decided upon.

    ``counts_frames`` takes the frame number for the trigger count: the camera's
    exposures are what triggers the other one.
    """

    def __init__(self, *, counts_frames: bool = False) -> None:
        self._counts_frames = counts_frames
        self._frames: deque[Waiting] = deque()
        self._received = 0
        self._newest: Waiting | None = None
        self._newest_counted: Waiting | None = None
        self._decided_counted: Waiting | None = None
        self._intervals_ns: deque[float] = deque(maxlen=_RECENT)
        self._trigger_intervals_ns: deque[float] = deque(maxlen=_RECENT)
        self._last_regular: FrameMetadata | None = None
        self._steady = 0
        self._first_trigger: tuple[int, int] | None = None
        self.overruns: int | None = None
        self.unmatched = 0

    def __len__(self) -> int:
        return len(self._frames)

    def __iter__(self) -> Iterator[Waiting]:
        return iter(self._frames)

    @property
    def received(self) -> int:
        """Frames added so far."""
        return self._received

    @property
    def head(self) -> Waiting:
        """The oldest frame."""
        return self._frames[0]

    def add(self, metadata: FrameMetadata) -> None:
        """Take the camera's next frame."""
        steps, interval_ns = 1, math.inf
        if self._newest is not None:
            steps = max(1, metadata.sequence - self._newest.metadata.sequence)
            interval_ns = _elapsed_ns(self._newest.metadata, metadata) / steps
            self._intervals_ns.append(interval_ns)
        count = metadata.sequence if self._counts_frames else metadata.trigger_count
        before = self._newest_counted
        if count is not None and before is not None and before.count is not None:
            if count > before.count:
                elapsed_ns = _elapsed_ns(before.metadata, metadata)
                self._trigger_intervals_ns.append(elapsed_ns / (count - before.count))
            else:
                self._trigger_intervals_ns.clear()
        period_ns = _typical(self._intervals_ns)
        frame = Waiting(
            self._received,
            metadata,
            count,
            steps,
            interval_ns,
            period_ns,
            _typical(self._trigger_intervals_ns),
            self._is_regular(metadata, steps, interval_ns, period_ns),
        )
        self._received += 1
        self._frames.append(frame)
        self._newest = frame
        if count is not None:
            self._newest_counted = frame
        self._note_overruns(metadata)

    def _is_regular(
        self, metadata: FrameMetadata, steps: int, interval_ns: float, period_ns: float
    ) -> bool:
        """Whether a frame keeps the rhythm of its predecessor and of the last that kept it.

        After one that was held up the next may follow in time, and be as late.
        """
        if math.inf in (interval_ns, period_ns):
            return False
        tolerance_ns = TOLERANCE_PERIODS * period_ns
        follows = steps * abs(interval_ns - period_ns) <= tolerance_ns
        self._steady = self._steady + 1 if follows else 0
        in_time, last = True, self._last_regular
        if last is not None:
            expected_ns = (metadata.sequence - last.sequence) * period_ns
            in_time = abs(_elapsed_ns(last, metadata) - expected_ns) <= tolerance_ns
        regular = follows and (in_time or self._steady >= _STEADY_FRAMES)
        if regular:
            self._last_regular = metadata
        return regular

    def _note_overruns(self, metadata: FrameMetadata) -> None:
        """Triggers received less frames sent, since the first frame that tells."""
        if metadata.trigger_count is None:
            return
        if self._first_trigger is None:
            self._first_trigger = metadata.trigger_count, metadata.sequence
        first_count, first_sequence = self._first_trigger
        sent = metadata.sequence - first_sequence
        self.overruns = metadata.trigger_count - first_count - sent

    def take(self) -> Waiting:
        """Remove the oldest frame: it is paired."""
        frame = self._frames.popleft()
        if frame.count is not None:
            self._decided_counted = frame
        return frame

    def give_up(self) -> None:
        """Remove the oldest frame: nothing belongs to it."""
        self.take()
        self.unmatched += 1

    def is_decided(self, *, ended: bool) -> bool:
        """Whether the oldest frame's count is known, or will not become so."""
        return (
            ended
            or self.head.count is not None
            or self._next_counted() is not None
            or len(self._frames) >= _LONGEST_HOLD
        )

    def head_count(self) -> int | None:
        """Trigger count of the oldest frame, its own or inferred; None where that is not clear.

        Between two neighbours that have counts it follows from the frame numbers, if no
        trigger was ignored in between, else from the time elapsed by the camera's clock.
        """
        head = self.head
        if head.count is not None:
            return head.count
        before, after = self._decided_counted, self._next_counted()
        lowest = -math.inf if before is None or before.count is None else before.count
        highest = math.inf if after is None or after.count is None else after.count
        if before is not None and after is not None:
            frames = after.metadata.sequence - before.metadata.sequence
            if highest - lowest == frames:
                return int(lowest) + head.metadata.sequence - before.metadata.sequence
        for anchor in (before, after):
            count = None if anchor is None else _count_by_time(head, anchor)
            if count is not None and lowest < count < highest:
                return count
        return None

    def _next_counted(self) -> Waiting | None:
        following = islice(self._frames, 1, _LONGEST_HOLD)
        return next((frame for frame in following if frame.count is not None), None)


def _typical(intervals_ns: deque[float]) -> float:
    return median(intervals_ns) if len(intervals_ns) >= _FEW_INTERVALS else math.inf


def _elapsed_ns(first: FrameMetadata, second: FrameMetadata) -> int:
    """By the camera's clock where both frames have its time, else by the host's."""
    if first.device_time_ns is not None and second.device_time_ns is not None:
        return second.device_time_ns - first.device_time_ns
    return second.host_time_ns - first.host_time_ns


def _count_by_time(frame: Waiting, anchor: Waiting) -> int | None:
    """The count that the camera's clock speaks of; times of delivery are not sure enough."""
    assert anchor.count is not None  # only such are anchors
    first_ns, second_ns = anchor.metadata.device_time_ns, frame.metadata.device_time_ns
    period_ns = min(frame.trigger_period_ns, anchor.trigger_period_ns)
    if first_ns is None or second_ns is None or not 0 < period_ns < math.inf:
        return None
    periods = (second_ns - first_ns) / period_ns
    steps = round(periods)
    return anchor.count + steps if abs(periods - steps) < _CLEAR_PERIODS else None
