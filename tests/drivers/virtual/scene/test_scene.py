"""The procedural scene and its moving layers: integrals in closed form."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from drivers.camera_settings import Region
from drivers.srgb import LUMINANCE_WEIGHTS
from drivers.virtual.scene.belt import Belt
from drivers.virtual.scene.bench import ProceduralScene
from drivers.virtual.scene.named_scenes import named_scene
from drivers.virtual.scene.scene import Scene
from drivers.virtual.scene.wheel import Wheel

COLUMNS, ROWS = 1440, 1080
CENTRE = Region(400, 300, 640, 480)
HOUR_US = 3.6e9


@pytest.fixture(scope="module")
def scene() -> Scene:
    return named_scene("Bench", COLUMNS, ROWS)


def ramp(start_us: float, exposure_us: float, rows: int) -> tuple[NDArray[np.float64], ...]:
    """Windows of a global reset with a 6 us line time."""
    start = np.full(rows, start_us)
    return start, start + exposure_us + 6.0 * np.arange(rows)


def mean_light(
    scene: Scene, region: Region, start_us: float, exposure_us: float, *, colour: bool = False
) -> NDArray[np.float32]:
    start = np.full(region.height_px, start_us)
    light = scene.integrate(region, start, start + exposure_us, colour=colour)
    return light / np.float32(exposure_us)


@given(
    start_us=st.floats(0.0, 24 * HOUR_US),
    whole_us=st.floats(50.0, 30_000.0),
    share=st.floats(0.05, 0.95),
)
@settings(max_examples=15, deadline=None)
@pytest.mark.parametrize("colour", [False, True])
def test_integrals_add(
    scene: Scene, colour: bool, start_us: float, whole_us: float, share: float
) -> None:
    region = Region(350, 280, 400, 470)
    start, end = ramp(start_us, whole_us, region.height_px)
    cut = start + share * (end - start)
    whole = scene.integrate(region, start, end, colour=colour)
    parts = scene.integrate(region, start, cut, colour=colour) + scene.integrate(
        region, cut, end, colour=colour
    )
    np.testing.assert_allclose(parts, whole, rtol=1e-3, atol=1e-3 * whole_us)


def by_small_steps(
    line: NDArray[np.float32],
    place_px: int,
    velocity_px_per_us: float,
    start_us: float,
    end_us: float,
) -> float:
    """What passes one place, summed over 2000 instants."""
    time_us = start_us + (np.arange(2000) + 0.5) / 2000 * (end_us - start_us)
    cycle = len(line)
    seen = np.interp(
        (place_px - velocity_px_per_us * time_us) % cycle, np.arange(cycle + 1), [*line, line[0]]
    )
    return float(seen.mean() * (end_us - start_us))


@pytest.mark.parametrize("vertical", [False, True])
@pytest.mark.parametrize("velocity_px_per_s", [90.0, -2500.0])
@pytest.mark.parametrize("exposure_us", [40.0, 20_000.0])
def test_a_belt_shows_its_texture_integrated_along_its_path(
    vertical: bool, velocity_px_per_s: float, exposure_us: float
) -> None:
    lines = np.random.default_rng(2).random((20, 96), np.float32)
    texture = np.repeat((lines.T if vertical else lines)[..., None], 3, axis=2)
    window = Region(5, 3, *((20, 30) if vertical else (30, 20)))
    belt = Belt.build(window, texture, velocity_px_per_s, vertical=vertical)
    start = np.linspace(1000.0, 2000.0, window.height_px)
    end = start + exposure_us
    light = np.zeros((window.height_px, window.width_px), np.float32)
    belt.paint(light, window, start, end, colour=False)
    expected = [
        [
            by_small_steps(
                lines[column if vertical else row],
                row if vertical else column,
                velocity_px_per_s * 1e-6,
                start[row],
                end[row],
            )
            for column in range(window.width_px)
        ]
        for row in range(window.height_px)
    ]
    np.testing.assert_allclose(light, expected, rtol=1e-3, atol=2e-4 * exposure_us)


def test_a_wheel_returns_after_each_turn_and_not_before() -> None:
    rng = np.random.default_rng(3)
    picture = cv2.GaussianBlur(rng.random((200, 200, 3), np.float32), (0, 0), 8)
    wheel = Wheel.build((60, 60), 40, picture, turns_per_s=5.0)
    region = Region(0, 0, 120, 120)

    def seen(start_us: float) -> NDArray[np.float32]:
        light = np.zeros((120, 120), np.float32)
        wheel.paint(
            light, region, np.full(120, start_us), np.full(120, start_us + 500.0), colour=False
        )
        return light / np.float32(500.0)

    contrast = float(seen(0.0)[40:80, 40:80].std())
    np.testing.assert_allclose(seen(200_000.0), seen(0.0), atol=2e-3)
    assert np.abs(seen(100_000.0) - seen(0.0)).max() > contrast
    half_turn = seen(100_000.0)
    np.testing.assert_allclose(
        half_turn[20:101, 20:101], seen(0.0)[100:19:-1, 100:19:-1], atol=0.02
    )


def test_everything_that_should_move_moves(scene: Scene) -> None:
    earlier, later = (mean_light(scene, CENTRE, start, 100.0) for start in (0.0, 20_000.0))
    moved = np.abs(later - earlier) > 0.02
    belts, wheel, chart = moved[15:80], moved[115:330, 15:230], moved[115:340, 330:620]
    assert belts.mean() > 0.05
    assert wheel.mean() > 0.2
    assert not chart.any()


def test_a_region_is_a_cut_out_of_the_whole(scene: Scene) -> None:
    whole = mean_light(scene, Region(0, 0, COLUMNS, ROWS), 7e5, 900.0)
    part = mean_light(scene, CENTRE, 7e5, 900.0)
    np.testing.assert_allclose(part, whole[300:780, 400:1040], atol=1e-4)


def test_the_scene_goes_on_beyond_the_sensor_and_says_where_it_ends(scene: Scene) -> None:
    beyond = mean_light(scene, Region(-64, -64, COLUMNS + 128, ROWS + 128), 0.0, 500.0)
    assert np.isfinite(beyond).all()
    assert beyond[:64].std() > 0.005
    with pytest.raises(ValueError, match="beyond"):
        mean_light(scene, Region(-500, 0, 640, 480), 0.0, 500.0)


def test_mono_light_is_the_luminance_of_colour(scene: Scene) -> None:
    mono = mean_light(scene, CENTRE, 3e5, 2000.0)
    rgb = mean_light(scene, CENTRE, 3e5, 2000.0, colour=True)
    np.testing.assert_allclose(rgb @ np.array(LUMINANCE_WEIGHTS, np.float32), mono, atol=1e-3)


def test_the_tonal_range_suits_a_camera(scene: Scene) -> None:
    light = mean_light(scene, CENTRE, 0.0, 500.0, colour=True)
    assert light.min() >= 0.0
    assert light.max() <= 1.0
    assert np.percentile(light, 1) < 0.05
    assert np.percentile(light, 99) > 0.7
    assert np.abs(light[..., 0] - light[..., 2]).max() > 0.3


def test_markers_can_be_read_at_rest_and_on_the_move(scene: Scene) -> None:
    detector = cv2.aruco.ArucoDetector(cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_100))
    light = mean_light(scene, CENTRE, 123_456.0, 200.0)
    _, numbers, _ = detector.detectMarkers(np.clip(255 * np.sqrt(light), 0, 255).astype(np.uint8))
    found = set(numbers.ravel().tolist())
    assert 7 in found
    assert any(40 <= number < 60 for number in found)
    assert any(80 <= number < 100 for number in found)


def test_a_small_sensor_sees_the_middle_of_the_bench() -> None:
    small = ProceduralScene(320, 240)
    light = mean_light(small, Region(0, 0, 320, 240), 0.0, 500.0)
    whole = mean_light(ProceduralScene(COLUMNS, ROWS), Region(560, 420, 320, 240), 0.0, 500.0)
    chart = (slice(0, 110), slice(170, 320))
    np.testing.assert_allclose(light[chart], whole[chart], atol=1e-5)
