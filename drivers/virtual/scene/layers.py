"""Moving parts of a scene whose integral over any exposure is known in closed form.

A texture f that moves at velocity v shows f(x - v t) at x. Its integral over
[t0, t1) is (S(x - v t0) - S(x - v t1)) / v with S the running sum of f along the
motion. The cost does not depend on the length of the exposure, there is no time
step, and integrals add. Textures repeat endlessly. With the mean of the texture
subtracted S repeats too, so scene time can run for days without loss of digits.
"""

from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from drivers.camera_settings import Region
from drivers.srgb import Image

Numbers: TypeAlias = NDArray[np.float64]


class Layer(Protocol):
    """A moving part of a scene, opaque within its outline."""

    def paint(
        self, light: Image, region: Region, start_us: Numbers, end_us: Numbers, *, colour: bool
    ) -> None:
        """Replace the light behind this layer in ``light`` by the layer's own integral.

        Arguments are those of :meth:`drivers.virtual.scene.scene.Scene.integrate`.
        """


@dataclass(frozen=True, slots=True)
class CyclicTable:
    """A repeating texture: mean along the motion, residual from it, and running sum of that.

    Arrays are ``(rows, columns, channels)``. ``mean`` has length 1 along the
    motion; the others are longer than one cycle. ``running[n]`` is the sum of all
    residuals before n.
    """

    mean: Image
    residual: Image
    running: Image

    @classmethod
    def build(cls, texture: Image, axis: int, reach: int) -> "CyclicTable":
        """Tables of one cycle of ``texture`` and ``reach`` more samples along the motion's axis."""
        mean = texture.mean(axis=axis, keepdims=True, dtype=np.float64)
        residual = texture - mean
        running = np.roll(np.cumsum(residual, axis=axis), 1, axis=axis)
        # Subtract the mean, so that float32 keeps as many digits as possible.
        running -= running.mean(axis=axis, keepdims=True)
        index = np.arange(texture.shape[axis] + reach) % texture.shape[axis]
        return cls(
            mean.astype(np.float32),
            np.ascontiguousarray(residual.take(index, axis=axis), np.float32),
            np.ascontiguousarray(running.take(index, axis=axis), np.float32),
        )


@dataclass(frozen=True, slots=True)
class Overlap:
    """The common part of a layer's window and a region, as slices of each."""

    window_rows: slice
    window_columns: slice
    region_rows: slice
    region_columns: slice

    @classmethod
    def of(cls, window: Region, region: Region) -> "Overlap | None":
        """The common part of ``window`` and ``region``, None if there is none."""
        left = max(window.offset_x_px, region.offset_x_px)
        top = max(window.offset_y_px, region.offset_y_px)
        right = min(window.offset_x_px + window.width_px, region.offset_x_px + region.width_px)
        bottom = min(window.offset_y_px + window.height_px, region.offset_y_px + region.height_px)
        if left >= right or top >= bottom:
            return None
        return cls(
            slice(top - window.offset_y_px, bottom - window.offset_y_px),
            slice(left - window.offset_x_px, right - window.offset_x_px),
            slice(top - region.offset_y_px, bottom - region.offset_y_px),
            slice(left - region.offset_x_px, right - region.offset_x_px),
        )

    @property
    def window(self) -> tuple[slice, slice]:
        """Index of the common part in arrays of the window's shape."""
        return self.window_rows, self.window_columns

    @property
    def region(self) -> tuple[slice, slice]:
        """Index of the common part in arrays of the region's shape."""
        return self.region_rows, self.region_columns
