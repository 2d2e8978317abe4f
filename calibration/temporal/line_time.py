"""Line time and exposure offset of a camera in global reset, from images alone.

Measured with two interleaved exposures of any still scene; method and error model are in
:mod:`calibration.temporal.ramp_fit`. On a flat field the ramp of one exposure is a second,
coarser measurement that shading biases: :func:`ramp_on_flat`.

See docs/physics.md, "Line time from two exposures".
"""

from collections.abc import Sequence
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from calibration.temporal.mains_flicker import Flicker, RowLevels, find_flicker
from calibration.temporal.ramp_fit import LineTimeFit, fit_line_time, judge_global_reset
from calibration.temporal.still_scene import Block, StillScene, still_scene
from calibration.verdict import Findings, Verdict
from drivers.errors import InstrumentError
from drivers.pixel_format import PixelFormat
from drivers.radiometry import Radiometry
from drivers.timing import ReadoutDirection, SensorTiming

METHOD = "two interleaved exposures of a still scene: straight line of exposure over rows"

FRAMES_PER_EXPOSURE = 32

_GOOD_ERROR = 0.0025
_USABLE_ERROR = 0.01
"""Standard error of the line time, as a share of it."""

_BENT = 5.0
_TOO_BENT = 10.0
"""Limits for the chi-square of bands of rows about the line, usable and redo.

Measured on the virtual rig: light that flickers in step with the frames biases
the line time by 0.5 to 0.7 % at a chi-square of 5 to 10, by more than 1 % above.
Rounding to 8 bit alone gives up to 4 and biases it by less than 0.1 %.
"""

_MOST_MOVING = 0.02
_TOO_MUCH_MOVING = 0.10
_MOST_DRIFT = 0.01
_TOO_MUCH_DRIFT = 0.05
_STEADY_LIGHT = "use DC light, or exposures that are multiples of 10 ms / 8.33 ms"
_COARSE_BANDS = 16
_FLAT_SHARE = 0.01
"""Largest distance of a flat field's rows from their line, as a share of their mean."""


class GlobalReset(StrEnum):
    """Whether the images prove global reset."""

    PROVEN = "proven"
    DISPROVED = "disproved"
    UNDECIDED = "undecided"


class FlatRamp(BaseModel):
    """The ramp of one exposure of a flat field; error is one standard error.

    ``shading_percent`` is the range of the rows' means after the ramp is
    divided out, relative to their mean.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    line_time_us: float
    line_time_error_us: float
    shading_percent: float


class LineTimeCalibration(BaseModel):
    """Result of :func:`line_time_calibration`; errors are one standard error.

    ``exposure_offset_us`` is what the chip adds to the ExposureTime node.
    ``band_residuals_us`` are mean distances from the straight line in equal
    bands of rows from top to bottom, None for a band without a usable row.
    ``chi_square`` is the rows' mean square distance in units of their noise,
    ``band_chi_square`` that of bands of rows: 1 if all of it is chance.
    ``black_shift_dn`` is the correction of the black level that the fit gives.
    ``flat_ramp`` is None if the scene is not flat.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    pixel_format: str
    method: str = METHOD
    line_time_us: float
    line_time_error_us: float
    exposure_offset_us: float
    exposure_offset_error_us: float
    direction: ReadoutDirection
    long_exposure_us: float
    short_exposure_us: float
    frames_per_exposure: int
    rows: int
    rows_used: int
    residual_us: float
    band_residuals_us: tuple[float | None, ...]
    chi_square: float
    band_chi_square: float
    black_shift_dn: float
    clipped_percent: float
    moving_percent: float
    drift_percent: float
    flicker: Flicker | None
    flat_ramp: FlatRamp | None
    global_reset: GlobalReset
    global_reset_text: str
    verdict: Verdict


