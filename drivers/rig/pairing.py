"""Pairing: which frames of two cameras show the same instant.

Every frame is placed on the host's clock: by its camera's clock where that tells, else by frame
numbers and deliveries. Frames of one instant are a pair. Neither the order of arrival nor a
counter decides: a frame lost, an edge missed or one too many leaves its partner alone and shifts no
later pair. All frames are weighed, not the first ones: deliveries that came on time later overrule
a late start.

Triggers that come evenly look the same a frame on. So that all pairs may be off by one is excluded
only by what tells one trigger from the next, and the report names it.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from drivers.camera import times_text
from drivers.clock_steps import ClockWatch, JudgedFrame
from drivers.frame import FrameMetadata
from drivers.rig.camera_track import CameraTrack, camera_tracks, delivered_periods_ns
from drivers.rig.clock_fit import ClockFit, fit_clocks
from drivers.rig.pair_matching import TOLERANCE_PERIODS, Match, match, numbered_apart
from drivers.rig.wiring import Wiring
from drivers.timing import SensorTiming

RSGR, GS = 0, 1

_RECENT_RESIDUALS = 2000
_FEW_PAIRS = 16
_SYNCHRONOUS_US = 200.0
"""Largest p99 of residuals of cameras on one trigger; chips and clocks jitter by less."""

_APART_PPM = 50.0
"""Cameras whose instants drift apart faster by the host's clock are on no common trigger."""

_SPARE_SHARE = 0.5
"""Unproven pairs beside proven ones are left out up to this share."""

_REMEMBERED = 1024
"""Frames of each camera that are weighed again while more come; half of them at least."""


class PairingMethod(StrEnum):
    """What pairs are found by, best first."""

    TRIGGER_COUNT = "trigger count"
    DEVICE_TIME = "device time"
    HOST_TIME = "host time"


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
    proven; ``text`` gives the reason, and what would settle it.
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


class _Stream:
    """Frames of one camera that are weighed; ``passed`` older ones are not any more."""

    def __init__(self) -> None:
        self.clock = ClockWatch()
        self.frames: list[JudgedFrame] = []
        self.passed = 0
        self.received = 0
        self.overruns: int | None = None
        self._first_trigger: tuple[int, int] | None = None

    def add(self, metadata: FrameMetadata) -> None:
        self.received += 1
        self.frames += self.clock.add(metadata)
        self._note_overruns(metadata)

    def finish(self) -> None:
        self.frames += self.clock.finish()

    def forget(self, frames: int) -> None:
        del self.frames[:frames]
        self.passed += frames

    def _note_overruns(self, metadata: FrameMetadata) -> None:
        """Update ``overruns``: triggers received minus frames sent, since the first count."""
        if metadata.trigger_count is None:
            return
        if self._first_trigger is None:
            self._first_trigger = metadata.trigger_count, metadata.sequence
        first_count, first_sequence = self._first_trigger
        sent = metadata.sequence - first_sequence
        self.overruns = metadata.trigger_count - first_count - sent


