"""A scene that stands still, also during an exposure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drivers.camera import Region
from drivers.virtual.scene import Scene

_GLANCE_US = 100.0
"""Time over which the moment is taken; long enough for float32 sums, too short for motion."""


@dataclass(frozen=True, slots=True)
class StillScene:
    """The moment ``at_us`` of a scene, for ever: what calibration targets and tests need."""

    scene: Scene
    at_us: float

    def integrate(
        self,
        region: Region,
        start_us: NDArray[np.float64],
        end_us: NDArray[np.float64],
        *,
        colour: bool,
    ) -> NDArray[np.float32]:
        """As :meth:`Scene.integrate`; proportional to the length of each row's window."""
        start = np.full_like(start_us, self.at_us)
        light = self.scene.integrate(region, start, start + _GLANCE_US, colour=colour)
        glances = ((end_us - start_us) / _GLANCE_US).astype(np.float32)
        light *= glances.reshape(-1, *(1,) * (light.ndim - 1))
        return light
