"""Pair quality of a recording: figures, and a page with pictures to judge it by."""

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from app.recordings.aligned_pairs import PairedRecording, assessed
from calibration.pair_quality import AlignedPair, PairQuality, pair_quality
from calibration.verdict import Findings, Grade, Verdict
from drivers.atomic_file import write_file
from drivers.srgb import srgb_codes

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

_COLOURS = {Grade.GOOD: "#2e7d4f", Grade.USABLE: "#b7791f", Grade.REDO: "#c0392b"}
_SHOWN_DIFFERENCE = 10.0
"""Noises at which the picture of differences is black or white."""


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
            f"{_number(quality.displacement_p50_px, 'px')} median, "
            f"{_number(quality.displacement_p95_px, 'px')} p95",
            f"light differs by at most {_percent(_worst(quality.light_difference))} in a band of "
            f"rows; differences are {_number(quality.difference_noises, 'times noise')}",
            f"saturated: {max(quality.saturated):.2%} in the worst rows; sharpness of GS over RSGR "
            f"{_number(quality.sharpness, '')}",
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


def write_page(report: PairReport, path: Path) -> None:
    """Write the report as one HTML page with its pictures inside, whole or not at all."""
    write_file(path, _page(report).encode())


def _page(report: PairReport) -> str:
    quality, pairing = report.quality, report.paired.pairing.report
    info = report.paired.recording.info
    title = html.escape(report.paired.recording.folder.resolve().name)
    sample = report.sample
    scale = 1.0 / max(1e-6, float(np.percentile(sample.gs[sample.valid], 99.5)))
    difference = np.where(
        sample.valid, (sample.rsgr - sample.gs) / np.maximum(sample.noise, 1e-6), 0.0
    )
    pictures = [
        ("RSGR, row gain applied", srgb_codes(np.asarray(sample.rsgr * scale, np.float64))),
        ("GS, aligned", srgb_codes(np.asarray(sample.gs * scale, np.float64))),
        (
            f"RSGR - GS, grey = equal, black and white = {_SHOWN_DIFFERENCE:g} times the noise",
            np.clip(127.5 + 127.5 * difference / _SHOWN_DIFFERENCE, 0, 255).astype(np.uint8),
        ),
    ]
    reasons = "".join(f"<li>{html.escape(reason)}</li>" for reason in report.verdict.reasons)
    steps = "".join(
        _row(name, f"{verdict.grade.value} {html.escape('; '.join(verdict.reasons))}")
        for name, verdict in report.paired.rig.verdicts()
    )
    figures = "".join(
        _row(name, html.escape(text))
        for name, text in (
            ("pairs", f"{pairing.pairs}, by {pairing.method.value if pairing.method else '-'}"),
            ("without partner", f"RSGR {pairing.unmatched[0]}, GS {pairing.unmatched[1]}"),
            ("trigger overruns", f"RSGR {pairing.overruns[0]}, GS {pairing.overruns[1]}"),
            ("synchronous", pairing.text),
            (
                "times agree",
                f"{pairing.residual_us_p50:.1f} us median, {pairing.residual_us_p99:.1f} us p99",
            ),
            ("GS exposure begins", _delay(report.paired)),
            ("still part", f"{quality.still_share:.1%} of {quality.pairs} pairs looked at"),
            (
                "GS beside RSGR",
                f"{_number(quality.displacement_p50_px, 'px')} median, "
                f"{_number(quality.displacement_p95_px, 'px')} p95",
            ),
            ("difference where nothing moves", _number(quality.difference_noises, "x noise")),
            ("sharpness of GS over RSGR", _number(quality.sharpness, "")),
        )
    )
    recorded = "; ".join(
        part for part in (f"{info.started:%Y-%m-%d %H:%M} UTC", html.escape(info.note)) if part
    )
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Pairs of {title}</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 68rem;
  padding: 0 1.5rem; color: #222; }}
h1 {{ font-size: 1.4rem; margin-bottom: 0; }} h2 {{ font-size: 1.1rem; margin-top: 2rem; }}
.verdict {{ display: inline-block; padding: .2rem .9rem; border-radius: 1rem; color: #fff;
  background: {_COLOURS[report.verdict.grade]}; font-weight: 600; }}
