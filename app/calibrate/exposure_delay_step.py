"""``ngs calibrate exposure-delay``: a blinking lamp and a moving target in both cameras."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from app.calibrate.camera_view import CameraView, CameraViews
from app.calibrate.frame_acquisition import SceneSetup, acquiring
from app.calibrate.pair_acquisition import AcquiredPair, PairAcquisition, codes_of
from app.pairs.motion_samples import REACH, lag_sample
from app.pairs.pair_view import PairView, ViewedCamera
from app.session.config import DEFAULT_FPS, SessionConfig
from calibration.rig_calibration import RigCalibration
from calibration.temporal.exposure_delay import ExposureDelayCalibration, exposure_delay_calibration
from calibration.temporal.frame_lag import LAGS, LagState, frame_lag
from calibration.temporal.lamp_delay import LitPair, lamp_delay
from calibration.temporal.motion_delay import MovingPair, motion_delay
from calibration.temporal.moving_cells import ASKED_DELAY_US, UNKNOWN_OFFSET_US
from drivers.errors import InstrumentError
from drivers.pixel_format import Pixels
from models.frame_light import grey

LAMP_INSTRUCTION = (
    "put a lamp that blinks evenly, 10 to 50 times a second, before both cameras and darken the "
    "room"
)
TARGET_INSTRUCTION = "move a well textured target right and left before both cameras"

_LAMP_PAIRS = 120
_TARGET_PAIRS = 60
_TARGET_S = 3.0
"""Long enough for a hand, or a stage, to go there and back."""

_LAG_SAMPLES = 12
_MAP_ERROR_PX = 0.5
"""How far the map may be off at the target's distance: what moves less tells nothing."""

_LEAST_UNCLIPPED = 0.5
_LEAST_DN = 5.0
"""Mean light below bends with rounding: neighbouring pixels no longer round differently."""


def calibrate_exposure_delay(
    config: SessionConfig,
    scene_setup: SceneSetup,
    rig: RigCalibration,
    on_progress: Callable[[int, int], None],
    *,
    with_lamp: bool = True,
) -> ExposureDelayCalibration:
    """Measure the exposure delay by the lamp, then by the target.

    ``rig`` tells levels, line time, geometry and colour. ``on_progress`` gets scenes done and
    scenes in all. Raises :class:`InstrumentError` where light or motion do not suffice, and
    where the pictures show that the frames do not belong together.
    """
    steps = 1 + with_lamp
    lamp = None
    gs_offset_us, gs_offset_error_us = 0.0, UNKNOWN_OFFSET_US
    on_progress(0, steps)
    if with_lamp:
        with acquiring(config, scene_setup, "Lamp", LAMP_INSTRUCTION) as acquisition:
            shots = PairAcquisition(acquisition).take(_LAMP_PAIRS)
            views = CameraViews.of(acquisition)
        lamp = lamp_delay(_lit(views, shots), views.timing, views.gs.exposure_us)
        gs_offset_us = lamp.gs_exposure_us - views.gs.exposure_us
        gs_offset_error_us = lamp.gs_exposure_error_us
        on_progress(1, steps)
    with acquiring(config, scene_setup, "Slide", TARGET_INSTRUCTION) as acquisition:
        session = acquisition.session
        fps = session.camera.settings.fps or DEFAULT_FPS
        every = max(1, round(fps * _TARGET_S / _TARGET_PAIRS))
        pairs = PairAcquisition(acquisition)
        shots = pairs.take(_TARGET_PAIRS, every=every)
        # Frames that follow one another, for comparing neighbours; all of 3 s take gigabytes.
        consecutive = pairs.take(_TARGET_PAIRS)
        assert session.rig is not None  # there are pairs
        rsgr, gs = (ViewedCamera.open(each) for each in session.rig.cameras)
        # A former delay must not influence this one.
        fresh = rig.model_copy(update={"exposure_delay": None})
        view = PairView(fresh, rsgr, gs, session.rig.wiring)
    _check_pairs(view, consecutive, 1e6 / fps)
    motion = motion_delay(
        _seen_twice(view, shots),
        view.timing,
        view.gs_exposure_us + gs_offset_us,
        gs_offset_error_us,
    )
    on_progress(steps, steps)
    return exposure_delay_calibration(
        lamp,
        motion,
        view.timing.exposure_us,
        view.gs_exposure_us,
        1e6 / fps,
        view.triggers,
    )


def compensating(config: SessionConfig, measured: ExposureDelayCalibration) -> SessionConfig | None:
    """``config`` with trigger delays under which both exposures begin together.

    None where they do already, or where no delay of a trigger does that.
    """
    if measured.triggers is None or abs(measured.delay_us) <= ASKED_DELAY_US:
        return None
    wanted = measured.triggers.compensated(measured.delay_us)
    if wanted is None:
        return None
    settings, wiring = config.settings, config.wiring
    if wanted.rsgr_us != measured.triggers.rsgr_us:
        settings = replace(settings, trigger_delay_us=wanted.rsgr_us)
    if wanted.gs_us != measured.triggers.gs_us:
        wiring = replace(wiring, gs_delay_us=wanted.gs_us)
    return replace(config, settings=settings, wiring=wiring)


