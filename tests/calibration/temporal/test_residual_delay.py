"""The delay left in a recording, from ordinary motion, against the rig's true one."""

import pytest

from calibration.temporal.moving_cells import MovingSample
from calibration.temporal.residual_delay import ResidualDelay, residual_delay
from drivers.camera_settings import Region
from drivers.virtual.scene.frozen import StillScene
from drivers.virtual.scene.linear_stage import SlideScene
from drivers.virtual.scene.named_scenes import named_scene
from drivers.virtual.scene.scene import Scene
from tests.calibration.moving_belt import BeltScene
from tests.calibration.pair_frames import PairOfCameras

REGION = Region(600, 420, 240, 180)


def found(
    scene: Scene, known_to_px: float = 0.1, **values: float | tuple[float, float]
) -> tuple[ResidualDelay | None, float]:
    """What is measured in six samples, and the true delay."""
    rig = PairOfCameras(scene, REGION, **values)  # type: ignore[arg-type]
    samples = []
    for number in range(3, 33, 5):
        before, now, after = (
            rig.light(1e6 + (number + step) * rig.period_us) for step in (-1, 0, 1)
        )
        usable = now[2] & (now[0] < 0.95) & (now[1] < 0.95)
        samples.append(MovingSample(before[0], now[0], after[0], now[1], usable, 2 * rig.period_us))
    return residual_delay(samples, rig.timing, rig.gs_exposure_us, known_to_px), rig.true_delay_us


@pytest.mark.parametrize("delay_us", [-2000.0, 500.0, 8000.0])
def test_the_delay_of_what_moves_both_ways_is_found(delay_us: float) -> None:
    delay, true_us = found(SlideScene(1440, 1080, 800.0), gs_delay_us=delay_us)
    assert delay is not None
    assert delay.delay_us == pytest.approx(true_us, abs=4 * delay.delay_error_us)
    assert delay.delay_error_us < 150.0
    assert delay.speed_px_per_s == pytest.approx(800.0, rel=0.05)


@pytest.mark.parametrize("off_px", [-0.3, 0.3])
def test_one_way_motion_is_no_more_certain_than_the_map(off_px: float) -> None:
    """At 300 px/s a map that is off by 0.3 px looks like a delay of 1 ms."""
    delay, true_us = found(BeltScene(300.0), abs(off_px), map_error_px=(off_px, 0.0))
    assert delay is not None
    assert abs(delay.delay_us - true_us) == pytest.approx(1000.0, rel=0.1)
    assert abs(delay.delay_us - true_us) < 2 * delay.delay_error_us


def test_without_motion_there_is_no_delay_to_be_told() -> None:
    assert found(StillScene(named_scene("Bench", 1440, 1080), 0.0))[0] is None
