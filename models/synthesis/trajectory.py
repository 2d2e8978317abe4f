"""Smooth motion of a flat layer before the camera: drift, sway, turning and zoom."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Affine = NDArray[np.float64]
"""Matrix of shape ``(3, 3)`` that acts on ``(x, y, 1)``."""


@dataclass(frozen=True, slots=True)
class Swing:
    """A sine of time: amplitude * sin(2 pi t / period + phase)."""

    amplitude: float = 0.0
    period_us: float = 1.0
    phase: float = 0.0

    def at(self, time_us: float) -> float:
        """Value at a time."""
        return self.amplitude * float(np.sin(2 * np.pi * time_us / self.period_us + self.phase))


STILL = Swing()


@dataclass(frozen=True, slots=True)
class Trajectory:
    """Where a texture's middle is, how far it is turned and how large it appears, at any time.

    ``middle_px`` holds at time 0 apart from the swings. ``turn`` swings in
    radians, ``zoom`` in the logarithm of the size.
    """

    middle_px: tuple[float, float]
    velocity_px_per_us: tuple[float, float] = (0.0, 0.0)
    sway_x: Swing = STILL
    sway_y: Swing = STILL
    turn: Swing = STILL
    zoom: Swing = STILL

    def to_frame(self, time_us: float, anchor_px: tuple[float, float]) -> Affine:
        """Map from texture to frame points; ``anchor_px`` is the texture's middle."""
        x = self.middle_px[0] + self.velocity_px_per_us[0] * time_us + self.sway_x.at(time_us)
        y = self.middle_px[1] + self.velocity_px_per_us[1] * time_us + self.sway_y.at(time_us)
        angle, scale = self.turn.at(time_us), float(np.exp(self.zoom.at(time_us)))
        cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
        left, top = anchor_px
        return np.array(
            [
                [cosine, -sine, x - cosine * left + sine * top],
                [sine, cosine, y - sine * left - cosine * top],
                [0.0, 0.0, 1.0],
            ]
        )


def projected(matrix: Affine, points_px: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points, shape ``(..., 2)``, order (x, y), under an affine map."""
    return np.asarray(points_px @ matrix[:2, :2].T + matrix[:2, 2])
