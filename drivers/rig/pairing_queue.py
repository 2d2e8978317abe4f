"""Queue of one camera's frames that wait to be paired; it infers missing trigger counts."""

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, takewhile
from statistics import median

from drivers.clock_steps import ClockWatch, JudgedFrame
from drivers.frame import FrameMetadata

_RECENT = 16
_FEW_INTERVALS = 4
"""Least intervals for a useful median."""

_LONGEST_HOLD = 64
"""Most frames without a count that wait for a frame with one."""

TOLERANCE_PERIODS = 0.4
"""Largest difference of two times of one instant; at half a period nothing is certain."""

_STEADY_FRAMES = 8
"""So many frames at equal intervals are regular, whatever came before."""

_CLEAR_PERIODS = 0.25
"""Largest distance of an elapsed time from a whole number of trigger periods."""


@dataclass(frozen=True, slots=True, eq=False)
class Waiting:
    """A frame not yet paired; ``index`` is its place in the camera's stream.

    ``steps`` is the number of frames sent since its predecessor, ``interval_ns`` the time
    since then per step. ``period_ns`` is the median of the recent intervals,
    ``trigger_period_ns`` that of recent triggers; infinite while not known. ``regular``
    frames came in the camera's period, neither late nor in a burst after a late one.
    Frames with the same ``clock_steps`` have times that belong together.
    """

    index: int
    metadata: FrameMetadata
    clock_steps: int
    count: int | None
    steps: int
    interval_ns: float
    period_ns: float
    trigger_period_ns: float
    regular: bool


class PairingQueue:
    """Frames in order of arrival; only the oldest one is decided.

    ``counts_frames`` uses the frame number as the trigger count: the exposures of this
    camera trigger the other one.
    """

    def __init__(self, *, counts_frames: bool = False) -> None:
        self._counts_frames = counts_frames
        self.clock = ClockWatch()
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
    def newest(self) -> Waiting:
        """The newest frame, waiting or not."""
        assert self._newest is not None  # asked for only where frames wait
        return self._newest

    @property
    def head(self) -> Waiting:
        """The oldest frame."""
        return self._frames[0]

    def add(self, metadata: FrameMetadata) -> None:
        """Add the camera's next frame; it waits outside while its clock is in doubt."""
        for judged in self.clock.add(metadata):
            self._add(judged)

    def finish(self) -> None:
        """Let in all frames, because no further one comes."""
        for judged in self.clock.finish():
            self._add(judged)

    def _add(self, judged: JudgedFrame) -> None:
        metadata, clock_steps = judged.metadata, judged.steps
        steps, interval_ns = 1, math.inf
        if self._newest is not None:
            stepped = clock_steps != self._newest.clock_steps
            if stepped:
                self._last_regular = None
            steps = max(1, metadata.sequence - self._newest.metadata.sequence)
            elapsed_ns = _elapsed_ns(self._newest.metadata, metadata, by_host=stepped)
            interval_ns = elapsed_ns / steps
            self._intervals_ns.append(interval_ns)
        count = metadata.sequence if self._counts_frames else metadata.trigger_count
        before = self._newest_counted
        if count is not None and before is not None and before.count is not None:
            if count > before.count:
                stepped = clock_steps != before.clock_steps
                elapsed_ns = _elapsed_ns(before.metadata, metadata, by_host=stepped)
                self._trigger_intervals_ns.append(elapsed_ns / (count - before.count))
            else:
                self._trigger_intervals_ns.clear()
        period_ns = _typical(self._intervals_ns)
        frame = Waiting(
            self._received,
            metadata,
            clock_steps,
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
        """Whether a frame came one period after its predecessor, and in time with regular ones.

        The second condition is needed: the frame after a late one may be equally late.
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
        """Update ``overruns``: triggers received minus frames sent, since the first count."""
        if metadata.trigger_count is None:
            return
        if self._first_trigger is None:
            self._first_trigger = metadata.trigger_count, metadata.sequence
        first_count, first_sequence = self._first_trigger
        sent = metadata.sequence - first_sequence
        self.overruns = metadata.trigger_count - first_count - sent

    def of_one_clock(self) -> list[Waiting]:
        """The oldest frames, up to the next step of the camera's clock."""
        steps = self.head.clock_steps
        return list(takewhile(lambda frame: frame.clock_steps == steps, self._frames))

    def take(self) -> Waiting:
        """Remove and return the oldest frame: it is paired."""
        frame = self._frames.popleft()
        if frame.count is not None:
            self._decided_counted = frame
        return frame

    def give_up(self) -> None:
        """Remove the oldest frame: it has no partner."""
        self.take()
        self.unmatched += 1

    def is_decided(self, *, ended: bool) -> bool:
        """Whether the oldest frame's count is known, or cannot become known any more."""
        return (
            ended
            or self.head.count is not None
            or self._next_counted() is not None
            or len(self._frames) >= _LONGEST_HOLD
        )

    def head_count(self) -> int | None:
        """Trigger count of the oldest frame, its own or inferred; None if that is not clear.

        Between two neighbours with counts it follows from the frame numbers if no trigger
        was ignored in between, else from the time elapsed by the camera's clock.
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


def _elapsed_ns(first: FrameMetadata, second: FrameMetadata, *, by_host: bool = False) -> int:
    """Time between two frames by the camera's clock if both have it, else by the host's."""
    if not by_host and first.device_time_ns is not None and second.device_time_ns is not None:
        return second.device_time_ns - first.device_time_ns
    return second.host_time_ns - first.host_time_ns


def _count_by_time(frame: Waiting, anchor: Waiting) -> int | None:
    """The count by the camera's clock, None if not clear; delivery times are not certain enough."""
    assert anchor.count is not None  # an anchor has a count
    first_ns, second_ns = anchor.metadata.device_time_ns, frame.metadata.device_time_ns
    period_ns = min(frame.trigger_period_ns, anchor.trigger_period_ns)
    if frame.clock_steps != anchor.clock_steps:
        return None
    if first_ns is None or second_ns is None or not 0 < period_ns < math.inf:
        return None
    periods = (second_ns - first_ns) / period_ns
    steps = round(periods)
    return anchor.count + steps if abs(periods - steps) < _CLEAR_PERIODS else None
