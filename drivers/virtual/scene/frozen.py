"""A scene that stands still, also during an exposure."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from drivers.camera import Region
from drivers.pixel_format import Pixels
from drivers.virtual.scene.scene import Scene

_GLANCE_US = 100.0
"""Time over which the moment is taken; long enough for float32 sums, too short for motion."""


_KEPT = 4


@dataclass(frozen=True, slots=True)
class StillScene:
    """The moment ``at_us`` of a scene, for ever: what calibration targets and tests need."""

    scene: Scene
    at_us: float
    _glances: dict[tuple[Region, bool], NDArray[np.float32]] = field(
        default_factory=dict, compare=False, repr=False
    )
    _pictures: dict[Hashable, Pixels] = field(default_factory=dict, compare=False, repr=False)

    def integrate(
        self,
        region: Region,
        start_us: NDArray[np.float64],
        end_us: NDArray[np.float64],
        *,
        colour: bool,
    ) -> NDArray[np.float32]:
        """As :meth:`Scene.integrate`; proportional to the length of each row's window."""
        glance = self._glance(region, colour)
        glances = ((end_us - start_us) / _GLANCE_US).astype(np.float32)
        return glance * glances.reshape(-1, *(1,) * (glance.ndim - 1))

    def _glance(self, region: Region, colour: bool) -> NDArray[np.float32]:
        """The light of one glance, kept for the regions looked at."""
        kept = self._glances.get((region, colour))
        if kept is None:
            if len(self._glances) >= _KEPT:
                self._glances.clear()
            start = np.full(region.height_px, self.at_us)
            kept = self.scene.integrate(region, start, start + _GLANCE_US, colour=colour)
            self._glances[region, colour] = kept
        return kept

    def picture(self, state: Hashable, take: Callable[[], Pixels]) -> Pixels:
        """What a camera without noise shows of it in ``state``: taken once, then kept."""
        kept = self._pictures.get(state)
        if kept is None:
            if len(self._pictures) >= _KEPT:
                self._pictures.clear()
            kept = self._pictures[state] = take()
        return kept
