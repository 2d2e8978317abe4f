"""``ngs calibrate colour``: one still scene, and an even panel, in both cameras."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from app.calibrate.camera_view import CameraView, CameraViews
from app.calibrate.frame_acquisition import SceneSetup, acquiring, standing_still
from app.calibrate.pair_acquisition import PairAcquisition, codes_of
from app.session.config import SessionConfig
from calibration.geometric.pixel_map import PixelMap
from calibration.radiometric.colour import (
    ColourCalibration,
    PanelLight,
    colour_calibration,
)
from drivers.pixel_format import Pixels
from models.frame_light import grey

SCENE_INSTRUCTION = "put something still before both cameras, with dark, bright and coloured parts"
PANEL_INSTRUCTION = "put an evenly lit panel before both cameras"

_FRAMES = 16
_LOOK_EVERY = 3
_MOVED, _DIM = 0.04, 0.03
"""Change, of the light but no less than of the dim, by which a place has moved."""

_SMOOTH_PX = 9
"""Over a square of this side the noise of single frames is a fraction of that."""

_STEPS = 2


def calibrate_colour(
    config: SessionConfig,
    scene_setup: SceneSetup,
    pixel_map: PixelMap,
    on_progress: Callable[[int, int], None],
    *,
    with_panel: bool = True,
) -> ColourCalibration:
    """Match the GS camera's light to that of the RSGR camera.

    ``config.rig`` tells their levels and the line time. Raises :class:`InstrumentError`
    where the line time is not known (calibrate it before), and as
    :func:`calibration.radiometric.colour.colour_calibration` does. What moves is left out.
    """
    panel = None
    if with_panel:
        with acquiring(config, scene_setup, "Flat", PANEL_INSTRUCTION) as acquisition:
            rsgr, gs = codes_of(PairAcquisition(acquisition).take(_FRAMES))
            views = CameraViews.of(acquisition)
            rsgr_panel, rsgr_spoilt = _mean(views.rsgr, rsgr)
            gs_panel, gs_spoilt = _mean(views.gs, gs)
            panel = PanelLight(
                rsgr_panel,
                gs_panel,
                views.rsgr.region,
                views.gs.region,
                rsgr_spoilt,
                gs_spoilt,
            )
            of_rsgr, of_gs = panel.shadings  # refused before the next scene is asked for
    on_progress(1, _STEPS)
    with acquiring(standing_still(config), scene_setup, "Bench", SCENE_INSTRUCTION) as acquisition:
        rsgr, gs = codes_of(PairAcquisition(acquisition).take(_FRAMES))
        views = CameraViews.of(acquisition)
        rsgr_light, rsgr_spoilt = _mean(views.rsgr, rsgr)
        gs_light, gs_spoilt = _mean(views.gs, gs)
    if panel is not None:
        rsgr_light = of_rsgr.flatten(rsgr_light, views.rsgr.region)
        gs_light = of_gs.flatten(gs_light, views.gs.region)
    warped, usable = views.on_rsgr(pixel_map, gs_light, gs_spoilt)
    on_progress(_STEPS, _STEPS)
    return colour_calibration(
        rsgr_light,
        warped,
        usable & ~rsgr_spoilt,
        views.rsgr.exposure_us,
        panel,
        views.gs.exposure_us,
    )


def _mean(
    view: CameraView, frames: Sequence[Pixels]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Mean light of a camera's frames, and where any was clipped or moved, ``(rows, columns)``."""
    total = np.zeros(view.light(frames[0]).shape, np.float64)
    first = _smooth(view.light(frames[0]))
    moved = np.zeros(first.shape, bool)
    for number, codes in enumerate(frames):
        light = view.light(codes)
        total += light
        if number % _LOOK_EVERY == 0:
            moved |= np.abs(_smooth(light) - first) > _MOVED * np.maximum(first, _DIM)
    return (total / len(frames)).astype(np.float32), view.clipped(frames) | moved


def _smooth(light: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(cv2.blur(grey(light), (_SMOOTH_PX, _SMOOTH_PX)), np.float32)


def print_colour(result: ColourCalibration, console: Console) -> None:
    """Print the result for an operator."""
    low, high = result.light_range
    console.print(
        f"GS light x {result.gain:.4f} ± {result.gain_error:.4f} is RSGR light, measured at "
        f"{result.exposure_us:g} us over {low:.0%} to {high:.0%} of full scale"
    )
    if len(result.matrix) == 3:
        for row in result.matrix:
            console.print("  " + "  ".join(f"{value:8.4f}" for value in row))
    for name, shading in (("RSGR", result.shading_rsgr), ("GS", result.shading_gs)):
        if shading is not None:
            console.print(f"{name} flat field: {shading.range_percent:.1f} % from edge to edge")
    console.print(
        f"left over {result.residual_percent:.2f} % (rms), correlation {result.correlation:.4f}"
    )
    console.print(f"verdict: {result.verdict}")
