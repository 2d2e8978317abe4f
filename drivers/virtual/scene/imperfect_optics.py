"""What real lenses and splitters do to a picture beside mapping it."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from drivers.camera_settings import Region

_GHOST_PX = (14, 5)
"""Where the second reflection of a splitter lies, (columns, rows)."""


@dataclass(frozen=True, slots=True)
class ImperfectOptics:
    """Nothing of it by default.

    ``vignetting`` is the share of light that is missing in the sensor's corners (it falls with the
    square of the distance from the middle), ``ghost`` the share that goes into a second image
    14 columns and 5 rows beside the first, ``blur_px`` the standard deviation of a round blur.
    """

    vignetting: float = 0.0
    ghost: float = 0.0
    blur_px: float = 0.0

    def seen(
        self, light: NDArray[np.float32], region: Region, sensor_px: tuple[int, int]
    ) -> NDArray[np.float32]:
        """Light as it arrives in ``region`` of a sensor of (columns, rows); of the same shape."""
        if self.blur_px:
            light = np.asarray(cv2.GaussianBlur(light, (0, 0), self.blur_px), np.float32)
        if self.ghost:
            shift = np.array([[1, 0, _GHOST_PX[0]], [0, 1, _GHOST_PX[1]]], np.float32)
            beside = cv2.warpAffine(
                light, shift, light.shape[1::-1], borderMode=cv2.BORDER_REPLICATE
            ).reshape(light.shape)
            light = light + np.float32(self.ghost) * (beside - light)
        if self.vignetting:
            columns, rows = sensor_px
            x = np.arange(region.width_px) + region.offset_x_px - (columns - 1) / 2
            y = np.arange(region.height_px) + region.offset_y_px - (rows - 1) / 2
            corner = (columns**2 + rows**2) / 4
            left = 1.0 - self.vignetting * (x[None, :] ** 2 + y[:, None] ** 2) / corner
            light = light * left.astype(np.float32).reshape(*left.shape, *(1,) * (light.ndim - 2))
        return light
