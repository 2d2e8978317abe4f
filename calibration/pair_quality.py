"""Quality of recorded pairs for training: alignment in place, light and time.

The pairs are assessed as they will be exported: the RSGR frame with row gain applied, the GS
frame warped onto its pixels and matched to its light. Where nothing moves, both show the same
within noise. The difference beyond noise is the rig's error.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from calibration.radiometric.temporal_noise import FINE_SHARE
from calibration.robust_spread import robust_spread
from calibration.verdict import Findings, Verdict
from drivers.errors import InstrumentError

BANDS = 16
GRID = (9, 12)
"""Rows and columns of the map of displacements."""

_STILL_NOISES = 4.0
"""Largest change between neighbouring frames, in units of its noise, that counts as still."""
_SMOOTH_PX = 5
"""Side of the square over which change is averaged before it is judged."""
_LEAST_STILL = 0.05

_MEDIAN_SQUARE = 0.6
"""Median of the mean square of two normal deviates, 0.45 to 0.69 for unlike and like ones."""

_LENS_PX = 1.5
"""Standard deviation of a blur that hides the different resolution of two lenses."""

_EVEN_PX = 5
_EVEN_NOISES = 1.0
"""Largest local deviation of a picture, in units of their difference's noise; pure noise: 0.7."""

_DIM = 0.05
_EDGE = 0.05
"""Relative change of light per px above which a place is an edge.

Light is compared away from edges. Two lenses show an edge differently, one side brighter and
the other darker, and the still part may contain only one side.
"""
_EDGE_REACH_PX = 9
_EVEN_LIGHT = 0.005
"""Standard deviation of light below which a picture is of one brightness."""

_LEAST_OF_BAND = 0.01
_LEAST_BANDS = 4
_FLICKER_LIMITS = (0.05, 0.15)

_LEAST_TEXTURE = 60.0
"""Least root of the smaller eigenvalue of a cell's gradients over its noise, per px: it gives
the place of the cell to a sixtieth of a pixel."""

_P95_LIMITS_PX = (0.15, 0.5)
"""Good and usable limit; so are the next two."""
_LIGHT_LIMITS = (0.01, 0.03)
_NOISES_LIMITS = (1.3, 2.5)
_MOST_SATURATED = 0.05
_LIKENESS_LIMITS = (0.9, 0.6)
_SHARPNESS_LIMITS = (1.35, 1.8)
"""How many times as sharp one camera may be as the other."""

_CLEARLY = 25.0
"""Difference of chi-squares beyond which one of two models is clearly the better one."""


@dataclass(frozen=True)
class AlignedPair:
    """One pair on the RSGR camera's pixels; light 1.0 is the RSGR camera's saturation.

    ``rsgr`` (row gain applied) and ``gs`` are ``(rows, columns)`` float32, green light of a
    colour camera. ``noise`` is the expected standard deviation of their difference; with
    ``noise_is_least`` there is more, as no panel showed the noise of a camera's light. ``valid``
    is True inside the GS camera's view, ``clipped`` where a code of either was saturated.
    """

    rsgr: NDArray[np.float32]
    gs: NDArray[np.float32]
    noise: NDArray[np.float32]
    valid: NDArray[np.bool_]
    clipped: NDArray[np.bool_]
    noise_is_least: bool = False


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PairQuality(_Part):
    """Figures of :func:`pair_quality`; maps and bands run from top left to bottom.

    All but ``saturated`` are of the part that stands still. ``displacement_px`` is (x, y) of
    GS against RSGR by cell, None for a cell without texture. ``light_difference`` is
    (RSGR - GS) / GS by band of rows; the divisor is at least 5 % of full scale, because a
    fraction of a code is no mismatch in the dark. ``difference_noises`` is the root mean
    square difference of even places, in units of its expected noise. ``saturated`` is the
    share of clipped pixels by band. ``sharpness`` is the gradient of GS over that of RSGR:
    1 is as sharp. ``likeness`` is the correlation of both pictures, moving parts included.
    ``flicker`` is the typical change of brightness between frames. ``light_gain``
    is RSGR light over GS light, ``light_offset`` RSGR light less GS light, each if it is all.
    """

    pairs: int
    still_share: float
    displacement_px: tuple[tuple[tuple[float, float] | None, ...], ...]
    displacement_p50_px: float | None
    displacement_p95_px: float | None
    light_difference: tuple[float | None, ...]
    difference_noises: float | None
    saturated: tuple[float, ...]
    sharpness: float | None
    likeness: float | None = None
    flicker: float | None = None
    light_gain: float | None = None
    light_offset: float | None = None
    verdict: Verdict


