"""Steps of a camera's clock: by synchronisation, by a reset, or at the end of a narrow counter.

The host's clock shows them. A frame may be delivered late but not before it was taken, so the
least delay of some frames tells how far the camera's clock is ahead. It changes for good only
when that clock steps.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median

from drivers.camera import times_text
from drivers.frame import FrameMetadata

LARGEST_DRIFT_PPM = 250.0
"""Two crystals of 100 ppm each, and a margin."""

_LEAST_STEP_NS = 3_000_000
"""Smaller steps are not told from late deliveries."""

_UNEVEN_NS = 1_000_000
_HIDDEN_PERIODS = 0.2
_FEW_MISSED = 4
"""More triggers than that are not missed at once."""

_UNEVEN_SHARE = 1e-3
"""Intervals that differ by less are even."""

_WINDOW = 16
"""Frames before a step and after it that show it."""

_SCATTERS = 3.0
"""So many times the scatter of deliveries is no step by itself."""

_FEW = 4
_UNSURE_NS = 500_000_000
"""Least step that is believed of uneven frames where few came before it."""


@dataclass(frozen=True, slots=True)
class ClockStep:
    """A step of the camera's clock, forwards or backwards; ``sequence`` is the frame after it."""

    sequence: int
    step_ns: int


@dataclass(frozen=True, slots=True)
class JudgedFrame:
    """A frame with the number of steps of its camera's clock before it.

    A single device time that cannot be right is None. ``doubts`` counts places before it where
    triggers were missed or the clock stepped by whole periods: the deliveries do not tell which.
    """

    metadata: FrameMetadata
    steps: int
    doubts: int = 0


class ClockWatch:
    """Notices steps of a camera's clock against the host's.

    Frames are judged at once while they come evenly. Where the camera's clock does something
    uneven, the next 16 frames decide whether it stepped.
    """

    def __init__(self) -> None:
        self.steps = 0
        self.wrong_times = 0
        """Single device times that cannot be right."""
        self.newest_step: ClockStep | None = None
        self._pending: deque[FrameMetadata] = deque()
        self._before: deque[FrameMetadata] = deque(maxlen=_WINDOW)
        self._intervals_ns: deque[float] = deque(maxlen=_WINDOW)
        self._period_ns: float | None = None
        self._unlooked = 0
        self._doubts = 0

    @property
    def warnings(self) -> tuple[str, ...]:
        """What an operator must know of the clock."""
        lines = []
        if (step := self.newest_step) is not None:
            lines.append(
                f"the camera's clock stepped {times_text(self.steps)} against this computer's, "
                f"last by {step.step_ns / 1e9:+.3f} s before frame number {step.sequence}: its "
                "times before and after do not belong together"
            )
        if self.wrong_times:
            lines.append(f"the camera told a wrong time {times_text(self.wrong_times)}")
        return tuple(lines)

    def add(self, metadata: FrameMetadata) -> list[JudgedFrame]:
        """Add the camera's next frame; returns the frames that are judged now, in order."""
        self._pending.append(metadata)
        return self._judge(ended=False)

    def finish(self) -> list[JudgedFrame]:
        """Judge all waiting frames, because no further frame comes."""
        return self._judge(ended=True)

    def _judge(self, *, ended: bool) -> list[JudgedFrame]:
        judged: list[JudgedFrame] = []
        while self._pending:
            frame = self._pending[0]
            if frame.device_time_ns is None:
                judged.append(JudgedFrame(frame, self.steps, self._doubts))
            elif not self._before or self._is_even(self._before[-1], frame, self._period_ns):
                judged.append(self._accepted(frame))
            else:
                after = self._frames_after(ended=ended)
                if after is None:
                    return judged
                judged.append(self._judged_by(after))
            self._pending.popleft()
        return judged

    def _is_even(
        self, before: FrameMetadata, frame: FrameMetadata, period_ns: float | None
    ) -> bool:
        """Whether the camera's clock went on as expected: by its period, else as the host's did."""
        elapsed_ns = _device_ns(frame) - _device_ns(before)
        if period_ns is None:
            expected_ns: float = frame.host_time_ns - before.host_time_ns
        else:
            expected_ns = period_ns * max(1, frame.sequence - before.sequence)
        return elapsed_ns > 0 and _alike(elapsed_ns, expected_ns)

    def _frames_after(self, *, ended: bool) -> list[FrameMetadata] | None:
        """The frames from the oldest waiting one on that show a step; None while too few."""
        after: list[FrameMetadata] = []
        for frame in self._pending:
            if frame.device_time_ns is None:
                continue
            is_known = self._period_ns is not None and len(after) >= _FEW
            if is_known and not self._is_even(after[-1], frame, self._period_ns):
                return after
            after.append(frame)
            if len(after) == _WINDOW:
                return after
        return after if ended else None

    def _judged_by(self, after: list[FrameMetadata]) -> JudgedFrame:
        frame, before = after[0], self._before
        period_ns = self._period_ns or _period_ns(
            [*self._intervals_ns, *(_interval_ns(*each) for each in pairwise(after))]
        )
        if period_ns is not None and self._is_even(before[-1], frame, period_ns):
            return self._accepted(frame)  # the first frames were late, no clock stepped
        before_ns, after_ns = _ahead_ns(before), _ahead_ns(after)
        shift_ns = after_ns - before_ns
        least_ns = self._least_step_ns(before, after, even=period_ns is not None)
        is_step = abs(shift_ns) > least_ns
        if period_ns is not None:
            steps = max(1, frame.sequence - before[-1].sequence)
            astray_ns = _device_ns(frame) - _device_ns(before[-1]) - steps * period_ns
            if not is_step and abs(astray_ns) > _LEAST_STEP_NS:
                # As large as the clock went astray, or nothing: the nearer of the two.
                is_step = abs(shift_ns - astray_ns) < abs(shift_ns)
            missed = round(astray_ns / period_ns)
            if 0 < missed <= _FEW_MISSED and _alike(astray_ns, missed * period_ns):
                # Triggers missed, or a step as large: deliveries in another step hide which.
                self._doubts += abs(shift_ns) > _HIDDEN_PERIODS * period_ns
        if is_step:
            self.steps += 1
            self.newest_step = ClockStep(frame.sequence, shift_ns)
            self._before.clear()
            return self._accepted(frame)
        too_early = _device_ns(frame) - frame.host_time_ns > max(before_ns, after_ns) + least_ns
        if too_early or _device_ns(frame) <= _device_ns(before[-1]):
            self.wrong_times += 1
            return JudgedFrame(replace(frame, device_time_ns=None), self.steps, self._doubts)
        return self._accepted(frame)

    def _least_step_ns(
        self, before: Sequence[FrameMetadata], after: Sequence[FrameMetadata], *, even: bool
    ) -> float:
        """The least change of the least delay that cannot be drift or lateness."""
        elapsed_ns = after[-1].host_time_ns - before[0].host_time_ns
        scatter_ns = max(_scatter_ns(before), _scatter_ns(after))
        least_ns = _LEAST_STEP_NS + LARGEST_DRIFT_PPM * 1e-6 * elapsed_ns
        least_ns += _SCATTERS * scatter_ns
        return least_ns if even or len(before) >= _FEW else max(least_ns, _UNSURE_NS)

    def _accepted(self, frame: FrameMetadata) -> JudgedFrame:
        if self._before:
            self._intervals_ns.append(_interval_ns(self._before[-1], frame))
        self._before.append(frame)
        self._unlooked += 1
        if self._period_ns is None or self._unlooked >= _WINDOW:
            self._period_ns, self._unlooked = _period_ns(self._intervals_ns), 0
        return JudgedFrame(frame, self.steps, self._doubts)


