"""Exposure delay from a target that moves there and back, against the sensors' true values."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from calibration.temporal.motion_delay import MotionDelay, MovingPair, motion_delay
from drivers.camera_settings import Region
from drivers.errors import InstrumentError
from drivers.virtual.scene.linear_stage import SlideScene
from drivers.virtual.scene.named_scenes import named_scene
from tests.calibration.pair_frames import PairOfCameras

PAIRS = 42
"""There and back, at 30 frames a second."""

REGION = Region(540, 360, 360, 240)


def seen_twice(rig: PairOfCameras, pairs: int = PAIRS, *, first: int = 0) -> list[MovingPair]:
    seen = []
    for number in range(first, first + pairs):
        trigger_us = number * rig.period_us
        rsgr, gs, valid = rig.light(trigger_us)
        usable = valid & (rsgr < 0.95) & (gs < 0.95)
        seen.append(MovingPair(rsgr, gs, usable, trigger_us))
    return seen


def measured(rig: PairOfCameras) -> MotionDelay:
    return motion_delay(seen_twice(rig), rig.timing, rig.gs_exposure_us)


@pytest.fixture(scope="module")
def slide() -> Callable[..., PairOfCameras]:
    scene = named_scene("Slide", 1440, 1080)
    return lambda **values: PairOfCameras(scene, region=REGION, **values)


@pytest.mark.parametrize(
    "delay_us",
    [
        -500.0,
        pytest.param(40.0, marks=pytest.mark.whole),
        pytest.param(500.0, marks=pytest.mark.whole),
    ],
)
def test_the_delay_is_found_whatever_the_map_is_off(
    slide: Callable[..., PairOfCameras], delay_us: float
) -> None:
    rig = slide(gs_delay_us=delay_us, map_error_px=(0.4, -0.3))
    found = measured(rig)
    assert found.delay_us == pytest.approx(rig.true_delay_us, abs=10.0)
    assert found.bias_px == pytest.approx(0.5, abs=0.05)
    assert found.ramp_scale == pytest.approx(1.0, abs=0.02)
    assert found.speed_px_per_s == pytest.approx(800.0, rel=0.01)
    assert min(found.pairs_forth, found.pairs_back) >= 10


@pytest.mark.whole
@pytest.mark.parametrize(("speed_px_per_s", "exposure_us"), [(150.0, 4000.0), (2500.0, 2000.0)])
def test_slow_and_fast_targets(speed_px_per_s: float, exposure_us: float) -> None:
    rig = PairOfCameras(
        SlideScene(1440, 1080, speed_px_per_s),
        Region(480, 360, 480, 240),
        exposure_us=exposure_us,
        gs_delay_us=300.0,
    )
    found = measured(rig)
    assert abs(found.delay_us - rig.true_delay_us) < max(50.0, 0.1 / speed_px_per_s * 1e6)
    assert found.tolerance_us == pytest.approx(max(50.0, 1e5 / speed_px_per_s), rel=0.05)


def test_motion_that_tells_nothing_is_refused_with_the_reason(
    slide: Callable[..., PairOfCameras],
) -> None:
    rig = replace(slide(), region=Region(600, 390, 240, 180))
    pairs = seen_twice(rig, 16)

    def refused(chosen: list[MovingPair]) -> str:
        with pytest.raises(InstrumentError) as error:
            motion_delay(chosen, rig.timing, rig.gs_exposure_us)
        return str(error.value)

    assert "8 frame pairs are too few" in refused(pairs[:8])
    assert "move it right and left" in refused(pairs[:15])
    still = [replace(pairs[0], time_us=pair.time_us) for pair in pairs]
    assert "move it faster" in refused(still)
    nowhere = np.zeros_like(pairs[0].usable)
    assert "lower the exposure" in refused([replace(pair, usable=nowhere) for pair in pairs])
    blank = np.full_like(pairs[0].rsgr, 0.5)
    assert "more texture" in refused([replace(pair, rsgr=blank, gs=blank) for pair in pairs])