def pair_quality(pairs: Sequence[Sequence[AlignedPair]]) -> PairQuality:
    """Assess pairs. Each is followed by some later pairs, which show what stands still.

    Raises :class:`InstrumentError` when there are none.
    """
    if not pairs:
        raise InstrumentError("no frame pairs to look at; record with both cameras triggered")
    pairs = [_with_seen_noise(each) for each in pairs]
    sums = [_Sums.of(pair, still_part(pair, *later)) for pair, *later in pairs]
    still_share = float(np.mean([each.still_share for each in sums]))
    displacements = _displacements(np.sum([each.normal for each in sums], axis=0))
    lengths = [float(np.hypot(*each)) for row in displacements for each in row if each is not None]
    light = np.sum([each.light for each in sums], axis=0)
    bands = tuple(
        None
        if count < _LEAST_OF_BAND * pixels
        else float(difference / max(reference, _DIM * count))
        for difference, reference, count, pixels in light
    )
    squares, count = np.sum([each.squares for each in sums], axis=0)
    gradients = np.sum([each.gradients for each in sums], axis=0)
    change = _LightChange.of(np.sum([each.line for each in sums], axis=0))
    quality = {
        "pairs": len(pairs),
        "still_share": still_share,
        "displacement_px": displacements,
        "displacement_p50_px": float(np.percentile(lengths, 50)) if lengths else None,
        "displacement_p95_px": float(np.percentile(lengths, 95)) if lengths else None,
        "light_difference": bands,
        "difference_noises": float(np.sqrt(squares / count)) if count else None,
        "saturated": tuple(float(x) for x in np.mean([each.saturated for each in sums], axis=0)),
        "sharpness": float(np.sqrt(gradients[0] / gradients[1])) if gradients[1] > 0 else None,
        "likeness": float(np.mean([_likeness(pair) for pair, *_ in pairs])),
        "flicker": max((_flicker(each) for each in pairs), default=0.0),
        "light_gain": None if change is None else change.gain,
        "light_offset": None if change is None else change.offset,
    }
    return PairQuality.model_validate({**quality, "verdict": _judge(quality, change)})


def _with_seen_noise(pairs: Sequence[AlignedPair]) -> Sequence[AlignedPair]:
    """The pairs with as much noise as their finest changes show, where it is not known."""
    pair, *later = pairs
    if not later or not pair.noise_is_least:
        return pairs
    seen = np.zeros(pair.noise.shape, np.float32)
    for before, after in ((pair.gs, later[0].gs), (pair.rsgr, later[0].rsgr)):
        change = after - before
        seen += (change - cv2.GaussianBlur(change, (0, 0), 1.0)) ** 2
    # Each change is of two noisy frames.
    ratio = float(np.median(seen / np.maximum(pair.noise, 1e-6) ** 2)) / (2 * FINE_SHARE)
    scale = max(1.0, np.sqrt(ratio / _MEDIAN_SQUARE))
    return [replace(each, noise=np.float32(scale) * each.noise) for each in pairs]


def still_part(pair: AlignedPair, *later: AlignedPair) -> NDArray[np.bool_]:
    """Mask of pixels that did not change in either camera and never clipped."""
    still = pair.valid & ~pair.clipped
    # Noise of the mean over a square, times sqrt(2): both frames of a camera are noisy.
    limit = _STILL_NOISES * pair.noise / _SMOOTH_PX * np.sqrt(2.0)
    for other in later:
        still &= ~other.clipped
        for before, after in ((pair.gs, other.gs), (pair.rsgr, other.rsgr)):
            change = cv2.blur(after - before, (_SMOOTH_PX, _SMOOTH_PX))
            still &= np.abs(change) < limit
    # Slow or even grey objects pass in some places: leave out their surroundings too.
    solid = cv2.erode(still.astype(np.uint8), np.ones((9, 9), np.uint8))
    return np.asarray(solid > 0)


