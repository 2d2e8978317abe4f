"""A camera's frame numbers, unwrapped, and what their gaps tell of losses.

No camera declares how it counts. GigE Vision 1.x has 16 bit and no 0 (GEV 1.2, section 23),
other transport layers 64 bit, and producers pass on what they get. So the width is found where
the numbers wrap, and each number is believed only if so many frames can have come in the time.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

_WIDTHS_BITS = (8, 16, 32, 64)

_LATE_FRAMES = 64
"""A frame this far behind the newest one is not a late one any more."""

_MOST_UNTIMED = 1000
_UNTIMED_SHARE = 64
"""A wrap that no time confirms is believed for so few frames, at most this part of the range."""

_MOST_UNTIMED_GAP = 1 << 15
"""Numbers that go on by less are believed where no time tells otherwise."""

_STEADY_FRAMES = 8
_STEADY_RATIO = 1.5
"""Frames at intervals of no larger ratio, but for two, come in a steady pace."""

_SLACK_FRAMES = 32
_SLACK_RATIO = 4.0
"""How many more frames than the pace tells can have come where it is not steady: a delivery
that was held up ends in a burst."""

_SHORTEST_NS = 20_000.0
"""No camera is faster than 50,000 frames a second."""

_MEANINGLESS_FRAMES = 8
"""After so many numbers in succession that tell nothing, losses are not known."""


@dataclass(frozen=True, slots=True)
class _Arrival:
    frame_id: int
    host_time_ns: int | None
    device_time_ns: int | None


class FrameNumbering:
    """Unwraps a camera's frame numbers and counts the gaps.

    Every frame the camera sent is in exactly one count: captured, lost or
    incomplete. An incomplete buffer leaves a gap in the numbers too. So the
    incomplete ones since the last good frame are subtracted from a gap.

    A number that does not follow from those before is a single wrong one, or the count has
    begun anew: the next number tells which. No loss is counted for it meanwhile.
    """

    def __init__(self) -> None:
        self.captured = 0
        self.lost = 0
        """Gaps in the numbers, and frames that came after a later one."""
        self.incomplete = 0
        self.discarded = 0
        """Buffers of a frame that had come before, or after a later one."""
        self._breaks = 0
        self._sequence = 0
        self._incomplete_since_last = 0
        self._believed: _Arrival | None = None
        self._advanced = 0
        self._doubtful: _Arrival | None = None
        self._doubtful_in_succession = 0
        self._has_counted = False
        self._was_repeated = False
        self._bits: int | None = None
        self._has_zero: bool | None = None
        self._largest_id = 0
        self._missing: dict[int, int] = {}
        self._recent: deque[tuple[int, int | None]] = deque(maxlen=_LATE_FRAMES)
        self._device_pace = _Pace()
        self._host_pace = _Pace()
        self._on_their_way = 0

    @property
    def breaks(self) -> int:
        """Places at which the numbers do not tell whether frames were lost."""
        return self._breaks + (self._doubtful is not None)

    @property
    def tells_losses(self) -> bool:
        """Whether the numbers count frames at all; some producers give none."""
        doubtful = self._doubtful_in_succession
        return doubtful < min(_MEANINGLESS_FRAMES, max(1, self.captured - 1))

    def note_incomplete(self) -> None:
        """Count a buffer that arrived damaged."""
        self.incomplete += 1
        self._incomplete_since_last += 1

    def forget_pace(self, on_their_way: int = 0) -> None:
        """Frames may come at another rate from now on: those before do not tell how many can.

        Neither do the next ones, which may have been on their way already.
        """
        self._device_pace, self._host_pace = _Pace(), _Pace()
        self._on_their_way = on_their_way

    def take(
        self, frame_id: int, host_time_ns: int | None = None, device_time_ns: int | None = None
    ) -> int | None:
        """The unwrapped sequence number of a good frame with the camera's ``frame_id``.

        It always increases. None for a frame to be left out: one that came before, or one
        later than its successor; the latter was counted as lost already.
        """
        arrival = _Arrival(frame_id, host_time_ns, device_time_ns)
        if self._is_repeated(arrival) or self._is_late(arrival):
            self.discarded += 1
            return None
        if self._believed is None:
            self._believed = arrival
            step = self._incomplete_since_last
        else:
            step = self._step(arrival)
        self._sequence += step
        self._incomplete_since_last = 0
        self.captured += 1
        self._recent.append((frame_id, device_time_ns))
        return self._sequence

    def _is_repeated(self, arrival: _Arrival) -> bool:
        """Whether a frame came before, by its number and time.

        Without a time a number is a repeated one once: more often, it counts no more.
        """
        if not self._recent:
            return False
        newest_id, newest_ns = self._recent[-1]
        if arrival.device_time_ns is not None and newest_ns is not None:
            if arrival.device_time_ns > newest_ns:
                return False
            return (arrival.frame_id, arrival.device_time_ns) in self._recent
        is_same = arrival.frame_id == newest_id and self._has_counted and self._doubtful is None
        repeats = is_same and not self._was_repeated
        self._was_repeated = repeats
        return repeats

    def _is_late(self, arrival: _Arrival) -> bool:
        """Whether a frame was counted as lost, and now comes after a later one."""
        noted = self._missing.get(arrival.frame_id)
        if noted is None or self._sequence - noted > _LATE_FRAMES:
            return False
        newest_ns = self._recent[-1][1]
        if arrival.device_time_ns is None or newest_ns is None:
            return True
        return arrival.device_time_ns < newest_ns

    def _step(self, arrival: _Arrival) -> int:
        """How far the sequence goes on, losses counted."""
        assert self._believed is not None  # the first frame is
        goes_on = self._steps(self._believed, arrival)
        begins_anew = None if self._doubtful is None else self._steps(self._doubtful, arrival)
        if goes_on is None and begins_anew is None:
            self._doubtful = arrival
            self._doubtful_in_succession += 1
            step = 1 + self._incomplete_since_last
            self._advanced += step
            return step
        # Of two explanations the one with fewer losses.
        fewest = None if goes_on is None else max(1, goes_on - self._advanced)
        if begins_anew is not None and (fewest is None or begins_anew < fewest):
            assert self._doubtful is not None  # begins_anew was computed from it
            self._breaks += 1
            self._missing.clear()
            before, steps, step = self._doubtful, begins_anew, begins_anew
        else:
            assert goes_on is not None  # else the other one is chosen
            assert fewest is not None
            before, steps, step = self._believed, goes_on, fewest
        ahead = 0 if before is self._doubtful else max(0, self._advanced + 1 - steps)
        self._believe(before, arrival, steps)
        # A frame handed on before was none of its own, or came out of order.
        self._advanced = ahead
        self.lost += max(0, step - 1 - self._incomplete_since_last)
        return step

    def _believe(self, before: _Arrival, arrival: _Arrival, steps: int) -> None:
        """Learn from ``arrival``, which came so many frames after ``before``."""
        self._learn_counter(before, arrival, steps)
        most = self._most_frames(before, arrival)
        if steps > 1 and most is not None and steps + self._least_range() <= most:
            self._breaks += 1  # the count may have gone round once more
        if self._on_their_way > 0:
            self._on_their_way -= 1
        else:
            self._device_pace.note(_elapsed(before.device_time_ns, arrival.device_time_ns), steps)
            self._host_pace.note(_elapsed(before.host_time_ns, arrival.host_time_ns), steps)
        if steps > 1:
            self._note_missing(arrival.frame_id, steps - 1)
        self._missing.pop(arrival.frame_id, None)
        self._largest_id = max(self._largest_id, before.frame_id, arrival.frame_id)
        self._has_counted = True
        self._believed, self._advanced = arrival, 0
        self._doubtful, self._doubtful_in_succession = None, 0

    def _note_missing(self, frame_id: int, frames: int) -> None:
        bits = self._bits or _WIDTHS_BITS[-1]
        has_zero = bits != 16 if self._has_zero is None else self._has_zero
        for back in range(1, 1 + min(frames, _LATE_FRAMES)):
            missing = frame_id - back
            if missing < (not has_zero):
                missing += (1 << bits) - (not has_zero)
            self._missing[missing] = self._sequence
        if len(self._missing) > 16 * _LATE_FRAMES:
            self._missing = {
                missing: noted
                for missing, noted in self._missing.items()
                if self._sequence - noted <= _LATE_FRAMES
            }

    # How the camera counts

    def _least_range(self) -> int:
        """Numbers of the counter; of the narrowest usual one while its width is not known."""
        bits = self._bits or next(bits for bits in _WIDTHS_BITS[1:] if self._fits(bits))
        return 1 << bits

    def _fits(self, bits: int, frame_id: int = 0) -> bool:
        return max(self._largest_id, frame_id) < 1 << bits or bits == _WIDTHS_BITS[-1]

    def _learn_counter(self, before: _Arrival, arrival: _Arrival, steps: int) -> None:
        first, then = before.frame_id, arrival.frame_id
        if 0 in (first, then):
            self._has_zero = True
        if self._bits is not None and not self._fits(self._bits, then):
            self._bits = None
        if then >= first:
            return
        for bits, has_zero, wrapped in self._wraps(first, then):
            if wrapped == steps:
                self._bits = bits
                if self._steady_frames(before, arrival) == steps:
                    self._has_zero = has_zero
                return

    def _wraps(self, first: int, then: int) -> Iterator[tuple[int, bool, int]]:
        """Counters that go from ``first`` to ``then`` by a wrap: bits, with 0 or not, and steps."""
        for bits in _WIDTHS_BITS:
            if not self._fits(bits, first) or (self._bits is not None and bits != self._bits):
                continue
            length = 1 << bits
            with_zero = then - first + length
            if self._has_zero is not None:
                preferred = self._has_zero
            else:
                # GigE Vision 1.x skips 0; so does a count that goes on from its top to 1.
                preferred = bits != 16 and not (first == length - 1 and then == 1)
            for has_zero in (preferred, not preferred):
                if has_zero or then > 0:
                    yield bits, has_zero, with_zero - (not has_zero)

    def _steps(self, before: _Arrival, arrival: _Arrival) -> int | None:
        """Frames from one arrival to the other; None if the numbers do not tell it."""
        first, then = before.frame_id, arrival.frame_id
        if then == first:
            return None
        if then > first:
            steps = then - first
            known = 1 << self._bits if self._bits is not None else 1 << 64
            is_forward = 2 * steps < known or not self._fits(self._bits or 64, then)
            return steps if is_forward and self._can_have_come(steps, before, arrival) else None
        steady = self._steady_frames(before, arrival)
        possible = []
        for bits, _, steps in self._wraps(first, then):
            few = min(_MOST_UNTIMED, (1 << bits) // _UNTIMED_SHARE)
            if self._bits is not None:
                is_likely = 2 * steps < 1 << bits
            elif steady is not None:
                # A count that begins anew after a pause looks like a wrap with many losses.
                is_likely = steps <= 2 or (abs(steps - steady) <= 1 and 2 * steps < 1 << bits)
            else:
                is_likely = steps <= few
            if is_likely and self._can_have_come(steps, before, arrival):
                possible.append(steps)
        if steady in possible:
            return steady
        # A frame with number 0 may have been lost, or there is none; no loss is invented.
        is_timed = self._most_frames(before, arrival) is not None
        return min(possible, default=None) if is_timed else next(iter(possible), None)

    # What the time tells

    def _can_have_come(self, frames: int, before: _Arrival, arrival: _Arrival) -> bool:
        most = self._most_frames(before, arrival)
        return frames < _MOST_UNTIMED_GAP if most is None else frames <= max(1.0, most)

    def _most_frames(self, before: _Arrival, arrival: _Arrival) -> float | None:
        """The most frames that can have come between two arrivals; None if no time tells it."""
        most = (pace.most_frames(elapsed_ns) for pace, elapsed_ns in self._paces(before, arrival))
        return next(most, None)

    def _steady_frames(self, before: _Arrival, arrival: _Arrival) -> int | None:
        """Frames between two arrivals by the time elapsed; None where the pace is not steady."""
        for pace, elapsed_ns in self._paces(before, arrival):
            return round(elapsed_ns / pace.shortest_ns()) if pace.is_steady else None
        return None

    def _paces(self, before: _Arrival, arrival: _Arrival) -> Iterator[tuple["_Pace", int]]:
        for pace, elapsed_ns in (
            (self._device_pace, _elapsed(before.device_time_ns, arrival.device_time_ns)),
            (self._host_pace, _elapsed(before.host_time_ns, arrival.host_time_ns)),
        ):
            if elapsed_ns is not None:
                yield pace, elapsed_ns


class _Pace:
    """Intervals between frames by one clock."""

    def __init__(self) -> None:
        self._intervals_ns: deque[float] = deque(maxlen=_STEADY_FRAMES)

    def note(self, elapsed_ns: int | None, frames: int) -> None:
        if elapsed_ns is not None:
            self._intervals_ns.append(elapsed_ns / frames)

    @property
    def is_steady(self) -> bool:
        typical_ns = self._typical_ns()
        enough = len(typical_ns) >= _STEADY_FRAMES // 2
        return enough and typical_ns[-1] <= _STEADY_RATIO * typical_ns[0]

    def _typical_ns(self) -> list[float]:
        """Ascending, without the shortest and the longest: a trigger that paused, a late frame."""
        return sorted(self._intervals_ns)[1:-1]

    def shortest_ns(self) -> float:
        """The shortest interval of a steady pace."""
        return max(_SHORTEST_NS, self._typical_ns()[0])

    def most_frames(self, elapsed_ns: int) -> float:
        """The most frames in that time."""
        if self.is_steady:
            return (elapsed_ns / self.shortest_ns() + 0.5) / 0.8
        if not self._intervals_ns:
            return _SLACK_FRAMES + elapsed_ns / _SHORTEST_NS
        mean_ns = sum(self._intervals_ns) / len(self._intervals_ns)
        return _SLACK_FRAMES + _SLACK_RATIO * elapsed_ns / max(_SHORTEST_NS, mean_ns)


def _elapsed(before_ns: int | None, after_ns: int | None) -> int | None:
    """The time elapsed; None if one is not known or the clock did not go forwards."""
    if before_ns is None or after_ns is None or after_ns <= before_ns:
        return None
    return after_ns - before_ns