def watched(frames: Iterable[FrameMetadata]) -> ClockWatch:
    """The watch after all frames of one camera."""
    watch = ClockWatch()
    for frame in frames:
        watch.add(frame)
    watch.finish()
    return watch


def _device_ns(frame: FrameMetadata) -> int:
    assert frame.device_time_ns is not None  # frames without are let through before
    return frame.device_time_ns


def _interval_ns(before: FrameMetadata, frame: FrameMetadata) -> float:
    """Time between two frames by the camera's clock, per frame sent."""
    elapsed_ns = _device_ns(frame) - _device_ns(before)
    return elapsed_ns / max(1, frame.sequence - before.sequence)


def _alike(first_ns: float, second_ns: float) -> bool:
    return abs(first_ns - second_ns) <= _UNEVEN_NS + _UNEVEN_SHARE * abs(second_ns)


def _period_ns(intervals_ns: Iterable[float]) -> float | None:
    """The period of a camera whose frames come evenly; None of another, or too few frames."""
    intervals = list(intervals_ns)
    if len(intervals) < 2 * _FEW:
        return None
    period_ns = median(intervals)
    uneven = sum(not _alike(interval, period_ns) for interval in intervals)
    return period_ns if period_ns > 0 and uneven <= len(intervals) // _FEW else None


def _ahead_ns(frames: Iterable[FrameMetadata]) -> int:
    """How far the camera's clock is ahead of the host's, but for the least delay.

    Of many frames the second least: a single one may have a wrong time.
    """
    ahead_ns = sorted(_device_ns(frame) - frame.host_time_ns for frame in frames)
    return ahead_ns[-2] if len(ahead_ns) >= _FEW else ahead_ns[-1]


def _scatter_ns(frames: Iterable[FrameMetadata]) -> float:
    """Median of how much later than soonest frames were delivered."""
    frames = list(frames)
    soonest_ns = _ahead_ns(frames)
    return median(abs(soonest_ns - _device_ns(frame) + frame.host_time_ns) for frame in frames)
