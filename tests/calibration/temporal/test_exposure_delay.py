"""What two methods together say of the exposure delay."""

import re

import pytest

from calibration.temporal.exposure_delay import ExposureDelayCalibration, exposure_delay_calibration
from calibration.temporal.lamp_delay import LampDelay
from calibration.temporal.motion_delay import MotionDelay
from calibration.verdict import Grade

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
        PERIOD_US,
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
            r"15% of the exposure.*delay the RSGR camera \(--trigger-delay-us\) by 300 us",
        ),
        (
            {"delay_us": -300.0},
            {"delay_us": -300.0},
            Grade.USABLE,
            r"delay the GS camera \(--gs-delay-us\) by 300 us",
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
