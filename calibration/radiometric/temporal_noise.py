"""Temporal noise from differences of frames, and the effect of rounding to codes on it.

Method and limits: EMVA Standard 1288, release 4.0, "temporal noise" and
"quantization noise".
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivers.pixel_format import PixelFormat, Pixels

QUANTISATION_VARIANCE_DN2 = 1.0 / 12.0
"""Variance of rounding to whole codes when the noise covers several codes."""

LEAST_RESOLVED_VARIANCE_DN2 = 0.24
"""Least variance that shows the noise; below it rounding dominates (EMVA 1288)."""

LEAST_RESOLVED_NOISE_DN = 0.40
"""Upper limit of noise that cannot be resolved: sqrt(0.24 - 1/12)."""

FINE_SHARE = 1.0 - 1.0 / np.pi + 1.0 / (4.0 * np.pi)
"""Share of the variance of white noise that a Gaussian blur of one pixel takes away."""

_HARMONICS = np.arange(1, 21)


def one_colour(pixels: Pixels, pixel_format: PixelFormat) -> Pixels:
    """Samples of one colour: all of a mono frame, the first green of a mosaic, green of RGB.

    Colours are not mixed, because white balance gives them different gains.
    Returns a view of shape ``(rows, columns)``.
    """
    if pixel_format.bayer is not None:
        return pixels[0::2, pixel_format.bayer.index("G") :: 2]
    return pixels[..., 1] if pixels.ndim == 3 else pixels


def differences(frames: Sequence[Pixels]) -> Iterator[NDArray[np.float32]]:
    """Each frame minus the one before."""
    for former, latter in pairwise(frames):
        yield np.subtract(latter, former, dtype=np.float32)


def rounding_error_dn(noise_dn: float) -> float:
    """Standard error of a mean of whole codes whose noise is ``noise_dn`` before rounding.

    Without noise every sample rounds the same way, and the mean may be wrong by up
    to half a code. Noise above half a code averages this out. From the Fourier
    series of the rounding error of a Gaussian.

    >>> [round(rounding_error_dn(noise), 4) for noise in (0.0, 0.2, 0.5)]
    [0.2844, 0.1023, 0.0016]
    """
    amplitudes = np.exp(-2 * (np.pi * _HARMONICS * noise_dn) ** 2) / (np.pi * _HARMONICS)
    return float(np.sqrt(0.5 * np.sum(amplitudes**2)))


def standard_error(values: Sequence[float] | NDArray[Any]) -> float:
    """Standard error of the mean of independent ``values``; infinite for a single one."""
    numbers = np.asarray(values, float)
    if numbers.size < 2:
        return float("inf")
    return float(numbers.std(ddof=1) / np.sqrt(numbers.size))
