"""Exposure delay from a blinking lamp, against the virtual sensors' true values."""

from dataclasses import replace

import numpy as np
import pytest

from calibration.temporal.lamp_delay import LampDelay, LitPair, lamp_delay
from drivers.errors import InstrumentError
from drivers.virtual.scene.lamp import BlinkingScene
from drivers.virtual.scene.named_scenes import named_scene
from drivers.virtual.scene.uniform import UniformScene
from tests.calibration.pair_frames import PairOfCameras

PAIRS = 90


def before(scene: object, **values: object) -> PairOfCameras:
    return PairOfCameras(scene, **values)  # type: ignore[arg-type]


def lit(rig: PairOfCameras, pairs: int = PAIRS) -> list[LitPair]:
    seen = []
    for number in range(pairs):
        trigger_us = number * rig.period_us
        rsgr, gs = rig.codes(trigger_us)
        by_row = (rsgr - rig.black_level_dn).mean(axis=1)
        seen.append(LitPair(by_row, float(gs.mean() - rig.black_level_dn), trigger_us))
    return seen


def measured(rig: PairOfCameras) -> LampDelay:
    return lamp_delay(lit(rig), rig.timing, rig.exposure_us)


@pytest.mark.parametrize(
    "delay_us",
    [
        -500.0,
        pytest.param(0.0, marks=pytest.mark.whole),
        40.0,
        pytest.param(500.0, marks=pytest.mark.whole),
    ],
)
@pytest.mark.parametrize("exposure_us", [4000.0, pytest.param(1000.0, marks=pytest.mark.whole)])
def test_the_delay_is_found_to_a_microsecond(delay_us: float, exposure_us: float) -> None:
    scene = named_scene("Lamp", 1440, 1080)
    rig = before(scene, gs_delay_us=delay_us, exposure_us=exposure_us)
    found = measured(rig)
    assert found.delay_us == pytest.approx(rig.true_delay_us, abs=1.0)
    assert found.gs_exposure_us == pytest.approx(rig.gs_exposure_us, abs=2.0)
    assert found.lamp_period_us == pytest.approx(23_700.0, rel=1e-4)


@pytest.mark.parametrize(
    "period_us",
    [
        pytest.param(11_300.0, marks=pytest.mark.whole),
        41_000.0,
        pytest.param(61_300.0, marks=pytest.mark.whole),
    ],
)
def test_any_lamp_will_do_that_does_not_blink_in_step(period_us: float) -> None:
    scene = BlinkingScene(UniformScene(0.5), period_us=period_us, duty=0.4, rise_us=30.0)
    found = measured(before(scene, gs_delay_us=120.0, exposure_us=4000.0))
    assert found.delay_us == pytest.approx(120.0, abs=5.0)
    assert found.lamp_on_us == pytest.approx(0.4 * period_us, rel=0.01)


@pytest.mark.whole
def test_light_too_little_to_be_digitised_evenly_may_be_left_out() -> None:
    pairs = lit(before(named_scene("Lamp", 1440, 1080)))
    threshold = 0.1 * max(pair.gs for pair in pairs)
    known = [
        replace(
            pair,
            rsgr=np.where(pair.rsgr < threshold, np.nan, pair.rsgr),
            gs=pair.gs if pair.gs > threshold else float("nan"),
        )
        for pair in pairs
    ]
    rig = before(None)
    found = lamp_delay(known, rig.timing, rig.exposure_us)
    assert found.delay_us == pytest.approx(rig.true_delay_us, abs=1.0)


def test_light_that_tells_nothing_is_refused_with_the_reason() -> None:
    rig = before(named_scene("Lamp", 1440, 1080))
    pairs = lit(rig)
    with pytest.raises(InstrumentError, match="20 frame pairs are too few, 40 are needed"):
        lamp_delay(pairs[:20], rig.timing, rig.exposure_us)
    steady = [replace(pair, rsgr=pairs[0].rsgr, gs=pairs[0].gs) for pair in pairs]
    with pytest.raises(InstrumentError, match="put a blinking lamp before both cameras"):
        lamp_delay(steady, rig.timing, rig.exposure_us)
    in_step = BlinkingScene(UniformScene(0.5), period_us=2 * rig.period_us)
    with pytest.raises(InstrumentError, match="no multiple or fraction of the frame rate"):
        measured(before(in_step))
    chance = np.random.default_rng(3).uniform(0.2, 1.0, (PAIRS, 2))
    flickering = [
        replace(pair, rsgr=pair.rsgr * a, gs=pair.gs * b)
        for pair, (a, b) in zip(pairs, chance, strict=True)
    ]
    with pytest.raises(InstrumentError, match="misses that of an evenly blinking lamp"):
        lamp_delay(flickering, rig.timing, rig.exposure_us)


@pytest.mark.parametrize("wrong", [2, 7])
def test_pairs_of_another_instant_are_left_out_and_counted(wrong: int) -> None:
    rig = before(named_scene("Lamp", 1440, 1080), gs_delay_us=40.0)
    pairs = lit(rig)
    # GS pictures of the trigger before, some of which look no other under the lamp.
    places = np.linspace(5, PAIRS - 5, wrong).astype(int)
    told = list(pairs)
    for place in places:
        told[place] = replace(pairs[place], gs=pairs[place - 1].gs)
    found = lamp_delay(told, rig.timing, rig.exposure_us)
    unlike = [abs(pairs[place].gs / pairs[place - 1].gs - 1) > 0.2 for place in places]
    assert 0 < found.left_out <= wrong
    assert found.left_out >= sum(unlike)
    assert found.delay_us == pytest.approx(rig.true_delay_us, abs=3.0)
    assert found.gs_exposure_us == pytest.approx(rig.gs_exposure_us, abs=3.0)
    assert lamp_delay(pairs, rig.timing, rig.exposure_us).left_out == 0


def test_many_pairs_of_another_instant_are_refused() -> None:
    rig = before(named_scene("Lamp", 1440, 1080), gs_delay_us=40.0)
    pairs = lit(rig)
    told = [
        replace(pair, gs=pairs[number - 1].gs) if number % 5 == 3 else pair
        for number, pair in enumerate(pairs)
    ]
    with pytest.raises(InstrumentError, match=r"lamp as at another instant|of its swing"):
        lamp_delay(told, rig.timing, rig.exposure_us)
