"""Mains flicker: detection from the swing of row brightness, and frame rates that average it.

Lamps on alternating current flicker at twice its frequency, 100 or 120 Hz. A
row of a frame that starts at phase phi and is exposed for T collects the mean of the
light over T, 1 + depth * (cos(phi) - cos(2 pi f T + phi)) / (2 pi f T).
Frames at evenly spread phases have the same light on average.

See docs/physics.md, "Line time from two exposures".
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

MAINS_RATES_HZ = (100.0, 120.0)

_BANDS = 16
_CONFIDENCE = 6.0
_LEAST_SWING = 2e-4
_LEAST_FRAMES_FOR_TREND = 4
_EXPLAINED = 0.5
_SLOWEST_FPS = 5.0


class Flicker(BaseModel):
    """Flicker of the light from frame to frame.

    ``swing_percent`` is the amplitude of the rows' signal about its mean. It is less
    than that of the light itself, because exposures average it.
    ``rate_hz`` is None if neither 100 nor 120 Hz explains it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    swing_percent: float
    rate_hz: float | None

    def __str__(self) -> str:
        source = "light" if self.rate_hz is None else f"mains light ({self.rate_hz:g} Hz)"
        return f"{source} flickers by {self.swing_percent:.2g} %"


@dataclass(frozen=True, slots=True)
class RowLevels:
    """Row means of frames of one exposure, ``(blocks, frames, rows)``; NaN for rows not used.

    ``variance_dn2``, ``(rows,)``, is the variance by noise; ``exposure_us``,
    ``(rows,)``, is the time from the frame's start over which each row collects
    light, None if unknown.
    """

    frames_dn: NDArray[np.float64]
    variance_dn2: NDArray[np.float64]
    exposure_us: NDArray[np.float64] | None = None


def find_flicker(levels: Sequence[RowLevels]) -> Flicker | None:
    """Flicker that makes rows differ between frames of a block beyond noise; None if there is none.

    Light that drifts more slowly than a block lasts does not count.
    """
    swings = [_Swings.of(item) for item in levels]
    found = float(np.mean([swing.excess for swing in swings]))
    chance = float(np.mean([swing.chance for swing in swings]))
    if found < max(_CONFIDENCE * chance, _LEAST_SWING**2 / 2):
        return None
    return Flicker(swing_percent=100 * float(np.sqrt(2 * found)), rate_hz=_rate_hz(swings))


def averaging_fps(limit_fps: float, frames: int) -> float | None:
    """Highest frame rate below ``limit_fps`` at which a block of ``frames`` averages mains light.

    At 20 * frames / k fps, 100 and 120 Hz advance by 5 k / frames and 6 k / frames
    of a period between frames. The phases are then spread evenly over whole periods,
    unless that is a whole number: then every frame has the same phase. Second
    harmonics are averaged too. None if there is no such rate above 5 fps.

    >>> averaging_fps(60.0, 8), averaging_fps(100.0, 4)
    (53.333333333333336, None)
    """
    k = 1
    while (fps := 20.0 * frames / k) >= _SLOWEST_FPS:
        if fps <= limit_fps and all(k * cycles % frames for cycles in (5, 6, 10, 12)):
            return fps
        k += 1
    return None


@dataclass(frozen=True, slots=True)
class _Swings:
    """Relative deviations of bands of rows from their block's mean, ``(blocks, frames, bands)``."""

    deviations: NDArray[np.float64]
    exposure_us: NDArray[np.float64] | None
    excess: float
    chance: float

    @classmethod
    def of(cls, levels: RowLevels) -> "_Swings":
        used = np.flatnonzero(np.isfinite(levels.variance_dn2))
        level = levels.frames_dn[..., used].mean(axis=(0, 1))
        # Sums weight rows by their light: the relative noise of dark rows is large.
        bands = np.array_split(np.arange(used.size), min(_BANDS, used.size))
        sums = np.stack([level[band].sum() for band in bands])
        noise = np.stack([levels.variance_dn2[used][band].sum() for band in bands]) / sums**2
        values = np.stack(
            [levels.frames_dn[..., used[band]].sum(axis=-1) for band in bands], axis=-1
        )
        values = values / values.mean(axis=1, keepdims=True) - 1
        blocks, frames, count = values.shape
        freedom = frames - 1
        if frames >= _LEAST_FRAMES_FOR_TREND:
            # Remove the linear trend of a block: that is drift, not flicker.
            time = np.arange(frames) - (frames - 1) / 2
            slope = np.einsum("f,bfr->br", time, values) / np.sum(time**2)
            values -= time[:, None] * slope[:, None, :]
            freedom -= 1
        variance = (values**2).sum(axis=1) / freedom
        exposure = levels.exposure_us
        return cls(
            values,
            None if exposure is None else np.array([exposure[used[band]].mean() for band in bands]),
            float(np.mean(variance - noise)),
            float(np.mean(noise) * np.sqrt(2 / (blocks * freedom * count))),
        )


def _rate_hz(swings: Sequence[_Swings]) -> float | None:
    """The mains rate whose windowed sine explains most of the deviations."""
    total = sum(float(np.sum(swing.deviations**2)) for swing in swings)
    left: dict[float, float] = {}
    for rate_hz in MAINS_RATES_HZ:
        left[rate_hz] = 0.0
        for swing in swings:
            if swing.exposure_us is None:
                return None
            turns = 2 * np.pi * rate_hz * 1e-6 * swing.exposure_us
            basis = np.stack([np.sin(turns) / turns, (1 - np.cos(turns)) / turns], axis=1)
            rows = swing.deviations.reshape(-1, swing.exposure_us.size)
            _, residuals, *_ = np.linalg.lstsq(basis, rows.T, rcond=None)
            left[rate_hz] += float(np.sum(residuals))
    best = min(left, key=lambda rate_hz: left[rate_hz])
    other = max(left.values())
    return best if left[best] < _EXPLAINED * min(total, other) else None