def _check_pairs(view: PairView, shots: Sequence[AcquiredPair], period_us: float) -> None:
    """Raise :class:`InstrumentError` where the target shows that other frames belong together.

    A delay of some frames would else be measured, and the lamp, which repeats itself, would
    agree with it.
    """
    inner = [
        place
        for place in range(REACH, len(shots) - REACH)
        if shots[place + REACH].gs.metadata.sequence - shots[place - REACH].gs.metadata.sequence
        == 2 * REACH
    ]
    samples = [
        lag_sample(view, shots[place].rsgr.pixels, [shots[place + lag].gs.pixels for lag in LAGS])
        for place in inner[:: max(1, len(inner) // _LAG_SAMPLES)]
    ]
    lag = frame_lag(samples, view.middles_apart_us, period_us, _MAP_ERROR_PX)
    if lag.state in (LagState.APART, LagState.UNLIKE):
        raise InstrumentError(
            f"the moving target tells that {lag.text}; check trigger wires and --wiring, lower "
            "the frame rate, and calibrate exposure-delay again"
        )


def _lit(views: CameraViews, shots: Sequence[AcquiredPair]) -> list[LitPair]:
    """Mean light by row and by picture, of the pixels that are never clipped."""
    rsgr, gs = codes_of(shots)
    here, there = (
        _unclipped(name, view, frames)
        for name, view, frames in (("RSGR", views.rsgr, rsgr), ("GS", views.gs, gs))
    )
    # A row without an unclipped pixel is treated like one that the lamp does not light.
    of_row = np.maximum(1, here.sum(axis=1))
    gain = views.timing.row_gain()
    lit = []
    for shot in shots:
        by_row = (grey(views.rsgr.light(shot.rsgr.pixels)) * here).sum(axis=1) / of_row
        by_row[by_row < _LEAST_DN * views.rsgr.light_per_dn * gain] = np.nan
        whole = float(grey(views.gs.light(shot.gs.pixels))[there].mean())
        enough = whole >= _LEAST_DN * views.gs.light_per_dn
        lit.append(LitPair(by_row, whole if enough else float("nan"), _time_us(shot)))
    return lit


def _unclipped(name: str, view: CameraView, frames: Sequence[Pixels]) -> NDArray[np.bool_]:
    unclipped = ~view.clipped(frames)
    if unclipped.mean() < _LEAST_UNCLIPPED:
        raise InstrumentError(
            f"the lamp saturates {1 - unclipped.mean():.0%} of the {name} picture, limit "
            f"{1 - _LEAST_UNCLIPPED:.0%}; lower the exposure, or turn the lamp down"
        )
    return unclipped


def _seen_twice(view: PairView, shots: Sequence[AcquiredPair]) -> list[MovingPair]:
    """The pairs on the RSGR camera's pixels, light matched."""
    seen = []
    for shot in shots:
        pair = view.aligned(shot.rsgr.pixels, view.gs(shot.gs.pixels))
        usable = pair.valid & ~pair.clipped
        seen.append(MovingPair(pair.rsgr, pair.gs, usable, _time_us(shot)))
    return seen


def _time_us(shot: AcquiredPair) -> float:
    return shot.rsgr.metadata.start_time_ns / 1000.0


def print_exposure_delay(result: ExposureDelayCalibration, console: Console) -> None:
    """Print the result for an operator."""
    later = "later" if result.delay_us >= 0 else "earlier"
    console.print(
        f"the GS exposure begins {abs(result.delay_us):.1f} ± {result.delay_error_us:.1f} us "
        f"{later}, measured at {result.exposure_us:g} us"
    )
    lamp, motion, triggers = result.lamp, result.motion, result.triggers
    if triggers is not None and (triggers.rsgr_us or triggers.gs_us):
        console.print(
            f"with trigger delays of {triggers.rsgr_us:g} us (RSGR) and {triggers.gs_us:g} us (GS) "
            f"under {triggers.wiring.value} wiring, which --rig sets from now on"
        )
    if lamp is not None:
        console.print(
            f"by a lamp of {1e6 / lamp.lamp_period_us:.2f} Hz: {lamp.delay_us:.1f} ± "
            f"{lamp.delay_error_us:.1f} us, GS exposure {lamp.gs_exposure_us:.1f} ± "
            f"{lamp.gs_exposure_error_us:.1f} us, {lamp.pairs} pairs"
        )
    if motion is not None:
        console.print(
            f"by a target of up to {motion.speed_px_per_s:.0f} px/s: {motion.delay_us:.1f} ± "
            f"{motion.delay_error_us:.1f} us, {motion.pairs_forth} pairs forth and "
            f"{motion.pairs_back} back; map off by {motion.bias_px:.2f} px, blur grows "
            f"{motion.ramp_scale:.3f} ± {motion.ramp_scale_error:.3f} times as the line time says"
        )
    console.print(f"verdict: {result.verdict}")
