"""Geometric calibration of the two cameras (RSGR pixels to GS pixels) from a still scene.

No board is needed. Matching features (SIFT: Lowe, IJCV 60, 2004, with his ratio test) on one
homography (RANSAC) give the map to about a pixel, and whether the splitter mirrors. The GS
picture is then warped along that map; the displacements that remain, cell by cell, refine it.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.geometric.displacement import Cells, displacement
from calibration.geometric.geometry_from_board import (
    COVERAGE_LIMITS,
    P95_LIMITS_PX,
    PARALLAX_LIMIT_PX,
    GeometryCalibration,
    bounds,
    residual_map,
    tiles,
)
from calibration.geometric.map_fit import (
    Matches,
    choose_map,
    fit_homography,
    inliers,
    parallax_between,
)
from calibration.geometric.pixel_map import PixelMap, Points
from calibration.verdict import Findings, Verdict
from drivers.camera_settings import Region
from drivers.errors import InstrumentError

Light = NDArray[np.float32]
Mask = NDArray[np.bool_]

_LEAST_USABLE = 0.5
_MOST_FEATURES = 4000
_RATIO = 0.8
"""Largest ratio of the distances to the best and second best match (Lowe's ratio test)."""
_RANSAC_PX = 4.0
_MOST_ZOOM = 4.0
"""Largest ratio of the magnifications of the two cameras."""
_LEAST_FEATURES = 20
"""Least number on one homography: mirrored regular patterns give a dozen by chance."""

_CELL_PX, _PITCH_PX = 48, 24
_MOST_CELLS = (22, 30)
"""Most rows and columns of cells; on a large picture they lie farther apart."""
_REACH_PX = (24.0, 4.0, 1.0)
"""Largest distance of a cell from the map in each round; farther off it is a wrong match."""
_SPILL_PX = 3
"""How far smoothing spreads the light of a pixel that is not usable."""
_LARGEST_DEVIATION_PX = 0.02
"""Largest fitted standard deviation of a displacement; above it a cell has too little texture.
Smoothing hides noise: the true deviation is about three times as large."""
_LEAST_CELLS = 24
_LEAST_AGREEING, _GOOD_AGREEING = 0.7, 0.85
"""Least share of the cells found again that lie on one map: 1 for a still scene at one depth."""
_MODELS = ("homography", "radial")
"""No smooth polynomial: it would fit the depth of the scene as if it were the lens."""
_BLOCKS = 6
"""Blocks along each side. Whole blocks are held out, because neighbouring cells are alike."""


@dataclass(frozen=True)
class ScenePair:
    """Pictures of a still scene by both cameras at one time.

    ``rsgr`` (row gain applied) and ``gs`` are light, ``(rows, columns)`` float32, best the
    mean of many frames. The masks are False where a pixel is saturated or must be left out.
    The regions are the parts of the two sensors in the pictures.
    """

    rsgr: Light
    gs: Light
    rsgr_usable: Mask
    gs_usable: Mask
    rsgr_region: Region
    gs_region: Region


def geometry_from_scenes(
    pairs: Sequence[ScenePair], rsgr_sensor_px: tuple[int, int], gs_sensor_px: tuple[int, int]
) -> GeometryCalibration:
    """Fit the map to still scenes, one or more; sizes are (columns, rows) of whole sensors.

    In the result ``poses`` counts scenes and ``corners`` counts cells. ``parallax_px`` is how
    far scenes disagree, None for a single one. The verdict is never better than usable.
    Raises :class:`InstrumentError` where there is no scene, too much of it is saturated or
    without texture, and where the two cameras do not see the same.
    """
    if not pairs:
        raise InstrumentError("no still scene was given; put one with texture before both cameras")
    sensors = (rsgr_sensor_px, gs_sensor_px)
    for pair in pairs:
        _check_usable(pair)
    pixel_map = _first_map(pairs, *sensors)
    for reach_px in _REACH_PX:
        found_cells = [
            _find_cells(pair, number, pixel_map, reach_px) for number, pair in enumerate(pairs)
        ]
        matches = _joined([cells.matches for cells in found_cells])
        if len(matches.pose) < _LEAST_CELLS:
            raise InstrumentError(
                f"{len(matches.pose)} places of the RSGR picture are found again in the GS "
                f"picture, {_LEAST_CELLS} are needed; let both cameras see the same still scene, "
                "with texture everywhere"
            )
        kept = inliers(matches, pixel_map.mirrored, *sensors)
        good = matches.where(kept)
        chosen = choose_map(good, _held_out(good.rsgr), pixel_map.mirrored, *sensors, _MODELS)
        pixel_map = chosen.map
    resolved = sum(cells.found for cells in found_cells)
    agreeing = len(good.pose) / resolved
    if agreeing < _LEAST_AGREEING:
        raise InstrumentError(
            f"{agreeing:.0%} of the places found in both pictures lie on one map, "
            f"{_LEAST_AGREEING:.0%} are needed; take a scene that stands still, all of it about "
            "as far away"
        )
    offsets = good.gs - pixel_map.to_gs(good.rsgr)
    coverage = _coverage(
        good.rsgr, np.concatenate([cells.common for cells in found_cells]), rsgr_sensor_px
    )
    parallax_px = parallax_between(offsets, good.pose)
    return GeometryCalibration(
        map=pixel_map,
        method="features",
        model=chosen.model,
        poses=len(pairs),
        corners=len(good.pose),
        outliers=resolved - len(good.pose),
        held_out_rms_px=chosen.held_out_rms_px,
        held_out_p95_px=chosen.held_out_p95_px,
        residuals_px=residual_map(good.rsgr, offsets, rsgr_sensor_px),
        region_px=bounds([pair.rsgr_region for pair in pairs]),
        coverage=coverage,
        parallax_px=parallax_px,
        verdict=_judge(chosen.held_out_p95_px[chosen.model], agreeing, coverage, parallax_px),
    )


def _check_usable(pair: ScenePair) -> None:
    for name, usable in (("RSGR", pair.rsgr_usable), ("GS", pair.gs_usable)):
        share = float(usable.mean())
        if share < _LEAST_USABLE:
            raise InstrumentError(
                f"{1 - share:.0%} of the {name} picture is saturated, limit "
                f"{1 - _LEAST_USABLE:.0%}; lower the exposure or the light"
            )


def _joined(parts: Sequence[Matches]) -> Matches:
    return Matches(
        np.concatenate([part.rsgr for part in parts]),
        np.concatenate([part.gs for part in parts]),
        np.concatenate([part.pose for part in parts]),
    )


def _first_map(
    pairs: Sequence[ScenePair], rsgr_sensor_px: tuple[int, int], gs_sensor_px: tuple[int, int]
) -> PixelMap:
    """The homography that most features agree on; mirrored views are tried too."""
    best, most = None, 0
    for mirrored in (False, True):
        matches = _joined(
            [_matching_features(pair, number, mirrored) for number, pair in enumerate(pairs)]
        )
        if len(matches.pose) < 4:
            continue
        matrix, near = cv2.findHomography(matches.rsgr, matches.gs, cv2.RANSAC, _RANSAC_PX)
        if matrix is None or not _is_view(np.asarray(matrix, np.float64), mirrored):
            continue
        agreeing = np.ravel(near) > 0
        if agreeing.sum() > most:
            most = int(agreeing.sum())
            best = matches.where(agreeing), mirrored
    if best is None or most < _LEAST_FEATURES:
        raise InstrumentError(
            f"{most} features of the two pictures belong together, {_LEAST_FEATURES} are needed; "
            "let both cameras see the same still scene, sharp, well lit and with texture everywhere"
        )
    return fit_homography(*best, rsgr_sensor_px, gs_sensor_px)


def _is_view(matrix: NDArray[np.float64], mirrored: bool) -> bool:
    """Whether a homography is plausible for two cameras; chance matches seldom give one."""
    area = float(np.linalg.det(matrix[:2, :2]))
    return (area < 0) == mirrored and 1 / _MOST_ZOOM**2 < abs(area) < _MOST_ZOOM**2


def _matching_features(pair: ScenePair, number: int, mirrored: bool) -> Matches:
    """Features that match one other much better than the rest.

    The GS picture is flipped if ``mirrored``: SIFT does not match mirror images.
    """
    here, rsgr = _features(pair.rsgr, pair.rsgr_usable)
    flip = slice(None, None, -1 if mirrored else 1)
    there, gs = _features(pair.gs[:, flip], pair.gs_usable[:, flip])
    if mirrored:
        there = [pair.gs.shape[1] - 1, 0] + there * [-1, 1]
    found = []
    if len(here) and len(there) > 1:
        nearest = cv2.BFMatcher(cv2.NORM_L2).knnMatch(rsgr, gs, k=2)
        alike = [a for a, b in nearest if a.distance < _RATIO * b.distance]
        taken = Counter(match.trainIdx for match in alike)
        found = [match for match in alike if taken[match.trainIdx] == 1]
    return Matches(
        here[[match.queryIdx for match in found]] + _corner(pair.rsgr_region),
        there[[match.trainIdx for match in found]] + _corner(pair.gs_region),
        np.full(len(found), number, np.intp),
    )


def _features(light: Light, usable: Mask) -> tuple[Points, NDArray[np.float32]]:
    """Places in the picture, ``(features, 2)``, and descriptors, ``(features, 128)``."""
    top = max(float(np.percentile(light[usable], 99)), 1e-6)
    # The square root makes contrast and shot noise alike in dark and bright parts.
    screen = (255 * np.sqrt(np.clip(light / top, 0, 1))).astype(np.uint8)
    sift = cv2.SIFT.create(nfeatures=_MOST_FEATURES)
    found, descriptors = sift.detectAndCompute(screen, usable.astype(np.uint8))
    if descriptors is None:
        return np.empty((0, 2)), np.empty((0, 128), np.float32)
    return np.array([each.pt for each in found], np.float64), np.asarray(descriptors, np.float32)


def _corner(region: Region) -> Points:
    return np.array([region.offset_x_px, region.offset_y_px], np.float64)


@dataclass(frozen=True)
class _FoundCells:
    """Cells found in both pictures.

    ``matches`` are those near the map, ``found`` counts those found anywhere, ``common`` are
    the middles of all cells in the common view.
    """

    matches: Matches
    found: int
    common: Points


def _find_cells(pair: ScenePair, number: int, pixel_map: PixelMap, reach_px: float) -> _FoundCells:
    """Cells of the RSGR picture found again in the GS picture that is warped along the map."""
    x, y = pixel_map.tables(pair.rsgr_region, pair.gs_region)
    # Linear, as in calibration.geometric.displacement: longer kernels shift by up to 0.04 px.
    taken = np.asarray(cv2.remap(pair.gs, x, y, cv2.INTER_LINEAR), np.float32)
    shown = cv2.remap(pair.gs_usable.astype(np.float32), x, y, cv2.INTER_LINEAR) > 0.99
    clear = np.ones((2 * _SPILL_PX + 1,) * 2, np.uint8)
    usable = cv2.erode((shown & pair.rsgr_usable).astype(np.uint8), clear) > 0
    if usable.any():
        # Lucas-Kanade steps have the right length only where both pictures are alike in contrast.
        taken *= pair.rsgr[usable].std() / max(float(taken[usable].std()), 1e-6)
    cells = _cells(*pair.rsgr.shape)
    middles = np.stack([cells.x.mean(axis=(1, 2)), cells.y.mean(axis=(1, 2))], axis=-1)
    middles = middles + _corner(pair.rsgr_region)
    found = displacement(pair.rsgr, taken, cells, usable)
    resolved = _is_resolved(found.information)
    near = resolved & (np.linalg.norm(found.shift_px, axis=1) < reach_px)
    rsgr = middles[near]
    gs = pixel_map.to_gs(rsgr + found.shift_px[near])
    in_both = cells.sample(shown.astype(np.float32)).mean(axis=1) > 0.5
    matches = Matches(rsgr, gs, np.full(len(rsgr), number, np.intp))
    return _FoundCells(matches, int(resolved.sum()), middles[in_both])


def _cells(rows: int, columns: int) -> Cells:
    """Cells that overlap by half; on a large picture :data:`_MOST_CELLS`, spread evenly."""
    starts = [
        np.linspace(0, last, min(most, max(2, last // _PITCH_PX + 1))).round()
        for last, most in zip((rows - _CELL_PX, columns - _CELL_PX), _MOST_CELLS, strict=True)
    ]
    top, left = (each.reshape(-1, 1, 1) for each in np.meshgrid(*starts, indexing="ij"))
    along = np.arange(_CELL_PX, dtype=np.float32)
    shape = (top.size, _CELL_PX, _CELL_PX)
    return Cells(
        np.broadcast_to(left + along, shape).astype(np.float32),
        np.broadcast_to(top + along[:, None], shape).astype(np.float32),
    )


def _is_resolved(information: NDArray[np.float64]) -> Mask:
    """Which cells have a displacement that is certain enough in every direction."""
    return np.asarray(np.linalg.eigvalsh(information)[:, 0] > 1 / _LARGEST_DEVIATION_PX**2)


def _held_out(points: Points) -> Mask:
    """Points to hold out: about a quarter, in blocks spread over the picture."""
    low, high = points.min(axis=0), points.max(axis=0)
    column, row = ((points - low) / (high - low + 1e-9) * _BLOCKS).astype(int).T
    part = (row + 2 * column) % 4
    sizes = np.bincount(part, minlength=4)
    return np.asarray(part == np.abs(sizes - len(points) / 4).argmin())


def _coverage(found: Points, seen: Points, sensor_px: tuple[int, int]) -> float:
    """Share of tiles with a cell found, of the tiles of the sensor in the common view."""
    wanted = {tuple(tile) for tile in tiles(seen, sensor_px)}
    return len(wanted & {tuple(tile) for tile in tiles(found, sensor_px)}) / max(1, len(wanted))


def _judge(p95_px: float, agreeing: float, coverage: float, parallax_px: float | None) -> Verdict:
    found = Findings()
    found.usable.append(
        "without a board parallax is not known: the map holds at the distance of this scene; "
        "calibrate with a board before recording pairs to train on"
    )
    found.limit(
        p95_px,
        P95_LIMITS_PX,
        f"places left out of the fit lie {p95_px:.2f} px (p95) beside it; "
        "take a scene that stands still, sharp, with more texture, all of it about as far away",
    )
    if agreeing < _GOOD_AGREEING:
        found.usable.append(
            f"{1 - agreeing:.0%} of the places found in both pictures lie beside the map: they "
            "move, or are not as far away as the rest"
        )
    found.limit(
        coverage,
        COVERAGE_LIMITS,
        f"texture was found in {coverage:.0%} of the common view; "
        "take a scene with texture up to its edges",
    )
    if parallax_px is not None and parallax_px > PARALLAX_LIMIT_PX:
        found.usable.append(
            f"scenes disagree by {parallax_px:.2f} px: they are not equally far away"
        )
    return found.verdict
