"""Pairing: which frames of two cameras show the same instant.

Pairs are found by trigger count if both cameras give one, else by the cameras' own
clocks after fitting offset and drift, else by the time of delivery. The order of arrival
is never used: a frame lost in one camera leaves its partner unmatched and shifts no
later pair.

The counts and clocks of two cameras start at different moments. Their relation is
learnt from the delivery times of the first frames, which are by the host's clock for
both cameras. Later frames confirm it, or it is learnt again.
"""

import heapq
import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from drivers.camera import times_text
from drivers.frame import FrameMetadata
from drivers.rig.pairing_queue import TOLERANCE_PERIODS, PairingQueue, Waiting
from drivers.rig.pairing_relation import PairingMethod, Relation, relate
from drivers.rig.wiring import Wiring

RSGR, GS = 0, 1
_NEITHER = -1

_LEARN_FRAMES = 16
"""Frames of each camera to learn the relation from, before anything is paired."""

_MOST_WAITING = 512
"""Most frames of one camera that wait for partners."""

_LEARN_ANEW_FRAMES = 48
"""After so many frames of both cameras without a pair, a counter or a clock was reset."""

_UNSURE_PERIODS = 0.2
"""Scatter of deliveries above which a frame may be paired with the partner of its neighbour."""

_DOUBTFUL_PERIODS = 0.3
"""Difference of delivery above which frames taken for one instant may be neighbours."""

_RECENT_RESIDUALS = 2000
_FEW_PAIRS = 16
_SYNCHRONOUS_US = 200.0
"""Largest p99 of residuals of cameras on one trigger; chips and clocks jitter by less."""


@dataclass(frozen=True, slots=True)
class FramePair:
    """Two frames of one instant; the indices count the frames of each stream from 0.

    ``residual_us`` is how much later the GS frame's time is than the fitted clocks expect;
    None if a frame came without its time.
    """

    rsgr_index: int
    gs_index: int
    rsgr: FrameMetadata
    gs: FrameMetadata
    residual_us: float | None


@dataclass(frozen=True, slots=True)
class PairingReport:
    """Result of pairing so far. ``unmatched`` and ``overruns`` are of the (RSGR, GS) camera.

    Frames that may still find a partner count as neither paired nor unmatched.
    ``overruns`` are triggers received minus frames sent, None if unknown. ``offset_us`` is
    how far the GS camera's clock is ahead, ``drift_ppm`` how much faster it runs; for host
    times the offset is that of the deliveries. ``synchronous`` None means that it is not
    proven; ``text`` gives the reason.
    """

    method: PairingMethod | None
    pairs: int
    unmatched: tuple[int, int]
    overruns: tuple[int | None, int | None]
    residual_us_p50: float
    residual_us_p99: float
    tolerance_us: float | None
    offset_us: float | None
    drift_ppm: float | None
    learnt_anew: int
    clock_steps: tuple[int, int]
    synchronous: bool | None
    text: str


@dataclass(frozen=True, slots=True)
class Pairing:
    """Two whole streams paired; ``unmatched`` are indices into the (RSGR, GS) stream."""

    pairs: tuple[FramePair, ...]
    unmatched: tuple[tuple[int, ...], tuple[int, ...]]
    report: PairingReport


