"""Frames of two tracks that belong to one instant, and what excludes that they are neighbours."""

import math
from dataclasses import dataclass

import numpy as np

from drivers.rig.camera_track import CameraTrack, Integers, Times
from drivers.rig.clock_fit import slope_by_thirds

TOLERANCE_PERIODS = 0.4
"""Largest difference of two instants of a pair; at half a period nothing is certain."""

_UNSTEADY_PERIODS = 0.25
"""The same where deliveries are all that is known of uneven triggers."""

_EXACT_NS = 0.2e6
"""Cameras' own times of one instant differ by less, or by some times their scatter."""

_BLOCK = 128
"""Frames over which the difference of two cameras' instants is taken to be constant."""

_SURE_PERIODS = 0.3
_SURE_NS = 2e6
"""What is unlike in two cameras' delays, beside exposure and readout, may be unknown up to this."""

_UNEVEN_TIMES = 4.0
_UNEVEN_NS = 2e3
_UNEVEN_PAIRS = 64
"""Neighbours scatter by so many times more than pairs where the triggers' own unevenness shows
which is which."""
_PLAIN_PERIODS = 0.02
_PLAIN_PAIRS = 8
"""Fewer pairs show it where it is as plain as that."""


@dataclass(frozen=True, slots=True, eq=False)
class Match:
    """Pairs of an RSGR and a GS track: places in the tracks, and how they agree.

    ``apart_ns`` is how much later the GS camera's instants are; ``excluded_by`` names what
    excludes that all pairs are off by a frame, empty where nothing does. ``drift_ppm`` is by how
    much the two drift apart.
    """

    rsgr: CameraTrack
    gs: CameraTrack
    first: Integers
    second: Integers
    apart_ns: float
    period_ns: float
    drift_ppm: float
    excluded_by: tuple[str, ...]
    contradicted_by: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.first)

    @property
    def by_device(self) -> bool:
        """Whether both cameras tell their time."""
        return self.rsgr.by_clock and self.gs.by_clock


def match(
    rsgr: CameraTrack, gs: CameraTrack, delivery_ns: float, *, from_zero: bool
) -> Match | None:
    """The pairs of two tracks; None where they have none.

    ``delivery_ns`` is how much later the GS camera delivers, as far as that is known.
    ``from_zero``: frame numbers and counts of both cameras begin with the same trigger.
    """
    period_ns = min(rsgr.period_ns, gs.period_ns)
    overlap = gs.instants_ns >= rsgr.instants_ns[0] - period_ns
    overlap &= gs.instants_ns <= rsgr.instants_ns[-1] + period_ns
    if not overlap.any() or not 0.0 < period_ns < math.inf:
        return None
    chosen = np.flatnonzero(overlap)
    second_ns = gs.instants_ns[chosen] - delivery_ns
    first_ns = rsgr.instants_ns
    apart_ns, drift = _apart_ns(first_ns, second_ns, period_ns)
    first, second = _paired(rsgr, gs, chosen, second_ns - apart_ns, period_ns)
    if not len(first):
        return None
    if rsgr.by_clock and gs.by_clock:
        shift = _fitting_shift(rsgr, gs, first, second)
        if not shift and from_zero and not (rsgr.shows_delay and gs.shows_delay):
            # Deliveries tell nothing: the counters are all there is.
            shift = int(np.median(gs.sequences[second[:8]] - rsgr.sequences[first[:8]]))
        if shift:
            first, second = _shifted(rsgr, first, second, shift)
            if not len(first):
                return None
            apart_ns = second_ns - gs.instants_ns[chosen] + delivery_ns
            apart_ns += float(np.median(gs.instants_ns[second] - delivery_ns - first_ns[first]))
            first, second = _paired(rsgr, gs, chosen, second_ns - apart_ns, period_ns)
            if not len(first):
                return None
    typical_ns = float(np.median(gs.instants_ns[second] - delivery_ns - first_ns[first]))
    excluded, contradicted = _evidence(rsgr, gs, first, second, typical_ns, period_ns, from_zero)
    return Match(
        rsgr, gs, first, second, typical_ns, period_ns, drift * 1e6, excluded, contradicted
    )


