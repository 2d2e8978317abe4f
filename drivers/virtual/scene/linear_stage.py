"""A printed target on a linear stage that moves right and left at constant speed.

The motion is a chain of pieces of constant velocity: long ones at full speed, and short
ones at the turning points that brake and accelerate in steps. Each piece is a belt's
motion (:mod:`drivers.virtual.scene.belt`), so every integral is in closed form and they add.
"""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from drivers.camera_settings import Region
from drivers.srgb import Image, luminance
from drivers.virtual.scene.belt import Belt
from drivers.virtual.scene.drawing import INK, PAPER, Canvas
from drivers.virtual.scene.layers import CyclicTable, Numbers

_MARGIN_PX = 96
_CYCLE_PX = 2400
_LANE_PX = 53
"""Height of a lane; no multiple or fraction of the cells that the evaluation uses."""


@dataclass(frozen=True)
class StagePath:
    """Position of the stage, piecewise linear in time and periodic.

    It runs ``run_us`` at ``speed_px_per_s`` to the right, turns around within
    ``turn_us`` and comes back.
    """

    speed_px_per_s: float
    run_us: float = 600_000.0
    turn_us: float = 60_000.0
    turn_steps: int = 12

    @cached_property
    def pieces(self) -> tuple[tuple[float, float, float], ...]:
        """Pieces of one period: start in us, position at the start in px, velocity in px per us."""
        speed = self.speed_px_per_s * 1e-6
        # With an even number of steps no piece has velocity 0.
        steps = 1.0 - 2.0 * (np.arange(self.turn_steps) + 0.5) / self.turn_steps
        step_us = self.turn_us / self.turn_steps
        lengths = [self.run_us, *[step_us] * self.turn_steps] * 2
        velocities = [speed, *(speed * steps), -speed, *(-speed * steps)]
        starts = np.concatenate([[0.0], np.cumsum(lengths)[:-1]])
        positions = np.concatenate([[0.0], np.cumsum(np.multiply(lengths, velocities))[:-1]])
        return tuple(
            (float(start), float(position), float(velocity))
            for start, position, velocity in zip(starts, positions, velocities, strict=True)
        )

    @property
    def period_us(self) -> float:
        """Time of one whole cycle of the motion."""
        return 2.0 * (self.run_us + self.turn_us)


class SlideScene:
    """A black and white target that fills the sensor and moves along its rows."""

    def __init__(
        self, sensor_columns: int, sensor_rows: int, speed_px_per_s: float = 800.0
    ) -> None:
        self.path = StagePath(speed_px_per_s)
        self._window = Region(
            -_MARGIN_PX, -_MARGIN_PX, sensor_columns + 2 * _MARGIN_PX, sensor_rows + 2 * _MARGIN_PX
        )
        print_ = luminance(_target(self._window.height_px))[..., None]
        self._table = CyclicTable.build(print_, 1, self._window.width_px)
        self._belts: dict[float, Belt] = {
            velocity: self._belt(velocity) for _, _, velocity in self.path.pieces
        }

    def _belt(self, velocity_px_per_us: float) -> Belt:
        # Black and white: red, green and blue are its luminance.
        return Belt(
            self._window, velocity_px_per_us, False, _CYCLE_PX, mono=self._table, rgb=self._table
        )

    def integrate(
        self, region: Region, start_us: Numbers, end_us: Numbers, *, colour: bool
    ) -> NDArray[np.float32]:
        """See :meth:`drivers.virtual.scene.scene.Scene.integrate`."""
        light = np.zeros((region.height_px, region.width_px), np.float32)
        part = np.empty_like(light)
        # Count times from the start of a period: after days they would lose digits.
        origin_us = np.floor(start_us.min() / self.path.period_us) * self.path.period_us
        start, end = start_us - origin_us, end_us - origin_us
        for period in range(int(end.max() // self.path.period_us) + 1):
            for first, last, position, velocity in self._pieces(period):
                if first >= end.max() or last <= start.min():
                    continue
                # Shift the belt's time so that its position is that of the stage.
                shift = position / velocity - first
                self._belts[velocity].paint(
                    part,
                    region,
                    np.clip(start, first, last) + shift,
                    np.clip(end, first, last) + shift,
                    colour=False,
                )
                light += part
        return np.repeat(light[..., None], 3, axis=2) if colour else light

    def _pieces(self, period: int) -> list[tuple[float, float, float, float]]:
        """Start, end, position and velocity of a period's pieces."""
        origin = period * self.path.period_us
        pieces = self.path.pieces
        ends = [*(start for start, _, _ in pieces[1:]), self.path.period_us]
        return [
            (origin + start, origin + end, position, velocity)
            for (start, position, velocity), end in zip(pieces, ends, strict=True)
        ]


def _target(rows: int) -> Image:
    """Lanes of bars of random widths, each with a line of text: strong texture along x."""
    lanes = -(-rows // _LANE_PX)
    rng = np.random.default_rng(1200)
    target = np.empty((lanes * _LANE_PX, _CYCLE_PX, 3), np.float32)
    for lane in range(lanes):
        strip = Canvas(_CYCLE_PX, _LANE_PX)
        place = 0.0
        while place < _CYCLE_PX - 30:
            bar, gap = rng.uniform(5.0, 26.0, 2)
            top = rng.uniform(0.0, 10.0)
            strip.rectangle(place, top, float(bar), _LANE_PX - 14 - top, INK)
            place += float(bar + gap)
        for x in range(0, _CYCLE_PX - 300, 300):
            strip.text(f"lane {lane:02d}  {x:04d}", x + 20.0 + 7 * lane, _LANE_PX - 3, 8, INK)
        target[lane * _LANE_PX : (lane + 1) * _LANE_PX] = strip.finish()
    # Through a lens no printed edge is sharper than a pixel.
    soft = cv2.GaussianBlur(target, (0, 0), 0.7, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(np.minimum(soft[:rows], PAPER[0]), np.float32)
