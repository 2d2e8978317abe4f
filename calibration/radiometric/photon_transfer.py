"""Photon transfer: system gain, saturation and linearity from pairs of frames of a flat panel.

The photon transfer method of the EMVA Standard 1288, release 4.0: the variance
of shot noise grows with the mean as sigma^2 = K (mean - black) + dark variance,
so the slope is the system gain K. The variance is that of the difference of two
frames in small tiles, with row means removed. So shading, the ramp of global
reset and flickering light do not count as noise, and no exposure need be known.

See docs/physics.md, "Signal and noise".
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from calibration.radiometric.temporal_noise import (
    LEAST_RESOLVED_VARIANCE_DN2,
    QUANTISATION_VARIANCE_DN2,
    one_colour,
)
from calibration.verdict import Findings, Verdict
from drivers.errors import InstrumentError
from drivers.pixel_format import PixelFormat, Pixels

LEAST_EXPOSURES = 8

_TILE_PX = 32
_BAND_ROWS = 32
_GAIN_RANGE = 0.7
"""The slope is fitted below this share of saturation (EMVA 1288)."""

_LINEARITY_RANGE = (0.05, 0.95)
_LARGEST_LINEARITY_ERROR_PERCENT = 1.0
_LARGEST_GAIN_ERROR = 0.05


@dataclass(frozen=True, slots=True)
class PanelShot:
    """Two frames of an evenly lit panel at one exposure."""

    exposure_us: float
    first: Pixels
    second: Pixels


class PhotonTransfer(BaseModel):
    """Result of :func:`photon_transfer`; errors are one standard error.

    ``saturation_dn`` is the mean code, black level included, at which the
    variance is largest; ``saturation_capacity_error_e`` has how far apart the codes around
    it lie, and the error of the gain (None in files that do not tell it). If the panel was
    too dark to reach it, it is None, and so is all that follows from it. ``clip_dn`` is the
    largest code, seen beyond saturation. ``linearity_error_percent`` is the mean deviation
    from straight lines through 5 to 95 % of saturation. For a colour camera all are of its
    green pixels.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    pixel_format: str
    exposures_us: tuple[float, ...]
    system_gain_dn_per_e: float
    system_gain_error_dn_per_e: float
    clip_dn: float | None
    saturation_dn: float | None
    saturation_capacity_e: float | None
    saturation_capacity_error_e: float | None = None
    maximum_snr_db: float | None
    dynamic_range_db: float | None
    linearity_error_percent: float | None
    verdict: Verdict


def photon_transfer(
    shots: Sequence[PanelShot],
    pixel_format: PixelFormat,
    black_level_dn: float,
    dark_variance_dn2: float,
) -> PhotonTransfer:
    """Evaluate pairs of frames of a flat panel from near dark to saturation.

    ``dark_variance_dn2`` is the temporal variance of dark frames, rounding
    included (:func:`calibration.radiometric.dark.temporal_variance_dn2`). Raises
    :class:`InstrumentError` if they do not give a gain.
    """
    if len(shots) < 3:
        raise InstrumentError(
            f"{len(shots)} exposures are too few for the photon transfer; "
            f"{LEAST_EXPOSURES} from near dark to saturation are good"
        )
    shots = sorted(shots, key=lambda shot: shot.exposure_us)
    curve = np.concatenate([_tiles(shot, pixel_format) for shot in shots])
    mean_dn, variance_dn2, samples = curve.T
    signal_dn = mean_dn - black_level_dn
    brightest_dn = float(signal_dn.max())
    if brightest_dn < 0.1 * pixel_format.maximum_dn:
        raise InstrumentError(
            f"the panel reaches {brightest_dn:.0f} DN of {pixel_format.maximum_dn} DN only; "
            "make it brighter or expose longer"
        )
    saturation_dn, saturation_error_dn = _saturation_dn(signal_dn, variance_dn2, samples)
    top_dn = _GAIN_RANGE * (brightest_dn if saturation_dn is None else saturation_dn)
    # Where rounding dominates, the variance does not follow the straight line.
    used = (signal_dn < top_dn) & (variance_dn2 > LEAST_RESOLVED_VARIANCE_DN2)
    if used.sum() < 8:
        raise InstrumentError(
            "the noise of the panel is below what the codes resolve; "
            "use a pixel format of more bits, or more gain"
        )
    gain, gain_error = _slope(signal_dn[used], variance_dn2[used], samples[used])
    if gain <= 0:
        raise InstrumentError(
            "the noise does not grow with the light; check that gamma is 1 and the panel is steady"
        )
    linearity = _linearity_error_percent(shots, pixel_format, black_level_dn, saturation_dn)
    capacity_e = None if saturation_dn is None else saturation_dn / gain
    dark_e = np.sqrt(max(dark_variance_dn2, QUANTISATION_VARIANCE_DN2)) / gain
    return PhotonTransfer(
        pixel_format=pixel_format.name,
        exposures_us=tuple(shot.exposure_us for shot in shots),
        system_gain_dn_per_e=gain,
        system_gain_error_dn_per_e=gain_error,
        clip_dn=None
        if saturation_dn is None
        else float(max(int(shot.first.max()) for shot in shots)),
        saturation_dn=None if saturation_dn is None else saturation_dn + black_level_dn,
        saturation_capacity_e=capacity_e,
        saturation_capacity_error_e=None
        if capacity_e is None or saturation_dn is None
        else capacity_e * float(np.hypot(saturation_error_dn / saturation_dn, gain_error / gain)),
        maximum_snr_db=None if capacity_e is None else float(10 * np.log10(capacity_e)),
        dynamic_range_db=(
            # The smallest detectable signal: EMVA 1288's absolute sensitivity threshold.
            None if capacity_e is None else float(20 * np.log10(capacity_e / (dark_e + 0.5)))
        ),
        linearity_error_percent=linearity,
        verdict=_verdict(len(shots), gain_error / gain, saturation_dn, linearity),
    )


