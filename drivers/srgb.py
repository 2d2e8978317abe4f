"""sRGB (IEC 61966-2-1) to and from linear light, and luminance: the only definition of both.

See docs/physics.md, "Encodings".
"""

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

Image: TypeAlias = NDArray[np.float32]
"""A picture in linear light: ``(rows, columns)`` or ``(rows, columns, 3)``."""

LUMINANCE_WEIGHTS = (0.2126, 0.7152, 0.0722)
"""Share of linear red, green and blue in luminance (ITU-R BT.709-6, item 3.2)."""

_LINEAR_LIMIT = 0.0031308
"""Light below which the curve is a straight line."""

_AnyArray = TypeVar("_AnyArray", bound=Any)


def srgb_curve(light: _AnyArray, where: Callable[[Any, Any, Any], Any]) -> _AnyArray:
    """The sRGB curve, extended to any light: its line below 0, its power above 1.

    ``light`` is an array of numpy or torch, ``where`` the ``where`` of the same library.
    It has a finite gradient everywhere.

    >>> srgb_curve(np.array([0.0, 0.5, 1.0]), np.where).round(4).tolist()
    [0.0, 0.7354, 1.0]
    """
    curved = 1.055 * light.clip(min=_LINEAR_LIMIT) ** (1 / 2.4) - 0.055
    return where(light <= _LINEAR_LIMIT, 12.92 * light, curved)  # type: ignore[no-any-return]


def srgb_codes(light: NDArray[np.float64]) -> NDArray[np.uint8]:
    """8 bit sRGB of linear light, 1.0 = white; clipped, of the same shape.

    >>> srgb_codes(np.array([0.0, 0.5, 2.0]))
    array([  0, 188, 255], dtype=uint8)
    """
    encoded = srgb_curve(np.clip(light, 0.0, 1.0), np.where)
    return np.round(encoded * 255.0).astype(np.uint8)


def linear_from_srgb(encoded: NDArray[np.floating]) -> NDArray[np.float32]:
    """Linear light of sRGB values in 0..1.

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
