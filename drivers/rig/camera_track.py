"""When the frames of one camera were triggered, on the host's clock.

A frame may be delivered late but never early. So the least delay of many frames is the camera's
own, and what comes later than it was held up on its way. A camera's clock tells its instants but
for that delay. Without a clock, frame numbers and the least delay around a frame do, where
triggers come evenly.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

import numpy as np
from numpy.typing import NDArray

from drivers.clock_steps import LARGEST_DRIFT_PPM, JudgedFrame

Times = NDArray[np.float64]
Integers = NDArray[np.int64]

_MOST_POINTS = 1024
_ON_TIME_PERIODS = 0.15
"""Delivered later than the least delay by less, a frame shows that delay."""

_TELLING_PERIODS = 0.25
"""Deliveries that scatter more do not tell one period from the next."""

_WINDOW = 32
"""Frames before and after one that show the least delay around it."""

_EDGE = 3
"""Frames on either side of a change of delay that may belong to the other side."""

_PERIOD_SPAN = 64
_PERIOD_ERROR = 1e-3
"""Frames whose times give the period roughly, and how far from it the true one is at the most."""


_ALIKE_NS, _ALIKE_PERIODS = 0.05e6, 2e-3
"""Delays that are the same, beside what the scatter of deliveries hides."""

_LASTING = 32
_LONG = 512
"""Frames. A delay that grows by whole periods and stays is a missed edge; one that shrinks by whole
periods was a late delivery, unless it had been there long."""


@dataclass(frozen=True, slots=True, eq=False)
class CameraTrack:
    """Frames of one camera, in order, whose instants belong together.

    ``indices`` are their places in the camera's stream, ``counts`` are NaN where unknown.
    ``instants_ns`` are by the host's clock from an origin that all tracks share, but for the
    camera's least delay. ``shows_delay`` is whether enough frames came on time to know that
    delay. ``steady`` triggers come evenly, one each ``period_ns``. Between tracks of unlike
    ``doubts`` triggers were missed or a clock stepped by whole periods.
    """

    indices: Integers
    sequences: Integers
    counts: Times
    instants_ns: Times
    period_ns: float
    steady: bool
    shows_delay: bool
    by_clock: bool
    doubts: int = 0

    def __len__(self) -> int:
        return len(self.indices)


@dataclass(frozen=True, slots=True, eq=False)
class _Frames:
    indices: Integers
    sequences: Integers
    hosts_ns: Times
    counts: Times
    piled_up: NDArray[np.bool_]

    def __getitem__(self, chosen: NDArray[np.bool_] | NDArray[np.int64] | slice) -> "_Frames":
        return _Frames(
            self.indices[chosen],
            self.sequences[chosen],
            self.hosts_ns[chosen],
            self.counts[chosen],
            self.piled_up[chosen],
        )


def camera_tracks(
    frames: Sequence[JudgedFrame], origin_ns: int, period_ns: float | None = None
) -> list[CameraTrack]:
    """The tracks of a camera's stream, one for each time its clock went on without a step.

    ``period_ns`` is that of the triggers, for a camera without a clock; without it there are none.
    """
    arrays = _Frames(
        np.arange(len(frames)),
        np.array([each.metadata.sequence for each in frames], np.int64),
        np.array([each.metadata.host_time_ns - origin_ns for each in frames], np.float64),
        np.array(
            [
                math.nan if (count := each.metadata.trigger_count) is None else count
                for each in frames
            ],
            np.float64,
        ),
        np.array([each.metadata.piled_up for each in frames], np.bool_),
    )
    devices_ns = [each.metadata.device_time_ns for each in frames]
    if sum(each is not None for each in devices_ns) * 2 > len(frames):
        tracks = []
        for key, group in groupby(
            range(len(frames)), key=lambda place: (frames[place].steps, frames[place].doubts)
        ):
            places = [place for place in group if devices_ns[place] is not None]
            if places:
                clock = [devices_ns[place] for place in places]
                tracks += _by_clock(arrays[np.array(places)], clock, key[1])
        return tracks
    return _by_deliveries(arrays, frames, period_ns)


def floor_line(
    x_ns: Times, y_ns: Times, steepest: float = LARGEST_DRIFT_PPM * 1e-6
) -> tuple[float, float]:
    """Slope and intercept of the line that bears the points from below.

    By default it is no steeper than clocks drift.

    Of the lower edge of the points' convex hull the longest side, after Moon, Skelly and
    Towsley, "Estimation and removal of clock skew from network delay measurements", INFOCOM
    1999: what is late at either end, or for a time between, does not touch it.
    """
    if len(x_ns) > _MOST_POINTS:
        step = -(-len(x_ns) // _MOST_POINTS)
        starts = np.arange(0, len(x_ns), step)
        least = [start + int(np.argmin(y_ns[start : start + step])) for start in starts]
        x_ns, y_ns = x_ns[least], y_ns[least]
    hull: list[tuple[float, float]] = []
    for x, y in zip(x_ns.tolist(), y_ns.tolist(), strict=True):
        while len(hull) > 1 and (hull[-1][1] - hull[-2][1]) * (x - hull[-2][0]) >= (
            y - hull[-2][1]
        ) * (hull[-1][0] - hull[-2][0]):
            hull.pop()
        hull.append((x, y))
    slope, span = 0.0, 0.0
    for (x1, y1), (x2, y2) in pairwise(hull):
        if x2 - x1 > span and abs(y2 - y1) <= steepest * (x2 - x1):
            slope, span = (y2 - y1) / (x2 - x1), x2 - x1
    return slope, float((y_ns - slope * x_ns).min())


def _by_clock(frames: _Frames, clock_ns: list[int | None], doubts: int) -> list[CameraTrack]:
    # Integers first: nanoseconds since 1970 do not fit into a float.
    elapsed_ns = np.array([each - clock_ns[0] for each in clock_ns], np.float64)  # type: ignore[operator]
    punctual = np.flatnonzero(~frames.piled_up)
    if len(punctual) < _WINDOW:
        punctual = np.arange(len(elapsed_ns))
    slope, intercept = floor_line(elapsed_ns[punctual], (frames.hosts_ns - elapsed_ns)[punctual])
    instants_ns = elapsed_ns * (1.0 + slope) + intercept
    period_ns, steady = _period_ns(frames.sequences, instants_ns)
    lateness_ns = frames.hosts_ns - instants_ns
    # A missed trigger and a step of the clock may make up for each other: deliveries show it.
    hidden = _whole_changes(lateness_ns[punctual], period_ns) if steady else []
    bounds = [0, *punctual[hidden].tolist(), len(lateness_ns)]
    return [
        CameraTrack(
            frames.indices[part],
            frames.sequences[part],
            frames.counts[part],
            instants_ns[part] + float(lateness_ns[part].min() if hidden else 0.0),
            period_ns,
            steady,
            _shows_delay(
                lateness_ns[part] - lateness_ns[part].min(), frames.piled_up[part], period_ns
            ),
            by_clock=True,
            doubts=doubts + number,
        )
        for number, part in enumerate(slice(*each) for each in pairwise(bounds))
    ]


def _whole_changes(lateness_ns: Times, period_ns: float) -> list[int]:
    """First frames after the least delay changed for good by whole periods."""
    changes = _changes(lateness_ns, period_ns)
    if changes.typical_ns > _TELLING_PERIODS * period_ns:
        return []  # so late as a rule that nothing is seen of a period
    return [
        place
        for place, change_ns in zip(changes.edges, changes.by_ns, strict=True)
        if round(change_ns / period_ns)
        and abs(change_ns - period_ns * round(change_ns / period_ns)) < changes.alike_ns
    ]


def _period_ns(sequences: Integers, times_ns: Times) -> tuple[float, bool]:
    """Time from frame to frame, and whether it is always the same but for missed triggers."""
    if len(sequences) < 3:
        return math.inf, False
    intervals = np.diff(times_ns) / np.maximum(1, np.diff(sequences))
    period = float(np.median(intervals))
    return period, bool(np.mean(np.abs(intervals - period) < 0.02 * period) > 0.75)


def _shows_delay(lateness_ns: Times, piled_up: NDArray[np.bool_], period_ns: float) -> bool:
    """Whether enough frames at different times came on time; none that lay ready did."""
    if not math.isfinite(period_ns):
        return False
    on_time = np.flatnonzero((lateness_ns < _ON_TIME_PERIODS * period_ns) & ~piled_up)
    frames = len(lateness_ns)
    if len(on_time) < max(4, min(16, frames // 2)):
        return False
    return frames < _WINDOW or len(set((4 * on_time // frames).tolist())) > 1


# Without a clock


def _by_deliveries(
    frames: _Frames, judged: Sequence[JudgedFrame], period_ns: float | None
) -> list[CameraTrack]:
    if not period_ns or period_ns <= 0:
        return []
    breaks = [place for place, each in enumerate(judged) if place and each.metadata.after_break]
    instants_ns = np.full(len(frames.indices), math.nan)
    lateness_ns = np.full(len(frames.indices), math.inf)
    for start, end in zip([0, *breaks], [*breaks, len(judged)], strict=True):
        chain = frames[slice(start, end)]
        known_ns, late_ns = _chain_instants_ns(chain, period_ns)
        instants_ns[start:end], lateness_ns[start:end] = known_ns, late_ns
    known = np.isfinite(instants_ns)
    if np.mean(lateness_ns < 0.25 * period_ns) < 0.25:
        return [_as_delivered(frames)]
    chosen = frames[known]
    if not known.any():
        return []
    return [
        CameraTrack(
            chosen.indices,
            chosen.sequences,
            chosen.counts,
            instants_ns[known],
            period_ns,
            steady=True,
            shows_delay=_shows_delay(lateness_ns[known], chosen.piled_up, period_ns),
            by_clock=False,
        )
    ]


def _as_delivered(frames: _Frames) -> CameraTrack:
    """Where triggers come unevenly, nothing tells a late delivery."""
    period_ns, _ = _period_ns(frames.sequences, frames.hosts_ns)
    return CameraTrack(
        frames.indices,
        frames.sequences,
        frames.counts,
        frames.hosts_ns,
        period_ns,
        steady=False,
        shows_delay=False,
        by_clock=False,
    )


def delivered_periods_ns(frames: Sequence[JudgedFrame]) -> list[float]:
    """What the period of deliveries may be; none for too few frames.

    The median over spans that are longer than lateness, and as the line below them refines it:
    missed edges bend that line, lateness widens the median.
    """
    if len(frames) < _LASTING:
        return []
    hosts = [each.metadata.host_time_ns - frames[0].metadata.host_time_ns for each in frames]
    hosts_ns = np.array(hosts, np.float64)
    sequences = np.array([each.metadata.sequence for each in frames], np.int64)
    span = min(_PERIOD_SPAN, len(frames) // 16 + 1)
    steps = np.maximum(span, sequences[span:] - sequences[:-span])
    period_ns = float(np.median((hosts_ns[span:] - hosts_ns[:-span]) / steps))
    expected_ns = period_ns * (sequences - sequences[0])
    slope, _ = floor_line(expected_ns, hosts_ns - expected_ns, steepest=_PERIOD_ERROR)
    return [period_ns, period_ns * (1.0 + slope)] if period_ns > 0 else []


def _chain_instants_ns(frames: _Frames, period_ns: float) -> tuple[Times, Times]:
    """Instants, NaN where they are in doubt, and how late each frame was delivered."""
    expected_ns = period_ns * (frames.sequences - frames.sequences[0])
    behind_ns = frames.hosts_ns - expected_ns
    changes = _changes(behind_ns, period_ns)
    edges, to_come, so_far = changes.edges, changes.to_come_ns, changes.so_far_ns
    bounds = [0, *edges, len(behind_ns)]
    floor_ns = np.empty_like(behind_ns)
    doubtful = np.zeros(len(behind_ns), np.bool_)
    for place, change_ns in zip(edges, changes.by_ns, strict=True):
        # Somewhere between the last frame on time and the first one after it.
        near_ns = 0.5 * abs(change_ns)
        before = behind_ns[:place] < so_far[place - 1] + near_ns
        after = behind_ns[place:] < to_come[place] + near_ns
        last = int(np.flatnonzero(before)[-1]) + 1 if before.any() else 0
        doubtful[max(0, last - _EDGE) : place + int(np.argmax(after)) + _EDGE] = True
    for start, end in pairwise(bounds):
        part = behind_ns[start:end]
        later, earlier = _least_of_next(part), _least_of_next(part[::-1])[::-1]
        floor_ns[start:end] = np.minimum(later, earlier)
        # Later than all before and not on time again: late, or edges missed close to others.
        hidden_here_ns = changes.exact_ns + _hidden_ns(end - start, changes.typical_ns)
        doubtful[start:end] |= later - earlier > np.minimum(hidden_here_ns, 0.5 * period_ns)
    for start, end in _late_regions(floor_ns, bounds, period_ns, changes.alike_ns):
        doubtful[start:end] = True
    instants_ns = expected_ns + floor_ns
    lateness_ns = behind_ns - floor_ns
    instants_ns[doubtful] = math.nan
    return instants_ns, lateness_ns


@dataclass(frozen=True, slots=True, eq=False)
class _Changes:
    """Where the least delay changed for good.

    ``edges`` are the first frames after a change, ``by_ns`` how much larger it is then.
    ``so_far_ns`` and ``to_come_ns`` are the least delays of the frames up to each and from each
    on. Delays less than ``alike_ns`` apart are the same: ``exact_ns``, and what the scatter hides,
    of which ``typical_ns`` is the median.
    """

    edges: list[int]
    by_ns: list[float]
    so_far_ns: Times
    to_come_ns: Times
    typical_ns: float
    exact_ns: float

    @property
    def alike_ns(self) -> float:
        return self.exact_ns + float(_hidden_ns(_LASTING, self.typical_ns).min())


def _changes(delays_ns: Times, period_ns: float) -> _Changes:
    to_come_ns, so_far_ns = _least_of_next(delays_ns), _least_of_next(delays_ns[::-1])[::-1]
    typical_ns = float(np.median(delays_ns - np.maximum(to_come_ns, so_far_ns)))
    exact_ns = _ALIKE_NS + _ALIKE_PERIODS * period_ns
    hidden_ns = np.minimum(exact_ns + _hidden_ns(len(delays_ns), typical_ns), 0.5 * period_ns)
    change_ns = np.concatenate([[0.0], to_come_ns[1:] - so_far_ns[:-1]])
    edges = _edges(change_ns, hidden_ns)
    by_ns = [float(change_ns[place]) for place in edges]
    return _Changes(edges, by_ns, so_far_ns, to_come_ns, typical_ns, exact_ns)


def _hidden_ns(frames: int, typical_ns: float) -> Times:
    """Least change at each frame that the scatter of deliveries does not hide.

    The least of n delays lies an n-th of their scatter above the least of all.
    """
    places = np.arange(frames)
    past, to_come = np.minimum(places, _WINDOW), np.minimum(frames - places, _WINDOW)
    hidden: Times = 4.0 * typical_ns * (1.0 / np.maximum(past, 1) + 1.0 / to_come)
    return hidden


def _late_regions(
    floor_ns: Times, bounds: list[int], period_ns: float, alike_ns: float
) -> list[tuple[int, int]]:
    """Between changes, the regions of frames that may all have been late.

    The longest of which deliveries never caught up is taken to be on time. What was missed since
    sets a later one behind by whole periods, for good; what is behind by anything else was late.
    """
    regions = list(pairwise(bounds))
    levels_ns = [float(np.median(floor_ns[start:end])) for start, end in regions]
    caught_up = [
        any(later_ns < level_ns - alike_ns for later_ns in levels_ns[number + 1 :])
        for number, level_ns in enumerate(levels_ns)
    ]
    longest = max(
        range(len(regions)),
        key=lambda number: (not caught_up[number], regions[number][1] - regions[number][0]),
    )
    late = []
    for number, (start, end) in enumerate(regions):
        behind = (levels_ns[number] - levels_ns[longest]) / period_ns
        in_step = abs(behind - round(behind)) * period_ns < alike_ns
        enough = _LONG if caught_up[number] else _LASTING
        if number != longest and (not in_step or end - start < enough):
            late.append((start, end))
    return late


def _least_of_next(values: Times) -> Times:
    """The least of each value and of those after it in the window."""
    padded = np.concatenate([values, np.full(_WINDOW - 1, math.inf)])
    least: Times = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW).min(axis=1)
    return least


def _edges(change_ns: Times, hidden_ns: Times) -> list[int]:
    """First frames after the least delay changed for good."""
    edges: list[int] = []
    place = 0
    while place < len(change_ns):
        if abs(change_ns[place]) <= hidden_ns[place]:
            place += 1
            continue
        rises, start = change_ns[place] > 0, place
        while (
            place < len(change_ns)
            and abs(change_ns[place]) > hidden_ns[place]
            and (change_ns[place] > 0) == rises
        ):
            place += 1
        # Seen from its first frame on, a rise; up to its last one, a fall.
        run = np.abs(change_ns[start:place])
        plain = start + np.flatnonzero(run > 0.5 * run.max())
        edges.append(int(plain[0] if rises else plain[-1]))
    return edges