def line_time_calibration(
    long_blocks: Sequence[Block],
    short_blocks: Sequence[Block],
    long_us: float,
    short_us: float,
    pixel_format: PixelFormat,
    black_level_dn: float,
    black_level_error_dn: float,
) -> LineTimeCalibration:
    """Evaluate blocks of frames at ExposureTime ``long_us`` and ``short_us``, taken in turn.

    Block k of one exposure is next in time to block k of the other. The order of
    the two should alternate (A B, B A, ...): then an even drift of the light cancels.
    Black level and its error are those of :class:`calibration.radiometric.dark.DarkCalibration`.
    Raises :class:`InstrumentError` if the frames do not give a line time: too few,
    too dark, clipped, or of a moving scene or light that drifts too much.
    """
    radiometry = Radiometry(pixel_format, black_level_dn, float(pixel_format.maximum_dn))
    scene = still_scene(long_blocks, short_blocks, radiometry)
    if scene.moving_share > _TOO_MUCH_MOVING:
        raise InstrumentError(
            f"the scene moves: {scene.moving_share:.0%} of its pixels change between frames, "
            f"limit {_TOO_MUCH_MOVING:.0%}; show something that stands still"
        )
    fit = fit_line_time(scene.pairs(), long_us, short_us, radiometry.span_dn, black_level_error_dn)
    if isinstance(fit, str):
        raise InstrumentError(
            f"no line time from these frames: {fit} ({scene.clipped_share:.0%} of the pixels are "
            "clipped)"
        )
    drift = scene.drift_share()
    if drift > _TOO_MUCH_DRIFT:
        raise InstrumentError(
            f"the light drifts or flickers by {drift:.1%} between blocks of frames, "
            f"limit {_TOO_MUCH_DRIFT:.0%}; let the lamp warm up, or use DC light"
        )
    proof = judge_global_reset(fit)
    offset_us = fit.short_exposure_us - short_us
    flicker = _find_flicker(scene, fit, long_us + offset_us, proven=proof.proven is True)
    global_reset = {
        True: GlobalReset.PROVEN,
        False: GlobalReset.DISPROVED,
        None: GlobalReset.UNDECIDED,
    }[proof.proven]
    return LineTimeCalibration(
        pixel_format=pixel_format.name,
        line_time_us=fit.line_time_us,
        line_time_error_us=fit.line_time_error_us,
        exposure_offset_us=offset_us,
        exposure_offset_error_us=fit.short_exposure_error_us,
        direction=fit.direction,
        long_exposure_us=long_us,
        short_exposure_us=short_us,
        frames_per_exposure=sum(len(block) for block in long_blocks),
        rows=fit.residuals_us.size,
        rows_used=int(np.isfinite(fit.residuals_us).sum()),
        residual_us=fit.residual_us,
        band_residuals_us=_band_means(fit.residuals_us),
        chi_square=fit.chi_square or 0.0,
        band_chi_square=fit.band_chi_square,
        black_shift_dn=fit.black_shift_dn,
        clipped_percent=100 * scene.clipped_share,
        moving_percent=100 * scene.moving_share,
        drift_percent=100 * drift,
        flicker=flicker,
        flat_ramp=_flat_ramp(scene, fit, long_us + offset_us),
        global_reset=global_reset,
        global_reset_text=proof.text,
        verdict=_verdict(fit, global_reset, scene, flicker),
    )


def ramp_on_flat(
    row_means_dn: NDArray[np.float64],
    exposure_us: float,
    direction: ReadoutDirection = ReadoutDirection.TOP_DOWN,
) -> FlatRamp:
    """Line time T0 * b / a from the row means a + b r of a flat field, ``(rows,)``.

    ``exposure_us`` is T0, offset included; rows that are NaN are left out. Shading
    from top to bottom biases the result, so two exposures are more accurate.
    Raises :class:`InstrumentError` with fewer than 3 rows or none above black.
    """
    used = np.isfinite(row_means_dn)
    if used.sum() < 3 or not (row_means_dn[used] > 0).all():
        raise InstrumentError(
            f"{int(used.sum())} of {used.size} rows carry light; "
            "show an evenly lit panel, unclipped"
        )
    index = direction.readout_index(used.size)[used].astype(float)
    (slope, start), covariance = np.polyfit(index, row_means_dn[used], 1, cov=True)
    line_time_us = exposure_us * slope / start
    gradient = np.array([exposure_us / start, -line_time_us / start])
    flat = row_means_dn[used] / (start + slope * index)
    return FlatRamp(
        line_time_us=float(line_time_us),
        line_time_error_us=float(np.sqrt(gradient @ covariance @ gradient)),
        shading_percent=100 * float(np.ptp(flat)),
    )


