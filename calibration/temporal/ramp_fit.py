"""Fit of line time and exposure offset to two exposures of a still scene; proof of global reset.

Take two exposures Ta > Tb of a static scene and subtract the dark level: A and B. In
global reset row r is exposed for Ta + u and Tb + u, where u = d + r * t_line with
the exposure offset d. So

    (Ta - Tb) / (R(r) - 1) = Tb + d + r * t_line,   R = A / B.

This is a straight line in the readout index r. Its slope is the line time, its
intercept contains d. In rolling or global shutter every row has the same
exposure: R is constant and the slope is zero.

The fit uses another form of the same line, the long exposure's share of the
light,

    p(r) = A / (A + B) = (Ta + u) / (Ta + Tb + 2 u).

Given A + B photons, the number in A is binomial with this p, so the measured
share is unbiased even for few photons. The reciprocal of R - 1 is biased, and so
are the forms linear in t_line and d, in which A and B stand on both sides (errors
in variables). In a simulation with 300 photons a row, the error of the line time
was -0.9 % by shares, -2.4 % by the linear form and -5.8 % by the reciprocal; with
100,000 and more all three agree to 0.02 %.

A black level wrong by e changes p by e (1 - 2 p) / (A + B), which differs from row
to row with the scene. So e is fitted too, with its known error as prior.

See docs/physics.md, "Line time from two exposures".
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drivers.timing import ReadoutDirection

LEAST_PAIRS = 3

_LEAST_SIGNAL_SHARE = 0.02
"""Least row mean, as a share of full scale; below it the dark level's error exceeds the ramp."""

_LEAST_RATIO = 1.02
_CONFIDENCE = 4.0
"""Least distance of a value from its threshold for a verdict, in standard errors."""

_LEAST_RAMP = 0.02
"""Least ramp that proves global reset, as a share of the short exposure."""

_BANDS = 16
_NO_RAMP = 0.001
"""Ramp below which global reset is disproved; between the two it may be too quick to show."""

_ITERATIONS = 6


@dataclass(frozen=True, slots=True)
class ExposurePair:
    """Row means of two successive pictures of one scene, black level subtracted.

    All have shape ``(rows,)`` in image-row order; rows with clipped or missing
    pixels are NaN. The variances are those of the means, in DN^2; without them
    shot noise of unknown gain is assumed.
    """

    long_dn: NDArray[np.float64]
    short_dn: NDArray[np.float64]
    long_variance_dn2: NDArray[np.float64] | None = None
    short_variance_dn2: NDArray[np.float64] | None = None


@dataclass(frozen=True, slots=True)
class LineTimeFit:
    """Straight-line fit over several exposure pairs; errors are one standard error.

    ``short_exposure_us`` is that of the row read first, offset included.
    ``residuals_us`` are the rows' distances from the line in image-row order,
    NaN for rows not used. ``chi_square`` is their mean square in standard errors,
    None if these are not known. ``band_chi_square`` is the same for the means of
    bands of rows, in units of the scatter of single rows: above 1 if neighbouring
    rows deviate together. ``black_shift_dn`` is the correction of the black level
    that the fit gives.
    """

    line_time_us: float
    line_time_error_us: float
    short_exposure_us: float
    short_exposure_error_us: float
    direction: ReadoutDirection
    residuals_us: NDArray[np.float64]
    residual_us: float
    rows_used: int
    chi_square: float | None = None
    band_chi_square: float = 1.0
    black_shift_dn: float = 0.0

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
    """Whether the images prove global reset: True, False, or None if they cannot decide."""

    proven: bool | None
    text: str
    fit: LineTimeFit | None = None