table {{ border-collapse: collapse; }} td {{ padding: .15rem 1.2rem .15rem 0;
  vertical-align: top; }} td:first-child {{ color: #666; white-space: nowrap; }}
figure {{ margin: 0 0 1rem; }} figcaption {{ color: #666; font-size: .85rem; }}
img {{ width: 100%; image-rendering: auto; border: 1px solid #ddd; }}
.three {{ display: grid; grid-template-columns: repeat(3, 1fr); gap: 1rem; }}
.two {{ display: grid; grid-template-columns: repeat(2, 1fr); gap: 1.5rem; }}
.quiet {{ color: #666; }} svg {{ width: 100%; height: auto; }}
</style></head><body>
<h1>Pairs of {title}</h1>
<p class="quiet">{recorded}</p>
<p><span class="verdict">{report.verdict.grade.value}</span> fit to train on?</p>
<ul>{reasons}</ul>
<h2>Figures</h2><table>{figures}</table>
<h2>Where GS lies beside RSGR</h2>
<p class="quiet">Arrows are 100 times as long as the displacement; cells without one have no
still texture.</p>{_arrows(quality.displacement_px)}
<h2>By row, top to bottom</h2>
<div class="two"><figure>{_curve(quality.light_difference, 100.0, "%")}
<figcaption>light: (RSGR - GS) / GS in percent, still part</figcaption></figure>
<figure>{_curve(quality.saturated, 100.0, "%")}
<figcaption>share of saturated pixels in percent</figcaption></figure></div>
<h2>One pair</h2><div class="three">{"".join(_figure(*each) for each in pictures)}</div>
<h2>Calibration of {report.paired.rig.created:%Y-%m-%d %H:%M} UTC</h2><table>{steps}</table>
<p class="quiet">ngs {version("neural-global-shutter")}</p>
</body></html>
"""


def _delay(paired: PairedRecording) -> str:
    delay = paired.rig.exposure_delay
    if delay is None:
        return "not calibrated"
    later = "later" if delay.delay_us >= 0 else "earlier"
    return f"{abs(delay.delay_us):.1f} ± {delay.delay_error_us:.1f} us {later} than RSGR"


def _row(name: str, text: str) -> str:
    return f"<tr><td>{html.escape(name)}</td><td>{text}</td></tr>"


def _figure(caption: str, picture: NDArray[np.uint8]) -> str:
    _, png = cv2.imencode(".png", picture)
    data = base64.b64encode(png.tobytes()).decode()
    return (
        f'<figure><img alt="{html.escape(caption)}" src="data:image/png;base64,{data}">'
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
    )


def _arrows(cells: Sequence[Sequence[tuple[float, float] | None]]) -> str:
    """A map of displacements, 100 units a cell, 100 times as long as they are."""
    rows, columns = len(cells), len(cells[0])
    marks = []
    for row, line in enumerate(cells):
        for column, cell in enumerate(line):
            x, y = 100 * column + 50, 100 * row + 50
            if cell is None:
                marks.append(f'<circle cx="{x}" cy="{y}" r="3" fill="#ccc"/>')
                continue
            along_x, along_y = (100.0 * value for value in cell)
            marks.append(
                f'<line x1="{x}" y1="{y}" x2="{x + along_x:.1f}" y2="{y + along_y:.1f}" '
                f'stroke="#1f6f8b" stroke-width="4"/><circle cx="{x}" cy="{y}" r="6" '
                'fill="#1f6f8b"/>'
            )
    grid = "".join(
        f'<rect x="{100 * column}" y="{100 * row}" width="100" height="100" fill="none" '
        'stroke="#e5e5e5"/>'
        for row in range(rows)
        for column in range(columns)
    )
    return (
        f'<svg viewBox="0 0 {100 * columns} {100 * rows}" role="img" style="max-width: 44rem">'
        f"{grid}{''.join(marks)}</svg>"
    )


def _curve(values: Sequence[float | None], factor: float, unit: str) -> str:
    """Values by band of rows as a curve with its extremes named."""
    known = [factor * value for value in values if value is not None]
    if not known:
        return '<p class="quiet">nothing could be measured</p>'
    low, high = min(0.0, *known), max(0.0, *known)
    span = max(high - low, 1e-6)
    step = 600.0 / max(1, len(values) - 1)
    points = " ".join(
        f"{40 + step * place:.1f},{150 - 130 * (factor * value - low) / span:.1f}"
        for place, value in enumerate(values)
        if value is not None
    )
    zero = 150 - 130 * (0 - low) / span
    return (
        '<svg viewBox="0 0 660 170" role="img">'
        f'<line x1="40" x2="640" y1="{zero:.1f}" y2="{zero:.1f}" stroke="#ccc"/>'
        f'<polyline points="{points}" fill="none" stroke="#1f6f8b" stroke-width="3"/>'
        f'<text x="0" y="24" font-size="13" fill="#666">{high:.2f} {unit}</text>'
        f'<text x="0" y="165" font-size="13" fill="#666">{low:.2f} {unit}</text></svg>'
    )


def _worst(values: Sequence[float | None]) -> float | None:
    known = [abs(value) for value in values if value is not None]
    return max(known) if known else None


def _number(value: float | None, unit: str) -> str:
    return "not to be told" if value is None else f"{value:.3f} {unit}".rstrip()


def _percent(value: float | None) -> str:
    return "nothing known" if value is None else f"{value:.2%}"
