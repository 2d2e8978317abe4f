"""Proving the shutter mode on a running session: about a second of alternating exposures."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from app.calibrate.shooting import Shooting
from app.session import Session
from calibration.line_time import (
    ExposurePair,
    ShutterProof,
    fit_line_time,
    judge_global_reset,
    row_means,
)
from drivers.camera import ExposureSettings, ShutterMode
from drivers.errors import InstrumentError

_PAIRS = 6
_FRAMES_PER_EXPOSURE = 4
_SHORT_SHARE = 0.4


def prove_shutter(session: Session) -> ShutterProof:
    """Alternate between the present exposure and a shorter one and look at the ramp.

    Streams if the session does not yet, puts the exposure back, and notes the
    verdict in the session. Raises :class:`InstrumentError` when the camera has
    no exposure to change or sends no frames.
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
        fit = fit_line_time(*_take_pairs(session, long_us, short_us))
    finally:
        session.configure(ExposureSettings(exposure_us=long_us))
    proof = judge_global_reset(fit)
    session.note_shutter_proof(proof.proven)
    claimed = session.camera.state.shutter_mode
    if proof.proven is not None and proof.proven != (claimed == ShutterMode.GLOBAL_RESET):
        claim = claimed.value.replace("_", " ")
        return replace(proof, text=f"{proof.text}; the camera's own mode says {claim}")
    return proof


def _take_pairs(
    session: Session, long_us: float, short_us: float
) -> tuple[list[ExposurePair], float, float, float]:
    """Row means of interleaved exposures A B A B ..., and the exposures read back."""
    shooting = Shooting(session)
    radiometry = shooting.radiometry()

    def mean_rows(exposure_us: float) -> NDArray[np.float64]:
        shooting.expose(exposure_us)
        frames = shooting.frames(_FRAMES_PER_EXPOSURE)
        # The mean of NaN-free frames only: a row that clips once is not used at all.
        means = [
            row_means(frame.pixels, radiometry.black_level_dn, radiometry.saturation_dn)
            for frame in frames
        ]
        average: NDArray[np.float64] = np.mean(means, axis=0)
        return average

    pairs = [ExposurePair(mean_rows(long_us), mean_rows(short_us)) for _ in range(_PAIRS)]
    full_scale_dn = radiometry.saturation_dn - radiometry.black_level_dn
    return pairs, long_us, short_us, full_scale_dn
