"""Pair quality of a recording: figures and a verdict, for a script and for a terminal."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.recordings.aligned_pairs import PairedRecording, assessed
from calibration.pair_quality import AlignedPair, PairQuality, pair_quality
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


@dataclass(frozen=True)
class PairReport:
    """Everything of one recording; ``sample`` is the first pair looked at."""

    paired: PairedRecording
    quality: PairQuality
    verdict: Verdict
    sample: AlignedPair

    def document(self) -> dict[str, Any]:
        """For JSON."""
        report = self.paired.pairing.report
        return {
            "verdict": self.verdict.model_dump(mode="json"),
            "pairs": report.pairs,
            "unmatched": {"rsgr": report.unmatched[0], "gs": report.unmatched[1]},
            "overruns": {"rsgr": report.overruns[0], "gs": report.overruns[1]},
            "method": None if report.method is None else report.method.value,
            "synchronous": report.synchronous,
            "residual_us_p99": report.residual_us_p99,
            "quality": self.quality.model_dump(mode="json"),
        }

    def lines(self) -> list[str]:
        """For a person, in a terminal."""
        report, quality = self.paired.pairing.report, self.quality
        return [
            f"pairs: {report.pairs}, without partner {report.unmatched[0]} + {report.unmatched[1]}"
            f"; {report.text}",
            f"still part {quality.still_share:.0%}; GS beside RSGR "
            f"{number_text(quality.displacement_p50_px, 'px')} median, "
            f"{number_text(quality.displacement_p95_px, 'px')} p95",
            f"light differs by at most {_percent(_worst(quality.light_difference))} in a band of "
            f"rows; differences are {number_text(quality.difference_noises, 'times noise')}",
            f"saturated: {max(quality.saturated):.2%} in the worst rows; sharpness of GS over RSGR "
            f"{number_text(quality.sharpness, '')}",
            f"verdict: {self.verdict}",
        ]


def assess(paired: PairedRecording) -> PairReport:
    """Look at pairs spread over the recording; raises :class:`InstrumentError` without any."""
    neighbours = [
        (first, *(run[min(place + later, len(run) - 1)] for later in _LATER))
        for run in paired.runs(2, len(paired.pairing.pairs) + 2)
        for place, first in enumerate(run[: max(1, len(run) - max(_LATER))])
    ]
    step = max(1, len(neighbours) // LOOKED_AT)
    wanted = neighbours[::step][:LOOKED_AT]
    looked_at = [
        tuple(assessed(paired, aligned) for aligned in paired.read(pairs)) for pairs in wanted
    ]
    quality = pair_quality(looked_at)
    return PairReport(paired, quality, _judge(paired, quality), looked_at[0][0])


def _judge(paired: PairedRecording, quality: PairQuality) -> Verdict:
    """Fit to train on: pairing and calibration count as much as the pictures."""
    report = paired.pairing.report
    found = Findings()
    (found.redo if quality.verdict.grade is Grade.REDO else found.usable).extend(
        quality.verdict.reasons
    )
    if report.synchronous is False:
        found.redo.append(report.text)
    elif report.synchronous is None:
        found.usable.append(report.text)
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
    if paired.beyond_geometry > _MOST_BEYOND:
        found.usable.append(
            f"{paired.beyond_geometry:.0%} of the picture lies outside the region geometry was "
            f"calibrated with, limit {_MOST_BEYOND:.0%}; calibrate with all that is recorded"
        )
    for name, verdict in paired.rig.verdicts():
        if verdict.grade is Grade.REDO:
            found.redo.append(f"calibrate {name} again: {'; '.join(verdict.reasons)}")
    return found.verdict


def _worst(values: Sequence[float | None]) -> float | None:
    known = [abs(value) for value in values if value is not None]
    return max(known) if known else None


def number_text(value: float | None, unit: str) -> str:
    """A figure and its unit, or that it is not to be told."""
    return "not to be told" if value is None else f"{value:.3f} {unit}".rstrip()


def _percent(value: float | None) -> str:
    return "nothing known" if value is None else f"{value:.2%}"
