"""What two methods together say of the exposure delay."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibration.temporal.exposure_delay import (
    ExposureDelayCalibration,
    TriggerDelays,
    exposure_delay_calibration,
)
from calibration.temporal.lamp_delay import LampDelay
from calibration.temporal.motion_delay import MotionDelay
from calibration.verdict import Grade
from drivers.rig.wiring import Wiring

LAMP = LampDelay(
    delay_us=40.0,
    delay_error_us=0.1,
    gs_exposure_us=2005.0,
    gs_exposure_error_us=0.1,
    lamp_period_us=23_700.0,
    lamp_on_us=11_850.0,
    pairs=120,
    rsgr_edges=30,
    gs_edges=30,
    misfit=1e-4,
)
MOTION = MotionDelay(
    delay_us=43.0,
    delay_error_us=1.0,
    bias_px=0.05,
    ramp_scale=1.0,
    ramp_scale_error=0.002,
    speed_px_per_s=800.0,
    pairs_forth=20,
    pairs_back=20,
    cells=60,
    residual_px=0.02,
)
EXPOSURE_US = 2012.0
PERIOD_US = 1e6 / 30


def judged(lamp: dict[str, float] | None, motion: dict[str, float]) -> ExposureDelayCalibration:
    return exposure_delay_calibration(
        None if lamp is None else LAMP.model_copy(update=lamp),
        MOTION.model_copy(update=motion),
        EXPOSURE_US,
        EXPOSURE_US - 5.0,
        PERIOD_US,
        TriggerDelays(wiring=Wiring.EXTERNAL),
    )


def test_the_more_certain_of_the_two_is_taken() -> None:
    both = judged({}, {})
    assert (both.delay_us, both.delay_error_us) == (40.0, 0.1)
    assert both.verdict.grade == Grade.GOOD
    alone = judged(None, {})
    assert alone.delay_us == 43.0
    assert alone.verdict.grade == Grade.GOOD


def test_the_target_tells_which_of_its_periods_the_lamp_shows() -> None:
    """Of pairs one trigger apart the lamp alone would tell a delay of some milliseconds."""
    apart_us = 40.0 + PERIOD_US
    lamp_us = apart_us - LAMP.lamp_period_us
    found = judged({"delay_us": lamp_us}, {"delay_us": apart_us + 3.0})
    assert found.delay_us == pytest.approx(apart_us)
    assert found.verdict.grade is Grade.REDO
    assert "1.0 frame periods apart" in str(found.verdict)


@pytest.mark.parametrize(
    ("lamp", "motion", "grade", "reason"),
    [
        ({"delay_us": -90.0}, {"delay_us": 90.0}, Grade.REDO, "disagree by 180 us"),
        (None, {"delay_error_us": 180.0}, Grade.REDO, "known to 180 us only, 125 us are asked"),
        ({}, {"ramp_scale": 1.2}, Grade.USABLE, "calibrate line-time again"),
        ({}, {"bias_px": 1.5}, Grade.USABLE, "calibrate geometry again"),
        (
            {"delay_us": 300.0},
            {"delay_us": 300.0},
            Grade.USABLE,
            "15% of the exposure.*changes the RSGR camera's trigger delay by 300 us",
        ),
        (
            {"delay_us": -300.0},
            {"delay_us": -300.0},
            Grade.USABLE,
            "changes the GS camera's trigger delay by 300 us",
        ),
    ],
)
def test_what_does_not_fit_is_said_with_its_remedy(
    lamp: dict[str, float] | None, motion: dict[str, float], grade: Grade, reason: str
) -> None:
    verdict = judged(lamp, motion).verdict
    assert verdict.grade == grade
    assert len(verdict.reasons) == 1
    assert re.search(reason, verdict.reasons[0])


DELAYS_US = st.floats(0.0, 5000.0)


@given(DELAYS_US, DELAYS_US, st.floats(-5000.0, 5000.0))
def test_compensated_under_a_common_wire_both_begin_together(
    rsgr_us: float, gs_us: float, delay_us: float
) -> None:
    now = TriggerDelays(wiring=Wiring.EXTERNAL, rsgr_us=rsgr_us, gs_us=gs_us)
    found = measured(now, delay_us)
    wanted = now.compensated(delay_us)
    assert wanted is not None
    assert found.delay_with_us(wanted) == pytest.approx(0.0, abs=1e-6)
    assert min(wanted.rsgr_us, wanted.gs_us) >= -1e-6
    # No camera waits longer than it has to.
    assert wanted.rsgr_us <= rsgr_us + max(0.0, delay_us) + 1e-6
    assert wanted.gs_us <= gs_us + max(0.0, -delay_us) + 1e-6


@given(DELAYS_US, st.floats(-5000.0, 5000.0))
def test_a_gs_camera_that_follows_can_only_wait_longer_or_less_long(
    gs_us: float, delay_us: float
) -> None:
    now = TriggerDelays(wiring=Wiring.MASTER, gs_us=gs_us)
    wanted = now.compensated(delay_us)
    left_us = None if wanted is None else measured(now, delay_us).delay_with_us(wanted)
    if delay_us <= gs_us:
        assert left_us == pytest.approx(0.0, abs=1e-6)
    else:
        assert left_us is None or left_us <= 50.0
    assert wanted is None or (wanted.gs_us >= 0.0 and wanted.rsgr_us == now.rsgr_us)


def test_delaying_the_master_moves_both() -> None:
    now = TriggerDelays(wiring=Wiring.MASTER)
    later = TriggerDelays(wiring=Wiring.MASTER, rsgr_us=2000.0)
    assert measured(now, 300.0).delay_with_us(later) == 300.0
    other = TriggerDelays(wiring=Wiring.EXTERNAL)
    assert measured(now, 300.0).delay_with_us(other) is None


@pytest.mark.parametrize(
    ("wiring", "delay_us", "advice"),
    [
        (Wiring.EXTERNAL, 2000.0, "--compensate changes the RSGR camera's trigger delay"),
        (Wiring.EXTERNAL, -2000.0, "--compensate changes the GS camera's trigger delay by 2000 us"),
        (Wiring.MASTER, -2000.0, "--compensate changes the GS camera's trigger delay by 2000 us"),
        (Wiring.MASTER, 2000.0, "let a generator trigger both cameras (--wiring external)"),
    ],
)
def test_the_advice_names_what_takes_the_delay_away(
    wiring: Wiring, delay_us: float, advice: str
) -> None:
    assert advice in str(measured(TriggerDelays(wiring=wiring), delay_us).verdict)


def measured(triggers: TriggerDelays, delay_us: float) -> ExposureDelayCalibration:
    """What a calibration under these delays finds."""
    motion = MOTION.model_copy(update={"delay_us": delay_us})
    return exposure_delay_calibration(None, motion, EXPOSURE_US, EXPOSURE_US, PERIOD_US, triggers)