@dataclass(frozen=True)
class _Sums:
    """Sums over one pair; those of several pairs are added.

    ``normal``: normal equations of (dx, dy, gain) by cell, ``(rows, columns, 3, 4)``.
    ``light``: sums of difference and reference, pixels compared and all pixels, by band.
    ``squares``: sum of the squared difference in units of noise, and the number of pixels.
    ``gradients``: sums of the squared gradients of GS and RSGR. ``line``: number of pixels where
    light is compared; there sums of weight, GS light, RSGR light, squared GS light, product and
    squared RSGR light, weighted by noise.
    """

    normal: NDArray[np.float64]
    light: NDArray[np.float64]
    squares: NDArray[np.float64]
    saturated: NDArray[np.float64]
    gradients: NDArray[np.float64]
    line: NDArray[np.float64]
    still_share: float

    @classmethod
    def of(cls, pair: AlignedPair, still: NDArray[np.bool_]) -> "_Sums":
        difference = (pair.rsgr - pair.gs).astype(np.float64)
        # Blur away the finest detail, which two lenses never resolve alike.
        rsgr, gs = (cv2.GaussianBlur(each, (0, 0), _LENS_PX) for each in (pair.rsgr, pair.gs))
        smooth = (rsgr - gs).astype(np.float64)
        both = ((rsgr + gs) / 2).astype(np.float64)
        noise = np.maximum(pair.noise, 1e-6) / (2 * np.sqrt(np.pi) * _LENS_PX)
        weight = np.where(still, 1.0 / noise**2, 0.0)
        along_x, along_y = np.gradient(both, axis=1), np.gradient(both, axis=0)
        normal = np.empty((*GRID, 3, 4))
        for row, rows in enumerate(_parts(both.shape[0], GRID[0])):
            for column, columns in enumerate(_parts(both.shape[1], GRID[1])):
                part = (rows, columns)
                terms = [each[part].ravel() for each in (along_x, along_y, both)]
                system = np.stack([*terms, smooth[part].ravel()])
                normal[row, column] = (system[:3] * weight[part].ravel()) @ system.T
        light, saturated = [], []
        plain = still & ~_edges(both)
        for rows in _parts(both.shape[0], BANDS):
            inside = plain[rows]
            light.append(
                [
                    difference[rows][inside].sum(),
                    pair.gs[rows][inside].sum(),
                    inside.sum(),
                    inside.size,
                ]
            )
            seen = pair.valid[rows]
            saturated.append(pair.clipped[rows][seen].mean() if seen.any() else 0.0)
        there, here, weight = (
            each[plain].astype(np.float64)
            for each in (pair.gs, pair.rsgr, 1.0 / np.maximum(pair.noise, 1e-6) ** 2)
        )
        line = [
            there.size,
            weight.sum(),
            weight @ there,
            weight @ here,
            weight @ there**2,
            weight @ (there * here),
            weight @ here**2,
        ]
        flat = plain & _even(pair)
        squares = (difference[flat] / pair.noise[flat]) ** 2
        gradients = [_gradient_power(each, pair.noise, still) for each in (pair.gs, pair.rsgr)]
        return cls(
            normal,
            np.array(light),
            np.array([squares.sum(), squares.size]),
            np.array(saturated),
            np.array(gradients),
            np.array(line),
            float(still.sum() / max(1, pair.valid.sum())),
        )


def _likeness(pair: AlignedPair) -> float:
    """Correlation of both pictures where both are valid and unclipped; 0 where nothing is."""
    usable = pair.valid & ~pair.clipped
    here, there = (
        cv2.GaussianBlur(each, (0, 0), _LENS_PX)[usable].astype(np.float64)
        for each in (pair.rsgr, pair.gs)
    )
    if here.size < 2 or min(here.std(), there.std()) < _EVEN_LIGHT:
        return 1.0 if here.size and abs(here.mean() - there.mean()) < _DIM else 0.0
    return float(np.corrcoef(here, there)[0, 1])


_LEAST_LIT = 0.2
"""Share of places that have to be lit to tell light that changes."""


