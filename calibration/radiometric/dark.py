"""Dark calibration of a camera: black level, temporal and spatial dark noise, hot pixels.

Terms and methods: EMVA Standard 1288, release 4.0; noise and nonuniformity are
computed from the temporal differences and the temporal mean of dark frames.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from calibration.radiometric.photon_transfer import PhotonTransfer
from calibration.radiometric.temporal_noise import (
    LEAST_RESOLVED_NOISE_DN,
    LEAST_RESOLVED_VARIANCE_DN2,
    QUANTISATION_VARIANCE_DN2,
    differences,
    one_colour,
    rounding_error_dn,
    standard_error,
)
from calibration.robust_spread import robust_spread
from calibration.verdict import Findings, Grade, Verdict
from drivers.errors import InstrumentError
from drivers.pixel_format import PixelFormat, Pixels

LEAST_FRAMES = 16
"""Least dark frames per exposure; with fewer, the spatial figures of EMVA 1288 are mostly noise."""

_MOST_LISTED = 500
_DARK_SHARE = 0.2
"""Largest mean of a dark frame, as a share of full scale."""

_GROWTH_SHARE = 1 / 4095
"""Growth between two exposures, as a share of full scale, above which the verdict mentions it."""

_CONFIDENCE = 4.0


@dataclass(frozen=True, slots=True)
class DarkShot:
    """Frames of one exposure with the lens capped, ``(rows, columns)`` or with 3 channels each."""

    exposure_us: float
    frames: Sequence[Pixels]


class HotPixel(BaseModel):
    """A pixel far above the others in darkness; x and y count in the recorded region."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    x_px: int
    y_px: int
    excess_dn: float


