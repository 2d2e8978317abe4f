"""Pair quality of a recording: figures and a verdict, for a script and for a terminal."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.recordings.aligned_pairs import PairedRecording
from app.recordings.pair_motion import PairMotion, pair_motion
from calibration.pair_quality import AlignedPair, PairQuality, pair_quality
from calibration.temporal.exposure_delay import judge_exposures
from calibration.verdict import Findings, Grade, Verdict

LOOKED_AT = 16
"""Pairs assessed, evenly over the recording."""

_LATER = (3, 8)
"""Frames from a pair to those it is compared with.

What moves slowly shows after many; what repeats, as a belt's pattern, may look the same
after one number of frames but not after both.
"""

_LOSSES = 0.01
"""Share of frames without a partner beyond which a recording is only usable."""

_MOST_BEYOND = 0.02

_UNKNOWN_MAP_PX = 0.5
"""How far GS may lie beside RSGR where nothing stands still to tell."""

_DELAY_ERRORS = 4.0
_SHIFT_LIMITS_PX = (0.15, 0.5)
"""Good and usable limit of what a known delay moves things by."""


@dataclass(frozen=True)
class PairReport:
    """Everything of one recording; ``sample`` is the first pair looked at."""

    paired: PairedRecording
    quality: PairQuality
    motion: PairMotion
    verdict: Verdict
    sample: AlignedPair

    @property
    def synchronous(self) -> bool | None:
        """What deliveries, clocks and counters say; where they do not, the pictures."""
        return _synchronous(self.paired, self.motion)

    @property
    def unfit(self) -> bool:
        """Whether nobody should train on them."""
        return self.verdict.grade is Grade.REDO

    @property
    def delay_text(self) -> str:
        """What the motion tells of the exposure delay."""
        delay = self.motion.delay
        if self.motion.wrong:
            return "not to be told, as these pictures are not of one instant"
        if delay is None:
            return "not to be told from the pictures, too little moves"
        return (
            f"GS begins {delay.delay_us:.0f} ± {delay.delay_error_us:.0f} us after RSGR, from "
            f"{delay.cells} moving places of up to {delay.speed_px_per_s:.0f} px/s"
        )

    def document(self) -> dict[str, Any]:
        """For JSON."""
        report = self.paired.pairing.report
        return {
            "verdict": self.verdict.model_dump(mode="json"),
            "pairs": report.pairs,
            "unmatched": {"rsgr": report.unmatched[0], "gs": report.unmatched[1]},
            "overruns": {"rsgr": report.overruns[0], "gs": report.overruns[1]},
            "method": None if report.method is None else report.method.value,
            "synchronous": self.synchronous,
            "residual_us_p99": report.residual_us_p99,
            "quality": self.quality.model_dump(mode="json"),
            "motion": self.motion.document(),
        }

    def lines(self) -> list[str]:
        """For a person, in a terminal."""
        report, quality = self.paired.pairing.report, self.quality
        return [
            f"pairs: {report.pairs}, without partner {report.unmatched[0]} + {report.unmatched[1]}"
            f"; {report.text}",
            f"motion: {self.motion.text}",
            f"delay: {self.delay_text}",
            f"still part {quality.still_share:.0%}; GS beside RSGR "
            f"{number_text(quality.displacement_p50_px, 'px')} median, "
            f"{number_text(quality.displacement_p95_px, 'px')} p95",
            f"light differs by at most {_percent(_worst(quality.light_difference))} in a band of "
            f"rows; differences are {number_text(quality.difference_noises, 'times noise')}",
            f"saturated: {max(quality.saturated):.2%} in the worst rows; sharpness of GS over RSGR "
            f"{number_text(quality.sharpness, '')}",
            f"verdict: {self.verdict}",
        ]


def assess(
    paired: PairedRecording, on_progress: Callable[[int, int], None] = lambda done, total: None
) -> PairReport:
    """Look at pairs spread over the recording; raises :class:`InstrumentError` without any.

    ``on_progress`` gets stretches looked at and stretches in all.
    """
    neighbours = [
        (first, *(run[min(place + later, len(run) - 1)] for later in _LATER))
        for run in paired.runs(2, len(paired.pairing.pairs) + 2)
        for place, first in enumerate(run[: max(1, len(run) - max(_LATER))])
    ]
    step = max(1, len(neighbours) // LOOKED_AT)
    wanted = neighbours[::step][:LOOKED_AT]
    looked_at = [
        tuple(paired.view.aligned(each.rsgr, each.gs) for each in paired.read(pairs))
        for pairs in wanted
    ]
    quality = pair_quality(looked_at)
    known_px = quality.displacement_p95_px
    motion = pair_motion(paired, _UNKNOWN_MAP_PX if known_px is None else known_px, on_progress)
    verdict = _judge(paired, quality, motion)
    return PairReport(paired, quality, motion, verdict, looked_at[0][0])


def _synchronous(paired: PairedRecording, motion: PairMotion) -> bool | None:
    if motion.wrong:
        return False
    told = paired.pairing.report.synchronous
    return True if told is None and motion.proven else told


def _judge(paired: PairedRecording, quality: PairQuality, motion: PairMotion) -> Verdict:
    """Fit to train on: pairing and calibration count as much as the pictures."""
    report = paired.pairing.report
    found = Findings()
    (found.redo if quality.verdict.grade is Grade.REDO else found.usable).extend(
        quality.verdict.reasons
    )
    if motion.wrong:
        found.redo.append(f"{motion.text}; record again")
    if report.synchronous is False:
        found.redo.append(report.text)
    elif _synchronous(paired, motion) is None:
        found.usable.append(f"{report.text}; {motion.text}")
    judge_exposures(paired.view.timing.exposure_us, paired.view.gs_exposure_us, found)
    _judge_delay(paired, motion, found)
    lost = sum(report.unmatched) / max(1, 2 * report.pairs + sum(report.unmatched))
    if lost > _LOSSES:
        found.usable.append(
            f"{lost:.1%} of the frames have no partner: look at losses and triggers"
        )
    if any(report.overruns):
        found.usable.append(
            f"triggers were ignored ({report.overruns[0]} by RSGR, {report.overruns[1]} by GS): "
            "lower the frame rate"
        )
    if paired.view.beyond_geometry > _MOST_BEYOND:
        found.usable.append(
            f"{paired.view.beyond_geometry:.0%} of the picture lies outside the region geometry "
            f"was calibrated with, limit {_MOST_BEYOND:.0%}; calibrate with all that is recorded"
        )
    for name, verdict in paired.rig.verdicts():
        if verdict.grade is Grade.REDO:
            found.redo.append(f"calibrate {name} again: {'; '.join(verdict.reasons)}")
    return found.verdict


def _judge_delay(paired: PairedRecording, motion: PairMotion, found: Findings) -> None:
    """Compare the delay left with the one calibrated, and grade it by what moves."""
    seen, calibrated, expected_us = motion.delay, paired.rig.exposure_delay, paired.view.delay_us
    if calibrated is None:
        return
    if expected_us is None:
        found.usable.append(
            "the exposure delay was calibrated with another wiring and is not known for this one; "
            "calibrate exposure-delay with the wiring of the recording"
        )
    elif seen is not None:
        apart_us = abs(seen.delay_us - expected_us)
        error_us = float(np.hypot(seen.delay_error_us, calibrated.delay_error_us))
        if apart_us > _DELAY_ERRORS * error_us and apart_us > seen.tolerance_us:
            found.redo.append(
                f"the GS exposures begin {seen.delay_us:.0f} ± {seen.delay_error_us:.0f} us after "
                f"the RSGR exposures, {expected_us:.0f} us were calibrated: wiring or trigger "
                "delay changed; calibrate exposure-delay again, and record again"
            )
        shift_px = abs(expected_us) * seen.speed_px_per_s * 1e-6
        found.limit(
            shift_px,
            _SHIFT_LIMITS_PX,
            f"what moves lies up to {shift_px:.2f} px beside, as the exposures begin "
            f"{expected_us:.0f} us apart; ngs calibrate exposure-delay --compensate, then record "
            "again",
        )


def _worst(values: Sequence[float | None]) -> float | None:
    known = [abs(value) for value in values if value is not None]
    return max(known) if known else None


def number_text(value: float | None, unit: str) -> str:
    """A figure and its unit, or that it is not to be told."""
    return "not to be told" if value is None else f"{value:.3f} {unit}".rstrip()


def _percent(value: float | None) -> str:
    return "nothing known" if value is None else f"{value:.2%}"
