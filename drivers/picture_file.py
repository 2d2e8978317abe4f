"""Picture files of any name: OpenCV itself ends the process at a name that is not UTF-8."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from drivers.input_file import read_whole


def read_picture(path: Path, flags: int) -> NDArray[Any] | None:
    """What ``cv2.imread`` returns with these flags; None where the file cannot be read."""
    try:
        encoded = np.frombuffer(read_whole(path), np.uint8)
    except OSError:
        return None
    return cv2.imdecode(encoded, flags) if len(encoded) else None
