"""Demosaicing in linear light, on the host, by OpenCV's edge-aware interpolation."""

import cv2
import numpy as np
from numpy.typing import NDArray

_TO_RGB = {
    # OpenCV names a pattern by the second pixels of the second row.
    "RG": cv2.COLOR_BayerBG2RGB_EA,
    "GR": cv2.COLOR_BayerGB2RGB_EA,
    "GB": cv2.COLOR_BayerGR2RGB_EA,
    "BG": cv2.COLOR_BayerRG2RGB_EA,
}

_RED_POSITION = {"RG": (0, 0), "GR": (0, 1), "GB": (1, 0), "BG": (1, 1)}

# OpenCV interpolates 16 bit codes: these hold light from -1/16, which noise
# around black needs, to nearly 4, in steps far below a 12 bit camera's.
_CODES_PER_LIGHT = 16384.0
_CODE_OF_BLACK = 1024.0


def colour_at(pattern: str, rows: int, columns: int) -> NDArray[np.intp]:
    """Colour of every pixel of a mosaic, 0 = red, 1 = green, 2 = blue; ``(rows, columns)``."""
    red_row, red_column = _RED_POSITION[pattern]
    row = np.arange(rows)[:, None] % 2 == red_row
    column = np.arange(columns) % 2 == red_column
    return np.where(row & column, 0, np.where(row | column, 1, 2))


class Demosaic:
    """Codes of a mosaic to linear RGB light, for one pattern, black level and scale.

    ``scale`` is light per DN of every pixel, float32 ``(rows, columns)``.
    """

    def __init__(self, pattern: str, black_level_dn: float, scale: NDArray[np.float32]) -> None:
        self._conversion = _TO_RGB[pattern]
        self._scale = (scale * _CODES_PER_LIGHT).astype(np.float32)
        self._offset = (_CODE_OF_BLACK - black_level_dn * self._scale).astype(np.float32)

    def __call__(self, codes: NDArray[np.uint8 | np.uint16]) -> NDArray[np.float32]:
        """Float32 light ``(rows, columns, 3)``; exact on grey gradients inside the border."""
        scaled = cv2.multiply(codes, self._scale, dtype=cv2.CV_32F)
        mosaic = cv2.add(scaled, self._offset, dtype=cv2.CV_16U)
        rgb = cv2.cvtColor(mosaic, self._conversion).astype(np.float32)
        rgb -= _CODE_OF_BLACK
        rgb *= 1 / _CODES_PER_LIGHT
        return rgb
