"""Linear light: the sRGB encoding undone, and luminance."""

from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from drivers.luminance import LUMINANCE_WEIGHTS

Image: TypeAlias = NDArray[np.float32]
"""A picture in linear light: ``(rows, columns)`` or ``(rows, columns, 3)``."""


def linear_from_srgb(encoded: NDArray[np.floating]) -> NDArray[np.float32]:
    """Linear light of sRGB values in 0..1 (IEC 61966-2-1).

    >>> [round(float(value), 3) for value in linear_from_srgb(np.array([0.0, 0.5, 1.0]))]
    [0.0, 0.214, 1.0]
    """
    encoded = np.asarray(encoded, np.float64)
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    return linear.astype(np.float32)


def luminance(rgb: Image) -> Image:
    """Luminance of linear RGB, ``(rows, columns, 3)`` -> ``(rows, columns)``."""
    weights = np.array([LUMINANCE_WEIGHTS], np.float32)
    return np.asarray(cv2.transform(np.ascontiguousarray(rgb), weights), np.float32)
