"""Where the GS camera sees what the RSGR camera sees, from boards held before both.

Corners of the same number are the same point, so nothing needs to be known of the board's
size or place. Lenses and splitter are fitted together (:class:`calibration.warp.PixelMap`)
and beside them a smooth polynomial that knows nothing of lenses; corners of poses left out
of the fit decide which of the two is taken.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from calibration.board import CHECKERBOARD_ROW, FoundBoard
from calibration.verdict import Verdict, judge
from calibration.warp import PixelMap, Points, monomials, normalised
from drivers.errors import InstrumentError

LEAST_POSES = 4
GOOD_POSES = 8
_HELD_OUT_EVERY = 4
_LEAST_CORNERS = 40
_OUTLIER_DEVIATIONS = 5.0
_RANSAC_PX = 5.0
_LEAST_COMMON = 0.7
"""Share of the corners that one map explains, if both cameras saw the same."""
_ROUNDS = 4
_LEAST_COMMON_MATCHES = 12
_GOOD_PX, _USABLE_PX = 0.15, 0.4
"""Of single corners, whose own scatter is ten times the error of the map fitted to thousands."""
_GOOD_COVERAGE, _USABLE_COVERAGE = 0.8, 0.6
_PARALLAX_PX = 0.2
_AS_GOOD = 1.05
GRID = (9, 12)
"""Rows and columns of the maps of residuals and coverage."""


@dataclass(frozen=True)
class BoardPair:
    """The board in one pose, seen by both cameras; corners in sensor pixels."""

    rsgr: FoundBoard
    gs: FoundBoard


class GeometryCalibration(BaseModel):
    """Result of :func:`geometry_calibration`; residuals are lengths in GS pixels.

    ``held_out_p95_px`` by model are of poses the model was not fitted to; ``map`` is
    fitted by the best, named ``model``, to all. ``residuals_px`` are mean (x, y) by cell
    from the sensor's upper left, None where no corner was; ``coverage`` the share of the
    cells both cameras see that have one. ``parallax_px`` is how far poses at different
    depths disagree: two lenses do not see round the same corner.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    map: PixelMap
    method: str
    model: str
    poses: int
    corners: int
    outliers: int
    held_out_rms_px: float
    held_out_p95_px: dict[str, float]
    residuals_px: tuple[tuple[tuple[float, float] | None, ...], ...]
    coverage: float
    parallax_px: float
    verdict: Verdict


@dataclass(frozen=True)
class Matches:
    """Points seen by both in sensor pixels, ``(points, 2)``, and the pose each is of."""

    rsgr: Points
    gs: Points
    pose: NDArray[np.intp]

    def where(self, chosen: NDArray[np.bool_]) -> "Matches":
        return Matches(self.rsgr[chosen], self.gs[chosen], self.pose[chosen])


@dataclass(frozen=True)
class ChosenMap:
    """A map, and the errors of all models at points they were not fitted to, in GS pixels."""

    map: PixelMap
    model: str
    held_out_rms_px: float
    held_out_p95_px: dict[str, float]


_Fit = Callable[[Matches, bool, tuple[int, int], tuple[int, int]], PixelMap]


def geometry_calibration(
    pairs: Sequence[BoardPair], rsgr_sensor_px: tuple[int, int], gs_sensor_px: tuple[int, int]
) -> GeometryCalibration:
    """Fit the map to boards in several poses; sizes are (columns, rows) of whole sensors.

    Raises :class:`InstrumentError` for too few poses or corners, and where the two cameras
    do not see the same board.
    """
    if len(pairs) < LEAST_POSES:
        raise InstrumentError(
            f"{len(pairs)} board poses, {LEAST_POSES} are needed at least; hold the board still in "
            "more places, tilted differently"
        )
    matches = _matches(pairs)
    if len(matches.pose) < _LEAST_CORNERS:
        raise InstrumentError(
            f"{len(matches.pose)} corners were seen by both cameras, {_LEAST_CORNERS} are needed; "
            "hold the board where both cameras see it"
        )
    if all(pair.gs.mirrored is None for pair in pairs):
        matches = _of_same_corners(pairs)
    mirrored = _is_mirrored(pairs, matches)
    sensors = (rsgr_sensor_px, gs_sensor_px)
    kept = inliers(matches, mirrored, *sensors)
    if kept.mean() < _LEAST_COMMON:
        raise InstrumentError(
            f"{int((~kept).sum())} of {len(kept)} corners fit no common map: the cameras saw "
            "different scenes, or the board moved between their pictures; use one trigger and hold "
            "it still"
        )
    kept &= _of_fitting_poses(matches.pose, kept)
    good = matches.where(kept)
    poses, pose_order = np.unique(good.pose, return_inverse=True)
    if len(poses) < LEAST_POSES:
        raise InstrumentError(
            f"{len(poses)} of {len(pairs)} board poses fit a common map, {LEAST_POSES} are needed; "
            "hold the board still in more places"
        )
    held_out = pose_order % _HELD_OUT_EVERY == _HELD_OUT_EVERY - 1
    chosen = choose_map(good, held_out, mirrored, *sensors)
    offsets = good.gs - chosen.map.to_gs(good.rsgr)
    parallax_px = parallax_between(offsets, good.pose)
    coverage = _coverage(chosen.map, good, rsgr_sensor_px, gs_sensor_px)
    return GeometryCalibration(
        map=chosen.map,
        method="board",
        model=chosen.model,
        poses=len(poses),
        corners=len(good.pose),
        outliers=int((~kept).sum()),
        held_out_rms_px=chosen.held_out_rms_px,
        held_out_p95_px=chosen.held_out_p95_px,
        residuals_px=residual_map(good.rsgr, offsets, rsgr_sensor_px),
        coverage=coverage,
        parallax_px=parallax_px,
        verdict=_judge(len(poses), chosen.held_out_p95_px[chosen.model], coverage, parallax_px),
    )


