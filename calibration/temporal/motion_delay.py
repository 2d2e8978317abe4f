"""Exposure delay between two cameras from a target moved both ways.

An object of velocity v is displaced between the two pictures by bias + v (delay + ...), see
:mod:`calibration.temporal.moving_cells`. The bias, the error of the map, does not depend on v: a
straight line through displacements at velocities of both signs separates the two. Each cell of
the picture has its own line, so errors of the map and still surroundings do not disturb.

See docs/physics.md, "Two cameras".
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from calibration.geometric.displacement import Cells, Numbers, Picture
from calibration.robust_spread import robust_spread
from calibration.temporal.moving_cells import (
    MovingSample,
    delay_tolerance_us,
    exposure_of_texture,
    moving_cells,
)
from drivers.errors import InstrumentError
from drivers.timing import SensorTiming

LEAST_PAIRS = 12
_LEAST_EACH_WAY = 3
_LEAST_TRAVEL_PX = 1.0
"""Least travel per frame; less is hidden by the error of the map."""

_MOST_TRAVEL = 0.2
"""Largest travel per frame, as a share of the picture's width; with more, too little of the
target is in both frames."""

_LEAST_CELLS = 6
_ROUNDS = 8
_OUTLIER_DEVIATIONS = 3.0
_MOST_CLIPPED = 0.05


@dataclass(frozen=True)
class MovingPair:
    """One frame pair, light ``(rows, columns)`` on the RSGR camera's pixels.

    ``rsgr`` has row gain applied. ``usable`` is True inside the GS camera's view where neither
    camera is saturated. ``time_us`` is the start of the RSGR frame by that camera's clock.
    """

    rsgr: Picture
    gs: Picture
    usable: NDArray[np.bool_]
    time_us: float


class MotionDelay(BaseModel):
    """Result of :func:`motion_delay`; errors are one standard error.

    ``bias_px`` is the median length of the displacement that does not depend on motion: the
    map's error. ``ramp_scale`` is the growth of the displacement down the picture, over the
    growth expected from the line time: ideally 1. ``speed_px_per_s`` is the 90th percentile.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    delay_us: float
    delay_error_us: float
    bias_px: float
    ramp_scale: float
    ramp_scale_error: float
    speed_px_per_s: float
    pairs_forth: int
    pairs_back: int
    cells: int
    residual_px: float

    @property
    def tolerance_us(self) -> float:
        """Needed accuracy of the delay: 50 us, or the time to move a tenth of a pixel."""
        return delay_tolerance_us(self.speed_px_per_s)


@dataclass(frozen=True)
class _Track:
    """Velocities and displacements, ``(pairs, cells, 2)``, and their inverse covariance.

    ``exposure_us``, ``(cells,)``, is the mean RSGR exposure of each cell's texture.
    """

    velocity: Numbers
    shift: Numbers
    information: Numbers
    exposure_us: Numbers


def motion_delay(
    pairs: Sequence[MovingPair],
    timing: SensorTiming,
    gs_exposure_us: float,
    gs_exposure_error_us: float = 0.0,
) -> MotionDelay:
    """Evaluate consecutive pairs of a target that moves there and back.

    ``timing`` is of the RSGR picture's rows. Exposures are effective: the chips' offsets are
    included. Raises :class:`InstrumentError` if the motion does not allow a measurement.
    """
    if len(pairs) < LEAST_PAIRS:
        raise InstrumentError(
            f"{len(pairs)} frame pairs are too few, {LEAST_PAIRS} are needed; record longer"
        )
    unusable = 1.0 - float(np.mean([pair.usable.mean() for pair in pairs]))
    if unusable > 0.5:
        raise InstrumentError(
            f"{unusable:.0%} of the picture is clipped or not seen by both cameras, limit 50 %; "
            "lower the exposure, or calibrate geometry"
        )
    track = _track(pairs, timing, gs_exposure_us)
    along, forth, back = _directions(track, pairs)
    slope_us, bias, variance, residual_px = _lines(track)
    used = np.isfinite(variance)
    if int(used.sum()) < _LEAST_CELLS:
        raise InstrumentError(
            f"motion was measured in {int(used.sum())} cells of the picture, {_LEAST_CELLS} are "
            "needed; fill the picture with a well textured target"
        )
    blur_us = (gs_exposure_us - track.exposure_us) / 2
    delay_us, error_us, kept = _mean((slope_us - blur_us)[used], variance[used])
    scale, scale_error = _slope(
        blur_us[used][kept], slope_us[used][kept] - delay_us, variance[used][kept]
    )
    return MotionDelay(
        delay_us=delay_us,
        delay_error_us=float(np.hypot(error_us, gs_exposure_error_us / 2)),
        bias_px=float(np.median(np.linalg.norm(bias[used], axis=1))),
        ramp_scale=scale,
        ramp_scale_error=scale_error,
        speed_px_per_s=1e6 * float(np.percentile(np.abs(along), 90)),
        pairs_forth=forth,
        pairs_back=back,
        cells=int(kept.sum()),
        residual_px=residual_px,
    )


