"""Exposure delay: how much later the GS exposure begins than the RSGR exposure.

Two independent methods: a blinking lamp (:mod:`calibration.temporal.lamp_delay`), the more
precise one, and a target moved both ways (:mod:`calibration.temporal.motion_delay`), which
needs no equipment. If both were done, they check each other.
"""

from pydantic import BaseModel, ConfigDict

from calibration.temporal.lamp_delay import LampDelay
from calibration.temporal.motion_delay import MotionDelay
from calibration.temporal.moving_cells import ASKED_DELAY_US
from calibration.verdict import Findings, Verdict

_DISAGREEMENT_ERRORS = 4.0
_LARGE_SHARE = 0.05
"""Share of the first row's exposure; a larger delay shows in moving pictures."""

_RAMP_TOLERANCE = 0.05
_MAP_BIAS_PX = 0.5


class ExposureDelayCalibration(BaseModel):
    """Result of :func:`exposure_delay_calibration`; the error is one standard error.

    ``delay_us`` is positive where the GS exposure begins later; ``exposure_us`` is the
    effective exposure of the first RSGR row in the measurement. ``lamp`` and ``motion``
    are the results of the two methods, None for one that was not done.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    delay_us: float
    delay_error_us: float
    exposure_us: float
    lamp: LampDelay | None
    motion: MotionDelay | None
    verdict: Verdict


def exposure_delay_calibration(
    lamp: LampDelay | None, motion: MotionDelay | None, exposure_us: float, period_us: float
) -> ExposureDelayCalibration:
    """The delay by the more certain method; the verdict also uses the other one.

    A lamp looks the same one period later: which period it is, the target tells. ``period_us`` is
    the time from frame to frame. Raises :class:`ValueError` if neither was done.
    """
    if lamp is not None and motion is not None:
        turns = round((motion.delay_us - lamp.delay_us) / lamp.lamp_period_us)
        lamp = lamp.model_copy(update={"delay_us": lamp.delay_us + turns * lamp.lamp_period_us})
    best = min(
        (each for each in (lamp, motion) if each is not None),
        key=lambda each: each.delay_error_us,
    )
    return ExposureDelayCalibration(
        delay_us=best.delay_us,
        delay_error_us=best.delay_error_us,
        exposure_us=exposure_us,
        lamp=lamp,
        motion=motion,
        verdict=_judge(lamp, motion, exposure_us, period_us, best.delay_us, best.delay_error_us),
    )


def _judge(
    lamp: LampDelay | None,
    motion: MotionDelay | None,
    exposure_us: float,
    period_us: float,
    delay_us: float,
    error_us: float,
) -> Verdict:
    found = Findings()
    if abs(delay_us) > period_us / 2:
        found.redo.append(
            f"the exposures begin {abs(delay_us) / period_us:.1f} frame periods apart: these pairs "
            "are of different triggers; check trigger wires and --wiring"
        )
    tolerance_us = ASKED_DELAY_US if motion is None else motion.tolerance_us
    if error_us > tolerance_us:
        found.redo.append(
            f"the delay is known to {error_us:.0f} us only, {tolerance_us:.0f} us are asked; "
            "move the target faster, or use a blinking lamp"
        )
    if lamp is not None and motion is not None:
        difference_us = abs(lamp.delay_us - motion.delay_us)
        allowed_us = _DISAGREEMENT_ERRORS * motion.delay_error_us + motion.tolerance_us
        if difference_us > allowed_us:
            found.redo.append(
                f"lamp and moving target disagree by {difference_us:.0f} us, limit "
                f"{allowed_us:.0f} us; check that the lamp lights both cameras evenly, and "
                "calibrate line-time again"
            )
    if motion is not None:
        steeper = motion.ramp_scale - 1.0
        if abs(steeper) > max(_RAMP_TOLERANCE, _DISAGREEMENT_ERRORS * motion.ramp_scale_error):
            found.usable.append(
                f"blur grows down the picture {motion.ramp_scale:.2f} times as fast as the line "
                "time says; calibrate line-time again"
            )
        if motion.bias_px > _MAP_BIAS_PX:
            found.usable.append(
                f"the target lies {motion.bias_px:.2f} px beside where the map says, limit "
                f"{_MAP_BIAS_PX:g} px; calibrate geometry again at the target's distance"
            )
    if abs(delay_us) > _LARGE_SHARE * exposure_us:
        later = "GS camera (--gs-delay-us)" if delay_us < 0 else "RSGR camera (--trigger-delay-us)"
        found.usable.append(
            f"the delay is {abs(delay_us) / exposure_us:.0%} of the exposure, limit "
            f"{_LARGE_SHARE:.0%}; delay the {later} by {abs(delay_us):.0f} us"
        )
    return found.verdict
