"""A wheel: a disc that turns at a constant rate."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from drivers.camera import Region
from drivers.virtual.layers import CyclicTable, Image, Numbers, Overlap
from drivers.virtual.light import luminance

_ANGLES = 1024
_RINGS_PER_PX = 2


@dataclass(frozen=True, slots=True)
class Wheel:
    """A turning disc, kept in polar form: tables of ``(rings, angles, channels)``.

    ``ring``, ``angle`` (in table samples) and ``opacity``, which fades over one
    pixel at the rim, cover the square ``window``.
    """

    window: Region
    angles_per_us: float
    mono: CyclicTable
    rgb: CyclicTable
    ring: NDArray[np.intp]
    angle: Image
    opacity: Image

    @classmethod
    def build(
        cls, centre_px: tuple[int, int], radius_px: int, picture: Image, turns_per_s: float
    ) -> "Wheel":
        """A wheel turning clockwise, counter-clockwise if negative, never 0.

        ``picture`` shows it face on at rest: a square of linear RGB whose sides
        touch the rim.
        """
        rings, side = _RINGS_PER_PX * radius_px, picture.shape[0]
        # Blurred to a table sample's width first: warpPolar reads single points.
        smooth = cv2.GaussianBlur(picture, (0, 0), side / (8.0 * radius_px))
        centre = ((side - 1) / 2, (side - 1) / 2)
        flags = cv2.INTER_LINEAR | cv2.WARP_FILL_OUTLIERS
        polar = cv2.warpPolar(smooth, (rings, _ANGLES), centre, side / 2, flags)
        texture = np.ascontiguousarray(polar.transpose(1, 0, 2), np.float32)
        reach = radius_px + 1
        offset = np.arange(-reach, reach + 1)
        distance = np.hypot(offset[None, :], offset[:, None])
        turn = np.arctan2(offset[:, None], offset[None, :]) / (2 * np.pi) % 1.0
        return cls(
            Region(centre_px[0] - reach, centre_px[1] - reach, len(offset), len(offset)),
            turns_per_s * 1e-6 * _ANGLES,
            CyclicTable.build(luminance(texture)[..., None], 1, _ANGLES + 1),
            CyclicTable.build(texture, 1, _ANGLES + 1),
            np.minimum(np.rint(distance * _RINGS_PER_PX), rings - 1).astype(np.intp),
            (turn * _ANGLES).astype(np.float32),
            np.clip(radius_px + 0.5 - distance, 0.0, 1.0).astype(np.float32),
        )

    def paint(
        self, light: Image, region: Region, start_us: Numbers, end_us: Numbers, *, colour: bool
    ) -> None:
        """See :meth:`drivers.virtual.layers.Layer.paint`."""
        overlap = Overlap.of(self.window, region)
        if overlap is None:
            return
        start, end = start_us[overlap.region_rows], end_us[overlap.region_rows]
        table = self.rgb if colour else self.mono
        ring, angle = self.ring[overlap.window], self.angle[overlap.window]
        total = self._running_sum(table, ring, angle, start)
        total -= self._running_sum(table, ring, angle, end)
        total *= np.float32(1.0 / self.angles_per_us)
        total += table.mean[ring, 0] * (end - start).astype(np.float32)[:, None, None]
        target = light[overlap.region]
        opacity = self.opacity[overlap.window]
        if colour:
            opacity = opacity[..., None]
        target += opacity * (total.reshape(target.shape) - target)

    def _running_sum(
        self, table: CyclicTable, ring: NDArray[np.intp], angle: Image, time_us: Numbers
    ) -> Image:
        """Running sum at each pixel once the wheel has turned until each row's time."""
        unrolled, channels = table.running.shape[1:]
        # Less than one turn back, so that positions are never negative.
        turned = _ANGLES - self.angles_per_us * time_us % _ANGLES
        position = angle + turned.astype(np.float32)[:, None]
        sample = position.astype(np.intp)
        position -= sample
        sample += ring * unrolled
        total = table.residual.reshape(-1, channels).take(sample, axis=0, mode="clip")
        total *= position[..., None]
        total += table.running.reshape(-1, channels).take(sample, axis=0, mode="clip")
        return total