def _track(pairs: Sequence[MovingPair], timing: SensorTiming, gs_exposure_us: float) -> _Track:
    """Follow the cells from pair to pair and from camera to camera."""
    rows, columns = pairs[0].rsgr.shape
    cells = Cells.over(rows, columns)
    exposure_us = timing.row_exposure_us()
    followed = [
        moving_cells(
            MovingSample(
                before.rsgr,
                now.rsgr,
                after.rsgr,
                now.gs,
                now.usable,
                after.time_us - before.time_us,
            ),
            cells,
            exposure_us,
            gs_exposure_us,
        )
        for before, now, after in zip(pairs, pairs[1:], pairs[2:], strict=False)
    ]
    velocity = np.array([each.velocity for each in followed])
    texture = np.mean([each.texture for each in followed], axis=0)
    return _Track(
        velocity,
        np.array([each.shift_px for each in followed]),
        np.array([each.information for each in followed]),
        exposure_of_texture(texture, velocity, cells, exposure_us),
    )


def _directions(track: _Track, pairs: Sequence[MovingPair]) -> tuple[Numbers, int, int]:
    """Velocity of each pair along the main direction of motion; numbers of pairs each way.

    Raises :class:`InstrumentError` if the motion is too slow, too fast or one way only.
    """
    columns = pairs[0].rsgr.shape[1]
    found = track.information[..., 0, 0] + track.information[..., 1, 1] > 0
    period_us = float(np.median(np.diff([pair.time_us for pair in pairs])))
    if found.mean() < 0.1:
        raise InstrumentError(
            "the target could not be followed from frame to frame; use one with more texture, "
            f"move it slower than {_MOST_TRAVEL * columns:.0f} px per frame, and let it fill the "
            "picture"
        )
    # Leave out cells that stand still: they show the surroundings of the target.
    speed = np.linalg.norm(track.velocity, axis=2)
    moving = found & (speed >= 0.5 * np.percentile(speed[found], 90))
    u = np.linalg.svd(track.velocity[moving], full_matrices=False)[2][0]
    along = np.array(
        [
            np.median(each[chosen] @ u) if chosen.any() else 0.0
            for each, chosen in zip(track.velocity, moving, strict=True)
        ]
    )
    travel_px = float(np.percentile(np.abs(along), 90)) * period_us
    if travel_px < _LEAST_TRAVEL_PX:
        raise InstrumentError(
            f"the target moves {travel_px:.2f} px per frame, {_LEAST_TRAVEL_PX:g} px are needed; "
            "move it faster, right and left"
        )
    if travel_px > _MOST_TRAVEL * columns:
        raise InstrumentError(
            f"the target moves {travel_px:.0f} px per frame, limit {_MOST_TRAVEL * columns:.0f}; "
            "move it slower, or raise the frame rate"
        )
    least = 0.3 * travel_px / period_us
    forth, back = int((along > least).sum()), int((along < -least).sum())
    if min(forth, back) < _LEAST_EACH_WAY:
        raise InstrumentError(
            f"the target moves one way in {max(forth, back)} and back in {min(forth, back)} pairs, "
            f"{_LEAST_EACH_WAY} are needed each way; move it right and left, else an error of the "
            "map cannot be told from a delay"
        )
    return along, forth, back