def _matches(pairs: Sequence[BoardPair]) -> Matches:
    rsgr, gs, pose = [], [], []
    for number, pair in enumerate(pairs):
        for corner in sorted(pair.rsgr.corners_px.keys() & pair.gs.corners_px.keys()):
            rsgr.append(pair.rsgr.corners_px[corner])
            gs.append(pair.gs.corners_px[corner])
            pose.append(number)
    return Matches(
        np.reshape(np.array(rsgr, np.float64), (-1, 2)),
        np.reshape(np.array(gs, np.float64), (-1, 2)),
        np.array(pose, np.intp),
    )


def _of_same_corners(pairs: Sequence[BoardPair]) -> Matches:
    """Matches of checkerboards, whose upper left corner is not the same one in a mirror.

    Over several poses only one way to count the GS camera's corners fits a common map.
    """
    ways = [
        _matches([BoardPair(pair.rsgr, _recounted(pair.gs, *way)) for pair in pairs])
        for way in ((False, False), (True, False), (False, True), (True, True))
    ]
    explained = [_near_homography(way)[1].mean() for way in ways]
    if sum(share >= _LEAST_COMMON for share in explained) > 1:
        raise InstrumentError(
            "held like this a checkerboard does not tell whether one view is mirrored; turn and "
            "tilt it differently from pose to pose, or use a ChArUco board"
        )
    return ways[int(np.argmax(explained))]


def _recounted(board: FoundBoard, from_right: bool, from_below: bool) -> FoundBoard:
    places = [divmod(number, CHECKERBOARD_ROW) for number in board.corners_px]
    last_row, last_column = (max(places_of) for places_of in zip(*places, strict=True))
    counted = [
        (last_row - row if from_below else row) * CHECKERBOARD_ROW
        + (last_column - column if from_right else column)
        for row, column in places
    ]
    return FoundBoard(dict(zip(counted, board.corners_px.values(), strict=True)), None)


def _near_homography(matches: Matches) -> tuple[NDArray[np.float64] | None, NDArray[np.bool_]]:
    """The homography most matches have in common, None if none has, and which they are."""
    matrix, near = cv2.findHomography(matches.rsgr, matches.gs, cv2.RANSAC, _RANSAC_PX)
    if matrix is None:
        return None, np.zeros(len(matches.pose), bool)
    return np.asarray(matrix, np.float64), np.asarray(near).ravel() > 0


def _is_mirrored(pairs: Sequence[BoardPair], matches: Matches) -> bool:
    """One view against the other: by the boards, else by which exchange fits better."""
    told = {
        pair.rsgr.mirrored != pair.gs.mirrored
        for pair in pairs
        if pair.rsgr.mirrored is not None and pair.gs.mirrored is not None
    }
    if len(told) > 1:
        raise InstrumentError(
            "some poses are mirrored between the cameras and some are not; check that both look "
            "at the same board"
        )
    if told:
        return told.pop()
    matrix, _ = _near_homography(matches)
    return matrix is not None and bool(np.linalg.det(matrix[:2, :2]) < 0)


def inliers(
    matches: Matches,
    mirrored: bool,
    rsgr_sensor_px: tuple[int, int],
    gs_sensor_px: tuple[int, int],
) -> NDArray[np.bool_]:
    """Matches near a common homography, then near the lenses fitted to those.

    Raises :class:`InstrumentError` where they have none in common.
    """
    _, kept = _near_homography(matches)
    for _ in range(_ROUNDS):
        if int(kept.sum()) < _LEAST_COMMON_MATCHES:
            raise InstrumentError(
                "the corners of the two cameras fit no common map; film one board"
            )
        fitted = fit_radial(matches.where(kept), mirrored, rsgr_sensor_px, gs_sensor_px)
        lengths = _lengths(fitted, matches)
        spread_px = 1.4826 * float(np.median(lengths[kept]))
        # Never wider than at first: corners that fit nothing would make room for each other.
        kept = lengths < min(_RANSAC_PX, _OUTLIER_DEVIATIONS * max(spread_px, 0.01))
    return kept


