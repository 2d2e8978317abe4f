"""Layered scenes: flat pictures that move in front of each other, known at every instant.

The light of an exposure is a sum over short intervals, in each of which nothing
moves further than :data:`LARGEST_STEP_PX`; the intervals are fixed for a scene,
so integrals add whatever the windows. A row's window that ends inside an
interval takes its share: linear interpolation of the cumulative integral.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from drivers.camera_settings import Region
from drivers.srgb import Image, luminance
from models.synthesis.trajectory import Trajectory, projected

LARGEST_STEP_PX = 0.7
"""Motion within one interval; beyond a pixel, edges would show as separate copies."""

_PATH_SAMPLES = 9
_ROUNDING_US = 1e-3
"""A window may end this much outside the scene's time: sums of the same times differ in bits."""


@dataclass(frozen=True, eq=False)
class Texture:
    """A flat picture: linear RGB ``(rows, columns, 3)`` and how opaque it is.

    ``alpha`` of shape ``(rows, columns)``, 0 to 1, has been multiplied into
    ``light`` already; None is a background, mirrored beyond its borders.
    """

    light: Image
    alpha: Image | None = None

    @property
    def anchor_px(self) -> tuple[float, float]:
        """Middle of the picture, (x, y)."""
        return (self.light.shape[1] - 1) / 2, (self.light.shape[0] - 1) / 2

    @property
    def corners_px(self) -> NDArray[np.float64]:
        """The four corner pixels, shape ``(4, 2)``."""
        right, bottom = self.light.shape[1] - 1, self.light.shape[0] - 1
        return np.array([[0, 0], [right, 0], [right, bottom], [0, bottom]], np.float64)

    @cached_property
    def colour_planes(self) -> Image:
        """RGB and, where there is one, alpha."""
        return self._with_alpha(self.light)

    @cached_property
    def grey_planes(self) -> Image:
        """Luminance and, where there is one, alpha."""
        return self._with_alpha(luminance(self.light)[..., None])

    def _with_alpha(self, light: Image) -> Image:
        planes = [light] if self.alpha is None else [light, self.alpha[..., None]]
        return np.ascontiguousarray(np.concatenate(planes, axis=-1))


@dataclass(frozen=True, eq=False)
class Layer:
    """A texture and its trajectory."""

    texture: Texture
    trajectory: Trajectory

    def to_frame(self, time_us: float) -> NDArray[np.float64]:
        """Map from texture to frame points, ``(3, 3)``."""
        return self.trajectory.to_frame(time_us, self.texture.anchor_px)

    def paint(self, radiance: Image, region: Region, time_us: float) -> None:
        """Paint the texture at ``time_us`` over ``radiance``, in place."""
        window = self._window(region, time_us)
        if window is None:
            return
        rows, columns = window
        to_window = self.to_frame(time_us)
        to_window[:2, 2] -= (region.offset_x_px + columns.start, region.offset_y_px + rows.start)
        part = radiance[rows, columns]
        planes = self.texture.colour_planes if radiance.ndim == 3 else self.texture.grey_planes
        seen = cv2.warpAffine(
            planes,
            np.linalg.inv(to_window)[:2],
            (part.shape[1], part.shape[0]),
            # Bilinear sampling would soften a picture, and by a different amount at each place.
            flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REFLECT_101 if self.is_background else cv2.BORDER_CONSTANT,
        )
        channels = 3 if radiance.ndim == 3 else 1
        light = np.maximum(seen.reshape(*part.shape[:2], -1)[..., :channels], 0.0)
        if not self.is_background:
            through = 1.0 - np.clip(seen[..., -1:], 0.0, 1.0)
            light += part.reshape(light.shape) * through
        part[...] = light.reshape(part.shape)

    @property
    def is_background(self) -> bool:
        """Whether the layer covers everything."""
        return self.texture.alpha is None

    def _window(self, region: Region, time_us: float) -> tuple[slice, slice] | None:
        """Rows and columns of ``region`` that the texture may touch."""
        if self.is_background:
            return slice(0, region.height_px), slice(0, region.width_px)
        corners = projected(self.to_frame(time_us), self.texture.corners_px)
        corners -= (region.offset_x_px, region.offset_y_px)
        left, top = np.maximum(np.floor(corners.min(axis=0)).astype(int), 0)
        right, bottom = np.minimum(
            np.ceil(corners.max(axis=0)).astype(int) + 1, (region.width_px, region.height_px)
        )
        if left >= right or top >= bottom:
            return None
        return slice(int(top), int(bottom)), slice(int(left), int(right))


