"""The map between two cameras, fitted to boards, against the virtual rig's true optics."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from calibration.geometric.board_detection import (
    CHECKERBOARD_ROW,
    BoardSpec,
    FoundBoard,
    find_board,
)
from calibration.geometric.geometry_from_board import (
    GOOD_POSES,
    GRID,
    LEAST_POSES,
    BoardPair,
    GeometryCalibration,
    geometry_calibration,
)
from calibration.geometric.pixel_map import PixelMap, Points
from calibration.verdict import Grade
from drivers.camera_settings import Region
from drivers.errors import InstrumentError
from drivers.virtual.camera.camera_models import GS
from drivers.virtual.scene.named_scenes import named_scene
from tests.calibration.pair_frames import PairOfCameras

SENSOR = (1440, 1080)
WHOLE = Region(0, 0, *SENSOR)
PART = Region(400, 300, 640, 480)


def on_board(number: int, region: Region, squares: tuple[int, int] = (25, 19)) -> Points:
    """RSGR pixels of a board's corners, ``(rows, columns, 2)``, tilted in every pose afresh.

    As large as the region's diagonal, so that every pose reaches its edges.
    """
    rng = np.random.default_rng([7, number])
    columns, rows = squares
    pitch_px = 1.1 * np.hypot(region.width_px, region.height_px) / np.hypot(*squares)
    x, y = np.meshgrid(
        (np.arange(columns) - (columns - 1) / 2) * pitch_px,
        (np.arange(rows) - (rows - 1) / 2) * pitch_px,
    )
    turn = np.radians(rng.uniform(-15, 15))
    x, y = np.cos(turn) * x - np.sin(turn) * y, np.sin(turn) * x + np.cos(turn) * y
    depth = 1 + (rng.uniform(-0.3, 0.3) * x + rng.uniform(-0.3, 0.3) * y) / 2000
    middle = np.array([region.width_px - 1, region.height_px - 1]) / 2
    middle += [region.offset_x_px, region.offset_y_px]
    shift = rng.uniform(-0.1, 0.1, 2) * [region.width_px, region.height_px]
    return np.stack([x / depth, y / depth], axis=-1) + middle + shift


def inside(points: Points, region: Region, edge_px: float = 4.0) -> NDArray[np.bool_]:
    """What the camera shows, but for the last few pixels."""
    first = np.array([region.offset_x_px, region.offset_y_px]) + edge_px
    size = np.array([region.width_px, region.height_px]) - 2 * edge_px
    return np.all((points >= first) & (points < first + size), axis=-1)


def pose(
    number: int, region: Region = WHOLE, *, noise_px: float = 0.04, mirrored: bool = True
) -> BoardPair:
    """A ChArUco board as both cameras show it in ``region``, corners as noisy as found ones."""
    rng = np.random.default_rng([8, number])
    rsgr = on_board(number, region).reshape(-1, 2)
    gs = GS.view.to_camera(rsgr)
    found = [
        {
            int(corner): seen[corner] + rng.normal(0.0, noise_px, 2)
            for corner in np.flatnonzero(inside(seen, region))
        }
        for seen in (rsgr, gs)
    ]
    return BoardPair(FoundBoard(found[0], False), FoundBoard(found[1], mirrored))


def poses(count: int = GOOD_POSES, region: Region = WHOLE) -> list[BoardPair]:
    return [pose(number, region) for number in range(count)]


def fitted(pairs: Sequence[BoardPair], region: Region = WHOLE) -> GeometryCalibration:
    return geometry_calibration(pairs, SENSOR, SENSOR, (region, region))


def errors_px(found: PixelMap, region: Region) -> NDArray[np.float64]:
    """Against the true map, over all of ``region`` that both cameras show."""
    x, y = np.meshgrid(
        np.arange(region.offset_x_px, region.offset_x_px + region.width_px, 8.0),
        np.arange(region.offset_y_px, region.offset_y_px + region.height_px, 8.0),
    )
    points = np.stack([x, y], axis=-1)
    true = GS.view.to_camera(points)
    errors = np.linalg.norm(found.to_gs(points) - true, axis=-1)
    return np.asarray(errors[inside(true, region)])


def test_a_board_kept_to_the_middle_is_not_taken_for_the_whole_view() -> None:
    found = fitted(poses(GOOD_POSES, PART))
    assert found.coverage < 0.5
    assert found.verdict.grade == Grade.REDO
    assert "show the board at its edges too" in str(found.verdict)


def test_it_tells_how_much_of_a_picture_it_was_not_made_for() -> None:
    found = fitted(poses(LEAST_POSES, PART), PART)
    left, top, width, height = found.region_px
    assert found.share_beyond(PART) == 0.0
    assert found.share_beyond(Region(left + width // 2, top, width, height)) == 0.5
    assert found.share_beyond(Region(left + width, top, 10, 10)) == 1.0


@pytest.mark.parametrize("region", [WHOLE, PART], ids=["whole sensor", "region"])
@pytest.mark.parametrize("count", [LEAST_POSES, pytest.param(GOOD_POSES, marks=pytest.mark.whole)])
def test_a_tenth_of_a_pixel_all_over_the_common_view(region: Region, count: int) -> None:
    found = fitted(poses(count, region), region)
    assert found.map.mirrored
    errors = errors_px(found.map, region)
    assert np.percentile(errors, 95) < 0.05
    assert errors.max() < 0.1
    assert found.held_out_rms_px < 0.1
    assert found.outliers <= 0.001 * found.corners
    assert found.coverage > 0.95
    assert found.parallax_px is not None
    assert found.parallax_px < 0.02
    assert found.verdict.grade == (Grade.GOOD if count == GOOD_POSES else Grade.USABLE)


@pytest.mark.whole
def test_boards_in_pictures_of_a_region_give_the_map_of_the_sensors() -> None:
    rig = PairOfCameras(named_scene("Board", *SENSOR), PART)
    full_dn = np.float32(rig.pixel_format.maximum_dn - rig.black_level_dn)
    offset = [PART.offset_x_px, PART.offset_y_px]
    pairs = []
    for number in range(LEAST_POSES):
        both = []
        for codes in rig.codes(number * 1e6 + 100_000.0):
            light = (codes.astype(np.float32) - np.float32(rig.black_level_dn)) / full_dn
            seen = find_board(light, BoardSpec(), 1.0)
            on_sensor = {name: place + offset for name, place in seen.corners_px.items()}
            both.append(replace(seen, corners_px=on_sensor))
        pairs.append(BoardPair(*both))
    found = fitted(pairs)
    assert found.map.mirrored
    assert np.percentile(errors_px(found.map, PART), 95) < 0.1


def test_lenses_are_told_from_none_by_poses_left_out_of_the_fit() -> None:
    whole, part = fitted(poses()), fitted(poses(region=Region(560, 420, 320, 240)))
    assert whole.model == "radial"
    assert whole.held_out_p95_px["homography"] > 2 * whole.held_out_p95_px["radial"]
    # In the middle of the picture the lens bends by less than corners scatter.
    assert part.model == "homography"


def test_corners_in_the_wrong_place_are_left_out() -> None:
    rng = np.random.default_rng(2)
    pairs = poses()
    wrong = 0
    for pair in pairs:
        for corner in rng.choice(list(pair.gs.corners_px), 20, replace=False):
            pair.gs.corners_px[int(corner)] += rng.choice([-1, 1], 2) * rng.uniform(1.0, 40.0, 2)
            wrong += int(corner) in pair.rsgr.corners_px
    found = fitted(pairs)
    assert wrong <= found.outliers <= wrong + 5
    assert np.percentile(errors_px(found.map, WHOLE), 95) < 0.05


def test_residuals_show_where_on_the_sensor_the_map_is_off() -> None:
    pairs = poses()
    for pair in pairs:
        for corner, place in pair.rsgr.corners_px.items():
            if corner in pair.gs.corners_px and inside(place, Region(960, 720, 240, 240)):
                pair.gs.corners_px[corner] += [0.12, 0.0]
    residuals = np.array(
        [
            [(np.nan,) * 2 if cell is None else cell for cell in row]
            for row in fitted(pairs).residuals_px
        ]
    )
    assert residuals.shape == (*GRID, 2)
    lengths = np.linalg.norm(residuals, axis=-1)
    row, column = np.unravel_index(np.nanargmax(lengths), GRID)
    assert (row, column) in [(6, 8), (6, 9), (7, 8), (7, 9)]


def test_poses_at_other_depths_show_parallax_between_two_lenses() -> None:
    pairs = poses()
    for number, pair in enumerate(pairs):
        for corner in pair.gs.corners_px:
            pair.gs.corners_px[corner] = pair.gs.corners_px[corner] + [0.5 * (number % 2), 0.0]
    found = fitted(pairs)
    assert found.parallax_px == pytest.approx(0.25, abs=0.03)
    assert found.verdict.grade != Grade.GOOD
    assert "parallax" in str(found.verdict)


@pytest.mark.parametrize(
    ("left_out", "grade"),
    [(Region(360, 240, 600, 600), Grade.USABLE), (Region(240, 120, 960, 840), Grade.REDO)],
)
def test_a_hole_in_the_coverage_is_said_with_its_share(left_out: Region, grade: Grade) -> None:
    pairs = poses()
    for pair in pairs:
        for corner, place in list(pair.rsgr.corners_px.items()):
            if inside(place, left_out, 0.0):
                del pair.rsgr.corners_px[corner]
    found = fitted(pairs)
    assert found.verdict.grade == grade
    share = 1 - left_out.width_px * left_out.height_px / (1440 * 1080)
    assert found.coverage == pytest.approx(share, abs=0.1)
    assert f"corners cover {found.coverage:.0%} of the common view" in str(found.verdict)


def test_few_poses_are_usable_but_said() -> None:
    assert fitted(poses(GOOD_POSES - 1)).verdict.reasons == (
        f"only {GOOD_POSES - 1} board poses; {GOOD_POSES} give a safer fit",
    )


def test_noisy_corners_are_graded_by_what_was_left_out() -> None:
    noisy = fitted([pose(number, noise_px=0.1) for number in range(GOOD_POSES)])
    assert noisy.verdict.grade == Grade.USABLE
    shaky = fitted([pose(number, noise_px=0.4) for number in range(GOOD_POSES)])
    assert shaky.verdict.grade == Grade.REDO
    assert "hold the board still, sharp and flat" in str(shaky.verdict)


def counted(grid: Points) -> FoundBoard:
    """A checkerboard's corners as the finder counts them: from the picture's upper left."""
    if grid[0, 0, 0] > grid[0, -1, 0]:
        grid = grid[:, ::-1]
    rows, columns = grid.shape[:2]
    places = [(row, column) for row in range(rows) for column in range(columns)]
    return FoundBoard(
        {row * CHECKERBOARD_ROW + column: grid[row, column] for row, column in places}, None
    )


def checkerboards(count: int, *, mirrored: bool, held_alike: bool = False) -> list[BoardPair]:
    rng = np.random.default_rng(9)
    pairs = []
    for number in range(count):
        grid = on_board(0 if held_alike else number, Region(300, 200, 840, 680), (12, 8))
        grid = grid + rng.normal(0.0, 0.03, grid.shape)
        seen = GS.view.to_camera(grid)
        if not mirrored:
            seen = seen * [-1.0, 1.0] + [SENSOR[0] - 1, 0.0]
        pairs.append(BoardPair(counted(grid), counted(seen)))
    return pairs


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_checkerboard_finds_the_mirror_by_its_poses(mirrored: bool) -> None:
    found = fitted(checkerboards(GOOD_POSES, mirrored=mirrored))
    assert found.map.mirrored is mirrored
    assert found.outliers < 0.01 * found.corners
    if mirrored:
        errors = errors_px(found.map, Region(300, 200, 840, 680))
        assert np.percentile(errors, 95) < 0.1


def refused(pairs: Sequence[BoardPair]) -> str:
    with pytest.raises(InstrumentError) as error:
        fitted(pairs)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_checkerboards_held_alike_cannot_tell_the_mirror() -> None:
    text = refused(checkerboards(GOOD_POSES, mirrored=True, held_alike=True))
    assert "does not tell whether one view is mirrored" in text
    assert "use a ChArUco board" in text


def test_too_little_is_refused_with_how_much_is_needed() -> None:
    assert "3 board poses, 4 are needed at least" in refused(poses(3))
    few = [
        BoardPair(pair.rsgr, FoundBoard(dict(list(pair.gs.corners_px.items())[:5]), True))
        for pair in poses(4)
    ]
    assert "corners were seen by both cameras, 40 are needed" in refused(few)
    elsewhere = [BoardPair(pair.rsgr, FoundBoard({}, True)) for pair in poses(4)]
    assert refused(elsewhere).startswith("0 corners were seen by both cameras")


def test_boards_that_moved_between_the_pictures_are_refused() -> None:
    pairs = poses()
    following = [*pairs[1:], pairs[0]]
    moved = [BoardPair(a.rsgr, b.gs) for a, b in zip(pairs, following, strict=True)]
    assert "the cameras saw different scenes, or the board moved" in refused(moved)


def test_corners_without_a_common_map_are_refused() -> None:
    rng = np.random.default_rng(1)
    scattered = [
        BoardPair(
            pair.rsgr, FoundBoard({n: rng.uniform(0, 1080, 2) for n in pair.gs.corners_px}, True)
        )
        for pair in poses(4)
    ]
    assert "fit no common map" in refused(scattered)


def test_poses_that_disagree_about_the_mirror_are_refused() -> None:
    mixed = [*poses(4), pose(5, mirrored=False)]
    assert "some poses are mirrored between the cameras and some are not" in refused(mixed)


def test_a_pose_whose_corners_are_all_wrong_does_not_count_as_one() -> None:
    pairs = poses(LEAST_POSES + 1)
    pairs[2] = BoardPair(pairs[2].rsgr, pose(17).gs)
    found = fitted(pairs)
    assert found.poses == LEAST_POSES
    assert np.percentile(errors_px(found.map, WHOLE), 95) < 0.05
    assert "3 of 4 board poses fit a common map, 4 are needed" in refused(pairs[:LEAST_POSES])
