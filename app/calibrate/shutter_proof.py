"""Proof of the shutter mode on a running session: about a second of alternating exposures."""

from collections.abc import Callable
from dataclasses import replace

from app.calibrate.exposure_series import ExposureSeries
from app.calibrate.frame_acquisition import FrameAcquisition, no_limit
from app.session.session import Session
from calibration.temporal.ramp_fit import ShutterProof, fit_line_time, judge_global_reset
from calibration.temporal.still_scene import Block, still_scene
from drivers.camera_settings import ExposureSettings, ShutterMode
from drivers.errors import InstrumentError

_PAIRS = 6
_FRAMES_PER_EXPOSURE = 4
_SHORT_SHARE = 0.4


def prove_shutter(session: Session, check: Callable[[], None] = no_limit) -> ShutterProof:
    """Alternate between the present exposure and a shorter one and look at the ramp.

    Streams if the session does not yet, puts the exposure back, and notes the
    verdict in the session. Raises :class:`InstrumentError` when the camera has
    no exposure to change or sends no frames. ``check`` may raise to end it before.
    """
    settings = session.camera.settings
    control = session.camera.controls.exposure_us
    if settings.exposure_us is None or control is None:
        raise InstrumentError(
            f"{session.camera.address} has no exposure to change; its shutter cannot be proven"
        )
    session.start()
    long_us = settings.exposure_us
    short_us = control.nearest(_SHORT_SHARE * long_us)
    try:
        if short_us > 0.8 * long_us:
            raise InstrumentError(
                f"exposure {long_us:g} us is too close to the shortest, {control.minimum:g} us; "
                "prove the shutter at a longer exposure"
            )
        series = ExposureSeries(FrameAcquisition(session, check))
        proof = _acquire_and_judge(series, long_us, short_us)
    finally:
        session.configure(ExposureSettings(exposure_us=long_us))
    direction = proof.fit.direction if proof.proven and proof.fit is not None else None
    session.note_shutter_proof(proof.proven, direction)
    claimed = session.camera.state.shutter_mode
    if proof.proven is not None and proof.proven != (claimed == ShutterMode.GLOBAL_RESET):
        claim = claimed.value.replace("_", " ")
        return replace(proof, text=f"{proof.text}; the camera's own mode says {claim}")
    return proof


def _acquire_and_judge(series: ExposureSeries, long_us: float, short_us: float) -> ShutterProof:
    """Evaluate interleaved exposures A B A B ...; too much light proves nothing and is no error."""
    radiometry = series.acquisition.radiometry()

    def block(exposure_us: float) -> Block:
        series.expose(exposure_us)
        return [frame.pixels for frame in series.frames(_FRAMES_PER_EXPOSURE)]

    blocks = [(block(long_us), block(short_us)) for _ in range(_PAIRS)]
    long_blocks, short_blocks = zip(*blocks, strict=True)
    try:
        scene = still_scene(long_blocks, short_blocks, radiometry)
    except InstrumentError as error:
        return ShutterProof(None, f"not proven: {error}")
    return judge_global_reset(fit_line_time(scene.pairs(), long_us, short_us, radiometry.span_dn))