def _flicker(pairs: Sequence[AlignedPair]) -> float:
    """Change of brightness between frames of the GS camera that all places share.

    0 where they change differently, as they do where things move.
    """
    first, *later = (
        cv2.resize(each.gs, GRID[::-1], interpolation=cv2.INTER_AREA).astype(np.float64)
        for each in pairs
    )
    lit = first > _DIM
    if lit.mean() < _LEAST_LIT or not later:
        return 0.0  # a bright thing that passes looks like light that changes
    changes = []
    for each in later:
        ratio = each[lit] / first[lit]
        change = float(abs(np.median(ratio) - 1.0))
        changes.append(change if robust_spread(ratio - np.median(ratio)) < change / 3 else 0.0)
    return max(changes)


@dataclass(frozen=True)
class _LightChange:
    """How RSGR light differs from GS light, by two models of one number each.

    ``gain`` is that of RSGR = gain * GS, ``offset`` that of RSGR = GS + offset. ``in_favour`` is
    how much better the offset explains it, in units of noise: a difference of chi-squares.
    """

    gain: float
    offset: float
    in_favour: float

    @classmethod
    def of(cls, sums: NDArray[np.float64]) -> "_LightChange | None":
        """Of the sums of :class:`_Sums`; None where nothing is compared."""
        count, weight, there, here, there2, product, here2 = sums
        # Half of the noise is that of GS, and would make the gain too small.
        true2 = there2 - 0.5 * count
        if count < 1 or true2 <= 0:
            return None
        gain, offset = product / true2, (here - there) / weight
        by_gain = here2 - 2 * gain * product + gain**2 * true2
        by_offset = here2 + true2 - 2 * product - offset**2 * weight
        return cls(float(gain), float(offset), float(by_gain - by_offset))


def _parts(size: int, count: int) -> list[slice]:
    edges = np.linspace(0, size, count + 1).round().astype(int)
    return [slice(int(a), int(b)) for a, b in pairwise(edges)]


def _even(pair: AlignedPair) -> NDArray[np.bool_]:
    """Mask of places without texture, where the pictures show noise only."""
    side = (_EVEN_PX, _EVEN_PX)
    variances = [
        cv2.sqrBoxFilter(each, cv2.CV_32F, side) - cv2.blur(each, side) ** 2
        for each in (pair.rsgr, pair.gs)
    ]
    # The smaller variance: what only one picture shows is a difference, not texture.
    return np.asarray(np.minimum(*variances) < (_EVEN_NOISES * pair.noise) ** 2)


