"""Relation of the counts and clocks of two cameras, learnt from frames delivered together."""

import math
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from statistics import median

from drivers.rig.clocks import ClockRelation
from drivers.rig.pairing_queue import Waiting


class PairingMethod(StrEnum):
    """What pairs are found by, best first."""

    TRIGGER_COUNT = "trigger count"
    DEVICE_TIME = "device time"
    HOST_TIME = "host time"


@dataclass(frozen=True, slots=True)
class Relation:
    """Relation of the second camera's counts and times to those of the first.

    ``count_offset`` is the second camera's count minus the first one's. ``clock`` relates
    the cameras' own times with ``by_device``, else times of delivery. ``period_ns`` is the
    shorter frame period, ``doubt_periods`` how far apart frames taken for one instant were
    delivered: at half a period they may be neighbours. It holds for frames after so many
    ``clock_steps`` of the cameras' clocks.
    """

    method: PairingMethod
    count_offset: int
    by_device: bool
    clock: ClockRelation
    period_ns: float
    doubt_periods: float
    clock_steps: tuple[int, int]

    def times_ns(self, first: Waiting, second: Waiting) -> tuple[int, int] | None:
        """The two frames' times for :attr:`clock`; None if one has no time."""
        return _times_ns(first, second, by_device=self.by_device)

    def residual_ns(self, first: Waiting, second: Waiting) -> float | None:
        """How much later the second frame is than the fitted clocks expect; None without times."""
        times_ns = self.times_ns(first, second)
        return None if times_ns is None else self.clock.residual_ns(*times_ns)


def relate(
    first: list[Waiting], second: list[Waiting], delivery_ns: tuple[float, float]
) -> Relation | None:
    """Relate two cameras by frames of the same span of time; None if that is not possible.

    No camera's clock steps between its frames.
    ``delivery_ns`` is each camera's time from the start of an exposure to its delivery.
    """
    period_ns = min(first[-1].period_ns, second[-1].period_ns)
    if not 0 < period_ns < math.inf:
        return None
    by_device = _tell_device_time(first) and _tell_device_time(second)
    first_ns = _start_times_ns(first, delivery_ns[0], by_device=by_device)
    second_ns = _start_times_ns(second, delivery_ns[1], by_device=by_device)
    nearest = _nearest(first_ns, second_ns, within_ns=period_ns / 2)
    if not nearest:
        return None
    guesses = [(first[i], second[j]) for i, j in nearest]
    count_offset = _agreed_count_offset(guesses)
    if count_offset is not None:
        method = PairingMethod.TRIGGER_COUNT
        guesses = [(a, b) for a, b in guesses if _count_offset(a, b) == count_offset]
    else:
        method = PairingMethod.DEVICE_TIME if by_device else PairingMethod.HOST_TIME
    known = (_times_ns(a, b, by_device=by_device) for a, b in guesses)
    ahead = sorted((times[1] - times[0], *times) for times in known if times is not None)
    _, *typical = ahead[len(ahead) // 2]
    return Relation(
        method=method,
        count_offset=count_offset or 0,
        by_device=by_device,
        clock=ClockRelation(*typical, drifts=by_device),
        period_ns=period_ns,
        doubt_periods=median(abs(second_ns[j] - first_ns[i]) for i, j in nearest) / period_ns,
        clock_steps=(first[0].clock_steps, second[0].clock_steps),
    )


def _tell_device_time(frames: list[Waiting]) -> bool:
    """Whether all frames have the camera's own time, and it always increases."""
    times_ns = [frame.metadata.device_time_ns for frame in frames]
    known = [time_ns for time_ns in times_ns if time_ns is not None]
    return len(known) == len(times_ns) and all(a < b for a, b in pairwise(known))


def _times_ns(first: Waiting, second: Waiting, *, by_device: bool) -> tuple[int, int] | None:
    if not by_device:
        return first.metadata.host_time_ns, second.metadata.host_time_ns
    first_ns, second_ns = first.metadata.device_time_ns, second.metadata.device_time_ns
    return None if first_ns is None or second_ns is None else (first_ns, second_ns)


def _start_times_ns(frames: list[Waiting], delivery_ns: float, *, by_device: bool) -> list[float]:
    """Start times of exposures by the host's clock.

    A delivery may be late but not early, so the smallest delay is the best estimate.
    """
    hosts_ns = [frame.metadata.host_time_ns for frame in frames]
    if not by_device:
        return [host_ns - delivery_ns for host_ns in hosts_ns]
    own_ns = [frame.metadata.start_time_ns for frame in frames]
    least_ns = min(host - own for host, own in zip(hosts_ns, own_ns, strict=True))
    return [own + (least_ns - delivery_ns) for own in own_ns]


def _nearest(
    first_ns: list[float], second_ns: list[float], *, within_ns: float
) -> list[tuple[int, int]]:
    """For each second time the nearest first time, as pairs of indices (first, second)."""
    order = sorted(range(len(first_ns)), key=first_ns.__getitem__)
    ascending = [first_ns[index] for index in order]
    nearest = []
    for index, time_ns in enumerate(second_ns):
        place = bisect_left(ascending, time_ns)
        candidates = range(max(0, place - 1), min(len(ascending), place + 1))
        best = min(candidates, key=lambda candidate: abs(ascending[candidate] - time_ns))
        if abs(ascending[best] - time_ns) <= within_ns:
            nearest.append((order[best], index))
    return nearest


def _count_offset(first: Waiting, second: Waiting) -> int | None:
    if first.count is None or second.count is None:
        return None
    return second.count - first.count


def _agreed_count_offset(guesses: list[tuple[Waiting, Waiting]]) -> int | None:
    """The difference of counts of most frames nearest in time, None without a majority."""
    offsets = [offset for a, b in guesses if (offset := _count_offset(a, b)) is not None]
    counts = [a.count for a, b in guesses if _count_offset(a, b) is not None]
    if not offsets or len(set(counts)) < min(2, len(counts)):
        return None
    offset, votes = Counter(offsets).most_common(1)[0]
    return offset if votes > len(offsets) / 2 else None
