"""Picture files of any name: OpenCV itself ends the process at a name that is not UTF-8."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from drivers.errors import InstrumentError
from drivers.input_file import read_input
from drivers.picture_size import claimed_size_px, is_cut_short

MOST_PX = 1 << 28
"""Pixels of a picture or a video frame; sensors end at 250 million."""
_MOST_BYTES = 2 << 30


def read_picture(path: Path, flags: int) -> NDArray[Any] | None:
    """What ``cv2.imread`` returns with these flags; None where the file cannot be read.

    Raises :class:`InstrumentError` for a size beyond :data:`MOST_PX`, before memory is taken.
    """
    try:
        encoded = read_input(path, _MOST_BYTES)
    except OSError:
        return None
    if not encoded or is_cut_short(encoded):
        return None
    check_size(path, *(claimed_size_px(encoded) or (0, 0)))
    try:
        return cv2.imdecode(np.frombuffer(encoded, np.uint8), flags)
    except cv2.error:  # what it finds wrong before it decodes
        return None


def check_size(path: Path, columns: int, rows: int) -> None:
    """Raise :class:`InstrumentError` where a picture of this size is beyond :data:`MOST_PX`."""
    if columns * rows > MOST_PX:
        raise InstrumentError(
            f"{path} claims {columns} x {rows} px; {MOST_PX / 1e6:.0f} million pixels are read at "
            "most: cut it into parts, or replace it where it is damaged"
        )
