"""Map between the cameras from still scenes and no board, against the virtual rig's true one."""

from dataclasses import dataclass, replace
from functools import cache
from itertools import permutations

import numpy as np
import pytest
from numpy.typing import NDArray

from calibration.geometric.geometry_from_board import GRID, GeometryCalibration
from calibration.geometric.geometry_from_scene import ScenePair, geometry_from_scenes
from calibration.verdict import Grade
from drivers.camera_settings import Region
from drivers.errors import InstrumentError
from drivers.virtual.camera.camera_models import GS, SENSOR_COLUMNS, SENSOR_ROWS
from drivers.virtual.scene.named_scenes import named_scene
from drivers.virtual.scene.scene import Scene
from tests.calibration.pair_frames import PairOfCameras

SENSOR_PX = (SENSOR_COLUMNS, SENSOR_ROWS)
WHOLE = Region(0, 0, *SENSOR_PX)
MIDDLE = Region(400, 300, 640, 480)


@dataclass(frozen=True)
class Frozen:
    """A scene as it is at one moment."""

    scene: Scene

    def integrate(
        self,
        region: Region,
        start_us: NDArray[np.float64],
        end_us: NDArray[np.float64],
        *,
        colour: bool,
    ) -> NDArray[np.float32]:
        moment_us = np.zeros_like(start_us)
        light = self.scene.integrate(region, moment_us, moment_us + 1.0, colour=colour)
        return light * (end_us - start_us)[:, None].astype(np.float32)


def rig(scene: str, **values: object) -> PairOfCameras:
    return PairOfCameras(Frozen(named_scene(scene, *SENSOR_PX)), **values)


@cache
def still(scene: str, region: Region = MIDDLE) -> ScenePair:
    """:func:`shot` of a scene, drawn once."""
    return shot(rig(scene, region=region))


def shot(cameras: PairOfCameras) -> ScenePair:
    """One pair of frames, as light on each camera's own pixels."""
    rsgr, gs = cameras.codes(0.0)
    black_dn, top_dn = cameras.black_level_dn, cameras.pixel_format.maximum_dn
    light = [((each - black_dn) / (top_dn - black_dn)).astype(np.float32) for each in (rsgr, gs)]
    row_gain = cameras.timing.row_gain()
    return ScenePair(
        rsgr=light[0] * row_gain[:, None].astype(np.float32),
        gs=light[1],
        rsgr_usable=rsgr < top_dn,
        gs_usable=gs < top_dn,
        rsgr_region=cameras.region,
        gs_region=cameras.region,
    )


def cut(pair: ScenePair, rsgr: Region, gs: Region) -> ScenePair:
    """The same pictures as cameras that show these regions of their sensors see them."""
    here, there = (
        (
            slice(at.offset_y_px, at.offset_y_px + at.height_px),
            slice(at.offset_x_px, at.offset_x_px + at.width_px),
        )
        for at in (rsgr, gs)
    )
    return ScenePair(
        rsgr=pair.rsgr[here],
        gs=pair.gs[there],
        rsgr_usable=pair.rsgr_usable[here],
        gs_usable=pair.gs_usable[there],
        rsgr_region=rsgr,
        gs_region=gs,
    )


def calibrate(*pairs: ScenePair) -> GeometryCalibration:
    return geometry_from_scenes(pairs, SENSOR_PX, SENSOR_PX)


def error_px(found: GeometryCalibration, pair: ScenePair) -> float:
    """How far the map is from the true one where both cameras look, 95th percentile."""
    at, gs = pair.rsgr_region, pair.gs_region
    points = np.stack(
        np.meshgrid(
            np.arange(at.width_px) + at.offset_x_px, np.arange(at.height_px) + at.offset_y_px
        ),
        axis=-1,
    ).astype(np.float64)
    true = GS.view.to_camera(points)
    place = true - [gs.offset_x_px, gs.offset_y_px]
    seen = np.all((place >= 0) & (place <= [gs.width_px - 1, gs.height_px - 1]), axis=-1)
    assert seen.any()
    return float(np.percentile(np.linalg.norm(found.map.to_gs(points) - true, axis=-1)[seen], 95))


@pytest.mark.parametrize(
    "scene",
    [
        "Bench",
        pytest.param("Chart", marks=pytest.mark.whole),
        pytest.param("Board", marks=pytest.mark.whole),
    ],
)
def test_a_still_scene_tells_the_map_to_a_tenth_of_a_pixel(scene: str) -> None:
    pair = still(scene)
    found = calibrate(pair)
    assert found.map.mirrored
    assert error_px(found, pair) < 0.1
    assert found.held_out_p95_px[found.model] < 0.15
    assert found.coverage > 0.85
    assert (found.method, found.poses) == ("features", 1)
    assert len(found.residuals_px) == GRID[0]
    assert {len(row) for row in found.residuals_px} == {GRID[1]}
    assert GeometryCalibration.model_validate_json(found.model_dump_json()) == found
    # Never better: nothing tells how far away the scene is.
    assert found.verdict.grade == Grade.USABLE
    assert found.verdict.reasons[0].startswith("without a board parallax is not known")


