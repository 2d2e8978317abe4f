"""Scenes without a picture: the lens cap, and an evenly lit panel."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drivers.camera_settings import Region


@dataclass(frozen=True, slots=True)
class UniformScene:
    """The same ``radiance`` everywhere and always; 0 is the lens cap."""

    radiance: float

    def integrate(
        self,
        region: Region,
        start_us: NDArray[np.float64],
        end_us: NDArray[np.float64],
        *,
        colour: bool,
    ) -> NDArray[np.float32]:
        """See :meth:`drivers.virtual.scene.scene.Scene.integrate`."""
        rows = (self.radiance * (end_us - start_us)).astype(np.float32)
        shape = (region.height_px, region.width_px) + ((3,) if colour else ())
        light = np.empty(shape, np.float32)
        light[...] = rows.reshape(-1, *(1,) * (len(shape) - 1))
        return light
