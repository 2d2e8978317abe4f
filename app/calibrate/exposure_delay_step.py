"""``ngs calibrate exposure-delay``: a blinking lamp and a moving target in both cameras."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from app.calibrate.camera_view import CameraView, CameraViews
from app.calibrate.frame_acquisition import SceneSetup, acquiring
from app.calibrate.pair_acquisition import AcquiredPair, PairAcquisition, codes_of
from app.session.config import DEFAULT_FPS, SessionConfig
from calibration.geometric.pixel_map import PixelMap
from calibration.radiometric.colour import ColourCalibration
from calibration.temporal.exposure_delay import ExposureDelayCalibration, exposure_delay_calibration
from calibration.temporal.lamp_delay import LitPair, lamp_delay
from calibration.temporal.motion_delay import MovingPair, motion_delay
from calibration.temporal.moving_cells import UNKNOWN_OFFSET_US
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

_LEAST_UNCLIPPED = 0.5
_LEAST_DN = 5.0
"""Mean light below bends with rounding: neighbouring pixels no longer round differently."""


def calibrate_exposure_delay(
    config: SessionConfig,
    scene_setup: SceneSetup,
    pixel_map: PixelMap,
    colour: ColourCalibration,
    on_progress: Callable[[int, int], None],
    *,
    with_lamp: bool = True,
) -> ExposureDelayCalibration:
    """Measure the exposure delay by the lamp, then by the target.

    ``config.rig`` tells levels and line time. ``on_progress`` gets scenes done and scenes in
    all. Raises :class:`InstrumentError` where light or motion do not suffice.
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
        fps = acquisition.session.camera.settings.fps or DEFAULT_FPS
        every = max(1, round(fps * _TARGET_S / _TARGET_PAIRS))
        shots = PairAcquisition(acquisition).take(_TARGET_PAIRS, every=every)
        views = CameraViews.of(acquisition)
    motion = motion_delay(
        _seen_twice(views, shots, pixel_map, colour),
        views.timing,
        views.gs.exposure_us + gs_offset_us,
        gs_offset_error_us,
    )
    on_progress(steps, steps)
    return exposure_delay_calibration(lamp, motion, views.timing.exposure_us)


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


def _seen_twice(
    views: CameraViews,
    shots: Sequence[AcquiredPair],
    pixel_map: PixelMap,
    colour: ColourCalibration,
) -> list[MovingPair]:
    """The pairs on the RSGR camera's pixels, light matched."""
    seen = []
    for shot in shots:
        gs = views.gs.light(shot.gs.pixels)
        warped, usable = views.on_rsgr(pixel_map, gs, views.gs.clipped([shot.gs.pixels]))
        usable &= ~views.rsgr.clipped([shot.rsgr.pixels])
        rsgr = grey(views.rsgr.light(shot.rsgr.pixels))
        seen.append(MovingPair(rsgr, grey(colour.match(warped)), usable, _time_us(shot)))
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
    lamp, motion = result.lamp, result.motion
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