@pytest.mark.whole
def test_the_lens_is_found_from_a_picture_of_the_whole_sensor() -> None:
    pair = still("Board", WHOLE)
    found = calibrate(pair)
    assert found.model == "radial"
    assert error_px(found, pair) < 0.02
    assert found.held_out_p95_px["homography"] > 5 * found.held_out_p95_px["radial"]


@pytest.mark.whole
def test_each_camera_may_show_another_part_of_its_sensor() -> None:
    whole = still("Bench", WHOLE)
    pair = cut(whole, Region(100, 60, 640, 480), Region(707, 50, 600, 470))
    found = calibrate(pair)
    assert error_px(found, pair) < 0.1


def test_that_nothing_is_mirrored_is_found_too() -> None:
    pair = still("Bench")
    flipped = replace(
        pair,
        gs=np.ascontiguousarray(pair.gs[:, ::-1]),
        gs_usable=np.ascontiguousarray(pair.gs_usable[:, ::-1]),
    )
    found = calibrate(flipped)
    assert not found.map.mirrored
    points = np.array([[500.0, 400.0], [720.0, 540.0], [900.0, 700.0]])
    true = GS.view.to_camera(points)
    # The region lies in the sensor's middle.
    true[:, 0] = SENSOR_COLUMNS - 1 - true[:, 0]
    np.testing.assert_allclose(found.map.to_gs(points), true, atol=0.1)


@pytest.mark.whole
def test_scenes_are_put_together() -> None:
    pairs = [still(scene) for scene in ("Bench", "Board")]
    found = calibrate(*pairs)
    assert found.poses == 2
    assert found.corners > 500
    assert found.parallax_px < 0.05
    assert error_px(found, pairs[0]) < 0.1


@pytest.mark.whole
def test_pictures_displaced_against_each_other_disagree() -> None:
    far, near = still("Bench"), still("Board")
    near = replace(near, gs_region=replace(near.gs_region, offset_x_px=401))
    found = calibrate(far, near)
    assert found.parallax_px > 0.3
    assert any("not equally far away" in reason for reason in found.verdict.reasons)


@pytest.mark.whole
def test_what_is_saturated_is_not_looked_at() -> None:
    pair = still("Bench")
    rsgr, usable = pair.rsgr.copy(), pair.rsgr_usable.copy()
    rsgr[200:280, 100:300] = 1.0
    usable[200:280, 100:300] = False
    found = calibrate(replace(pair, rsgr=rsgr, rsgr_usable=usable))
    assert error_px(found, pair) < 0.1


@pytest.mark.whole
def test_texture_in_one_place_only_is_to_be_done_again() -> None:
    pair = still("Board")
    blank = np.full_like(pair.rsgr, float(pair.rsgr.mean()))
    blank[:300, :400] = pair.rsgr[:300, :400]
    verdict = calibrate(replace(pair, rsgr=blank)).verdict
    assert verdict.grade == Grade.REDO
    assert "texture up to its edges" in verdict.reasons[0]


@pytest.mark.parametrize(
    "scenes",
    [
        ("Bench", "Chart"),
        pytest.param(("Bench", "Chart", "Board", "Slide"), marks=pytest.mark.whole),
    ],
    ids=len,
)
def test_two_different_scenes_are_refused(scenes: tuple[str, ...]) -> None:
    for here, there in permutations([still(scene) for scene in scenes], 2):
        with pytest.raises(InstrumentError, match="let both cameras see the same still scene"):
            calibrate(replace(here, gs=there.gs))


@pytest.mark.whole
def test_a_part_that_lies_on_another_map_is_told() -> None:
    pair = still("Board")
    gs = pair.gs.copy()
    gs[:, :120] = np.roll(gs, 4, axis=1)[:, :120]
    verdict = calibrate(replace(pair, gs=gs)).verdict
    assert verdict.grade == Grade.REDO
    assert any("lie beside the map" in reason for reason in verdict.reasons)


@pytest.mark.whole
def test_the_cameras_may_differ_in_gain() -> None:
    pair = still("Board")
    assert error_px(calibrate(replace(pair, gs=np.float32(0.2) * pair.gs)), pair) < 0.1


def test_an_even_picture_is_refused() -> None:
    with pytest.raises(InstrumentError, match=r"20 are needed; let both cameras see .* texture"):
        calibrate(still("Flat"))


def test_a_saturated_picture_is_refused() -> None:
    with pytest.raises(
        InstrumentError, match=r"% of the RSGR picture is saturated, limit 50%; lower the exposure"
    ):
        calibrate(shot(rig("Bench", exposure_us=200_000.0)))


def test_no_scene_is_refused() -> None:
    with pytest.raises(InstrumentError, match="no still scene"):
        calibrate()
