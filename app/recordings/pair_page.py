"""The page of ``ngs verify --report``: the figures of pairs, with pictures to judge them by."""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np

from app.html_page import html_page
from app.recordings.aligned_pairs import PairedRecording
from app.recordings.pair_report import PairReport, number_text
from calibration.pair_quality import AlignedPair
from drivers.atomic_file import write_file
from drivers.plain_text import utf8
from drivers.srgb import srgb_codes

_TEMPLATE = Path(__file__).with_name("pair_page.html")
_SHOWN_DIFFERENCE = 10.0
"""Noises at which the picture of differences is black or white."""
_MAGNIFIED = 100
"""Length of an arrow over the displacement it shows; a cell of the map is 100 units wide."""


def write_page(report: PairReport, path: Path) -> None:
    """Write the report as one HTML page with its pictures inside, whole or not at all."""
    write_file(path, _page(report).encode())


def _page(report: PairReport) -> str:
    paired, quality = report.paired, report.quality
    info = paired.recording.info
    return html_page(
        _TEMPLATE,
        name=utf8(paired.recording.folder.resolve().name),
        recorded="; ".join(
            part for part in (f"{info.started:%Y-%m-%d %H:%M} UTC", info.note) if part
        ),
        verdict=report.verdict,
        figures=_figures(report),
        magnified=_MAGNIFIED,
        displacement_px=quality.displacement_px,
        light_difference=_curve(quality.light_difference),
        saturated=_curve(quality.saturated),
        pictures=list(_pictures(report.sample)),
        calibrated=f"{paired.rig.created:%Y-%m-%d %H:%M} UTC",
        calibration=[
            (name, f"{verdict.grade.value} {'; '.join(verdict.reasons)}")
            for name, verdict in paired.rig.verdicts()
        ],
        version=version("neural-global-shutter"),
    )


def _figures(report: PairReport) -> list[tuple[str, str]]:
    """Rows of the table: what, and how much."""
    quality, pairing = report.quality, report.paired.pairing.report
    return [
        ("pairs", f"{pairing.pairs}, by {pairing.method.value if pairing.method else '-'}"),
        ("without partner", f"RSGR {pairing.unmatched[0]}, GS {pairing.unmatched[1]}"),
        ("trigger overruns", f"RSGR {pairing.overruns[0]}, GS {pairing.overruns[1]}"),
        ("synchronous", pairing.text),
        (
            "times agree",
            f"{pairing.residual_us_p50:.1f} us median, {pairing.residual_us_p99:.1f} us p99",
        ),
        ("motion", report.motion.text),
        ("GS exposure begins, calibrated", _delay(report.paired)),
        ("GS exposure begins, in these pictures", report.delay_text),
        ("still part", f"{quality.still_share:.1%} of {quality.pairs} pairs looked at"),
        (
            "GS beside RSGR",
            f"{number_text(quality.displacement_p50_px, 'px')} median, "
            f"{number_text(quality.displacement_p95_px, 'px')} p95",
        ),
        ("difference where nothing moves", number_text(quality.difference_noises, "x noise")),
        ("sharpness of GS over RSGR", number_text(quality.sharpness, "")),
    ]


def _delay(paired: PairedRecording) -> str:
    calibrated, delay_us = paired.rig.exposure_delay, paired.view.delay_us
    if calibrated is None or delay_us is None:
        return "not calibrated for this wiring"
    later = "later" if delay_us >= 0 else "earlier"
    return f"{abs(delay_us):.1f} ± {calibrated.delay_error_us:.1f} us {later} than RSGR"


def _pictures(sample: AlignedPair) -> Iterator[tuple[str, str]]:
    """Caption of each picture, and its PNG in base 64."""
    scale = 1.0 / max(1e-6, float(np.percentile(sample.gs[sample.valid], 99.5)))
    difference = np.where(
        sample.valid, (sample.rsgr - sample.gs) / np.maximum(sample.noise, 1e-6), 0.0
    )
    for caption, codes in (
        ("RSGR, row gain applied", srgb_codes(np.asarray(sample.rsgr * scale, np.float64))),
        ("GS, aligned", srgb_codes(np.asarray(sample.gs * scale, np.float64))),
        (
            f"RSGR - GS, grey = equal, black and white = {_SHOWN_DIFFERENCE:g} times the noise",
            np.clip(127.5 + 127.5 * difference / _SHOWN_DIFFERENCE, 0, 255).astype(np.uint8),
        ),
    ):
        _, png = cv2.imencode(".png", codes)
        yield caption, base64.b64encode(png.tobytes()).decode()


@dataclass(frozen=True, slots=True)
class _Curve:
    """Values by band of rows, in the units of the drawing: 660 wide and 170 high."""

    points: str
    zero_y: str
    highest: str
    lowest: str


def _curve(shares: Sequence[float | None]) -> _Curve | None:
    """Shares as percent, with their extremes named; None where none is known."""
    known = [100.0 * share for share in shares if share is not None]
    if not known:
        return None
    low, high = min(0.0, *known), max(0.0, *known)
    span = max(high - low, 1e-6)
    step = 600.0 / max(1, len(shares) - 1)
    points = " ".join(
        f"{40 + step * place:.1f},{150 - 130 * (100.0 * share - low) / span:.1f}"
        for place, share in enumerate(shares)
        if share is not None
    )
    return _Curve(points, f"{150 - 130 * (0 - low) / span:.1f}", f"{high:.2f} %", f"{low:.2f} %")
