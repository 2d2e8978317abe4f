"""A blinking lamp: a scene lit by a square wave."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drivers.camera_settings import Region
from drivers.virtual.scene.scene import Scene


@dataclass(frozen=True, slots=True)
class BlinkingScene:
    """A still ``scene`` lit by a lamp that is on for ``duty`` of every ``period_us``.

    The lamp takes ``rise_us`` from dark to full and the same back; it starts to rise at
    scene time 0. ``ambient`` is the light while the lamp is off; full light is 1.
    Exact for a scene that stands still; integrals add.
    """

    scene: Scene
    period_us: float = 23_700.0
    duty: float = 0.5
    rise_us: float = 1.0
    ambient: float = 0.02

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
        # Count from the start of a lamp period, so that differences stay exact after days.
        turn_us = np.floor(start_us / self.period_us) * self.period_us
        lamp_us = self._lit_us(end_us - turn_us) - self._lit_us(start_us - turn_us)
        length_us = end_us - start_us
        share = np.divide(lamp_us, length_us, out=np.zeros_like(lamp_us), where=length_us > 0)
        factor = (self.ambient + (1.0 - self.ambient) * share).astype(np.float32)
        light *= factor.reshape(-1, *(1,) * (light.ndim - 1))
        return light

    def _lit_us(self, time_us: NDArray[np.float64]) -> NDArray[np.float64]:
        """Integral of the lamp's light from 0 to each time."""
        on_us = self.duty * self.period_us
        turns, rest = np.divmod(time_us, self.period_us)
        lit = _ramp_integral(rest, self.rise_us) - _ramp_integral(rest - on_us, self.rise_us)
        return turns * on_us + lit


def _ramp_integral(time_us: NDArray[np.float64], rise_us: float) -> NDArray[np.float64]:
    """Integral of a step at 0 that takes ``rise_us``."""
    rising = np.clip(time_us, 0.0, rise_us)
    return rising**2 / (2 * rise_us) + np.maximum(time_us - rise_us, 0.0)
