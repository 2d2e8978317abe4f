"""``ngs calibrate colour``: one still scene, and an even panel, in both cameras."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from app.calibrate.pairs import PairShooting, ShotPair
from app.calibrate.shooting import Shooting, Staging, shooting
from app.config import SessionConfig
from app.light import FrameLight
from calibration.colour import (
    ColourCalibration,
    PanelLight,
    colour_calibration,
    shading_of,
)
from calibration.warp import PixelMap
from drivers.camera import Region
from drivers.errors import InstrumentError

SCENE_INSTRUCTION = "put something still before both cameras, with dark, bright and coloured parts"
PANEL_INSTRUCTION = "put an evenly lit panel before both cameras"

_FRAMES = 16
_STEPS = 2


def calibrate_colour(
    config: SessionConfig,
    staging: Staging,
    pixel_map: PixelMap,
    on_progress: Callable[[int, int], None],
    *,
    with_panel: bool = True,
) -> ColourCalibration:
    """Match the GS camera's light to that of the RSGR camera.

    ``config.rig`` tells their levels and the line time. Raises :class:`InstrumentError`
    where the line time is not known (calibrate it before), the scene moves or is clipped.
    """
    panel = None
    if with_panel:
        with shooting(config, staging, "Flat", PANEL_INSTRUCTION) as shoot:
            shots = PairShooting(shoot).take(_FRAMES)
            lights = [_mean(shoot, shots, camera) for camera in (0, 1)]
            panel = PanelLight(lights[0][0], lights[1][0])
    on_progress(1, _STEPS)
    with shooting(_standing_still(config), staging, "Bench", SCENE_INSTRUCTION) as shoot:
        shots = PairShooting(shoot).take(_FRAMES)
        rsgr, rsgr_clipped = _mean(shoot, shots, 0)
        gs, gs_clipped = _mean(shoot, shots, 1)
        if panel is not None:
            rsgr = shading_of(panel.rsgr).flatten(rsgr)
            gs = shading_of(panel.gs).flatten(gs)
        regions = [_region(shoot, camera) for camera in (0, 1)]
        warped, valid = pixel_map.warp_to_rsgr(gs, regions[0], regions[1])
        clipped, _ = pixel_map.warp_to_rsgr(gs_clipped.astype(np.float32), regions[0], regions[1])
        usable = valid & ~rsgr_clipped & (clipped < 1e-3)
        exposure_us = shoot.session.camera.settings.exposure_us
        assert exposure_us is not None  # the timing is known
        on_progress(_STEPS, _STEPS)
        return colour_calibration(rsgr, warped, usable, exposure_us, panel)


def _standing_still(config: SessionConfig) -> SessionConfig:
    """The virtual rig's bench is in motion unless its time stands still."""
    if not config.camera.startswith("virtual:") or config.options.scene is not None:
        return config
    settings = (*config.options.node_settings, ("SceneFrozen", "1"))
    return replace(config, options=replace(config.options, node_settings=settings))


def _region(shoot: Shooting, camera: int) -> Region:
    opened = shoot.session.camera_at(camera)
    form = opened.frame_format
    return opened.settings.region or Region(0, 0, form.columns, form.rows)


def _mean(
    shoot: Shooting, shots: Sequence[ShotPair], camera: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Mean light of a camera's frames, and where any of them was clipped, ``(rows, columns)``."""
    timing = shoot.session.timing().sensor
    if timing is None:
        raise InstrumentError("the line time is unknown; calibrate line-time first")
    radiometry = shoot.radiometry(camera)
    form = shoot.session.camera_at(camera).frame_format
    light = FrameLight(radiometry, form.rows, form.columns, timing if camera == 0 else None)
    frames = [(pair.rsgr if camera == 0 else pair.gs).pixels for pair in shots]
    clipped = np.max(frames, axis=0) >= radiometry.saturation_dn
    if clipped.ndim == 3:
        clipped = clipped.any(axis=2)
    total = np.zeros(light(frames[0]).shape, np.float64)
    for codes in frames:
        total += light(codes)
    return (total / len(frames)).astype(np.float32), np.asarray(clipped)


def print_colour(result: ColourCalibration, console: Console) -> None:
    """What a person wants to know of it."""
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