class DarkCalibration(BaseModel):
    """Result of :func:`dark_calibration`; errors are one standard error.

    ``temporal_dark_noise_dn`` is None if rounding to codes hides it: it is then below
    0.40 DN. Noise in electrons needs the photon transfer. ``dsnu_dn`` is the
    dark signal's spatial standard deviation without the temporal part;
    ``row_pattern_dn`` and ``column_pattern_dn`` are its parts common to whole
    rows and columns, 0 if they may be chance. ``hot_pixels`` lists the
    worst of ``hot_pixel_count``. Nonuniformity and noise of a colour camera are
    those of its green pixels.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    pixel_format: str
    exposures_us: tuple[float, ...]
    frames: int
    black_level_dn: float
    black_level_error_dn: float
    dark_signal_dn_per_s: float | None
    dark_signal_error_dn_per_s: float | None
    temporal_dark_noise_dn: float | None
    temporal_dark_noise_error_dn: float | None
    temporal_dark_noise_e: float | None
    dsnu_dn: float
    row_pattern_dn: float
    column_pattern_dn: float
    hot_pixel_threshold_dn: float
    hot_pixel_count: int
    hot_pixels: tuple[HotPixel, ...]
    photon_transfer: PhotonTransfer | None
    verdict: Verdict


def dark_calibration(
    shots: Sequence[DarkShot],
    pixel_format: PixelFormat,
    photon_transfer: PhotonTransfer | None = None,
) -> DarkCalibration:
    """Evaluate dark frames of one or more exposures; noise and patterns are of the longest.

    Two exposures show whether it really was dark. Raises :class:`InstrumentError`
    for fewer than 2 frames of an exposure, and for frames that are clearly not dark.
    """
    shots = sorted(shots, key=lambda shot: shot.exposure_us)
    _check(shots, pixel_format)
    longest = [one_colour(frame, pixel_format) for frame in shots[-1].frames]
    variance_dn2, variance_error_dn2 = temporal_variance_dn2(longest)
    resolved = variance_dn2 >= LEAST_RESOLVED_VARIANCE_DN2
    noise_dn = float(np.sqrt(variance_dn2 - QUANTISATION_VARIANCE_DN2)) if resolved else None
    level = _black_level(shots, rounding_error_dn(noise_dn or 0.0))
    pattern = _spatial_pattern(longest, variance_dn2)
    mean_image = np.mean([frame for shot in shots for frame in shot.frames], axis=0)
    hot, threshold_dn = _hot_pixels(mean_image)
    gain = photon_transfer.system_gain_dn_per_e if photon_transfer else None
    return DarkCalibration(
        pixel_format=pixel_format.name,
        exposures_us=tuple(shot.exposure_us for shot in shots),
        frames=sum(len(shot.frames) for shot in shots),
        black_level_dn=level.level_dn,
        black_level_error_dn=level.error_dn,
        dark_signal_dn_per_s=level.slope_dn_per_s,
        dark_signal_error_dn_per_s=level.slope_error_dn_per_s,
        temporal_dark_noise_dn=noise_dn,
        temporal_dark_noise_error_dn=variance_error_dn2 / (2 * noise_dn) if noise_dn else None,
        temporal_dark_noise_e=noise_dn / gain if noise_dn and gain else None,
        dsnu_dn=pattern.dsnu_dn,
        row_pattern_dn=pattern.row_dn,
        column_pattern_dn=pattern.column_dn,
        hot_pixel_threshold_dn=threshold_dn,
        hot_pixel_count=len(hot),
        hot_pixels=tuple(hot[:_MOST_LISTED]),
        photon_transfer=photon_transfer,
        verdict=_verdict(shots, level, noise_dn, len(hot), pixel_format, photon_transfer),
    )


def temporal_variance_dn2(frames: Sequence[Pixels]) -> tuple[float, float]:
    """Temporal variance of a pixel in DN^2, rounding included, and its standard error.

    Half the variance, over all pixels, of the difference of successive frames. So
    neither nonuniformity nor a drifting level counts.
    """
    estimates = [0.5 * float(np.var(step, dtype=np.float64)) for step in differences(frames)]
    # Successive differences share a frame: the error of their mean grows by sqrt(1.5).
    spread = standard_error(estimates)
    counted = float(np.mean(estimates)) * np.sqrt(2 / (len(estimates) * frames[0].size))
    error = max(counted, spread) if np.isfinite(spread) else counted
    return float(np.mean(estimates)), float(np.sqrt(1.5) * error)


def _check(shots: Sequence[DarkShot], pixel_format: PixelFormat) -> None:
    for shot in shots:
        if len(shot.frames) < 2:
            raise InstrumentError(
                f"{len(shot.frames)} dark frames at {shot.exposure_us:g} us are too few; "
                f"2 at least, {LEAST_FRAMES} are good"
            )
        mean_dn = float(np.mean(shot.frames[0]))
        limit_dn = _DARK_SHARE * pixel_format.maximum_dn
        if mean_dn > limit_dn:
            raise InstrumentError(
                f"the frames are not dark: mean {mean_dn:.0f} DN of {pixel_format.maximum_dn} DN "
                f"at {shot.exposure_us:g} us, limit {limit_dn:.0f} DN; cap the lens"
            )


@dataclass(frozen=True, slots=True)
class _Level:
    level_dn: float
    error_dn: float
    slope_dn_per_s: float | None = None
    slope_error_dn_per_s: float | None = None
    growth_dn: float = 0.0


def _black_level(shots: Sequence[DarkShot], rounding_dn: float) -> _Level:
    """Mean of all frames; if it changes with exposure, the value extrapolated to exposure 0."""
    means = [[float(frame.mean(dtype=np.float64)) for frame in shot.frames] for shot in shots]
    pooled = [mean for shot in means for mean in shot]
    level_dn, error_dn = float(np.mean(pooled)), standard_error(pooled)
    if len(shots) < 2 or shots[0].exposure_us == shots[-1].exposure_us:
        return _Level(level_dn, float(np.hypot(error_dn, rounding_dn)))
    exposures_s = np.array([shots[0].exposure_us, shots[-1].exposure_us]) * 1e-6
    short_dn, long_dn = float(np.mean(means[0])), float(np.mean(means[-1]))
    growth_dn = long_dn - short_dn
    growth_error_dn = float(np.hypot(standard_error(means[0]), standard_error(means[-1])))
    seconds = float(exposures_s[1] - exposures_s[0])
    slope = growth_dn / seconds
    if abs(growth_dn) > _CONFIDENCE * growth_error_dn:
        level_dn = short_dn - slope * float(exposures_s[0])
        error_dn = growth_error_dn
    return _Level(
        level_dn,
        float(np.hypot(error_dn, rounding_dn)),
        slope,
        growth_error_dn / seconds,
        growth_dn if abs(growth_dn) > _CONFIDENCE * growth_error_dn else 0.0,
    )


@dataclass(frozen=True, slots=True)
class _Pattern:
    dsnu_dn: float
    row_dn: float
    column_dn: float


def _spatial_pattern(frames: Sequence[Pixels], temporal_dn2: float) -> _Pattern:
    """Nonuniformity of the mean of ``frames``, with the rest of the temporal noise subtracted."""
    mean = np.mean(frames, axis=0, dtype=np.float64)
    rows, columns = mean.shape
    total_dn2 = float(mean.var(ddof=1))
    return _Pattern(
        dsnu_dn=float(np.sqrt(max(0.0, total_dn2 - temporal_dn2 / len(frames)))),
        row_dn=_excess_dn(mean.mean(axis=1), total_dn2 / columns),
        column_dn=_excess_dn(mean.mean(axis=0), total_dn2 / rows),
    )


def _excess_dn(means: NDArray[np.float64], expected_dn2: float) -> float:
    """Spread of line means beyond that of independent pixels; 0 if it may be chance."""
    found_dn2 = float(means.var(ddof=1))
    if found_dn2 <= expected_dn2 * (1 + _CONFIDENCE * np.sqrt(2 / means.size)):
        return 0.0
    return float(np.sqrt(found_dn2 - expected_dn2))


def _hot_pixels(mean: NDArray[np.float64]) -> tuple[list[HotPixel], float]:
    """Pixels far above their column and row, worst first, and the threshold in DN."""
    image = mean.max(axis=2) if mean.ndim == 3 else mean
    excess = image - np.median(image, axis=0)
    excess -= np.median(excess, axis=1, keepdims=True)
    spread_dn = robust_spread(excess)
    # Half a code above its neighbours is no defect, even with very little noise.
    threshold_dn = max(8.0 * spread_dn, 0.5)
    places = np.argwhere(excess > threshold_dn)
    hot = [
        HotPixel(x_px=int(x), y_px=int(y), excess_dn=round(float(excess[y, x]), 2))
        for y, x in places
    ]
    return sorted(hot, key=lambda pixel: -pixel.excess_dn), threshold_dn


def _verdict(
    shots: Sequence[DarkShot],
    level: _Level,
    noise_dn: float | None,
    hot_pixels: int,
    pixel_format: PixelFormat,
    photon_transfer: PhotonTransfer | None,
) -> Verdict:
    found = Findings()
    fewest = min(len(shot.frames) for shot in shots)
    pixels = shots[-1].frames[0].size
    at_zero = float(np.mean([np.mean(frame == 0) for frame in shots[-1].frames]))
    if at_zero > 0.01:
        found.redo.append(
            f"{at_zero:.0%} of the codes are 0: the black level is cut off; raise it at the camera"
        )
    word = (
        f"the signal changes by {level.growth_dn:+.2f} DN from {shots[0].exposure_us:g} us to "
        f"{shots[-1].exposure_us:g} us: light leaks in, or the sensor is warm; cover the camera"
    )
    if abs(level.growth_dn) > 4 * _GROWTH_SHARE * pixel_format.maximum_dn:
        found.redo.append(word)
    elif abs(level.growth_dn) > _GROWTH_SHARE * pixel_format.maximum_dn:
        found.usable.append(word)
    if fewest < LEAST_FRAMES:
        found.usable.append(
            f"only {fewest} frames of an exposure; {LEAST_FRAMES} give a firmer level"
        )
    if len(shots) < 2:
        found.usable.append("one exposure alone cannot tell whether light leaks in; take two")
    if noise_dn is None:
        found.usable.append(
            f"temporal dark noise is below {LEAST_RESOLVED_NOISE_DN:.2f} DN: {pixel_format.bits} "
            f"bit cannot resolve it and leave {level.error_dn:.2f} DN of doubt in the black level; "
            "use a pixel format of more bits"
        )
    if hot_pixels > 0.001 * pixels:
        found.usable.append(
            f"{hot_pixels} hot pixels, more than one in a thousand; cool the camera"
        )
    if photon_transfer is not None:
        beyond_use = photon_transfer.verdict.grade is Grade.REDO
        into = found.redo if beyond_use else found.usable
        into.extend(photon_transfer.verdict.reasons)
    return found.verdict
