"""Exposure delay that is left in a recording, from whatever moves in it.

Each cell of a picture in which something moves is displaced between the cameras by
bias + v (delay + (T_GS - T_r) / 2), see :mod:`calibration.temporal.moving_cells`. All of them
together give the delay. The bias is not measured here, as nothing need move both ways: it is
taken for unknown within the error of the map, and makes the result less certain where all moves
one way.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from calibration.geometric.displacement import Cells, Numbers
from calibration.temporal.moving_cells import (
    UNKNOWN_OFFSET_US,
    MovingSample,
    delay_tolerance_us,
    exposure_of_texture,
    moving_cells,
)
from drivers.timing import SensorTiming

_LEAST_TRAVEL_PX = 1.0
"""Least travel from frame to frame."""

_LEAST_CELLS = 12
"""Least moving cells, of all samples together."""

_ROUNDS = 8
_OUTLIER_DEVIATIONS = 3.0
_LEAST_PX = 0.02
"""Displacements are known to no better than this."""


class ResidualDelay(BaseModel):
    """Result of :func:`residual_delay`; the error is one standard error.

    ``delay_us`` is how much later the GS exposure begins than the RSGR exposure. ``cells`` are
    the moving cells of all samples together, ``speed_px_per_s`` their 90th percentile.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    delay_us: float
    delay_error_us: float
    speed_px_per_s: float
    cells: int

    @property
    def tolerance_us(self) -> float:
        """Difference of the delay that moves a picture by a tenth of a pixel, 50 us at least."""
        return delay_tolerance_us(self.speed_px_per_s)


def residual_delay(
    samples: Sequence[MovingSample],
    timing: SensorTiming,
    gs_exposure_us: float,
    map_error_px: float,
) -> ResidualDelay | None:
    """Measure the delay in samples of a recording; None where too little moves.

    ``timing`` is of the RSGR picture's rows; exposures are effective. ``map_error_px`` is how
    far the GS picture may lie beside the RSGR picture.
    """
    moving = _Moving.of(samples, timing, gs_exposure_us)
    if moving is None or len(moving.velocity) < _LEAST_CELLS:
        return None
    left_px = moving.shift_px - moving.velocity * moving.blur_us[:, None]
    unknown = (map_error_px**2 + _LEAST_PX**2) * np.eye(2)
    weight = np.linalg.inv(np.linalg.inv(moving.information) + unknown)
    delay_us, robust = 0.0, np.ones(len(left_px))
    for _ in range(_ROUNDS):
        force = np.einsum("nij,nj->ni", weight, moving.velocity) * robust[:, None]
        power = float(np.sum(force * moving.velocity))
        delay_us = float(np.sum(force * left_px)) / power
        beside = left_px - delay_us * moving.velocity
        squares = np.einsum("ni,nij,nj->n", beside, weight, beside)
        limit = _OUTLIER_DEVIATIONS * np.sqrt(max(1.0, float(np.median(squares))))
        robust = np.minimum(1.0, limit / np.maximum(np.sqrt(squares), 1e-12))
    # Cells of one sample err alike, and the map errs alike in all samples.
    by_sample = np.bincount(moving.sample, np.sum(force * beside, axis=1))
    one_way_px = map_error_px * float(np.linalg.norm(force.sum(axis=0)))
    error_us = np.sqrt(power + np.sum(by_sample**2) + one_way_px**2) / power
    return ResidualDelay(
        delay_us=delay_us,
        delay_error_us=float(np.hypot(error_us, UNKNOWN_OFFSET_US / 2)),
        speed_px_per_s=1e6 * float(np.percentile(np.linalg.norm(moving.velocity, axis=1), 90)),
        cells=len(left_px),
    )


@dataclass(frozen=True)
class _Moving:
    """All cells that move, of all samples: ``(cells, ...)``.

    ``blur_us`` is (T_GS - T_r) / 2, ``sample`` the number of the sample it is of.
    """

    velocity: Numbers
    shift_px: Numbers
    information: Numbers
    blur_us: Numbers
    sample: NDArray[np.intp]

    @classmethod
    def of(
        cls, samples: Sequence[MovingSample], timing: SensorTiming, gs_exposure_us: float
    ) -> "_Moving | None":
        exposure_us = timing.row_exposure_us()
        parts = []
        for number, sample in enumerate(samples):
            cells = Cells.over(*sample.rsgr.shape)
            found = moving_cells(sample, cells, exposure_us, gs_exposure_us)
            travel_px = np.linalg.norm(found.velocity, axis=1) * sample.interval_us / 2
            moves = (travel_px >= _LEAST_TRAVEL_PX) & (found.information[:, 0, 0] > 0)
            if moves.any():
                row_us = exposure_of_texture(
                    found.texture, found.velocity[None, moves], cells, exposure_us
                )
                parts.append(
                    (
                        found.velocity[moves],
                        found.shift_px[moves],
                        found.information[moves],
                        (gs_exposure_us - row_us[moves]) / 2,
                        np.full(int(moves.sum()), number),
                    )
                )
        return cls(*(np.concatenate(each) for each in zip(*parts, strict=True))) if parts else None
