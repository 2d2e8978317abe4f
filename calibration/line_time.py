"""Line time from images alone, and with it the proof of global reset.

Two exposures Ta > Tb of any static scene, dark level subtracted. In global
reset the row-mean ratio R(r) = A / B falls towards 1 down the sensor, since

    (Ta - Tb) / (R(r) - 1) = Tb + d + r * t_line,

a straight line in the readout index r whose slope is the line time and whose
intercept holds the exposure offset d. In rolling or global shutter every row
sees the same exposure: R is constant and the slope is zero.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drivers.timing import ReadoutDirection, SensorTiming

_LEAST_SIGNAL_SHARE = 0.02
"""Row means below this share of full scale carry more dark level error than ramp."""

_CONFIDENCE = 4.0
"""Standard errors a verdict must stand clear of its threshold."""

_LEAST_RAMP = 0.02
"""Ramp, as a share of the short exposure, below which no global reset can be told."""


@dataclass(frozen=True, slots=True)
class ExposurePair:
    """Row means of two neighbouring pictures of one scene, black level subtracted.

    Both of shape ``(rows,)`` in DN and in image-row order; rows with clipped or
    missing pixels are NaN.
    """

    long_dn: NDArray[np.float64]
    short_dn: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LineTimeFit:
    """Straight-line fit over several exposure pairs; errors are one standard error."""

    line_time_us: float
    line_time_error_us: float
    short_exposure_us: float
    direction: ReadoutDirection
    residual_us: float
    rows_used: int

    @property
    def ramp(self) -> float:
        """Growth of the short exposure from the first to the last row used, as a share."""
        return self.line_time_us * self.rows_used / self.short_exposure_us

    @property
    def ramp_error(self) -> float:
        """One standard error of ``ramp``."""
        return self.line_time_error_us * self.rows_used / self.short_exposure_us


@dataclass(frozen=True, slots=True)
class ShutterProof:
    """What the images say of global reset: True, False, or None where they cannot tell."""

    proven: bool | None
    text: str
    fit: LineTimeFit | None = None


def row_means(
    pixels: NDArray[np.uint8 | np.uint16], black_level_dn: float, saturation_dn: float
) -> NDArray[np.float64]:
    """Mean signal of each row in DN, shape ``(rows,)``; NaN where a row has clipped pixels."""
    flat = pixels.reshape(pixels.shape[0], -1)
    means: NDArray[np.float64] = flat.mean(axis=1, dtype=np.float64) - black_level_dn
    # A handful of glints must not cost the whole row; their bias is below one in a thousand.
    clipped_share = (flat >= saturation_dn).mean(axis=1)
    means[clipped_share > 0.001] = np.nan
    return means


def fit_line_time(
    pairs: Sequence[ExposurePair], long_us: float, short_us: float, full_scale_dn: float
) -> LineTimeFit | str:
    """Fit the line time over ``pairs`` of exposures ``long_us`` and ``short_us``.

    Each pair is fitted by itself and the spread between pairs gives the error,
    so that whatever moves or flickers between pictures widens it honestly. The
    readout direction with the smallest residual is taken. Returns the reason
    as text where the data does not carry a fit.
    """
    if len(pairs) < 3:
        return f"{len(pairs)} exposure pairs are too few; 3 at least"
    rows = pairs[0].long_dn.size
    usable = np.ones(rows, bool)
    for pair in pairs:
        bright = pair.short_dn > _LEAST_SIGNAL_SHARE * full_scale_dn
        usable &= bright & np.isfinite(pair.long_dn) & (pair.long_dn > 1.02 * pair.short_dn)
    if usable.sum() < max(16, 0.5 * rows):
        return (
            f"only {int(usable.sum())} of {rows} rows are neither too dark nor clipped; "
            "change the light or the exposure"
        )
    return min(
        (
            _fit_direction(pairs, long_us, short_us, usable, direction)
            for direction in ReadoutDirection
        ),
        key=lambda fit: fit.residual_us if fit.line_time_us >= 0 else np.inf,
    )


def _fit_direction(
    pairs: Sequence[ExposurePair],
    long_us: float,
    short_us: float,
    usable: NDArray[np.bool_],
    direction: ReadoutDirection,
) -> LineTimeFit:
    rows = usable.size
    index = SensorTiming(short_us, 0.0, rows, direction).readout_index()[usable].astype(float)
    slopes, intercepts, residuals = [], [], []
    for pair in pairs:
        ratio = pair.long_dn[usable] / pair.short_dn[usable]
        exposure_us = (long_us - short_us) / (ratio - 1)
        # The error of (Ta - Tb) / (R - 1) grows with its square: bright late rows weigh less.
        weight = np.sqrt(pair.short_dn[usable]) / exposure_us**2
        slope, intercept = np.polyfit(index, exposure_us, 1, w=weight)
        slopes.append(slope)
        intercepts.append(intercept)
        residuals.append(exposure_us - intercept - slope * index)
    mean_residual = np.mean(residuals, axis=0)
    return LineTimeFit(
        line_time_us=float(np.mean(slopes)),
        line_time_error_us=float(np.std(slopes, ddof=1) / np.sqrt(len(slopes))),
        short_exposure_us=float(np.mean(intercepts)),
        direction=direction,
        residual_us=float(np.sqrt(np.mean(mean_residual**2))),
        rows_used=int(index.max() - index.min()) + 1,
    )


def judge_global_reset(fit: LineTimeFit | str) -> ShutterProof:
    """Whether a fit proves or disproves that all rows started together."""
    if isinstance(fit, str):
        return ShutterProof(None, f"not proven: {fit}")
    low, high = (fit.ramp + sign * _CONFIDENCE * fit.ramp_error for sign in (-1, 1))
    measured = f"line time {fit.line_time_us:.2f} ± {fit.line_time_error_us:.2f} us"
    if low > _LEAST_RAMP:
        return ShutterProof(True, f"the images prove global reset: {measured}", fit)
    if high < _LEAST_RAMP:
        return ShutterProof(
            False,
            f"the images disprove global reset: every row sees the same exposure; {measured}",
            fit,
        )
    return ShutterProof(
        None,
        f"the images do not tell: {measured}; hold scene and light still or shorten the exposure",
        fit,
    )