class Pairer:
    """Pairs two streams of frames as they come, with bounded memory.

    ``delivery_us`` is the known time of each camera from the start of an exposure to the
    delivery (exposure and readout). Only the difference of the two matters. What is paired so
    far is revised as later frames tell more; :func:`pair_frames` weighs all.
    """

    def __init__(
        self, wiring: Wiring | None = None, delivery_us: tuple[float, float] = (0.0, 0.0)
    ) -> None:
        self._wiring = wiring
        self._delivery_ns = 1e3 * (delivery_us[GS] - delivery_us[RSGR])
        self._streams = (_Stream(), _Stream())
        self._ended = False
        self._passed_pairs = 0
        self._told = (-1, -1)
        self._learnt_anew = 0
        self._weighed = -1
        self._matches: list[Match] = []
        self._pairs: list[FramePair] = []
        self._clocks: ClockFit | None = None
        self._residuals_us: NDArray[np.float64] = np.empty(0)
        self._verdict: tuple[bool | None, str] = (None, "")

    def add(self, camera: int, metadata: FrameMetadata) -> None:
        """Add the next frame of :data:`RSGR` or :data:`GS`."""
        self._streams[camera].add(metadata)

    def settle(self) -> list[FramePair]:
        """Weigh all that is remembered; returns the pairs later than those returned before."""
        self._weigh()
        rsgr_told, gs_told = self._told
        new = [
            pair for pair in self._pairs if pair.rsgr_index > rsgr_told and pair.gs_index > gs_told
        ]
        if new:
            self._told = (new[-1].rsgr_index, new[-1].gs_index)
        self._forget()
        return new

    def finish(self) -> list[FramePair]:
        """As :meth:`settle`, because no further frame comes."""
        for stream in self._streams:
            stream.finish()
        self._ended, self._weighed = True, -1
        return self.settle()

    def _forget(self) -> None:
        """Let the older half of what is remembered pass, with its pairs."""
        longest = max(len(stream.frames) for stream in self._streams)
        if self._ended or longest <= _REMEMBERED:
            return
        passing = len(self._pairs) // 2
        if passing:
            last = self._pairs[passing - 1]
            ends = [
                index + 1 - stream.passed
                for index, stream in zip(
                    (last.rsgr_index, last.gs_index), self._streams, strict=True
                )
            ]
        else:  # one camera is silent, or they share no trigger
            ends = [max(0, len(stream.frames) - _REMEMBERED // 2) for stream in self._streams]
        self._passed_pairs += passing
        for stream, end in zip(self._streams, ends, strict=True):
            stream.forget(end)
        self._weighed = -1

    def _weigh(self) -> None:
        received = sum(stream.received for stream in self._streams)
        if received == self._weighed:
            return
        self._weighed = received
        self._matches = self._matched()
        steps = sum(stream.clock.steps for stream in self._streams)
        self._learnt_anew = min(max(0, len(self._matches) - 1), steps)
        self._relate()
        self._verdict = self._judged()

    def _matched(self) -> list[Match]:
        streams = [stream.frames for stream in self._streams]
        if not all(streams):
            return []
        origin_ns = min(frames[0].metadata.host_time_ns for frames in streams)
        tracks = [camera_tracks(frames, origin_ns) for frames in streams]
        if not all(tracks):
            tracks = self._with_silent_clocks(tracks, origin_ns)
        matches = []
        for first in tracks[RSGR]:
            for second in tracks[GS]:
                start = first is tracks[RSGR][0] and second is tracks[GS][0]
                found = match(
                    first, second, self._delivery_ns, from_zero=start and self._counts_from_zero()
                )
                if found is not None:
                    matches.append(found)
        return _without_unproven(_agreeing_by_numbers(matches))

    def _with_silent_clocks(
        self, tracks: list[list[CameraTrack]], origin_ns: int
    ) -> list[list[CameraTrack]]:
        """Tracks of cameras without a clock, too.

        One trigger drives both, so that the clock of one tells the other's period. Without any
        clock the period is taken by which most frames come in step.
        """
        streams = [stream.frames for stream in self._streams]
        clocked = [max(each, key=len) for each in tracks if each]
        periods_ns = [each.period_ns for each in clocked if each.steady]
        if not periods_ns:
            periods_ns = [each for frames in streams for each in delivered_periods_ns(frames)]
        tried = [
            [
                known or camera_tracks(frames, origin_ns, period_ns)
                for known, frames in zip(tracks, streams, strict=True)
            ]
            for period_ns in periods_ns
        ]
        return max(tried, key=lambda each: sum(map(len, itertools.chain(*each))), default=tracks)

    def _counts_from_zero(self) -> bool:
        """Whether both cameras' first frames belong to the first trigger by their counts.

        Only where the RSGR camera's exposures trigger the other one, which waits for them.
        """
        if self._wiring is not Wiring.MASTER or any(stream.passed for stream in self._streams):
            return False
        firsts = [stream.frames[0].metadata for stream in self._streams]
        counts = [first.trigger_count for first in firsts]
        return counts[RSGR] == counts[GS] and counts[GS] in (0, 1)

    def _relate(self) -> None:
        """List the pairs, and fit the cameras' times to each other."""
        self._pairs = []
        self._clocks = None
        residuals_us: list[float] = []
        for found in self._matches:
            rsgr, gs = (
                [self._streams[camera].frames[place].metadata for place in track.indices[chosen]]
                for camera, track, chosen in (
                    (RSGR, found.rsgr, found.first),
                    (GS, found.gs, found.second),
                )
            )
            self._clocks = fit_clocks(
                _times_ns(rsgr, by_device=found.by_device),
                _times_ns(gs, by_device=found.by_device),
                drifts=found.by_device,
            )
            told_us = (self._clocks.residuals_ns / 1e3).tolist()
            residuals_us += told_us
            self._pairs += map(
                FramePair,
                (found.rsgr.indices[found.first] + self._streams[RSGR].passed).tolist(),
                (found.gs.indices[found.second] + self._streams[GS].passed).tolist(),
                rsgr,
                gs,
                told_us,
            )
        self._residuals_us = np.abs(residuals_us[-_RECENT_RESIDUALS:])
        self._pairs.sort(key=lambda pair: pair.rsgr_index)
        newest = itertools.accumulate((pair.gs_index for pair in self._pairs), max, initial=-1)
        self._pairs = [
            pair for pair, last in zip(self._pairs, newest, strict=False) if pair.gs_index > last
        ]

    # Report

    def report(self) -> PairingReport:
        """Result of pairing so far; residuals are of the last two thousand pairs."""
        self._weigh()
        pairs = self._passed_pairs + len(self._pairs)
        if self._ended:
            decided = [stream.received for stream in self._streams]
        else:
            last = self._pairs[-1] if self._pairs else None
            newest = (last.rsgr_index, last.gs_index) if last else (-1, -1)
            decided = [
                max(stream.passed, newest[camera] + 1)
                for camera, stream in enumerate(self._streams)
            ]
        p50, p99 = self._residuals()
        synchronous, text = self._verdict
        last_match = self._matches[-1] if self._matches else None
        by_device = last_match is not None and last_match.by_device
        return PairingReport(
            method=self._method(),
            pairs=pairs,
            unmatched=(decided[RSGR] - pairs, decided[GS] - pairs),
            overruns=(self._streams[RSGR].overruns, self._streams[GS].overruns),
            residual_us_p50=p50,
            residual_us_p99=p99,
            tolerance_us=TOLERANCE_PERIODS * last_match.period_ns / 1e3 if last_match else None,
            offset_us=self._clocks.offset_us if self._clocks else None,
            drift_ppm=self._clocks.drift_ppm if self._clocks and by_device else None,
            learnt_anew=self._learnt_anew,
            clock_steps=(self._streams[RSGR].clock.steps, self._streams[GS].clock.steps),
            synchronous=synchronous,
            text=text,
        )

    def _residuals(self) -> tuple[float, float]:
        if not self._residuals_us.size:
            return math.nan, math.nan
        p50, p99 = np.percentile(self._residuals_us, [50, 99])
        return float(p50), float(p99)

    def _method(self) -> PairingMethod | None:
        """By what the pairs are told; a counter counts where all pairs but a few agree."""
        if not self._matches:
            return None
        offsets = [
            second - first
            for found in self._matches
            for first, second in zip(
                _trigger_counts(found.rsgr, self._wiring is Wiring.MASTER)[found.first],
                found.gs.counts[found.second],
                strict=True,
            )
            if not math.isnan(second - first)
        ]
        if offsets and offsets.count(float(np.median(offsets))) > 0.5 * len(self._pairs):
            return PairingMethod.TRIGGER_COUNT
        by_device = all(each.by_device for each in self._matches)
        return PairingMethod.DEVICE_TIME if by_device else PairingMethod.HOST_TIME

    def _judged(self) -> tuple[bool | None, str]:
        """Whether the cameras expose on one trigger (None: not proven), and the reason."""
        if self._wiring is Wiring.SOFTWARE:
            return False, "not synchronous: each camera gets its own software trigger"
        matches, pairs = self._matches, self._passed_pairs + len(self._pairs)
        if not matches or pairs < _FEW_PAIRS:
            return None, f"{pairs} pairs are too few to tell whether one trigger drives both"
        longest = max(matches, key=len)
        period_us = longest.period_ns / 1e3
        by_device = all(each.by_device for each in matches)
        _, p99_us = self._residuals()
        if _runs_away(longest):
            return False, (
                "the cameras' own times drift apart faster than clocks do: each runs at a rate of "
                "its own, they are not on one trigger"
            )
        if by_device:
            if p99_us > period_us / 10:
                return False, (
                    f"the cameras' own times scatter by {p99_us:.0f} us (p99) against each other: "
                    "they are not on one trigger, or tell times of arrival"
                )
            found = f"the cameras' own times agree within {p99_us:.1f} us (p99)"
            if p99_us > max(_SYNCHRONOUS_US, period_us / 100):
                return None, f"{found}, too much to prove one trigger" + self._doubt()
        else:
            method = self._method()
            found = (
                "at least one camera does not tell its time: paired by "
                f"{method.value if method else 'nothing'}, delivered within {p99_us:.0f} us (p99) "
                "of each other"
            )
        if self._wiring is None:
            return None, f"{found}; how the cameras are wired is not stated" + self._doubt()
        unproven = [each for each in matches if not _is_proven(each)]
        if unproven:
            return None, f"{found}; {_why_unproven(unproven[0])}" + self._doubt()
        named = dict.fromkeys(name for each in matches for name in each.excluded_by)
        return True, (
            f"{found}, wired by {self._wiring.value} trigger; that they are off by one is excluded "
            f"by {' and '.join(named)}" + self._doubt()
        )

    def _doubt(self) -> str:
        """Further warnings about the pairs for the operator."""
        text = ""
        for name, stream in zip(("RSGR", "GS"), self._streams, strict=True):
            if stream.clock.steps:
                often = times_text(stream.clock.steps)
                text += f"; the {name} camera's clock stepped {often}, then it was related anew"
        pairs = self._passed_pairs + len(self._pairs)
        unmatched = max(stream.received for stream in self._streams) - pairs
        if unmatched > pairs:
            text += (
                f"; more frames of a camera are without partner ({unmatched}) than paired "
                f"({pairs}): look at losses and rates"
            )
        return text


def _times_ns(frames: list[FrameMetadata], *, by_device: bool) -> NDArray[np.int64]:
    if by_device:
        return np.array([frame.device_time_ns for frame in frames], np.int64)
    return np.array([frame.host_time_ns for frame in frames], np.int64)


def _trigger_counts(track: CameraTrack, counts_frames: bool) -> NDArray[np.float64]:
    """Counts of the triggers that the other camera sees: a master's exposures."""
    return track.sequences.astype(np.float64) if counts_frames else track.counts


def _agreeing_by_numbers(matches: list[Match]) -> list[Match]:
    """Where a clock steps, frame numbers go on: what they contradict is marked.

    From the longest proven stretch outwards. A missed edge at the very step is taken for a
    contradiction, and costs a stretch.
    """
    if len(matches) < 2:
        return matches
    ordered = sorted(matches, key=lambda each: int(each.rsgr.indices[each.first[0]]))
    sure = max(range(len(ordered)), key=lambda at: (_is_proven(ordered[at]), len(ordered[at])))
    for places, at_end in (
        (range(sure + 1, len(ordered)), True),
        (range(sure - 1, -1, -1), False),
    ):
        known = numbered_apart(ordered[sure], at_end=at_end)
        doubts = (ordered[sure].rsgr.doubts, ordered[sure].gs.doubts)
        for place in places:
            found = ordered[place]
            doubted = (found.rsgr.doubts, found.gs.doubts) != doubts
            if not doubted and numbered_apart(found, at_end=not at_end) == known:
                known = numbered_apart(found, at_end=at_end)
            else:
                ordered[place] = replace(
                    found, contradicted_by=(*found.contradicted_by, "frame numbers")
                )
    return ordered


def _without_unproven(matches: list[Match]) -> list[Match]:
    """Where most pairs are proven, those that are not are left out."""
    proven = [each for each in matches if _is_proven(each)]
    pairs = sum(len(each) for each in matches)
    if sum(len(each) for each in proven) >= (1 - _SPARE_SHARE) * pairs:
        return proven
    return matches


def _is_proven(found: Match) -> bool:
    if "uneven triggers" in found.excluded_by:
        return True
    return bool(found.excluded_by) and not found.contradicted_by


def _runs_away(found: Match) -> bool:
    times_ns = found.rsgr.instants_ns[found.first]
    apart_ns = abs(found.drift_ppm) * 1e-6 * float(times_ns[-1] - times_ns[0])
    return abs(found.drift_ppm) > _APART_PPM and apart_ns > 0.5 * found.period_ns


def _why_unproven(found: Match) -> str:
    """Why all pairs of it may be off by one, and what would settle it."""
    if found.contradicted_by:
        return (
            f"deliveries and {' and '.join(found.contradicted_by)} say different things, all pairs "
            "may be off by one: record again, on a less busy computer"
        )
    if not (found.rsgr.shows_delay and found.gs.shows_delay):
        return (
            "too few frames came on time to exclude that all pairs are off by one: record longer, "
            "or on a less busy computer"
        )
    return (
        f"frames are delivered {abs(found.apart_ns) / found.period_ns:.2f} periods apart: all "
        "pairs may be off by one, lower the frame rate to be sure"
    )


def known_delivery_us(rsgr: SensorTiming | None, gs: SensorTiming | None) -> tuple[float, float]:
    """Time from the start of an exposure to the delivery of each camera, as far as known.

    Only the difference of the two matters: both have to be known.
    """
    if rsgr is None or gs is None:
        return 0.0, 0.0
    return rsgr.shortest_period_us(), gs.shortest_period_us()


def pair_frames(
    rsgr: Sequence[FrameMetadata],
    gs: Sequence[FrameMetadata],
    wiring: Wiring | None = None,
    delivery_us: tuple[float, float] = (0.0, 0.0),
) -> Pairing:
    """Pair two whole streams, such as those of a recording; see :class:`Pairer`."""
    pairer = Pairer(wiring, delivery_us)
    for camera, frames in ((RSGR, rsgr), (GS, gs)):
        for frame in frames:
            pairer.add(camera, frame)
    pairs = pairer.finish()
    paired = {pair.rsgr_index for pair in pairs}, {pair.gs_index for pair in pairs}
    alone = tuple(
        tuple(index for index in range(len(frames)) if index not in taken)
        for frames, taken in zip((rsgr, gs), paired, strict=True)
    )
    return Pairing(tuple(pairs), (alone[0], alone[1]), pairer.report())