class LayeredScene:
    """Layers from back to front; a ``Scene`` over a stated time."""

    def __init__(self, layers: list[Layer], field: Region, instants_us: list[float]) -> None:
        """``layers`` begin with a background; ``field`` is the part that will be looked at.

        ``instants_us``, rising, span the time of the scene. Windows that begin
        and end at them are integrated without interpolation: give the start
        and the end of every global-shutter exposure.
        """
        if not layers or not layers[0].is_background:
            raise ValueError("a layered scene begins with a background")
        self._layers = layers
        self._field = field
        self._edges_us = self._intervals(instants_us)

    @property
    def intervals(self) -> int:
        """Number of intervals the scene's time is cut into: what rendering costs."""
        return len(self._edges_us) - 1

    def integrate(
        self,
        region: Region,
        start_us: NDArray[np.float64],
        end_us: NDArray[np.float64],
        *,
        colour: bool,
    ) -> NDArray[np.float32]:
        """See :meth:`drivers.virtual.scene.scene.Scene.integrate`.

        Raises :class:`ValueError` for windows outside the time of the scene.
        """
        first_us, last_us = start_us.min(), end_us.max()
        if (
            first_us < self._edges_us[0] - _ROUNDING_US
            or last_us > self._edges_us[-1] + _ROUNDING_US
        ):
            raise ValueError(
                f"exposure {first_us:.1f} to {last_us:.1f} us lies outside the scene's "
                f"{self._edges_us[0]:.1f} to {self._edges_us[-1]:.1f} us"
            )
        shape = (region.height_px, region.width_px, *((3,) if colour else ()))
        light = np.zeros(shape, np.float32)
        begin = max(0, int(np.searchsorted(self._edges_us, first_us, side="right")) - 1)
        end = int(np.searchsorted(self._edges_us, last_us, side="left"))
        for low_us, high_us in pairwise(self._edges_us[begin : end + 1]):
            time_us = np.minimum(end_us, high_us) - np.maximum(start_us, low_us)
            (seeing,) = np.nonzero(time_us > 0)
            if not seeing.size:
                continue
            rows = slice(int(seeing[0]), int(seeing[-1]) + 1)
            strip = Region(
                region.offset_x_px,
                region.offset_y_px + rows.start,
                region.width_px,
                rows.stop - rows.start,
            )
            radiance = self.radiance(strip, (low_us + high_us) / 2, colour=colour)
            weight = np.maximum(time_us[rows], 0.0).astype(np.float32)
            radiance *= weight.reshape(-1, *(1,) * (radiance.ndim - 1))
            light[rows] += radiance
        return light

    def radiance(self, region: Region, time_us: float, *, colour: bool) -> Image:
        """What is seen at one instant, float32 ``(rows, columns)`` or ``(rows, columns, 3)``."""
        shape = (region.height_px, region.width_px, *((3,) if colour else ()))
        radiance = np.empty(shape, np.float32)
        for layer in self._layers:
            layer.paint(radiance, region, time_us)
        return radiance

    def displacement_px(
        self, region: Region, start_us: float, end_us: float
    ) -> NDArray[np.float32]:
        """True motion: where what is seen at each pixel at ``start_us`` has gone by ``end_us``.

        Float32 ``(rows, columns, 2)``, order (x, y); a soft edge belongs to the
        layer that gives most of its light.
        """
        x, y = np.meshgrid(
            np.arange(region.width_px) + region.offset_x_px,
            np.arange(region.height_px) + region.offset_y_px,
        )
        points = np.stack([x, y], axis=-1).astype(np.float64)
        motion = np.zeros((region.height_px, region.width_px, 2), np.float32)
        for layer in self._layers:
            moved = layer.to_frame(end_us) @ np.linalg.inv(layer.to_frame(start_us))
            shows = self._shows(layer, region, start_us)
            motion[shows] = (projected(moved, points) - points)[shows]
        return motion

    @staticmethod
    def _shows(layer: Layer, region: Region, time_us: float) -> NDArray[np.bool_]:
        """Pixels to which a layer, were nothing before it, would give most of the light."""
        if layer.texture.alpha is None:
            return np.ones((region.height_px, region.width_px), bool)
        to_region = layer.to_frame(time_us)
        to_region[:2, 2] -= (region.offset_x_px, region.offset_y_px)
        alpha = cv2.warpAffine(
            layer.texture.alpha, to_region[:2], (region.width_px, region.height_px)
        )
        return np.asarray(alpha > 0.5)

    def _intervals(self, instants_us: list[float]) -> NDArray[np.float64]:
        edges = [np.array(instants_us[:1])]
        for low_us, high_us in pairwise(instants_us):
            count = max(1, int(np.ceil(self._travel_px(low_us, high_us) / LARGEST_STEP_PX)))
            edges.append(np.linspace(low_us, high_us, count + 1)[1:])
        return np.concatenate(edges)

    def _travel_px(self, low_us: float, high_us: float) -> float:
        """Bound of the way any visible point goes between two instants."""
        left, top = self._field.offset_x_px, self._field.offset_y_px
        right, bottom = left + self._field.width_px - 1, top + self._field.height_px - 1
        field_corners = np.array(
            [[left, top], [right, top], [right, bottom], [left, bottom]], np.float64
        )
        longest = 0.0
        times_us = np.linspace(low_us, high_us, _PATH_SAMPLES)
        for layer in self._layers:
            corners: NDArray[np.float64] = layer.texture.corners_px
            if layer.is_background:
                to_texture = np.asarray(np.linalg.inv(layer.to_frame(low_us)), np.float64)
                corners = projected(to_texture, field_corners)
            path = np.stack([projected(layer.to_frame(float(time)), corners) for time in times_us])
            speeds = np.linalg.norm(np.diff(path, axis=0), axis=-1)
            longest = max(longest, float(speeds.max()) * (_PATH_SAMPLES - 1))
        return longest