def _tiles(shot: PanelShot, pixel_format: PixelFormat) -> NDArray[np.float64]:
    """Mean, temporal variance and degrees of freedom of each tile, ``(tiles, 3)``."""
    first, second = (one_colour(frame, pixel_format) for frame in (shot.first, shot.second))
    rows, columns = (max(1, side // _TILE_PX) for side in first.shape)
    height, width = first.shape[0] // rows, first.shape[1] // columns
    pair = [
        frame[: rows * height, : columns * width].reshape(rows, height, columns, width)
        for frame in (first, second)
    ]
    mean = (pair[0].mean(axis=(1, 3)) + pair[1].mean(axis=(1, 3))) / 2
    step = np.subtract(pair[1], pair[0], dtype=np.float32)
    step -= step.mean(axis=3, keepdims=True)
    freedom = height * (width - 1)
    variance = (step**2).sum(axis=(1, 3), dtype=np.float64) / (2 * freedom)
    return np.stack([mean.ravel(), variance.ravel(), np.full(mean.size, float(freedom))], axis=1)


def _saturation_dn(
    signal_dn: NDArray[np.float64],
    variance_dn2: NDArray[np.float64],
    samples: NDArray[np.float64],
) -> tuple[float | None, float]:
    """Signal with the largest variance, and its standard error.

    None while the variance has not fallen beyond it. It lies anywhere from the least signal whose
    variance may be as large, but for chance, to the first one beyond with less than half of it.
    """
    # The largest of many noisy variances is partly chance: take medians in bins of equal width.
    edges = np.linspace(0.0, float(signal_dn.max()) * (1 + 1e-9), 129)
    place = np.clip(np.digitize(signal_dn, edges) - 1, 0, edges.size - 2)
    filled = np.unique(place)
    medians = np.array([np.median(variance_dn2[place == item]) for item in filled])
    best = int(np.argmax(medians))
    if medians[best:].min() > 0.5 * medians[best]:
        return None, 0.0
    levels = np.array([signal_dn[place == item].mean() for item in filled])
    # A variance of n samples scatters by sqrt(2 / n) of itself, a median by 1.25 times a mean.
    tiles = np.array([np.count_nonzero(place == item) for item in filled])
    scatter = 1.25 * np.sqrt(2.0 / np.median(samples) / tiles) * medians[best]
    as_large = medians >= medians[best] - 2.0 * np.hypot(scatter, scatter[best])
    least, saturation = float(levels[as_large].min()), float(levels[best])
    beyond = float(levels[best:][medians[best:] < 0.5 * medians[best]].min())
    below, above = saturation - least, beyond - saturation
    spread = (below**3 + above**3) / (3.0 * (below + above))
    return saturation, float(np.sqrt(spread))


def _slope(
    signal_dn: NDArray[np.float64],
    variance_dn2: NDArray[np.float64],
    samples: NDArray[np.float64],
) -> tuple[float, float]:
    """Slope of the photon transfer curve and its standard error.

    A variance from n samples scatters by sqrt(2 / n) of itself. The weights come
    from the fitted line: weights from the measured variances would prefer the
    small ones and bias the slope.
    """
    design = np.stack([np.ones_like(signal_dn), signal_dn], axis=1)
    expected = np.full_like(variance_dn2, variance_dn2.mean())
    for _ in range(4):
        scale = np.sqrt(samples / 2) / expected
        line, *_ = np.linalg.lstsq(design * scale[:, None], variance_dn2 * scale, rcond=None)
        expected = np.maximum(design @ line, 0.1 * variance_dn2.mean() + 1e-12)
    scatter = float(np.mean(((variance_dn2 - design @ line) * scale) ** 2))
    weighted = design * scale[:, None]
    covariance = np.linalg.inv(weighted.T @ weighted) * max(1.0, scatter)
    return float(line[1]), float(np.sqrt(covariance[1, 1]))


def _linearity_error_percent(
    shots: Sequence[PanelShot],
    pixel_format: PixelFormat,
    black_level_dn: float,
    saturation_dn: float | None,
) -> float | None:
    """Mean relative deviation from a straight line over exposure, fitted per band of rows.

    In global reset each row is exposed longer than the setting by its own time; the
    line's intercept, free as in EMVA 1288, covers it. Deviations are relative, and so
    are the weights. None with fewer than 4 exposures in range.
    """
    exposure_us = np.array([shot.exposure_us for shot in shots])
    rows = one_colour(shots[0].first, pixel_format).shape[0]
    starts = np.arange(0, rows - rows % _BAND_ROWS or rows, _BAND_ROWS)
    signal = np.stack(
        [
            _band_means(shot, pixel_format, starts, rows - rows % _BAND_ROWS or rows)
            for shot in shots
        ]
    )
    signal -= black_level_dn
    full_dn = signal.max() if saturation_dn is None else saturation_dn
    low, high = (share * full_dn for share in _LINEARITY_RANGE)
    deviations: list[NDArray[np.float64]] = []
    for band in signal.T:
        inside = (band > low) & (band < high)
        if inside.sum() < 4:
            continue
        line = np.polyfit(exposure_us[inside], band[inside], 1, w=1 / band[inside])
        deviations.append(band[inside] / np.polyval(line, exposure_us[inside]) - 1)
    return float(100 * np.mean(np.abs(np.concatenate(deviations)))) if deviations else None


def _band_means(
    shot: PanelShot, pixel_format: PixelFormat, starts: NDArray[np.intp], end: int
) -> NDArray[np.float64]:
    row_means = [
        one_colour(frame, pixel_format)[:end].mean(axis=1, dtype=np.float64)
        for frame in (shot.first, shot.second)
    ]
    bands = np.add.reduceat(np.mean(row_means, axis=0), starts)
    return np.asarray(bands / np.diff([*starts, end]))


def _verdict(
    exposures: int,
    gain_error: float,
    saturation_dn: float | None,
    linearity_error_percent: float | None,
) -> Verdict:
    found = Findings()
    if gain_error > _LARGEST_GAIN_ERROR:
        found.redo.append(f"the system gain is known to {gain_error:.0%} only; take more exposures")
    if exposures < LEAST_EXPOSURES:
        found.usable.append(f"only {exposures} exposures; {LEAST_EXPOSURES} show the whole curve")
    if saturation_dn is None:
        found.usable.append("saturation was not reached; make the panel brighter or expose longer")
    if linearity_error_percent is None:
        found.usable.append("too few exposures between 5 and 95 % of saturation to judge linearity")
    elif linearity_error_percent > _LARGEST_LINEARITY_ERROR_PERCENT:
        found.redo.append(
            f"linearity error {linearity_error_percent:.1f} %, limit "
            f"{_LARGEST_LINEARITY_ERROR_PERCENT:g} %: set gamma to 1, all automatics and "
            "look-up tables off, and use steady light"
        )
    return found.verdict