def _nearest(first_ns: Times, second_ns: Times) -> Integers:
    """For each second time the place of the nearest first time."""
    place = np.clip(np.searchsorted(first_ns, second_ns), 1, max(1, len(first_ns) - 1))
    if len(first_ns) == 1:
        return np.zeros(len(second_ns), np.int64)
    before = second_ns - first_ns[place - 1] < first_ns[place] - second_ns
    return np.where(before, place - 1, place)


def _apart_ns(first_ns: Times, second_ns: Times, period_ns: float) -> tuple[Times, float]:
    """How much later each second time is than its partner, and how fast that changes.

    The one nearest to zero of those that differ by whole periods; continuous from then on.
    """
    residual_ns = second_ns - first_ns[_nearest(first_ns, second_ns)]
    near = np.abs(residual_ns) <= 0.5 * period_ns
    if not near.any():
        return np.zeros(len(second_ns)), 0.0
    apart_ns = np.empty(len(second_ns))
    blocks = []
    # From the middle outwards, as the tracks' instants are most certain there.
    middle = len(second_ns) // 2
    ahead = [(at, min(at + _BLOCK, len(second_ns))) for at in range(middle, len(second_ns), _BLOCK)]
    back = [(max(0, at - _BLOCK), at) for at in range(middle, 0, -_BLOCK)]
    around = slice(max(0, middle - _BLOCK // 2), middle + _BLOCK // 2 + 1)
    start_ns = _typical_ns(residual_ns[around][near[around]], period_ns)
    for part in (ahead, back):
        now_ns = start_ns
        for start, end in part:
            wrapped = _wrapped(residual_ns[start:end][near[start:end]] - now_ns, period_ns)
            if len(wrapped):
                now_ns += float(np.median(wrapped))
                blocks.append((float(second_ns[start:end].mean()), now_ns, len(wrapped)))
            apart_ns[start:end] = now_ns
    apart_ns -= period_ns * round(float(np.median(apart_ns)) / period_ns)
    drift = 0.0
    if len({time_ns for time_ns, _, _ in blocks}) > 1:
        times, values, weights = (np.array(each) for each in zip(*blocks, strict=True))
        drift = float(np.polyfit(times - times.mean(), values, 1, w=np.sqrt(weights))[0])
    return apart_ns, drift


def _typical_ns(residual_ns: Times, period_ns: float) -> float:
    """The mean of what differs by whole periods."""
    if not len(residual_ns):
        return 0.0
    turns = np.exp(2j * np.pi * residual_ns / period_ns)
    return float(np.angle(turns.mean())) * period_ns / (2 * np.pi)


def _wrapped(times_ns: Times, period_ns: float) -> Times:
    wrapped: Times = times_ns - period_ns * np.round(times_ns / period_ns)
    return wrapped


def _intervals_ns(track: CameraTrack) -> Times:
    """The shorter of the times to the frame before and to the frame after."""
    steps = np.diff(track.instants_ns)
    padded = np.concatenate([[math.inf], steps, [math.inf]])
    shortest: Times = np.minimum(padded[:-1], padded[1:])
    return shortest


def _paired(
    rsgr: CameraTrack, gs: CameraTrack, chosen: Integers, expected_ns: Times, period_ns: float
) -> tuple[Integers, Integers]:
    """Frames nearest to each other, within the tolerance."""
    first = _nearest(rsgr.instants_ns, expected_ns)
    residual_ns = np.abs(expected_ns - rsgr.instants_ns[first])
    steady = rsgr.steady and gs.steady
    share = TOLERANCE_PERIODS if steady or (rsgr.by_clock and gs.by_clock) else _UNSTEADY_PERIODS
    shortest_ns = np.minimum(_intervals_ns(rsgr)[first], _intervals_ns(gs)[chosen])
    tolerance_ns = share * np.minimum(period_ns, shortest_ns)
    if rsgr.by_clock and gs.by_clock:
        scatter_ns = float(np.median(residual_ns))
        tolerance_ns = np.minimum(tolerance_ns, max(_EXACT_NS, 10 * scatter_ns))
    fits = np.flatnonzero(residual_ns < tolerance_ns)
    # One partner each, the nearest.
    order = fits[np.lexsort((residual_ns[fits], first[fits]))]
    _, unique = np.unique(first[order], return_index=True)
    kept = np.sort(order[unique])
    return first[kept], chosen[kept]


# Evidence


def _evidence(
    rsgr: CameraTrack,
    gs: CameraTrack,
    first: Integers,
    second: Integers,
    apart_ns: float,
    period_ns: float,
    from_zero: bool,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What excludes that all pairs are off by a frame, and what says that they are."""
    excluded, contradicted = [], []
    both_show = rsgr.shows_delay and gs.shows_delay
    room_ns = 0.5 * period_ns - abs(apart_ns)
    if both_show and room_ns > max(
        (0.5 - _SURE_PERIODS) * period_ns, min(_SURE_NS, 0.35 * period_ns)
    ):
        excluded.append("deliveries")
    if rsgr.by_clock and gs.by_clock and _unevenness(rsgr, gs, first, second):
        excluded.append("uneven triggers")
    if from_zero:
        ahead = gs.sequences[second[:8]] - rsgr.sequences[first[:8]]
        if np.any(ahead == 0):
            if both_show and room_ns > 0.05 * period_ns:
                excluded.append("counters from zero")
        else:
            contradicted.append("counters from zero")
    return tuple(excluded), tuple(contradicted)


def _spread_ns(values: Times) -> float:
    return float(np.median(np.abs(values - np.median(values))))


def _neighbour_spreads(
    rsgr: CameraTrack, gs: CameraTrack, first: Integers, second: Integers, reach: int
) -> dict[int, float]:
    """How pairs of each shift scatter about a line, in ns; that of the pairs is at 0."""
    spreads: dict[int, float] = {}
    for shift in range(-reach, reach + 1):
        inside = (first + shift >= 0) & (first + shift < len(rsgr))
        places, partners = first[inside] + shift, second[inside]
        steps = rsgr.sequences[places] - rsgr.sequences[first[inside]]
        near = steps == shift
        places, partners = places[near], partners[near]
        if len(places) < _PLAIN_PAIRS:
            continue
        apart = gs.instants_ns[partners] - rsgr.instants_ns[places]
        times = rsgr.instants_ns[places]
        slope = 0.0
        if len(places) >= _UNEVEN_PAIRS:
            slope = slope_by_thirds(times, apart)
        spreads[shift] = _spread_ns(apart - slope * times)
    return spreads


def _fitting_shift(rsgr: CameraTrack, gs: CameraTrack, first: Integers, second: Integers) -> int:
    """By how many frames other pairs fit far better: only one order fits uneven triggers."""
    spreads = _neighbour_spreads(rsgr, gs, first, second, reach=4)
    if 0 not in spreads:
        return 0
    best = min(spreads, key=lambda shift: spreads[shift])
    return best if spreads[0] > _plainly_more(spreads[best], rsgr, len(first)) else 0


def _unevenness(rsgr: CameraTrack, gs: CameraTrack, first: Integers, second: Integers) -> bool:
    spreads = _neighbour_spreads(rsgr, gs, first, second, reach=1)
    if set(spreads) != {-1, 0, 1}:
        return False
    return min(spreads[-1], spreads[1]) > _plainly_more(spreads[0], rsgr, len(first))


def _plainly_more(spread_ns: float, track: CameraTrack, pairs: int) -> float:
    least_ns = _UNEVEN_NS if pairs >= _UNEVEN_PAIRS else _PLAIN_PERIODS * track.period_ns
    return max(_UNEVEN_TIMES * spread_ns, least_ns)


def _shifted(
    rsgr: CameraTrack, first: Integers, second: Integers, shift: int
) -> tuple[Integers, Integers]:
    """The same GS frames with RSGR frames ``shift`` further on, where those arrived."""
    inside = (first + shift >= 0) & (first + shift < len(rsgr))
    places = first[inside] + shift
    near = rsgr.sequences[places] - rsgr.sequences[first[inside]] == shift
    return places[near], second[inside][near]


def numbered_apart(found: Match, *, at_end: bool) -> int:
    """How far ahead the GS camera's frame numbers are in the first or the last pairs."""
    ahead = found.gs.sequences[found.second] - found.rsgr.sequences[found.first]
    values, counts = np.unique(ahead[-8:] if at_end else ahead[:8], return_counts=True)
    return int(values[np.argmax(counts)])
