"""Geometric calibration of the two cameras (RSGR pixels to GS pixels) from board pictures.

Corners of the same number are the same point, so size and place of the board need not be
known. Two kinds of map are fitted (:class:`calibration.geometric.pixel_map.PixelMap`): lenses
and splitter together, and a smooth polynomial without a lens model. Corners of poses left out
of the fit decide which one is used.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from calibration.geometric.board_detection import CHECKERBOARD_ROW, FoundBoard
from calibration.geometric.map_fit import (
    Matches,
    choose_map,
    inliers,
    near_homography,
    parallax_between,
)
from calibration.geometric.pixel_map import PixelMap, Points
from calibration.verdict import Findings, Verdict
from drivers.camera_settings import Region
from drivers.errors import InstrumentError

LEAST_POSES = 4
GOOD_POSES = 8
_HELD_OUT_EVERY = 4
_LEAST_CORNERS = 40
_LEAST_COMMON = 0.7
"""Least share of corners that fit one map if both cameras saw the same scene."""
P95_LIMITS_PX = (0.15, 0.4)
"""Good and usable limit for single corners. Their scatter is ten times the error of the map,
which is fitted to thousands of them."""
COVERAGE_LIMITS = (0.8, 0.6)
PARALLAX_LIMIT_PX = 0.2
GRID = (9, 12)
"""Rows and columns of the maps of residuals and coverage."""


@dataclass(frozen=True)
class BoardPair:
    """The board in one pose in the pictures of both cameras; corners in sensor pixels."""

    rsgr: FoundBoard
    gs: FoundBoard


class GeometryCalibration(BaseModel):
    """Result of :func:`geometry_calibration`; residuals are lengths in GS pixels.

    ``held_out_p95_px`` is given for each model, at poses it was not fitted to. ``map`` is the
    best ``model`` fitted to all poses. ``residuals_px`` are mean (x, y) by cell from the
    sensor's upper left, None for a cell without a corner. ``region_px`` is the calibrated
    part of the RSGR sensor (left, top, width, height). ``coverage`` is the share of cells with
    a corner, of all cells in the common view. ``parallax_px`` is how far poses at different
    depths disagree, None for a single pose.
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
    region_px: tuple[int, int, int, int]
    coverage: float
    parallax_px: float | None
    verdict: Verdict

    def share_beyond(self, region: Region) -> float:
        """Share of ``region`` that lies outside the calibrated ``region_px``."""
        left, top, width, height = self.region_px
        columns = min(left + width, region.offset_x_px + region.width_px) - max(
            left, region.offset_x_px
        )
        rows = min(top + height, region.offset_y_px + region.height_px) - max(
            top, region.offset_y_px
        )
        common = max(0, columns) * max(0, rows)
        return 1.0 - common / (region.width_px * region.height_px)


def geometry_calibration(
    pairs: Sequence[BoardPair],
    rsgr_sensor_px: tuple[int, int],
    gs_sensor_px: tuple[int, int],
    regions: tuple[Region, Region] | None = None,
) -> GeometryCalibration:
    """Fit the map to boards in several poses; sizes are (columns, rows) of whole sensors.

    ``regions`` are the parts of the RSGR and GS sensor in the pictures, None: the whole ones.

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
    shown = regions or (Region(0, 0, *rsgr_sensor_px), Region(0, 0, *gs_sensor_px))
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
    coverage = _coverage(chosen.map, good.rsgr, rsgr_sensor_px, shown)
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
        region_px=bounds(shown[:1]),
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
    """Matches of checkerboards: a mirror exchanges the corner that is upper left.

    All four ways to count the GS camera's corners are tried. Over several poses only the
    right one fits a common map.
    """
    ways = [
        _matches([BoardPair(pair.rsgr, _recounted(pair.gs, *way)) for pair in pairs])
        for way in ((False, False), (True, False), (False, True), (True, True))
    ]
    explained = [near_homography(way)[1].mean() for way in ways]
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


def _is_mirrored(pairs: Sequence[BoardPair], matches: Matches) -> bool:
    """Whether one view is mirrored: as the boards show, else as the homography does."""
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
    matrix, _ = near_homography(matches)
    return matrix is not None and bool(np.linalg.det(matrix[:2, :2]) < 0)


def _of_fitting_poses(pose: NDArray[np.intp], kept: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Corners of poses of which more than half the corners are kept; others fit by chance."""
    return np.asarray((2 * np.bincount(pose, kept) > np.bincount(pose))[pose])


def tiles(points_px: Points, sensor_px: tuple[int, int]) -> NDArray[np.intp]:
    """Row and column in :data:`GRID` of the tile around each point, ``(points, 2)``."""
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


def bounds(regions: Sequence[Region]) -> tuple[int, int, int, int]:
    """Left, top, width and height of the rectangle around all regions."""
    left = min(each.offset_x_px for each in regions)
    top = min(each.offset_y_px for each in regions)
    right = max(each.offset_x_px + each.width_px for each in regions)
    lower = max(each.offset_y_px + each.height_px for each in regions)
    return left, top, right - left, lower - top


def _coverage(
    pixel_map: PixelMap, corners: Points, sensor_px: tuple[int, int], shown: tuple[Region, Region]
) -> float:
    """Share of cells with a corner, of the cells whose middle both cameras see."""
    columns, rows = sensor_px
    middles = np.stack(
        np.meshgrid(
            (np.arange(GRID[1]) + 0.5) * columns / GRID[1],
            (np.arange(GRID[0]) + 0.5) * rows / GRID[0],
        ),
        axis=-1,
    ).reshape(-1, 2)
    inside = _shown(middles, shown[0]) & _shown(pixel_map.to_gs(middles), shown[1])
    taken = {tuple(cell) for cell in tiles(corners, sensor_px)}
    wanted = [tuple(cell) for cell in tiles(middles[inside], sensor_px)]
    return sum(cell in taken for cell in wanted) / len(wanted) if wanted else 0.0


def _shown(points_px: Points, region: Region) -> NDArray[np.bool_]:
    relative = points_px - [region.offset_x_px, region.offset_y_px]
    return np.asarray(
        np.all((relative >= 0) & (relative < [region.width_px, region.height_px]), axis=-1)
    )


def _judge(poses: int, p95_px: float, coverage: float, parallax_px: float | None) -> Verdict:
    found = Findings()
    found.limit(
        p95_px,
        P95_LIMITS_PX,
        f"corners left out of the fit lie {p95_px:.2f} px (p95) beside it; "
        "hold the board still, sharp and flat, in more places",
    )
    found.limit(
        coverage,
        COVERAGE_LIMITS,
        f"corners cover {coverage:.0%} of the common view; show the board at its edges too",
    )
    if poses < GOOD_POSES:
        found.usable.append(f"only {poses} board poses; {GOOD_POSES} give a safer fit")
    if parallax_px is not None and parallax_px > PARALLAX_LIMIT_PX:
        found.usable.append(
            f"poses disagree by {parallax_px:.2f} px: parallax, two lenses see depth differently; "
            "keep scene and board at one distance"
        )
    return found.verdict
