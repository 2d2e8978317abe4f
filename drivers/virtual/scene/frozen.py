"""A frozen scene: it stands still, also during an exposure."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from drivers.camera_settings import Region
from drivers.pixel_format import Pixels
from drivers.virtual.scene.scene import Scene

_MOMENT_US = 100.0
"""Time over which light is integrated; long enough for float32 sums, too short for motion."""


_KEPT = 4


@dataclass(frozen=True, slots=True)
class StillScene:
    """A scene frozen at ``at_us``, for calibration and tests."""

    scene: Scene
    at_us: float
    _moments: dict[tuple[Region, bool], NDArray[np.float32]] = field(
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
        moment = self._moment(region, colour)
        moments = ((end_us - start_us) / _MOMENT_US).astype(np.float32)
        return moment * moments.reshape(-1, *(1,) * (moment.ndim - 1))

    def _moment(self, region: Region, colour: bool) -> NDArray[np.float32]:
        """Light over the time :data:`_MOMENT_US`, cached by region and colour."""
        kept = self._moments.get((region, colour))
        if kept is None:
            if len(self._moments) >= _KEPT:
                self._moments.clear()
            start = np.full(region.height_px, self.at_us)
            kept = self.scene.integrate(region, start, start + _MOMENT_US, colour=colour)
            self._moments[region, colour] = kept
        return kept

    def picture(self, state: Hashable, take: Callable[[], Pixels]) -> Pixels:
        """Noise-free picture of a camera in ``state``; made once by ``take``, then cached."""
        kept = self._pictures.get(state)
        if kept is None:
            if len(self._pictures) >= _KEPT:
                self._pictures.clear()
            kept = self._pictures[state] = take()
        return kept