def _find_flicker(
    scene: StillScene, fit: LineTimeFit, long_us: float, *, proven: bool
) -> Flicker | None:
    def exposed(first_row_us: float) -> NDArray[np.float64] | None:
        if not proven or first_row_us <= 0:
            return None
        rows = fit.residuals_us.size
        return SensorTiming(first_row_us, fit.line_time_us, rows, fit.direction).row_exposure_us()

    return find_flicker(
        [
            RowLevels(scene.long_frames_dn, scene.long_variance_dn2, exposed(long_us)),
            RowLevels(
                scene.short_frames_dn, scene.short_variance_dn2, exposed(fit.short_exposure_us)
            ),
        ]
    )


def _flat_ramp(scene: StillScene, fit: LineTimeFit, long_us: float) -> FlatRamp | None:
    """The ramp of the long exposure, None if its rows lie on no straight line."""
    rows_dn = scene.long_frames_dn.mean(axis=(0, 1))
    used = np.isfinite(rows_dn)
    if long_us <= 0 or used.sum() < 16:
        return None
    index = fit.direction.readout_index(used.size)[used]
    line = np.polyval(np.polyfit(index, rows_dn[used], 1), index)
    if np.any(line <= 0) or np.std(rows_dn[used] / line) > _FLAT_SHARE:
        return None
    return ramp_on_flat(rows_dn, long_us, fit.direction)


def _band_means(residuals_us: NDArray[np.float64]) -> tuple[float | None, ...]:
    bands = np.array_split(residuals_us, min(_COARSE_BANDS, residuals_us.size))
    return tuple(float(np.nanmean(band)) if np.isfinite(band).any() else None for band in bands)


def _verdict(
    fit: LineTimeFit, global_reset: GlobalReset, scene: StillScene, flicker: Flicker | None
) -> Verdict:
    found = Findings()
    error = fit.line_time_error_us / fit.line_time_us if fit.line_time_us > 0 else np.inf
    if global_reset is GlobalReset.DISPROVED:
        found.redo.append(
            "the camera is not in global reset: every row sees the same exposure; "
            "choose global reset, or another trigger setting"
        )
    elif global_reset is GlobalReset.UNDECIDED:
        found.redo.append(
            f"rows grow by {fit.ramp:.1%} ± {fit.ramp_error:.1%} of the exposure, which does not "
            "tell global reset; shorten the exposure, add light, or read more rows"
        )
    elif error > _USABLE_ERROR:
        found.redo.append(
            f"the line time is known to {error:.1%} only, limit {_USABLE_ERROR:.0%}; "
            + (
                f"{flicker}: {_STEADY_LIGHT}"
                if flicker
                else f"rows grow by {fit.ramp:.0%} of the exposure: shorten it, add light, "
                "or read more rows"
            )
        )
    elif flicker:
        found.usable.append(f"{flicker}, averaged over its phases to {error:.2%}; {_STEADY_LIGHT}")
    elif error > _GOOD_ERROR:
        found.usable.append(
            f"the line time is known to {error:.2%}; more light or frames make it better"
        )
    if fit.band_chi_square > _BENT:
        into = found.redo if fit.band_chi_square > _TOO_BENT else found.usable
        into.append(
            f"bands of rows leave the straight line by {np.sqrt(fit.band_chi_square):.1f} standard "
            "errors: light flickers in step with the frames (change the frame rate, or use DC "
            "light), the camera is not linear, or the scene moved"
        )
    if scene.moving_share > _MOST_MOVING:
        found.usable.append(
            f"{scene.moving_share:.0%} of the pixels move and were left out; hold the scene still"
        )
    if scene.drift_share() > _MOST_DRIFT and not flicker:
        found.usable.append(f"the light drifts by {scene.drift_share():.1%}; let the lamp warm up")
    return found.verdict
