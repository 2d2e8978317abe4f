"""A moving belt behind a window: a texture in endless straight motion."""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from drivers.camera_settings import Region
from drivers.srgb import Image, luminance
from drivers.virtual.scene.layers import CyclicTable, Numbers, Overlap

_DIRECT_TRAVEL_PX = 4.0
"""Below this travel texture samples are summed directly: differences of S would lose digits."""


@dataclass(frozen=True, slots=True)
class Belt:
    """A band behind a rectangular window, moving along its rows or its columns."""

    window: Region
    velocity_px_per_us: float
    vertical: bool
    cycle_px: int
    mono: CyclicTable
    rgb: CyclicTable

    @classmethod
    def build(
        cls, window: Region, texture: Image, velocity_px_per_s: float, *, vertical: bool = False
    ) -> "Belt":
        """A belt that moves right or down; left or up if the velocity is negative, never 0.

        ``texture`` is linear RGB, ``(rows, columns, 3)``. Across the motion it has the
        window's size, along the motion it is one cycle.
        """
        axis, reach = (0, 0) if vertical else (1, window.width_px)
        return cls(
            window,
            velocity_px_per_s * 1e-6,
            vertical,
            texture.shape[axis],
            CyclicTable.build(luminance(texture)[..., None], axis, reach),
            CyclicTable.build(texture, axis, reach),
        )

    def paint(
        self, light: Image, region: Region, start_us: Numbers, end_us: Numbers, *, colour: bool
    ) -> None:
        """See :meth:`drivers.virtual.scene.layers.Layer.paint`."""
        overlap = Overlap.of(self.window, region)
        if overlap is None:
            return
        rows, columns = overlap.window
        start, end = start_us[overlap.region_rows], end_us[overlap.region_rows]
        origin = np.arange(rows.start, rows.stop) if self.vertical else columns.start
        velocity = self.velocity_px_per_us
        at_start, at_end = origin - velocity * start, origin - velocity * end
        table = self.rgb if colour else self.mono
        if np.max(np.abs(at_start - at_end)) <= _DIRECT_TRAVEL_PX:
            low, high = np.minimum(at_start, at_end), np.maximum(at_start, at_end)
            samples, (index, weights) = table.residual, _interval_taps(low, high)
            weights = weights / abs(velocity)
        else:
            samples, (index, weights) = table.running, _difference_taps(at_start, at_end)
            weights = weights / velocity
        total = self._weighted_sum(samples, index, weights, overlap)
        mean = table.mean[:, columns] if self.vertical else table.mean[rows]
        total += mean * (end - start).astype(np.float32)[:, None, None]
        target = light[overlap.region]
        target[...] = total.reshape(target.shape)

    def _weighted_sum(
        self, samples: Image, index: Numbers, weights: Numbers, overlap: Overlap
    ) -> Image:
        """Sum over the taps, ``(rows, columns, channels)``; taps are ``(rows, taps)``."""
        rows, columns = overlap.window
        first = index.astype(np.intp) % self.cycle_px
        channels, width = samples.shape[2], columns.stop - columns.start
        if self.vertical:
            taken = samples[:, columns].reshape(len(samples), -1)[first]
        else:
            flat = samples[rows].reshape(len(first), -1)
            windows = sliding_window_view(flat, width * channels, axis=1)
            taken = windows[np.arange(len(first))[:, None], first * channels]
        # With copied samples matmul uses BLAS: several times faster than a loop over the taps.
        total = np.matmul(weights.astype(np.float32)[:, None, :], taken)
        return np.asarray(total.reshape(len(first), width, channels), np.float32)


def _difference_taps(here: Numbers, there: Numbers) -> tuple[Numbers, Numbers]:
    """Indices and weights, ``(rows, 6)``, of running sum at ``here`` minus that at ``there``."""
    (index, weights), (index_there, weights_there) = _spline_taps(here), _spline_taps(there)
    return (
        np.concatenate([index, index_there], axis=1),
        np.concatenate([weights, -weights_there], axis=1),
    )


def _spline_taps(position: Numbers) -> tuple[Numbers, Numbers]:
    """Indices and weights, ``(rows, 3)`` each, of a running sum at fractional positions.

    The quadratic B-spline, whose derivative is the linearly interpolated texture.
    """
    knot = np.floor(position + 1.0)[:, None]
    offset = position[:, None] + 0.5 - knot
    weights = [(0.5 - offset) ** 2 / 2, 0.75 - offset**2, (0.5 + offset) ** 2 / 2]
    return knot + np.arange(-1.0, 2.0), np.concatenate(weights, axis=1)


def _interval_taps(low: Numbers, high: Numbers) -> tuple[Numbers, Numbers]:
    """Indices and weights, ``(rows, taps)``, that integrate the linearly interpolated texture."""
    taps = int(np.max(high - np.floor(low))) + 2
    samples = np.floor(low)[:, None] + np.arange(float(taps))
    weights = _hat_integral(high[:, None] - samples) - _hat_integral(low[:, None] - samples)
    return samples, weights


def _hat_integral(position: Numbers) -> Numbers:
    """Integral of the unit hat function from minus infinity."""
    rising = np.clip(1.0 + position, 0.0, 1.0) ** 2 / 2
    falling = np.clip(1.0 - position, 0.0, 1.0) ** 2 / 2
    return np.where(position < 0, rising, 1.0 - falling)