def _of_fitting_poses(pose: NDArray[np.intp], kept: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Corners of poses most of whose corners are kept: in the others single ones are chance."""
    return np.asarray((2 * np.bincount(pose, kept) > np.bincount(pose))[pose])


def choose_map(
    matches: Matches,
    held_out: NDArray[np.bool_],
    mirrored: bool,
    rsgr_sensor_px: tuple[int, int],
    gs_sensor_px: tuple[int, int],
    models: Sequence[str] = ("homography", "radial", "polynomial"),
) -> ChosenMap:
    """Fit each model to the matches not held out, and to all the one that meets the rest best.

    ``models`` begin with the simplest.
    """
    sensors = (rsgr_sensor_px, gs_sensor_px)
    fitted_to, rest = matches.where(~held_out), matches.where(held_out)
    errors = {name: _lengths(_MODELS[name](fitted_to, mirrored, *sensors), rest) for name in models}
    p95 = {name: float(np.percentile(lengths, 95)) for name, lengths in errors.items()}
    # A simpler map bends less where no match was: the first that is all but the best.
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
    """Lenses without distortion."""
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
        # A little damping: the two lenses of a nearly central view can stand in for each other.
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


def parallax_between(offsets: Points, pose: NDArray[np.intp]) -> float:
    """How far the poses' mean residuals lie apart beyond what chance would give."""
    means, errors = [], []
    for number in np.unique(pose):
        part = offsets[pose == number]
        means.append(part.mean(axis=0))
        errors.append(part.var(axis=0) / len(part))
    excess = np.var(means, axis=0).sum() - np.mean(errors, axis=0).sum()
    return float(np.sqrt(max(0.0, excess)))


def tiles(points_px: Points, sensor_px: tuple[int, int]) -> NDArray[np.intp]:
    """Row and column of the tile of :data:`GRID` each point lies in, ``(points, 2)``."""
    columns, rows = sensor_px
    x = np.clip(points_px[:, 0] / columns * GRID[1], 0, GRID[1] - 1)
    y = np.clip(points_px[:, 1] / rows * GRID[0], 0, GRID[0] - 1)
    return np.stack([y, x], axis=-1).astype(np.intp)


def residual_map(
    rsgr: Points, offsets: Points, sensor_px: tuple[int, int]
) -> tuple[tuple[tuple[float, float] | None, ...], ...]:
    cells = tiles(rsgr, sensor_px)

    def mean(row: int, column: int) -> tuple[float, float] | None:
        inside = (cells[:, 0] == row) & (cells[:, 1] == column)
        if not inside.any():
            return None
        x, y = offsets[inside].mean(axis=0)
        return float(x), float(y)

    return tuple(tuple(mean(row, column) for column in range(GRID[1])) for row in range(GRID[0]))


def _coverage(
    pixel_map: PixelMap,
    matches: Matches,
    rsgr_sensor_px: tuple[int, int],
    gs_sensor_px: tuple[int, int],
) -> float:
    """Share of the cells whose middle both cameras' corners could have been in that have one.

    Cameras that show a region only are judged by the part their corners span.
    """
    low, high = matches.rsgr.min(axis=0), matches.rsgr.max(axis=0)
    columns, rows = rsgr_sensor_px
    middles = np.stack(
        np.meshgrid(
            (np.arange(GRID[1]) + 0.5) * columns / GRID[1],
            (np.arange(GRID[0]) + 0.5) * rows / GRID[0],
        ),
        axis=-1,
    ).reshape(-1, 2)
    seen = pixel_map.to_gs(middles)
    inside = np.all((seen >= 0) & (seen < np.array(gs_sensor_px)), axis=1)
    inside &= np.all((middles >= low) & (middles <= high), axis=1)
    taken = {tuple(cell) for cell in tiles(matches.rsgr, rsgr_sensor_px)}
    wanted = [tuple(cell) for cell in tiles(middles[inside], rsgr_sensor_px)]
    return sum(cell in taken for cell in wanted) / len(wanted) if wanted else 0.0


def _judge(poses: int, p95_px: float, coverage: float, parallax_px: float) -> Verdict:
    redo: list[str] = []
    usable: list[str] = []
    if p95_px > _USABLE_PX:
        redo.append(
            f"corners left out of the fit lie {p95_px:.2f} px (p95) beside it; hold the board "
            "still, sharp and flat, in more places"
        )
    elif p95_px > _GOOD_PX:
        usable.append(f"corners left out of the fit lie {p95_px:.2f} px (p95) beside it")
    if coverage < _USABLE_COVERAGE:
        redo.append(
            f"corners cover {coverage:.0%} of the common view; show the board at its edges too"
        )
    elif coverage < _GOOD_COVERAGE:
        usable.append(f"corners cover {coverage:.0%} of the common view")
    if poses < GOOD_POSES:
        usable.append(f"only {poses} board poses; {GOOD_POSES} give a safer fit")
    if parallax_px > _PARALLAX_PX:
        usable.append(
            f"poses disagree by {parallax_px:.2f} px: parallax, two lenses see depth differently; "
            "keep scene and board at one distance"
        )
    return judge(redo, usable)