def fit_line_time(
    pairs: Sequence[ExposurePair],
    long_us: float,
    short_us: float,
    full_scale_dn: float,
    black_level_error_dn: float = 0.0,
) -> LineTimeFit | str:
    """Fit the line time over ``pairs`` of exposures ``long_us`` and ``short_us``.

    The line is fitted to the mean of the pairs. Its error comes from the rows'
    noise and scatter, or from the spread between pairs fitted one by one if that is
    larger: so motion or flicker between pictures increases it. The readout
    direction with the smallest residual is chosen. Returns the reason as text if
    the data does not allow a fit.
    """
    if len(pairs) < LEAST_PAIRS:
        return f"{len(pairs)} exposure pairs are too few; {LEAST_PAIRS} at least"
    mean = _mean_pair(pairs)
    # Rows that are NaN in one picture are NaN in the mean; comparisons with NaN are False.
    bright = mean.short_dn > _LEAST_SIGNAL_SHARE * full_scale_dn
    usable = bright & (mean.long_dn > _LEAST_RATIO * mean.short_dn)
    rows = usable.size
    if usable.sum() < max(16, 0.5 * rows):
        unseen = int(np.sum(~np.isfinite(mean.long_dn)))
        dark = int(np.sum(mean.short_dn <= _LEAST_SIGNAL_SHARE * full_scale_dn))
        return (
            f"only {int(usable.sum())} of {rows} rows are neither too dark nor clipped "
            f"({dark} below {_LEAST_SIGNAL_SHARE:.0%} of full scale, {unseen} clipped or without "
            "light); change the light or the exposure"
        )
    for number, pair in enumerate(pairs, 1):
        ratio = float(np.median(pair.long_dn[usable] / pair.short_dn[usable]))
        if not ratio > 1.0:
            return (
                f"in pair {number} of {len(pairs)} the long exposure is {ratio:.2f} times as "
                "bright as the short one; hold the light still, or lower the frame rate"
            )
    exposures = (long_us, short_us)
    indices = {each: each.readout_index(rows).astype(np.float64) for each in ReadoutDirection}
    lines = {
        direction: _fit_line(mean, exposures, index, usable, black_level_error_dn)
        for direction, index in indices.items()
    }
    direction = min(
        lines,
        key=lambda item: lines[item].chi_square if lines[item].slope_us >= 0 else np.inf,
    )
    line = lines[direction]
    index = indices[direction]
    single = [_fit_line(pair, exposures, index, usable, 0.0, line.black_shift_dn) for pair in pairs]
    # Known noise: scatter beyond it increases the errors. Unknown noise: only scatter counts.
    known = pairs[0].long_variance_dn2 is not None
    scatter = max(1.0, line.chi_square) if known else line.chi_square
    widening = np.sqrt(scatter * max(1.0, line.band_chi_square))
    return LineTimeFit(
        line_time_us=line.slope_us,
        line_time_error_us=max(
            widening * line.slope_error_us, _spread([item.slope_us for item in single])
        ),
        short_exposure_us=short_us + line.offset_us,
        short_exposure_error_us=max(
            widening * line.offset_error_us, _spread([item.offset_us for item in single])
        ),
        direction=direction,
        residuals_us=line.residuals_us,
        residual_us=float(np.sqrt(np.nanmean(line.residuals_us**2))),
        rows_used=int(index[usable].max() - index[usable].min()) + 1,
        chi_square=line.chi_square if known else None,
        band_chi_square=line.band_chi_square,
        black_shift_dn=line.black_shift_dn,
    )


def _mean_pair(pairs: Sequence[ExposurePair]) -> ExposurePair:
    def variance(each: list[NDArray[np.float64] | None]) -> NDArray[np.float64] | None:
        known = [item for item in each if item is not None]
        return np.sum(known, axis=0) / len(pairs) ** 2 if len(known) == len(pairs) else None

    return ExposurePair(
        np.mean([pair.long_dn for pair in pairs], axis=0),
        np.mean([pair.short_dn for pair in pairs], axis=0),
        variance([pair.long_variance_dn2 for pair in pairs]),
        variance([pair.short_variance_dn2 for pair in pairs]),
    )


def _spread(values: list[float]) -> float:
    return float(np.std(values, ddof=1) / np.sqrt(len(values)))


@dataclass(frozen=True, slots=True)
class _Line:
    offset_us: float
    slope_us: float
    offset_error_us: float
    slope_error_us: float
    black_shift_dn: float
    chi_square: float
    band_chi_square: float
    residuals_us: NDArray[np.float64]


