"""A scene of one belt in even motion, with a texture that repeats as soon as is wanted."""

import cv2
import numpy as np
from numpy.typing import NDArray

from drivers.camera_settings import Region
from drivers.virtual.scene.belt import Belt

_WINDOW = Region(200, 150, 1040, 780)


def texture(cycle_px: int, seed: int = 1) -> NDArray[np.float32]:
    """Grey blotches, linear RGB, that repeat after ``cycle_px`` columns."""
    rows = _WINDOW.height_px
    dots = np.random.default_rng(seed).random((rows, cycle_px)).astype(np.float32)
    blurred = cv2.GaussianBlur(np.tile(dots, (1, 3)), (0, 0), min(3.0, cycle_px / 12))
    cycle = blurred[:, cycle_px : 2 * cycle_px]
    cycle = np.clip(0.4 + 0.12 * (cycle - cycle.mean()) / cycle.std(), 0.02, 0.9)
    return np.repeat(cycle[..., None], 3, axis=2).astype(np.float32)


class BeltScene:
    """A belt that moves right in the middle of a dark sensor."""

    def __init__(self, speed_px_per_s: float, cycle: NDArray[np.float32] | None = None) -> None:
        shown = texture(2048) if cycle is None else cycle
        self._belt = Belt.build(_WINDOW, shown, speed_px_per_s)

    def integrate(
        self,
        region: Region,
        start_us: NDArray[np.float64],
        end_us: NDArray[np.float64],
        *,
        colour: bool,
    ) -> NDArray[np.float32]:
        """See :meth:`drivers.virtual.scene.scene.Scene.integrate`."""
        light = np.zeros((region.height_px, region.width_px, 3 if colour else 1), np.float32)
        self._belt.paint(light, region, start_us, end_us, colour=colour)
        return light if colour else light[..., 0]
