"""Velocity of what moves, and how far both cameras see it apart, cell by cell.

The light of row r is centred at the middle of its exposure, start + T_r / 2; the light of the
GS camera likewise. So an object of velocity v is displaced between the two pictures by

    D = bias + v (delay + (T_GS - T_r) / 2)

where the bias is the error of the geometric map, which does not depend on v.

See docs/physics.md, "Two cameras".
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from calibration.geometric.displacement import (
    Cells,
    Displacement,
    Numbers,
    Picture,
    displacement,
    motion_blurred,
)

UNKNOWN_OFFSET_US = 30.0
"""What a GS chip may add to its exposure where no lamp shows it."""

_MOST_ACCELERATION = 0.3
"""Largest difference of the steps before and after a frame, as a share of their sum."""


ASKED_DELAY_US = 50.0
"""Needed accuracy of the exposure delay: a tenth of a pixel at 2000 px/s."""

_ASKED_PX = 0.1


def delay_tolerance_us(speed_px_per_s: float) -> float:
    """Needed accuracy of a delay: the time to move a tenth of a pixel, 50 us at least."""
    return max(ASKED_DELAY_US, _ASKED_PX / speed_px_per_s * 1e6)


@dataclass(frozen=True)
class MovingSample:
    """A frame pair, and the RSGR frames before and after it; light, ``(rows, columns)``.

    All are on the RSGR camera's pixels. RSGR frames have row gain applied. ``usable`` is True
    inside the GS camera's view where neither camera is saturated. ``interval_us`` is the time
    from ``before`` to ``after`` by the RSGR camera's clock.
    """

    before: Picture
    rsgr: Picture
    after: Picture
    gs: Picture
    usable: NDArray[np.bool_]
    interval_us: float


@dataclass(frozen=True)
class MovingCells:
    """Velocities in px / us and displacements in px, ``(cells, 2)``, order (x, y).

    ``information`` is the inverse covariance of the displacements, ``(cells, 2, 2)``, zero
    where nothing was found or the motion is uneven. ``texture`` is the weight of each row of a
    cell, see :class:`calibration.geometric.displacement.Displacement`.
    """

    velocity: Numbers
    shift_px: Numbers
    information: Numbers
    texture: Numbers


def moving_cells(
    sample: MovingSample, cells: Cells, exposure_us: Numbers, gs_exposure_us: float
) -> MovingCells:
    """Follow the cells from frame to frame and from camera to camera.

    ``exposure_us`` is of each RSGR row; exposures are effective.
    """
    forth = displacement(sample.rsgr, sample.after, cells, sample.usable)
    back = displacement(sample.rsgr, sample.before, cells, sample.usable)
    steps = forth.shift_px - back.shift_px
    velocity = steps / sample.interval_us
    # Uneven motion, e.g. where the target turns around, has no single velocity.
    uneven = np.linalg.norm(forth.shift_px + back.shift_px, axis=1)
    steady = uneven < _MOST_ACCELERATION * np.linalg.norm(steps, axis=1) + 0.5
    steady &= np.linalg.norm(forth.information, axis=(1, 2)) > 0
    steady &= np.linalg.norm(back.information, axis=(1, 2)) > 0
    across = _across(sample, velocity[steady], exposure_us, gs_exposure_us, cells)
    return MovingCells(
        velocity,
        across.shift_px,
        np.where(steady[:, None, None], across.information, 0.0),
        across.texture,
    )


def _across(
    sample: MovingSample,
    velocity: Numbers,
    exposure_us: Numbers,
    gs_exposure_us: float,
    cells: Cells,
) -> Displacement:
    """Displacement of GS against RSGR, both blurred alike.

    Each picture is blurred by the motion in the *other's* exposure. Both are then the sharp
    picture blurred by the same two lengths, and differ in displacement only. Otherwise a
    blur longer than the finest bars would invert their contrast and give wrong matches.
    """
    typical = np.median(velocity, axis=0) if len(velocity) else np.zeros(2)
    rsgr = motion_blurred(sample.rsgr, typical * gs_exposure_us)
    gs = np.empty_like(sample.gs)
    starts = np.unique(cells.y[:, 0, 0].astype(int))
    # One kernel for each row of cells, with the mean exposure of its image rows.
    edges = [0, *((starts[1:] + starts[:-1]) // 2 + cells.y.shape[1] // 2), len(gs)]
    for first, last in pairwise(edges):
        length_us = float(exposure_us[first:last].mean())
        margin = int(np.ceil(abs(typical[1]) * length_us)) + 2
        low, high = max(0, first - margin), min(len(gs), last + margin)
        strip = motion_blurred(sample.gs[low:high], typical * length_us)
        gs[first:last] = strip[first - low : last - low]
    return displacement(rsgr, gs, cells, sample.usable)


def exposure_of_texture(
    texture: Numbers, velocity: Numbers, cells: Cells, exposure_us: Numbers
) -> Numbers:
    """Mean exposure of each cell's rows, weighted by their texture along the motion."""
    share = (velocity**2).mean(axis=(0, 1))
    weight = texture @ share + 1e-12
    rows = cells.y[:, :, 0].astype(int)
    return np.asarray((weight * exposure_us[rows]).sum(axis=1) / weight.sum(axis=1))
