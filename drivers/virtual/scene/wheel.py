"""A wheel: a disc that turns at a constant rate."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from drivers.camera_settings import Region
from drivers.srgb import Image, luminance
from drivers.virtual.scene.layers import CyclicTable, Numbers, Overlap

_ANGLES = 1024
_UNROLLED = 2 * _ANGLES + 1
"""Samples of a ring in the tables: any angle plus any turn, and one more to interpolate."""

_RINGS_PER_PX = 2


@dataclass(frozen=True, slots=True)
class _Polar:
    """Polar tables of a disc, ``(rings * angles, channels)``, and its mean at each pixel."""

    mean: Image
    residual: Image
    running: Image

    @classmethod
    def build(cls, texture: Image, ring: NDArray[np.intp]) -> "_Polar":
        """``texture`` is ``(rings, angles, channels)``."""
        table = CyclicTable.build(texture, 1, _UNROLLED - _ANGLES)
        channels = texture.shape[2]
        return cls(
            table.mean[ring, 0],
            table.residual.reshape(-1, channels),
            table.running.reshape(-1, channels),
        )


@dataclass(frozen=True, slots=True)
class Wheel:
    """A turning disc, kept in polar form.

    ``row``, ``angle`` and ``opacity`` cover the square ``window``: the start of each
    pixel's ring in the tables, its angle in table samples, and its opacity, which
    fades over one pixel at the rim.
    """

    window: Region
    angles_per_us: float
    mono: _Polar
    rgb: _Polar
    row: NDArray[np.intp]
    angle: Image
    opacity: Image

    @classmethod
    def build(
        cls, centre_px: tuple[int, int], radius_px: int, picture: Image, turns_per_s: float
    ) -> "Wheel":
        """A wheel that turns clockwise; counter-clockwise if negative, never 0.

        ``picture`` shows it from the front at rest: a square of linear RGB whose
        sides touch the rim.
        """
        rings, side = _RINGS_PER_PX * radius_px, picture.shape[0]
        # Blur to the width of a table sample first, because warpPolar reads single points.
        smooth = cv2.GaussianBlur(picture, (0, 0), side / (8.0 * radius_px))
        centre = ((side - 1) / 2, (side - 1) / 2)
        flags = cv2.INTER_LINEAR | cv2.WARP_FILL_OUTLIERS
        polar = cv2.warpPolar(smooth, (rings, _ANGLES), centre, side / 2, flags)
        texture = np.ascontiguousarray(polar.transpose(1, 0, 2), np.float32)
        reach = radius_px + 1
        offset = np.arange(-reach, reach + 1)
        distance = np.hypot(offset[None, :], offset[:, None])
        turn = np.arctan2(offset[:, None], offset[None, :]) / (2 * np.pi) % 1.0
        ring = np.minimum(np.rint(distance * _RINGS_PER_PX), rings - 1).astype(np.intp)
        return cls(
            Region(centre_px[0] - reach, centre_px[1] - reach, len(offset), len(offset)),
            turns_per_s * 1e-6 * _ANGLES,
            _Polar.build(luminance(texture)[..., None], ring),
            _Polar.build(texture, ring),
            ring * _UNROLLED,
            (turn * _ANGLES).astype(np.float32),
            np.clip(radius_px + 0.5 - distance, 0.0, 1.0).astype(np.float32),
        )

    def paint(
        self, light: Image, region: Region, start_us: Numbers, end_us: Numbers, *, colour: bool
    ) -> None:
        """See :meth:`drivers.virtual.scene.layers.Layer.paint`."""
        overlap = Overlap.of(self.window, region)
        if overlap is None:
            return
        start, end = start_us[overlap.region_rows], end_us[overlap.region_rows]
        polar = self.rgb if colour else self.mono
        total = self._running_sum(polar, overlap.window, start)
        total -= self._running_sum(polar, overlap.window, end)
        total *= np.float32(1.0 / self.angles_per_us)
        total += polar.mean[overlap.window] * (end - start).astype(np.float32)[:, None, None]
        target = light[overlap.region]
        opacity = self.opacity[overlap.window]
        if colour:
            opacity = opacity[..., None]
        target += opacity * (total.reshape(target.shape) - target)

    def _running_sum(self, polar: _Polar, window: tuple[slice, slice], time_us: Numbers) -> Image:
        """Running sum at each pixel for the wheel's angle at each row's time."""
        # Add one turn, so that positions are never negative.
        turned = _ANGLES - self.angles_per_us * time_us % _ANGLES
        position = self.angle[window] + turned.astype(np.float32)[:, None]
        sample = position.astype(np.intp)
        position -= sample
        sample += self.row[window]
        total = polar.residual.take(sample, axis=0, mode="clip")
        total *= position[..., None]
        total += polar.running.take(sample, axis=0, mode="clip")
        return total
