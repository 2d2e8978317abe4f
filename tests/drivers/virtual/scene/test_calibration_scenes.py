"""What is held before the cameras to calibrate colour and exposure delay."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from drivers.camera_settings import Region
from drivers.virtual.scene.lamp import BlinkingScene
from drivers.virtual.scene.linear_stage import SlideScene, StagePath
from drivers.virtual.scene.named_scenes import named_scene
from drivers.virtual.scene.scene import Scene
from drivers.virtual.scene.uniform import UniformScene

COLUMNS, ROWS = 1440, 1080
HOUR_US = 3.6e9
SMALL = Region(500, 400, 240, 60)


@pytest.fixture(scope="module")
def slide() -> SlideScene:
    scene = named_scene("Slide", COLUMNS, ROWS)
    assert isinstance(scene, SlideScene)
    return scene


@pytest.fixture(scope="module", params=["Slide", "Lamp", "Chart"])
def scene(request: pytest.FixtureRequest) -> Scene:
    name: str = request.param
    return named_scene(name, COLUMNS, ROWS)


def light(
    scene: Scene, start_us: float, lengths_us: NDArray[np.float64] | float, *, colour: bool = False
) -> NDArray[np.float32]:
    start = np.full(SMALL.height_px, start_us)
    return scene.integrate(SMALL, start, start + lengths_us, colour=colour)


@given(
    start_us=st.floats(0.0, 24 * HOUR_US),
    whole_us=st.floats(50.0, 200_000.0),
    share=st.floats(0.05, 0.95),
)
@settings(max_examples=25, deadline=None)
def test_integrals_add(scene: Scene, start_us: float, whole_us: float, share: float) -> None:
    ramp = whole_us + 6.0 * np.arange(SMALL.height_px)
    whole = light(scene, start_us, ramp)
    first = light(scene, start_us, share * ramp)
    start = start_us + share * ramp
    rest = scene.integrate(SMALL, start, start_us + ramp, colour=False)
    np.testing.assert_allclose(first + rest, whole, rtol=1e-3, atol=1e-3 * whole_us)


def test_the_stage_runs_half_a_second_each_way_and_returns_to_its_place() -> None:
    path = StagePath(800.0)
    assert path.run_us >= 500_000.0
    starts, positions, velocities = np.array(path.pieces).T
    lengths = np.diff([*starts, path.period_us])
    assert positions[-1] + lengths[-1] * velocities[-1] == pytest.approx(0.0, abs=1e-6)
    assert np.all(velocities != 0)
    assert velocities.max() == -velocities.min() == pytest.approx(800e-6)
    # Braking is gentle: no step in speed is larger than a sixth of the whole.
    assert np.abs(np.diff(velocities)).max() <= 1600e-6 / 6


@pytest.mark.parametrize(("start_us", "shift_px"), [(100_000.0, 24), (760_000.0, -24)])
def test_the_print_moves_right_then_left(slide: SlideScene, start_us: float, shift_px: int) -> None:
    before = light(slide, start_us, 1000.0)
    after = light(slide, start_us + 30_000.0, 1000.0)
    moved = np.roll(before, shift_px, axis=1)[:, 30:-30]
    np.testing.assert_allclose(after[:, 30:-30], moved, atol=2.0)


def test_grey_is_the_same_in_all_colours(slide: SlideScene) -> None:
    rgb = light(slide, 5_000.0, 2_000.0, colour=True)
    assert rgb.shape == (SMALL.height_px, SMALL.width_px, 3)
    np.testing.assert_array_equal(rgb[..., 1], light(slide, 5_000.0, 2_000.0))


def test_an_exposure_across_the_turn_sees_the_print_come_and_go(slide: SlideScene) -> None:
    """The stage's path is symmetric about the middle of its turn: so is what it writes."""
    turn_us = slide.path.run_us + slide.path.turn_us / 2
    coming = light(slide, turn_us - 40_000.0, 40_000.0)
    going = light(slide, turn_us, 40_000.0)
    np.testing.assert_allclose(coming, going, rtol=1e-3, atol=5.0)


@given(start_us=st.floats(0.0, 1e11), length_us=st.floats(1.0, 60_000.0))
@settings(max_examples=50, deadline=None)
def test_the_lamp_gives_what_a_sum_over_fine_steps_gives(start_us: float, length_us: float) -> None:
    lamp = BlinkingScene(UniformScene(1.0), period_us=1000.0, duty=0.3, rise_us=40.0, ambient=0.1)
    steps = 20_000
    phase = (start_us + (np.arange(steps) + 0.5) * length_us / steps) % 1000.0
    shine = np.clip(phase / 40.0, 0, 1) - np.clip((phase - 300.0) / 40.0, 0, 1)
    expected = length_us * float(np.mean(0.1 + 0.9 * shine))
    assert light(lamp, start_us, length_us)[0, 0] == pytest.approx(expected, rel=2e-3, abs=0.05)


def test_the_chart_shows_every_patch_in_the_middle_of_the_sensor() -> None:
    chart = named_scene("Chart", COLUMNS, ROWS)
    region = Region(400, 300, 640, 480)
    start = np.zeros(480)
    rgb = chart.integrate(region, start, start + 1.0, colour=True)
    colours = np.unique(np.round(rgb.reshape(-1, 3), 3), axis=0, return_counts=True)
    assert np.sum(colours[1] > 2000) >= 36
    again = chart.integrate(region, start + 5e5, start + 5e5 + 1.0, colour=True)
    np.testing.assert_array_equal(rgb, again)
