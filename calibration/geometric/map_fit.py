"""Fits of :class:`calibration.geometric.pixel_map.PixelMap` to points that both cameras see."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.geometric.pixel_map import PixelMap, Points, monomials, normalised
from calibration.robust_spread import robust_spread
from drivers.errors import InstrumentError

_OUTLIER_DEVIATIONS = 5.0
_RANSAC_PX = 5.0
_ROUNDS = 4
_LEAST_COMMON_MATCHES = 12
_AS_GOOD = 1.05


@dataclass(frozen=True)
class Matches:
    """Points seen by both cameras, in sensor pixels, ``(points, 2)``, and the pose of each."""

    rsgr: Points
    gs: Points
    pose: NDArray[np.intp]

    def where(self, chosen: NDArray[np.bool_]) -> "Matches":
        return Matches(self.rsgr[chosen], self.gs[chosen], self.pose[chosen])


@dataclass(frozen=True)
class ChosenMap:
    """A map, and the errors of all models at held-out points, in GS pixels."""

    map: PixelMap
    model: str
    held_out_rms_px: float
    held_out_p95_px: dict[str, float]


_Fit = Callable[[Matches, bool, tuple[int, int], tuple[int, int]], PixelMap]


def near_homography(matches: Matches) -> tuple[NDArray[np.float64] | None, NDArray[np.bool_]]:
    """The homography that most matches fit, None if there is none, and which matches fit it."""
    matrix, near = cv2.findHomography(matches.rsgr, matches.gs, cv2.RANSAC, _RANSAC_PX)
    if matrix is None:
        return None, np.zeros(len(matches.pose), bool)
    return np.asarray(matrix, np.float64), np.asarray(near).ravel() > 0


def inliers(
    matches: Matches,
    mirrored: bool,
    rsgr_sensor_px: tuple[int, int],
    gs_sensor_px: tuple[int, int],
) -> NDArray[np.bool_]:
    """Which matches lie near a common homography, then near the lens model fitted to those.

    Raises :class:`InstrumentError` if there is no common homography.
    """
    _, kept = near_homography(matches)
    for _ in range(_ROUNDS):
        if int(kept.sum()) < _LEAST_COMMON_MATCHES:
            raise InstrumentError(
                "the two cameras' pictures fit no common map; let both see the same, still"
            )
        fitted = fit_radial(matches.where(kept), mirrored, rsgr_sensor_px, gs_sensor_px)
        lengths = _lengths(fitted, matches)
        spread_px = robust_spread(lengths[kept])
        # The limit never grows: outliers would raise the spread and so admit each other.
        kept = lengths < min(_RANSAC_PX, _OUTLIER_DEVIATIONS * max(spread_px, 0.01))
    return kept


def choose_map(
    matches: Matches,
    held_out: NDArray[np.bool_],
    mirrored: bool,
    rsgr_sensor_px: tuple[int, int],
    gs_sensor_px: tuple[int, int],
    models: Sequence[str] = ("homography", "radial", "polynomial"),
) -> ChosenMap:
    """Choose the model with the least error at held-out matches, and fit it to all matches.

    ``models`` go from the simplest to the most complex.
    """
    sensors = (rsgr_sensor_px, gs_sensor_px)
    fitted_to, rest = matches.where(~held_out), matches.where(held_out)
    errors = {name: _lengths(_MODELS[name](fitted_to, mirrored, *sensors), rest) for name in models}
    p95 = {name: float(np.percentile(lengths, 95)) for name, lengths in errors.items()}
    # Take the first that is nearly the best: a simpler map bends less where there is no match.
    model = next(name for name in models if p95[name] <= _AS_GOOD * min(p95.values()))
    return ChosenMap(
        map=_MODELS[model](matches, mirrored, *sensors),
        model=model,
        held_out_rms_px=float(np.sqrt(np.mean(errors[model] ** 2))),
        held_out_p95_px=p95,
    )


def _lengths(pixel_map: PixelMap, matches: Matches) -> NDArray[np.float64]:
    return np.asarray(np.linalg.norm(pixel_map.to_gs(matches.rsgr) - matches.gs, axis=-1))


def fit_homography(
    matches: Matches,
    mirrored: bool,
    rsgr_sensor_px: tuple[int, int],
    gs_sensor_px: tuple[int, int],
) -> PixelMap:
    """The map of lenses without distortion."""
    here = normalised(matches.rsgr, rsgr_sensor_px)
    there = normalised(matches.gs, gs_sensor_px) * ([-1.0, 1.0] if mirrored else [1.0, 1.0])
    matrix, _ = cv2.findHomography(here, there, 0)
    return PixelMap(
        rsgr_sensor_px=rsgr_sensor_px,
        gs_sensor_px=gs_sensor_px,
        mirrored=mirrored,
        homography=tuple(float(value) for value in (matrix / matrix[2, 2]).ravel()),
    )


def fit_radial(
    matches: Matches,
    mirrored: bool,
    rsgr_sensor_px: tuple[int, int],
    gs_sensor_px: tuple[int, int],
) -> PixelMap:
    """Homography and two radial terms per lens, by Gauss-Newton from the homography."""
    start = fit_homography(matches, mirrored, rsgr_sensor_px, gs_sensor_px)

    def built(values: NDArray[np.float64]) -> PixelMap:
        floats = [float(value) for value in values]
        return start.model_copy(
            update={
                "homography": (*floats[:8], 1.0),
                "rsgr_radial": (floats[8], floats[9]),
                "gs_radial": (floats[10], floats[11]),
            }
        )

    def residual(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return (built(values).to_gs(matches.rsgr) - matches.gs).ravel()

    values = np.array([*start.homography[:8], 0.0, 0.0, 0.0, 0.0])
    for _ in range(12):
        here = residual(values)
        slopes = np.stack(
            [(residual(values + step) - here) / 1e-6 for step in 1e-6 * np.eye(values.size)], axis=1
        )
        # A little damping: in a nearly central view the two lenses' terms are not independent.
        weight = 1e-9 * np.diag(slopes.T @ slopes).max()
        change = np.linalg.solve(slopes.T @ slopes + weight * np.eye(values.size), -slopes.T @ here)
        values = values + change
        if float(np.abs(change).max()) < 1e-9:
            break
    return built(values)


def fit_polynomial(
    matches: Matches,
    mirrored: bool,
    rsgr_sensor_px: tuple[int, int],
    gs_sensor_px: tuple[int, int],
) -> PixelMap:
    """Homography and a smooth polynomial warp on top of it."""
    start = fit_homography(matches, mirrored, rsgr_sensor_px, gs_sensor_px)
    terms = monomials(normalised(matches.rsgr, rsgr_sensor_px))
    left_over = matches.gs - start.to_gs(matches.rsgr)
    coefficients, *_ = np.linalg.lstsq(terms, left_over, rcond=None)
    along_x, along_y = (tuple(float(value) for value in row) for row in coefficients.T)
    return start.model_copy(update={"residual_px": (along_x, along_y)})


_MODELS: dict[str, _Fit] = {
    "homography": fit_homography,
    "radial": fit_radial,
    "polynomial": fit_polynomial,
}


def parallax_between(offsets: Points, pose: NDArray[np.intp]) -> float | None:
    """How far the mean residuals of the poses differ beyond chance; None for one pose."""
    if len(np.unique(pose)) < 2:
        return None
    means, errors = [], []
    for number in np.unique(pose):
        part = offsets[pose == number]
        means.append(part.mean(axis=0))
        errors.append(part.var(axis=0) / len(part))
    excess = np.var(means, axis=0).sum() - np.mean(errors, axis=0).sum()
    return float(np.sqrt(max(0.0, excess)))