def _fit_line(
    pair: ExposurePair,
    exposures_us: tuple[float, float],
    index: NDArray[np.float64],
    usable: NDArray[np.bool_],
    black_level_error_dn: float,
    black_shift_dn: float = 0.0,
) -> _Line:
    """Weighted Gauss-Newton fit of u = offset + slope * index to the shares p.

    If ``black_level_error_dn`` is above 0, the shift of the black level is fitted
    too, from ``black_shift_dn``, with that standard error as prior.
    """
    long_us, short_us = exposures_us
    a, b = pair.long_dn[usable] - black_shift_dn, pair.short_dn[usable] - black_shift_dn
    # Unknown noise: assume shot noise of gain 1, since only ratios count then.
    a_dn2 = a if pair.long_variance_dn2 is None else pair.long_variance_dn2[usable]
    b_dn2 = b if pair.short_variance_dn2 is None else pair.short_variance_dn2[usable]
    both = a + b
    share = a / both
    # A lower limit, for simulations without noise.
    share_error = np.sqrt(np.maximum(b**2 * a_dn2 + a**2 * b_dn2, 1e-12 * both**4)) / both**2
    columns = [np.ones_like(index[usable]), index[usable]]
    # The start only has to lie where the model is defined; the iterations do the rest.
    growth_us = np.full_like(
        share, max(0.0, float(np.median((long_us * b - short_us * a) / (a - b))))
    )
    for iteration in range(2 * _ITERATIONS):
        # Fit the black level only near the solution: before, it would absorb curvature.
        fits_black = black_level_error_dn > 0 and iteration >= _ITERATIONS
        prior = np.array([[0.0, 0.0, 1 / black_level_error_dn]]) if fits_black else np.empty((0, 2))
        total_us = long_us + short_us + 2 * growth_us
        expected = (long_us + growth_us) / total_us
        per_us = (short_us - long_us) / total_us**2
        scale = np.abs(per_us) / share_error
        response = growth_us + (share - expected) / per_us
        # Use the expected share: noise of the measured one would look like a black level.
        shift_us = (1 - 2 * expected) / both / per_us
        full = [*columns, shift_us] if fits_black else columns
        design = np.concatenate([np.stack(full, axis=1) * scale[:, None], prior])
        right = np.concatenate([response * scale, np.zeros(len(prior))])
        solution, *_ = np.linalg.lstsq(design, right, rcond=None)
        growth_us = np.maximum(solution[0] + solution[1] * index[usable], -0.9 * short_us)
    residuals = np.full(usable.size, np.nan)
    residuals[usable] = response - np.stack(full, axis=1) @ solution
    normalised = residuals[usable] * scale
    unknowns = design.shape[1]
    chi_square = float(np.sum(normalised**2) / max(1, share.size - unknowns))
    errors = np.sqrt(np.diag(np.linalg.inv(design.T @ design)))
    return _Line(
        offset_us=float(solution[0]),
        slope_us=float(solution[1]),
        offset_error_us=float(errors[0]),
        slope_error_us=float(errors[1]),
        black_shift_dn=black_shift_dn + (float(solution[2]) if fits_black else 0.0),
        chi_square=chi_square,
        band_chi_square=_band_chi_square(normalised, scale, unknowns) / max(1e-12, chi_square),
        residuals_us=residuals,
    )


def _band_chi_square(
    normalised: NDArray[np.float64], scale: NDArray[np.float64], unknowns: int
) -> float:
    """Mean square of the weighted means of bands of rows, in units of their standard errors."""
    bands = np.array_split(np.arange(normalised.size), _BANDS)
    squares = [
        (normalised[band] @ scale[band]) ** 2 / (scale[band] @ scale[band]) for band in bands
    ]
    return float(np.sum(squares) / (_BANDS - unknowns))


def judge_global_reset(fit: LineTimeFit | str) -> ShutterProof:
    """Whether a fit proves or disproves that all rows started their exposure together."""
    if isinstance(fit, str):
        return ShutterProof(None, f"not proven: {fit}")
    low, high = (fit.ramp + sign * _CONFIDENCE * fit.ramp_error for sign in (-1, 1))
    measured = f"line time {fit.line_time_us:.2f} ± {fit.line_time_error_us:.2f} us"
    if low > _LEAST_RAMP:
        text = f"the images prove global reset: {measured}, read {fit.direction.value}"
        return ShutterProof(True, text, fit)
    if high < _LEAST_RAMP and low < _NO_RAMP:
        return ShutterProof(
            False,
            f"the images disprove global reset: every row sees the same exposure; {measured}",
            fit,
        )
    if high < _LEAST_RAMP:
        return ShutterProof(
            None,
            f"the images do not tell: {measured}, only {fit.ramp:.1%} of the exposure over all "
            f"rows; a ramp above {_LEAST_RAMP:.0%} proves global reset: shorten the exposure",
            fit,
        )
    return ShutterProof(
        None,
        f"the images do not tell: {measured}; hold scene and light still or shorten the exposure",
        fit,
    )