def _edges(light: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Mask of edges and their surroundings."""
    slope = np.hypot(np.gradient(light, axis=0), np.gradient(light, axis=1))
    steep = (slope > _EDGE * np.maximum(light, _DIM)).astype(np.uint8)
    reach = np.ones((_EDGE_REACH_PX, _EDGE_REACH_PX), np.uint8)
    return np.asarray(cv2.dilate(steep, reach) > 0)


def _gradient_power(
    picture: NDArray[np.float32], noise: NDArray[np.float32], still: NDArray[np.bool_]
) -> float:
    """Sum of the squared gradients that are well above the noise."""
    smooth = cv2.GaussianBlur(picture, (0, 0), 1.0)
    power = np.gradient(smooth, axis=1) ** 2 + np.gradient(smooth, axis=0) ** 2
    strong = still & (power > (3 * noise) ** 2)
    return float(power[strong].sum(dtype=np.float64))


def _displacements(
    normal: NDArray[np.float64],
) -> tuple[tuple[tuple[float, float] | None, ...], ...]:
    """Displacement of GS against RSGR in every cell; a gain is fitted too and not used."""
    return tuple(tuple(_displacement(cell) for cell in row) for row in normal)


def _displacement(cell: NDArray[np.float64]) -> tuple[float, float] | None:
    matrix, right = cell[:, :3], cell[:, 3]
    if np.linalg.eigvalsh(matrix[:2, :2])[0] < _LEAST_TEXTURE**2:
        return None
    try:
        # GS(x) = RSGR(x - d), so RSGR - GS = gradient . d + gain . light
        x, y, _ = np.linalg.solve(matrix, right)
    except np.linalg.LinAlgError:
        return None
    return float(x), float(y)


def _cause_of_light(quality: dict[str, Any], change: _LightChange | None) -> str:
    """What makes light differ, and what to do, by how it differs."""
    told = [
        (band, each) for band, each in enumerate(quality["light_difference"]) if each is not None
    ]
    if change is not None and change.in_favour > _CLEARLY:
        return (
            f"by {abs(change.offset):.2%} of full scale whatever the light is: a black level "
            "drifted; calibrate dark again, with the cameras warm"
        )
    if len(told) > _LEAST_BANDS:
        bands, values = np.array(told).T
        slope, middle = np.polyfit(bands, values, 1)
        grown, left = abs(slope) * np.ptp(bands), np.std(values - slope * bands - middle)
        if grown > max(abs(np.mean(values)), 2 * left):
            return (
                "it grows down the picture: the line time is not that of this recording; calibrate "
                "line-time again"
            )
    if change is not None and change.in_favour > -_CLEARLY:
        return "calibrate dark and colour again, and keep the light steady"
    return "calibrate colour again, and keep the light steady"


def _displaced(p50_px: float | None, p95_px: float | None) -> str:
    """What is wrong where GS lies beside RSGR, and what to do."""
    if p50_px is None or p95_px is None or p50_px > _P95_LIMITS_PX[0]:
        return f"GS lies {p95_px or 0:.2f} px (p95) beside RSGR; calibrate geometry again"
    return (
        f"GS lies {p95_px:.2f} px (p95) beside RSGR in parts of the picture and {p50_px:.2f} px "
        "elsewhere: things there are at another depth than the board was (parallax), or move and "
        "look the same in every frame (a belt); keep them out of view, or calibrate geometry at "
        "their distance"
    )


def _judge(quality: dict[str, Any], change: _LightChange | None) -> Verdict:
    found = Findings()
    still_share, saturated = quality["still_share"], quality["saturated"]
    flicker = quality["flicker"]
    found.limit(
        flicker,
        _FLICKER_LIMITS,
        f"the light changes by {flicker:.0%} from frame to frame: use light that does not flicker",
    )
    if quality["displacement_p95_px"] is None and still_share >= _LEAST_STILL:
        found.usable.append(
            "what stands still has no texture: alignment cannot be checked; keep a still, textured "
            "background in view"
        )
    if still_share < _LEAST_STILL:
        found.usable.append(
            f"only {100 * still_share:.1f} % of the picture stands still: alignment and light can "
            "hardly be checked; keep a still, textured background in view"
        )
    likeness, sharpness = quality["likeness"], quality["sharpness"]
    found.limit(
        likeness,
        _LIKENESS_LIMITS,
        f"the two pictures are hardly alike (correlation {likeness or 0:.2f}): a lens cap, another "
        "place, or cameras that were exchanged or moved; look at both in the live view, then "
        "calibrate again what was moved",
    )
    if likeness is not None and likeness < _LIKENESS_LIMITS[1]:
        return found.verdict  # every other measure compares like with like
    blunt = None if sharpness is None else max(sharpness, 1.0 / max(sharpness, 1e-6))
    found.limit(
        blunt,
        _SHARPNESS_LIMITS,
        f"the {'GS' if (sharpness or 1.0) < 1.0 else 'RSGR'} camera is out of focus: the other one "
        f"is {blunt or 1:.1f} times as sharp; focus it, then calibrate geometry and colour again",
    )
    p95_px, noises = quality["displacement_p95_px"], quality["difference_noises"]
    sharp = blunt is None or blunt <= _SHARPNESS_LIMITS[1]
    if sharp:  # else a cell has no place to be told
        found.limit(p95_px, _P95_LIMITS_PX, _displaced(quality["displacement_p50_px"], p95_px))
    worst = max(
        (abs(each) for each in quality["light_difference"] if each is not None), default=None
    )
    found.limit(
        worst,
        _LIGHT_LIMITS,
        f"light differs by {worst or 0:.1%} in some rows; {_cause_of_light(quality, change)}",
    )
    if sharp:
        found.limit(
            noises,
            _NOISES_LIMITS,
            f"where nothing moves the pictures differ by {noises or 0:.1f} times their noise; "
            f"{_cause_of_light(quality, change)}",
        )
    if max(saturated) > _MOST_SATURATED:
        found.usable.append(
            f"{max(saturated):.0%} of the pixels are saturated in some rows: they teach nothing; "
            "lower exposure or light"
        )
    return found.verdict