class Pairer:
    """Pairs two streams of frames as they come, with bounded memory.

    The result does not depend on how the two streams interleave, as long as neither is
    more than some hundred frames behind. ``delivery_us`` is the known time of each camera
    from the start of an exposure to the delivery (exposure and readout). Only the
    difference of the two matters; its unknown part must be under half a period.
    """

    def __init__(
        self, wiring: Wiring | None = None, delivery_us: tuple[float, float] = (0.0, 0.0)
    ) -> None:
        self._wiring = wiring
        self._delivery_ns = (1e3 * delivery_us[RSGR], 1e3 * delivery_us[GS])
        # The master's exposures, not the triggers it received, trigger the other camera.
        self._queues = (PairingQueue(counts_frames=wiring is Wiring.MASTER), PairingQueue())
        self._relation: Relation | None = None
        self._pairs = 0
        self._learnt = 0
        self._paired_at = (0, 0)
        self._residuals_us: deque[float] = deque(maxlen=_RECENT_RESIDUALS)

    def add(self, camera: int, metadata: FrameMetadata) -> list[FramePair]:
        """Add the next frame of :data:`RSGR` or :data:`GS`; returns the pairs certain now."""
        queue = self._queues[camera]
        queue.add(metadata)
        pairs = self._advance(ended=False)
        while len(queue) > _MOST_WAITING:
            queue.give_up()
        return pairs

    def finish(self) -> list[FramePair]:
        """Decide on all waiting frames, because no further frame comes; returns the pairs."""
        for queue in self._queues:
            queue.finish()
        pairs = self._advance(ended=True)
        for queue in self._queues:
            while len(queue):
                queue.give_up()
        return pairs

    def _advance(self, *, ended: bool) -> list[FramePair]:
        pairs: list[FramePair] = []
        while True:
            if self._relation is None and not self._learn(ended=ended):
                return pairs
            pairs += self._match(ended=ended)
            if self._relation is None:
                continue
            rsgr, gs = self._queues
            silent = (rsgr.received - self._paired_at[0], gs.received - self._paired_at[1])
            if min(silent) < _LEARN_ANEW_FRAMES:
                return pairs
            self._relation = None
            self._paired_at = (rsgr.received, gs.received)

    # Learning the relation of counts and clocks

    def _learn(self, *, ended: bool) -> bool:
        """Relate the two streams by their first frames; False while that is not possible."""
        window = self._first_frames(ended=ended)
        if window is None:
            return False
        self._relation = relate(*window, self._delivery_ns) if all(window) else None
        if self._relation is not None:
            self._learnt += 1
            self._paired_at = (self._queues[0].received, self._queues[1].received)
            return True
        # These frames give no relation; the next ones may.
        for queue, frames in zip(self._queues, window, strict=True):
            for _ in range(1 + frames[-1].index - queue.head.index if frames else 0):
                queue.give_up()
        return self._learn(ended=ended)

    def _first_frames(self, *, ended: bool) -> tuple[list[Waiting], list[Waiting]] | None:
        """Frames of both cameras from their common start on; None while they are too few.

        Only the times of delivery select them, not the order in which they were added.
        """
        if not all(len(queue) for queue in self._queues):
            return None
        waiting = [queue.of_one_clock() for queue in self._queues]
        ends_ns = [
            frames[-1].metadata.host_time_ns
            for frames, queue in zip(waiting, self._queues, strict=True)
            if len(frames) < len(queue)
        ]
        if ends_ns:
            return self._frames_until(min(ends_ns), waiting, ended=ended)
        start_ns = max(queue.head.metadata.host_time_ns for queue in self._queues)
        common = [
            [frame for frame in frames if frame.metadata.host_time_ns >= start_ns]
            for frames in waiting
        ]
        if min(len(frames) for frames in common) < _LEARN_FRAMES:
            if not ended:
                return None
            return list(self._queues[0]), list(self._queues[1])
        end_ns = max(frames[_LEARN_FRAMES - 1].metadata.host_time_ns for frames in common)
        if not ended and any(frames[-1].metadata.host_time_ns <= end_ns for frames in common):
            return None
        # The partner of the first frame may have been delivered a little earlier.
        early_ns = start_ns - 2 * max(frames[-1].period_ns for frames in common)
        first, second = (
            [frame for frame in queue if early_ns <= frame.metadata.host_time_ns <= end_ns]
            for queue in self._queues
        )
        return first, second

    def _frames_until(
        self, end_ns: int, waiting: list[list[Waiting]], *, ended: bool
    ) -> tuple[list[Waiting], list[Waiting]] | None:
        """The ``waiting`` frames before a clock stepped again; they may be few, or none."""
        reached_ns = min(queue.newest.metadata.host_time_ns for queue in self._queues)
        if not ended and reached_ns <= end_ns:
            return None
        late_ns = end_ns + 2 * max(frames[-1].period_ns for frames in waiting)
        first, second = (
            [frame for frame in frames if frame.metadata.host_time_ns <= late_ns]
            for frames in waiting
        )
        return first, second

    # Matching

    def _match(self, *, ended: bool) -> list[FramePair]:
        relation = self._relation
        assert relation is not None  # learnt before
        rsgr, gs = self._queues
        pairs: list[FramePair] = []
        while len(rsgr) and len(gs):
            if (rsgr.head.clock_steps, gs.head.clock_steps) != relation.clock_steps:
                self._relation = None
                return pairs
            if relation.method is PairingMethod.TRIGGER_COUNT:
                if not (rsgr.is_decided(ended=ended) and gs.is_decided(ended=ended)):
                    return pairs
                later = self._later_by_count(relation)
            else:
                later = self._later_by_time(relation)
            if later is None:
                pairs.append(self._pair(relation))
            else:
                for camera in (RSGR, GS) if later == _NEITHER else (1 - later,):
                    self._queues[camera].give_up()
        return pairs

    def _later_by_count(self, relation: Relation) -> int | None:
        """Which camera's oldest frame is the later one; None if they belong together.

        A frame without a clear count is given up. So is a pair of equal counts that
        well-fitted camera clocks place in different periods.
        """
        rsgr, gs = self._queues
        first, second = rsgr.head_count(), gs.head_count()
        if first is None:
            return GS
        if second is None:
            return RSGR
        if first != second - relation.count_offset:
            return GS if first < second - relation.count_offset else RSGR
        residual_ns, spread_ns = relation.residual_ns(rsgr.head, gs.head), relation.clock.spread_ns
        if not relation.by_device or residual_ns is None or spread_ns is None:
            return None
        tolerance_ns = self._tolerance_ns(relation)
        contradicts = spread_ns < tolerance_ns / 8 and abs(residual_ns) > tolerance_ns
        return _NEITHER if contradicts else None

    def _later_by_time(self, relation: Relation) -> int | None:
        """Which camera's oldest frame is the later one; None if they belong together."""
        first, second = self._queues[RSGR].head, self._queues[GS].head
        residual_ns = relation.residual_ns(first, second)
        if residual_ns is None:
            return GS if first.metadata.device_time_ns is None else RSGR
        # Less, not equal: the frames a relation was learnt from have a residual of 0.
        if abs(residual_ns) < self._tolerance_ns(relation):
            return None
        return GS if residual_ns > 0 else RSGR

    def _tolerance_ns(self, relation: Relation) -> float:
        """Largest residual of a pair: under half of the shortest interval near the oldest frames.

        It is 0 for host times of late deliveries, or of bursts after them: these are useless.
        """
        heads = self._queues[RSGR].head, self._queues[GS].head
        if not relation.by_device and not all(frame.regular for frame in heads):
            return 0.0
        shortest_ns = min(min(frame.period_ns, frame.interval_ns) for frame in heads)
        return TOLERANCE_PERIODS * max(0.0, min(relation.period_ns, shortest_ns))

    def _pair(self, relation: Relation) -> FramePair:
        first, second = self._queues[RSGR].take(), self._queues[GS].take()
        residual_us, times_ns = None, relation.times_ns(first, second)
        if times_ns is not None:
            residual_us = relation.clock.residual_ns(*times_ns) / 1e3
            relation.clock.note(*times_ns)
            self._residuals_us.append(residual_us)
        self._pairs += 1
        self._paired_at = (first.index + 1, second.index + 1)
        return FramePair(first.index, second.index, first.metadata, second.metadata, residual_us)

    # Report

    def report(self) -> PairingReport:
        """Result of pairing so far; residuals are of the last two thousand pairs."""
        relation = self._relation
        residuals_us = np.abs(np.asarray(self._residuals_us, np.float64))
        p50, p99 = (
            (float(value) for value in np.percentile(residuals_us, [50, 99]))
            if residuals_us.size
            else (math.nan, math.nan)
        )
        synchronous, text = self._judge(relation, p99)
        return PairingReport(
            method=relation.method if relation else None,
            pairs=self._pairs,
            unmatched=(self._queues[RSGR].unmatched, self._queues[GS].unmatched),
            overruns=(self._queues[RSGR].overruns, self._queues[GS].overruns),
            residual_us_p50=p50,
            residual_us_p99=p99,
            tolerance_us=TOLERANCE_PERIODS * relation.period_ns / 1e3 if relation else None,
            offset_us=relation.clock.offset_us if relation else None,
            drift_ppm=relation.clock.drift_ppm if relation and relation.by_device else None,
            learnt_anew=max(0, self._learnt - 1),
            clock_steps=(self._queues[RSGR].clock.steps, self._queues[GS].clock.steps),
            synchronous=synchronous,
            text=text,
        )

    def _judge(self, relation: Relation | None, p99_us: float) -> tuple[bool | None, str]:
        """Whether the cameras expose on one trigger (None: not proven), and the reason."""
        if self._wiring is Wiring.SOFTWARE:
            return False, "not synchronous: each camera gets its own software trigger"
        if relation is None or self._pairs < _FEW_PAIRS:
            return None, f"{self._pairs} pairs are too few to tell whether one trigger drives both"
        if not relation.by_device:
            text = (
                f"at least one camera does not tell its time: paired by {relation.method.value}, "
                f"delivered within {p99_us:.0f} us (p99) of each other"
            )
            by_host = relation.method is PairingMethod.HOST_TIME
            if by_host and p99_us > _UNSURE_PERIODS * relation.period_ns / 1e3:
                text += ", too much to be sure of every pair: lower the frame rate"
            return None, text + self._doubt(relation)
        period_us = relation.period_ns / 1e3
        if relation.clock.runs_away:
            return False, (
                "the cameras' own times drift apart faster than clocks do: each runs at a rate of "
                "its own, they are not on one trigger"
            )
        if p99_us > period_us / 10:
            return False, (
                f"the cameras' own times scatter by {p99_us:.0f} us (p99) against each other: they "
                "are not on one trigger, or tell times of arrival"
            )
        agree = f"the cameras' own times agree within {p99_us:.1f} us (p99)"
        if p99_us > max(_SYNCHRONOUS_US, period_us / 100):
            return None, f"{agree}, too much to prove one trigger" + self._doubt(relation)
        if self._wiring is None:
            return None, f"{agree}; how the cameras are wired is not stated" + self._doubt(relation)
        return True, f"{agree}, wired by {self._wiring.value} trigger" + self._doubt(relation)

    def _doubt(self, relation: Relation) -> str:
        """Further warnings about the pairs for the operator."""
        text = ""
        for name, queue in zip(("RSGR", "GS"), self._queues, strict=True):
            if queue.clock.steps:
                often = times_text(queue.clock.steps)
                text += f"; the {name} camera's clock stepped {often}, then it was related anew"
        unmatched = max(queue.unmatched for queue in self._queues)
        if unmatched > self._pairs:
            text += (
                f"; more frames of a camera are without partner ({unmatched}) than paired "
                f"({self._pairs}): look at losses and rates"
            )
        if relation.doubt_periods > _DOUBTFUL_PERIODS:
            text += (
                f"; the first frames were delivered {relation.doubt_periods:.2f} periods apart: "
                "all pairs may be off by one, lower the frame rate to be sure"
            )
        return text


def pair_frames(
    rsgr: Sequence[FrameMetadata],
    gs: Sequence[FrameMetadata],
    wiring: Wiring | None = None,
    delivery_us: tuple[float, float] = (0.0, 0.0),
) -> Pairing:
    """Pair two whole streams, such as those of a recording; see :class:`Pairer`."""
    pairer = Pairer(wiring, delivery_us)
    streams = ([(frame.host_time_ns, camera, frame) for frame in frames]
               for camera, frames in ((RSGR, rsgr), (GS, gs)))  # fmt: skip
    pairs: list[FramePair] = []
    for _, camera, frame in heapq.merge(*streams, key=lambda item: item[:2]):
        pairs += pairer.add(camera, frame)
    pairs += pairer.finish()
    paired = {pair.rsgr_index for pair in pairs}, {pair.gs_index for pair in pairs}
    alone = tuple(
        tuple(index for index in range(len(frames)) if index not in taken)
        for frames, taken in zip((rsgr, gs), paired, strict=True)
    )
    return Pairing(tuple(pairs), (alone[0], alone[1]), pairer.report())
