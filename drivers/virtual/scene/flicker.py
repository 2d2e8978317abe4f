"""Mains flicker: a scene whose brightness varies with a sine."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drivers.camera_settings import Region
from drivers.virtual.scene.scene import Scene


@dataclass(frozen=True, slots=True)
class FlickeringScene:
    """``scene`` under light that varies as 1 + ``depth`` * sin(2 pi ``rate_hz`` t).

    Each row gets the mean of the light over its window, in closed form. This is exact
    for what stands still. A moving object is lit evenly along its path, as if the
    flicker were fast against the motion; integrals then add only approximately.
    """

    scene: Scene
    depth: float
    rate_hz: float

    def integrate(
        self,
        region: Region,
        start_us: NDArray[np.float64],
        end_us: NDArray[np.float64],
        *,
        colour: bool,
    ) -> NDArray[np.float32]:
        """See :meth:`drivers.virtual.scene.scene.Scene.integrate`."""
        light = self.scene.integrate(region, start_us, end_us, colour=colour)
        half_turns = np.pi * self.rate_hz * 1e-6
        # Mean of a sine over a window: its value in the middle times sinc of the length.
        swing = np.sin(half_turns * (start_us + end_us)) * np.sinc(
            self.rate_hz * 1e-6 * (end_us - start_us)
        )
        factor = (1.0 + self.depth * swing).astype(np.float32)
        light *= factor.reshape(-1, *(1,) * (light.ndim - 1))
        return light
