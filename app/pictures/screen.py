"""Raw codes of a camera as a picture for the screen: 8 bit sRGB, by table look-up."""

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from drivers.pixel_format import Pixels
from drivers.radiometry import Radiometry
from drivers.srgb import linear_from_srgb, srgb_codes

_TO_RGB = {
    "RG": cv2.COLOR_BayerRGGB2RGB,
    "GR": cv2.COLOR_BayerGRBG2RGB,
    "GB": cv2.COLOR_BayerGBRG2RGB,
    "BG": cv2.COLOR_BayerBGGR2RGB,
}
"""OpenCV's conversion by PFNC pattern name."""

_CELLS = {"RG": "RGGB", "GR": "GRBG", "GB": "GBRG", "BG": "BGGR"}
"""Colours of the 2 x 2 cell in reading order, by PFNC pattern name."""

_PROFILE_COLUMNS = 256
"""Columns a row mean is taken over: enough to average noise, few enough to cost nothing."""


_LIGHT = linear_from_srgb(np.arange(256) / 255.0)


class RawEncoder:
    """Encodes frames of one radiometry: ``(DN - black) / (saturation - black)`` as sRGB.

    Calling it with codes ``(rows, columns)`` or ``(rows, columns, 3)`` returns a
    new uint8 array: ``(rows, columns)`` for mono, ``(rows, columns, 3)`` RGB for
    RGB8 and Bayer formats. A mosaic is encoded before it is interpolated: for
    a look at the raw frame that is a quarter of the work.
    """

    def __init__(self, radiometry: Radiometry) -> None:
        self.radiometry = radiometry
        pixel_format = radiometry.pixel_format
        # A table over all values of the type: stray bits above the code's width cannot miss it.
        codes = np.arange(np.iinfo(pixel_format.dtype).max + 1, dtype=np.float64)
        light = radiometry.light_of(codes)
        gains = radiometry.white_balance
        self._balanced = not pixel_format.is_colour or len(set(gains)) == 1
        self._tables = [
            srgb_codes(light * (gain if pixel_format.is_colour else 1.0))
            for gain in (gains[:1] if self._balanced else gains)
        ]
        self._bayer = pixel_format.bayer

    def __call__(self, codes: Pixels) -> NDArray[np.uint8]:
        """The picture of one frame."""
        if self._balanced:
            encoded = _look_up(codes, self._tables[0])
        else:
            encoded = np.empty(codes.shape, np.uint8)
            for channel, site in self._sites():
                encoded[site] = _look_up(np.ascontiguousarray(codes[site]), self._tables[channel])
        if self._bayer is None:
            return encoded
        return np.asarray(cv2.cvtColor(encoded, _TO_RGB[self._bayer]), np.uint8)

    def _sites(self) -> Iterator[tuple[int, tuple[Any, ...]]]:
        """Channel (0 red, 1 green, 2 blue) and index of the codes that carry it."""
        if self._bayer is None:
            yield from ((channel, (..., channel)) for channel in range(3))
            return
        for position, colour in enumerate(_CELLS[self._bayer]):
            row, column = divmod(position, 2)
            yield "RGB".index(colour), (slice(row, None, 2), slice(column, None, 2))


def _look_up(codes: Pixels, table: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if codes.dtype == np.uint8:
        return np.asarray(cv2.LUT(codes, table), np.uint8)
    # "wrap" skips the bounds check; every code lies within the table of its type.
    return np.take(table, codes, mode="wrap")


def raw_row_light(codes: Pixels, radiometry: Radiometry) -> NDArray[np.float64]:
    """Mean linear light of every row of a raw frame, shape ``(rows,)``, 1.0 = saturation.

    The two rows of a Bayer cell see other colours and share their mean.
    """
    step = max(1, codes.shape[1] // _PROFILE_COLUMNS)
    # An odd step visits both columns of a Bayer cell.
    means = codes[:, :: step | 1].reshape(codes.shape[0], -1).mean(axis=1)
    if radiometry.pixel_format.bayer is not None:
        means = np.repeat((means[0:-1:2] + means[1::2]) / 2, 2)
    return radiometry.light_of(means)


def screen_row_light(screen: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Mean linear light of every row of an sRGB picture, shape ``(rows,)``, 1.0 = white."""
    step = max(1, screen.shape[1] // _PROFILE_COLUMNS)
    light = np.take(_LIGHT, np.ascontiguousarray(screen[:, :: step | 1]))
    return np.asarray(light.reshape(screen.shape[0], -1).mean(axis=1), np.float64)
