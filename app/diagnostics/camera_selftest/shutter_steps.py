"""What the images say of the shutter: its mode, its readout direction, its line time."""

from app.calibrate.exposure_series import ExposureSeries
from app.calibrate.frame_acquisition import FrameAcquisition, standing_still
from app.calibrate.line_time_step import choose_exposures
from app.calibrate.shutter_proof import prove_shutter
from app.diagnostics.camera_selftest.camera_under_test import (
    CameraUnderTest,
    TimeBudget,
    TimeOverError,
)
from app.diagnostics.verdicts import Figure, Finding, failed, not_possible, passed
from app.session.session import Session
from calibration.temporal.ramp_fit import LineTimeFit
from drivers.camera_contract import NotOfferedError
from drivers.camera_settings import ExposureSettings, ShutterMode
from drivers.errors import CameraLostError, InstrumentError
from drivers.timing import TimingSource

_SCENE = "put something still and bright before the camera, evenly lit from top to bottom"
_AGREES_SHARE = 0.02
_CONFIDENCE = 4.0
_SHUTTER_WORDS = ("shutter", "reset", "rolling", "release")


def shutter_is_as_told(tested: CameraUnderTest) -> Finding:
    """Global reset has a ramp, a global shutter has none: the images tell which it is."""
    if tested.operator.present:
        with tested.budget.standing_still():
            if not tested.operator.agrees(_SCENE):
                raise NotOfferedError("skipped by the operator: it needs a still, bright scene")
    with tested.session(standing_still(tested.config)) as session:
        claimed = session.camera.state.shutter_mode
        if claimed not in (ShutterMode.GLOBAL_RESET, ShutterMode.GLOBAL):
            return _nothing_to_prove(tested, session, claimed)
        session.start()
        too_poor = _why_no_exposure(session, tested.budget)
        if too_poor:
            return not_possible(too_poor, f"{_SCENE}, and run it again")
        proof = prove_shutter(session, tested.budget.check)
    tested.proof = proof
    wanted = claimed is ShutterMode.GLOBAL_RESET
    figures = _ramp_figures(proof.fit)
    told = claimed.value.replace("_", " ")
    if proof.proven is None:
        return not_possible(proof.text, f"{_SCENE}, and run it again", *figures)
    if proof.proven is not wanted:
        return failed(
            f"it says {told}; {proof.text}",
            "do not trust the mode node: give --shutter-node NODE=VALUE, or send the zip",
            *figures,
        )
    if wanted:
        return passed(proof.text, *figures)
    return passed("every row sees the same exposure, as a global shutter has it", *figures)


def _nothing_to_prove(tested: CameraUnderTest, session: Session, claimed: ShutterMode) -> Finding:
    modes = ", ".join(mode.value for mode in session.camera.controls.shutter_modes) or "none told"
    triggers = ", ".join(session.camera.controls.trigger_sources) or "none told"
    known = () if tested.snapshot is None else tested.snapshot.nodes
    alike = [
        each.name
        for each in known
        if any(word in each.name.lower() for word in _SHUTTER_WORDS) and each.kind != "command"
    ]
    return not_possible(
        f"no node that ngs knows offers global reset; shutter now: {claimed.value}, modes: {modes}",
        "look up global reset in the camera's manual and give --shutter-node NODE=VALUE"
        + (f"; nodes whose names are alike: {', '.join(alike)}" if alike else ""),
        Figure("triggers", triggers),
    )


def _why_no_exposure(session: Session, budget: TimeBudget) -> str:
    """Choose an exposure that suits the light; why there is none, empty where one is set."""
    series = ExposureSeries(FrameAcquisition(session, budget.check))
    series.range_us()
    try:
        long_us, _ = choose_exposures(series, session.radiometry().black_level_dn)
    except (CameraLostError, TimeOverError):
        raise
    except InstrumentError as error:
        if session.camera.counters.captured == 0:
            raise
        return str(error)
    session.configure(ExposureSettings(exposure_us=long_us))
    return ""


def _ramp_figures(fit: LineTimeFit | None) -> tuple[Figure, ...]:
    if fit is None:
        return ()
    return (
        Figure("ramp over the picture", 100.0 * fit.ramp, "% of the short exposure"),
        Figure("rows used", fit.rows_used),
        Figure("residual", fit.residual_us, "us"),
    )


def direction_is_as_told(tested: CameraUnderTest) -> Finding:
    """The row that is read first is the darkest."""
    fit = _ramp(tested)
    told = tested.opened().row_timing.direction
    figures = (Figure("images", fit.direction.value), Figure("driver", told.value))
    if fit.direction is not told:
        return failed(
            f"the images say {fit.direction.value}, the driver assumes {told.value}",
            "restoring would be wrong: switch off flipping in the camera, or run ngs calibrate",
            *figures,
        )
    return passed(fit.direction.value, *figures)


def line_time_is_as_told(tested: CameraUnderTest) -> Finding:
    """The line time of the images is that of the camera's node, where it has one."""
    fit = _ramp(tested)
    timing = tested.opened().row_timing
    told_us = timing.line_time_us
    figures = (
        Figure("measured", fit.line_time_us, f"± {fit.line_time_error_us:.2g} us"),
        Figure("told", told_us, f"us, source: {timing.source.value}"),
        *(Figure(f"depends on {node}", value) for node, value in timing.depends_on),
    )
    measured = f"{fit.line_time_us:.3f} ± {fit.line_time_error_us:.3f} us"
    if told_us is None or timing.source is not TimingSource.NODE:
        return passed(f"{measured}; the camera does not tell it", *figures)
    off_us = abs(fit.line_time_us - told_us)
    if off_us > max(_CONFIDENCE * fit.line_time_error_us, _AGREES_SHARE * told_us):
        return failed(
            f"{measured} by the images, {told_us:g} us by its node",
            "trust the images: ngs calibrate all --out rig.json, then --rig rig.json",
            *figures,
        )
    return passed(f"{measured}; its node says {told_us:g} us", *figures)


def _ramp(tested: CameraUnderTest) -> LineTimeFit:
    proof = tested.proof
    if proof is None or not proof.proven or proof.fit is None:
        raise NotOfferedError("it is measured from the ramp of global reset, which was not proved")
    return proof.fit
