"""Lenses and splitters with known faults, against what their definitions say."""

import numpy as np
import pytest

from drivers.camera_settings import Region, ShutterMode
from drivers.timing import SensorTiming
from drivers.virtual.scene.imperfect_optics import ImperfectOptics
from drivers.virtual.scene.named_scenes import named_scene
from drivers.virtual.scene.optics import View
from drivers.virtual.scene.sensor import expose

SENSOR_PX = (1440, 1080)
REGION = Region(0, 0, 1440, 1080)
EVEN = np.full((1080, 1440), 2.0, np.float32)
SPLITTER = View.behind_splitter(*SENSOR_PX)


def test_perfect_optics_leave_light_alone() -> None:
    assert ImperfectOptics().seen(EVEN, REGION, SENSOR_PX) is EVEN


def test_corners_are_darker_by_the_share_and_the_middle_is_not() -> None:
    seen = ImperfectOptics(vignetting=0.4).seen(EVEN, REGION, SENSOR_PX)
    assert seen[0, 0] == pytest.approx(2.0 * 0.6, rel=0.005)
    assert seen[540, 720] == pytest.approx(2.0, rel=1e-5)
    part = Region(1240, 880, 200, 200)
    corner = ImperfectOptics(vignetting=0.4).seen(EVEN[:200, :200], part, SENSOR_PX)
    np.testing.assert_allclose(corner, seen[880:, 1240:], rtol=1e-6)


@pytest.mark.parametrize("shape", [(60, 80), (60, 80, 3)])
def test_a_ghost_lies_beside_and_takes_its_light_from_the_picture(shape: tuple[int, ...]) -> None:
    light = np.zeros(shape, np.float32)
    light[20, 30] = 1.0
    seen = ImperfectOptics(ghost=0.1).seen(light, Region(0, 0, 80, 60), SENSOR_PX)
    assert seen[20, 30].max() == pytest.approx(0.9)
    assert seen[25, 44].max() == pytest.approx(0.1)
    assert seen.sum() == pytest.approx(light.sum())


def test_a_blur_has_its_width_and_keeps_the_light() -> None:
    light = np.zeros((81, 81), np.float32)
    light[40, 40] = 1.0
    seen = ImperfectOptics(blur_px=2.5).seen(light, Region(0, 0, 81, 81), SENSOR_PX)
    assert seen.sum() == pytest.approx(1.0, rel=1e-4)
    columns = np.arange(81) - 40
    assert np.sqrt((seen.sum(axis=0) * columns**2).sum()) == pytest.approx(2.5, rel=0.02)


def test_pixels_of_another_size_show_another_part() -> None:
    finer = SPLITTER.magnified(2.0)
    middle = np.array([719.5, 539.5])
    np.testing.assert_allclose(finer.to_scene(middle), SPLITTER.to_scene(middle))
    for view in (finer, SPLITTER.magnified(0.8)):
        points = np.array([[100.0, 200.0], [1300.0, 900.0]])
        np.testing.assert_allclose(view.to_camera(view.to_scene(points)), points, atol=1e-6)
    apart = [np.ptp(view.to_scene(np.array([[700.0, 540.0], [740.0, 540.0]]))[:, 0])
             for view in (SPLITTER, finer)]  # fmt: skip
    assert apart[0] / apart[1] == pytest.approx(2.0, rel=0.01)


def test_what_is_nearer_appears_beside_and_the_rest_where_it_was() -> None:
    scene = named_scene("Bench", *SENSOR_PX)
    region = Region(400, 300, 320, 480)
    timing = SensorTiming(1000.0, 0.0, region.height_px)
    flat, deep = (
        expose(scene, view, region, ShutterMode.GLOBAL, timing, 0.0, colour=False)
        for view in (SPLITTER, SPLITTER.magnified(1.0, parallax_px=6.0))
    )
    np.testing.assert_allclose(flat[:220], deep[:220], atol=0.01)
    # Mirrored: what lies further right in the scene comes from further left in the picture.
    np.testing.assert_allclose(deep[260:, 20:-20], np.roll(flat, 6, axis=1)[260:, 20:-20], atol=60)
    difference = np.abs(deep[260:, 20:-20] - flat[260:, 20:-20]).mean()
    moved = np.abs(deep[260:, 20:-20] - np.roll(flat, 6, axis=1)[260:, 20:-20]).mean()
    assert moved < 0.3 * difference
