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
from drivers.rig.wiring import Wiring

_DISAGREEMENT_ERRORS = 4.0
_LARGE_SHARE = 0.05
"""Share of the first row's exposure; a larger delay shows in moving pictures."""

_EXPOSURE_LIMITS = (0.02, 0.1)
"""Good and usable limit of the difference between GS exposure and that of the first RSGR row."""

_RAMP_TOLERANCE = 0.05
_MAP_BIAS_PX = 0.5


class TriggerDelays(BaseModel):
    """How the cameras are wired, and how long each waits after its trigger (TriggerDelay)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    wiring: Wiring
    rsgr_us: float = 0.0
    gs_us: float = 0.0

    def compensated(self, delay_us: float) -> "TriggerDelays | None":
        """Delays under which the exposures begin together that are ``delay_us`` apart now.

        None where no delay of a trigger does that: a GS camera that the RSGR camera triggers
        cannot begin earlier, as a delay of the RSGR camera moves both.
        """
        if delay_us < 0:
            taken_us = min(self.rsgr_us, -delay_us) if self.wiring is Wiring.EXTERNAL else 0.0
            return self._moved(-taken_us, -delay_us - taken_us)
        taken_us = min(self.gs_us, delay_us)
        if self.wiring is Wiring.MASTER and delay_us - taken_us > ASKED_DELAY_US:
            return None
        rest_us = delay_us - taken_us if self.wiring is Wiring.EXTERNAL else 0.0
        return self._moved(rest_us, -taken_us)

    def _moved(self, rsgr_us: float, gs_us: float) -> "TriggerDelays":
        moved = {"rsgr_us": self.rsgr_us + rsgr_us, "gs_us": self.gs_us + gs_us}
        return self.model_copy(update=moved)


class ExposureDelayCalibration(BaseModel):
    """Result of :func:`exposure_delay_calibration`; the error is one standard error.

    ``delay_us`` is positive where the GS exposure begins later; ``exposure_us`` is the
    effective exposure of the first RSGR row in the measurement, ``gs_exposure_offset_us`` what
    the GS chip adds to its ExposureTime node, None if no lamp showed it. ``lamp`` and ``motion``
    are the results of the two methods, None for one that was not done. ``triggers`` are the
    wiring and delays of the measurement, None in files that do not tell.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    delay_us: float
    delay_error_us: float
    exposure_us: float
    gs_exposure_offset_us: float | None = None
    lamp: LampDelay | None
    motion: MotionDelay | None
    triggers: TriggerDelays | None = None
    verdict: Verdict

    def delay_with_us(self, triggers: TriggerDelays | None) -> float | None:
        """The delay to be expected under other trigger delays; None under another wiring."""
        if self.triggers is None or triggers is None:
            return self.delay_us
        if self.triggers.wiring is not triggers.wiring:
            return None
        moved_us = triggers.gs_us - self.triggers.gs_us
        if triggers.wiring is Wiring.EXTERNAL:
            moved_us -= triggers.rsgr_us - self.triggers.rsgr_us
        return self.delay_us + moved_us


def exposure_delay_calibration(
    lamp: LampDelay | None,
    motion: MotionDelay | None,
    exposure_us: float,
    gs_exposure_us: float,
    period_us: float,
    triggers: TriggerDelays | None,
) -> ExposureDelayCalibration:
    """The delay by the more certain method; the verdict also uses the other one.

    A lamp looks the same one period later: which period it is, the target tells. ``period_us`` is
    the time from frame to frame, ``exposure_us`` effective and ``gs_exposure_us`` the GS
    camera's node. Raises :class:`ValueError` if neither was done.
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
        gs_exposure_offset_us=None if lamp is None else lamp.gs_exposure_us - gs_exposure_us,
        lamp=lamp,
        motion=motion,
        triggers=triggers,
        verdict=_judge(
            lamp,
            motion,
            exposure_us,
            gs_exposure_us if lamp is None else lamp.gs_exposure_us,
            period_us,
            triggers,
            best.delay_us,
            best.delay_error_us,
        ),
    )


def _judge(
    lamp: LampDelay | None,
    motion: MotionDelay | None,
    exposure_us: float,
    gs_exposure_us: float,
    period_us: float,
    triggers: TriggerDelays | None,
    delay_us: float,
    error_us: float,
) -> Verdict:
    found = Findings()
    judge_exposures(exposure_us, gs_exposure_us, found)
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
    if lamp is not None and lamp.left_out:
        found.usable.append(
            f"{lamp.left_out} of {lamp.pairs} pairs under the lamp were not of one instant and are "
            "left out; look at losses and triggers, or measure on a less busy computer"
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
        found.usable.append(
            f"the delay is {abs(delay_us) / exposure_us:.0%} of the exposure, limit "
            f"{_LARGE_SHARE:.0%}; {_remedy(triggers, delay_us)}"
        )
    return found.verdict


def judge_exposures(exposure_us: float, gs_exposure_us: float, found: Findings) -> None:
    """Grade the GS exposure, which should be that of the first RSGR row; both effective."""
    found.limit(
        abs(gs_exposure_us / exposure_us - 1.0),
        _EXPOSURE_LIMITS,
        f"the GS camera exposes {gs_exposure_us:.0f} us, the first RSGR row {exposure_us:.0f} us: "
        "what moves is blurred otherwise; leave --gs-exposure-us out, or choose an exposure both "
        "cameras have",
    )


def _remedy(triggers: TriggerDelays | None, delay_us: float) -> str:
    """What makes the exposures begin together."""
    if triggers is None:
        return "delay the trigger of the camera that begins earlier"
    wanted = triggers.compensated(delay_us)
    if wanted is None:
        return (
            "under master wiring the GS camera cannot begin earlier: let a generator trigger both "
            "cameras (--wiring external), then the RSGR camera can wait"
        )
    name = "RSGR" if wanted.gs_us == triggers.gs_us else "GS"
    return (
        f"ngs calibrate exposure-delay --compensate changes the {name} camera's trigger delay by "
        f"{abs(delay_us):.0f} us and measures again"
    )