def _lines(track: _Track) -> tuple[Numbers, Numbers, Numbers, float]:
    """Per cell: slope in us, bias ``(cells, 2)`` and the slope's variance, inf if unknown.

    The fourth value is the root mean square distance of displacements from their lines.
    """
    shift, velocity = track.shift, track.velocity
    robust = np.ones(shift.shape[:2])
    for _ in range(_ROUNDS):
        weight = track.information * robust[..., None, None]
        whole = weight.sum(axis=0)
        moved = np.einsum("kcij,kcj->ci", weight, velocity)
        shifted = np.einsum("kcij,kcj->ci", weight, shift)
        both = np.einsum("kci,kcij,kcj->c", velocity, weight, shift)
        square = np.einsum("kci,kcij,kcj->c", velocity, weight, velocity)
        ridge = 1e-9 * (1.0 + np.trace(whole, axis1=1, axis2=2))
        inverse = np.linalg.inv(whole + ridge[:, None, None] * np.eye(2))
        top = both - np.einsum("ci,cij,cj->c", moved, inverse, shifted)
        bottom = square - np.einsum("ci,cij,cj->c", moved, inverse, moved)
        # A cell that hardly moved gives no slope.
        resolved = bottom > 1e-3 * np.median(bottom)
        slope = np.divide(top, bottom, out=np.zeros_like(top), where=resolved)
        bias = np.einsum("cij,cj->ci", inverse, shifted - slope[:, None] * moved)
        left = shift - bias - slope[:, None] * velocity
        squares = np.einsum("kci,kcij,kcj->kc", left, track.information, left)
        seen = np.trace(track.information, axis1=2, axis2=3) > 0
        typical = np.median(squares[seen]) + 1e-12
        robust = 1.0 / np.maximum(1.0, np.sqrt(squares / (_OUTLIER_DEVIATIONS**2 * typical)))
    count = seen.sum(axis=0)
    scatter = (robust * squares).sum(axis=0) / np.maximum(count - 3, 1)
    known = resolved & (count >= _LEAST_EACH_WAY + 3) & (bottom > 0)
    variance = np.divide(scatter, bottom, out=np.full_like(bottom, np.inf), where=known)
    residual = np.linalg.norm(left, axis=2)[seen & known]
    return slope, bias, variance, float(np.sqrt(np.mean(np.minimum(residual, 1.0) ** 2)))


def _mean(values: Numbers, variance: Numbers) -> tuple[float, float, NDArray[np.bool_]]:
    """Weighted mean without outliers, its error from the scatter, and which values were kept."""
    kept = np.ones(len(values), bool)
    # No cell gets a variance below the scatter of the cells.
    floor = robust_spread(values - np.median(values)) ** 2
    weight = 1.0 / (variance + floor + 1e-9)
    for _ in range(_ROUNDS):
        mean = float(np.average(values[kept], weights=weight[kept]))
        distance = np.abs(values - mean) * np.sqrt(weight)
        kept = distance <= _OUTLIER_DEVIATIONS * max(1.0, float(np.median(distance[kept])))
    scatter = float(np.average((values[kept] - mean) ** 2, weights=weight[kept]))
    formal = 1.0 / float(weight[kept].sum())
    return mean, float(np.sqrt(max(formal, scatter / max(1, kept.sum() - 1)))), kept


def _slope(x: Numbers, y: Numbers, variance: Numbers) -> tuple[float, float]:
    """Slope of a weighted line and its error; 1 +- inf where x does not vary."""
    weight = 1.0 / (variance + 1e-9)
    dx = x - np.average(x, weights=weight)
    spread = float(np.sum(weight * dx**2))
    if not spread > 0 or np.ptp(x) < 10.0:
        return 1.0, float("inf")
    dy = y - np.average(y, weights=weight)
    slope = float(np.sum(weight * dx * dy)) / spread
    scatter = float(np.sum(weight * (dy - slope * dx) ** 2)) / max(1, len(x) - 2)
    return slope, float(np.sqrt(scatter / spread))
