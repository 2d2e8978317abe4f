"""Which GS frame shows an RSGR frame's instant, by the pictures, against the rig's true trigger."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from calibration.temporal.frame_lag import (
    LAGS,
    LEAST_SAMPLES,
    FrameLag,
    LagSample,
    LagState,
    frame_lag,
)
from drivers.camera_settings import Region
from drivers.virtual.scene.frozen import StillScene
from drivers.virtual.scene.named_scenes import named_scene
from drivers.virtual.scene.scene import Scene
from tests.calibration.moving_belt import BeltScene, texture
from tests.calibration.pair_frames import PairOfCameras
from tests.whole_family import whole

REGION = Region(600, 420, 240, 180)
SAMPLES = 6
EVERY = 7
FPS = 30.0


def found(
    rig: PairOfCameras, off_by: int | Callable[[int], int] = 0, map_error_px: float = 0.1
) -> FrameLag:
    """What is found where each RSGR frame is paired with the GS frame ``off_by`` later."""
    light = cache(lambda number: rig.light(1e6 + number * rig.period_us))
    samples = []
    for number in range(3, 3 + SAMPLES * EVERY, EVERY):
        paired = number + (off_by(number) if callable(off_by) else off_by)
        rsgr, _, valid = light(number)
        gs = tuple(light(paired + lag)[1] for lag in LAGS)
        noise = np.full(rsgr.shape, 0.004, np.float32)
        samples.append(LagSample(rsgr, gs, valid & (rsgr < 0.95), noise))
    apart_us = (rig.gs_exposure_us - rig.timing.row_exposure_us()) / 2
    return frame_lag(samples, apart_us, rig.period_us, map_error_px)


def rig_before(scene: Scene, **values: float) -> PairOfCameras:
    return PairOfCameras(scene, REGION, period_us=1e6 / FPS, **values)


@pytest.mark.parametrize(
    "off_by",
    [whole(-2), whole(-1), 0, 1, whole(2)],
)
def test_the_lag_is_found_whichever_it_is(off_by: int) -> None:
    lag = found(rig_before(named_scene("Bench", 1440, 1080)), off_by)
    assert lag.lag == -off_by
    assert lag.state is (LagState.APART if off_by else LagState.TOGETHER)
    assert lag.samples == SAMPLES
    assert int(np.argmin(lag.unlikeness)) == LAGS.index(-off_by)


@pytest.mark.parametrize(
    ("exposure_us", "speed_px_per_s"),
    [(300.0, 900.0), whole(2000.0, 300.0), whole(8000.0, 3000.0)],
    ids=["last row exposed ten times as long", "slow", "blurred by 24 px"],
)
def test_steep_slow_and_blurred(exposure_us: float, speed_px_per_s: float) -> None:
    rig = rig_before(BeltScene(speed_px_per_s), exposure_us=exposure_us)
    assert found(rig).lag == 0
    assert found(rig, 1).lag == -1


def test_frames_further_apart_than_are_compared_are_like_none() -> None:
    assert found(rig_before(BeltScene(900.0)), 6).state is LagState.UNLIKE


def test_pairs_that_belong_together_only_at_first_are_told() -> None:
    rig = rig_before(named_scene("Bench", 1440, 1080))
    lag = found(rig, lambda number: 0 if number < 20 else 1)
    assert (lag.state, lag.lag) == (LagState.APART, None)
    assert "some pairs show the same instant and some do not" in lag.text


@pytest.mark.parametrize("off_by", [whole(0), 1])
def test_what_repeats_itself_or_stands_still_tells_nothing(off_by: int) -> None:
    each_frame = BeltScene(60.0 * FPS, texture(60))
    every_other = BeltScene(30.0 * FPS, texture(60))
    still = StillScene(named_scene("Bench", 1440, 1080), 0.0)
    states = [found(rig_before(scene), off_by).state for scene in (each_frame, every_other, still)]
    assert states == [LagState.STILL, LagState.REPEATING, LagState.STILL]


def test_motion_smaller_than_the_error_of_the_map_tells_nothing() -> None:
    """A map off by one frame's travel makes the neighbour look right."""
    rig = PairOfCameras(BeltScene(1.5 * FPS), REGION, period_us=1e6 / FPS, map_error_px=(1.5, 0.0))
    assert found(rig, map_error_px=0.1).state is LagState.APART  # it would deceive
    assert found(rig, map_error_px=1.5).state is LagState.STILL


def test_too_few_samples_with_motion_tell_nothing() -> None:
    assert LEAST_SAMPLES <= SAMPLES
    assert frame_lag([], np.zeros(4), 1e6, 0.1).state is LagState.STILL


@pytest.mark.parametrize("shape", [(1, 1), (2, 400), (400, 2), (30, 60)])
def test_pictures_too_small_to_divide_tell_nothing(shape: tuple[int, int]) -> None:
    light = np.random.default_rng(1).random(shape).astype(np.float32)
    sample = LagSample(light, (light,) * len(LAGS), np.ones(shape, bool), light)
    assert frame_lag([sample] * 6, np.zeros(shape[0]), 1e4, 0.1).state is LagState.STILL
