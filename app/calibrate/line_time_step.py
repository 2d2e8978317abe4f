"""``ngs calibrate line-time``: two exposures of a still scene, interleaved."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from rich.console import Console

from app.calibrate.exposure_series import ExposureSeries
from app.calibrate.frame_acquisition import SceneSetup, acquiring, standing_still
from app.session.config import SessionConfig
from calibration.radiometric.dark import DarkCalibration
from calibration.temporal.line_time import (
    FRAMES_PER_EXPOSURE,
    LineTimeCalibration,
    line_time_calibration,
)
from calibration.temporal.still_scene import Block
from drivers.errors import InstrumentError

INSTRUCTION = (
    "put something still and bright before the RSGR camera, evenly lit from top to bottom "
    "(the flat panel will do)"
)

_BLOCKS = 4
_FRAMES = FRAMES_PER_EXPOSURE // _BLOCKS
_SHORT_SHARE = 1 / 2.25
_MOST_CLIPPED = 0.001
_HIGHLIGHTS = 99.9
_WANTED_HIGHLIGHTS = (0.5, 0.85)
"""Of full scale: between, an exposure is taken as it is."""

_LEAST_HIGHLIGHTS = 0.05
_LONGEST_US = 100_000.0
_LOOKS = 10


def calibrate_line_time(
    config: SessionConfig,
    scene_setup: SceneSetup,
    dark: DarkCalibration,
    on_progress: Callable[[int, int], None],
) -> LineTimeCalibration:
    """Acquire blocks of a long and a short exposure in turn and evaluate them.

    ``on_progress`` gets blocks done and blocks in all. Raises :class:`InstrumentError`
    where the dark frames are of another pixel format, and as
    :func:`calibration.temporal.line_time.line_time_calibration` does.
    """
    with acquiring(standing_still(config), scene_setup, "Bench", INSTRUCTION) as acquisition:
        series = ExposureSeries(acquisition)
        pixel_format = acquisition.session.camera.frame_format.pixel_format
        if pixel_format.name != dark.pixel_format:
            raise InstrumentError(
                f"the dark frames are {dark.pixel_format}, the camera delivers "
                f"{pixel_format.name}; calibrate dark again, or give --pixel-format"
            )
        long_us, short_us = choose_exposures(series, dark.black_level_dn)
        series.make_room(long_us, _FRAMES)
        blocks: dict[float, list[Block]] = {long_us: [], short_us: []}
        present_us = short_us
        for pair in range(_BLOCKS):
            # A B, B A, ...: an even drift of the light cancels, with half as many changes.
            order = (long_us, short_us) if pair % 2 == 0 else (short_us, long_us)
            for exposure_us in order:
                if exposure_us != present_us:
                    series.expose(exposure_us)
                frames = series.frames(_FRAMES)
                present_us = exposure_us
                blocks[exposure_us].append([frame.pixels for frame in frames])
                on_progress(sum(map(len, blocks.values())), 2 * _BLOCKS)
        return line_time_calibration(
            blocks[long_us],
            blocks[short_us],
            long_us,
            short_us,
            pixel_format,
            dark.black_level_dn,
            dark.black_level_error_dn,
        )


def choose_exposures(series: ExposureSeries, black_level_dn: float) -> tuple[float, float]:
    """A long exposure that clips almost nothing, and the short one to compare it with.

    Raises :class:`InstrumentError` where even the shortest exposure clips too much.
    """
    shortest_us, longest_us = series.range_us()
    longest_us = min(longest_us, _LONGEST_US)
    least_us = shortest_us / _SHORT_SHARE
    settings = series.acquisition.session.camera.settings
    assert settings.exposure_us is not None  # range_us looked
    exposure_us = max(settings.exposure_us, least_us)
    radiometry = replace(series.acquisition.radiometry(), black_level_dn=black_level_dn)
    for _ in range(_LOOKS):
        series.make_room(exposure_us, _FRAMES)
        exposure_us = series.expose(exposure_us)
        pixels = series.frames(1)[0].pixels
        clipped = float(np.mean(pixels >= radiometry.saturation_dn))
        highlights = float(radiometry.light_of(np.percentile(pixels, _HIGHLIGHTS)))
        if clipped > _MOST_CLIPPED:
            if exposure_us <= 1.01 * least_us:
                raise InstrumentError(
                    f"{clipped:.1%} of the pixels are clipped at {exposure_us:g} us, the shortest "
                    f"exposure of use, limit {_MOST_CLIPPED:.1%}; take less light"
                )
            exposure_us = max(least_us, exposure_us / 2)
        elif highlights < _WANTED_HIGHLIGHTS[0] and exposure_us < longest_us:
            target = sum(_WANTED_HIGHLIGHTS) / 2 / max(highlights, 0.02)
            exposure_us = min(longest_us, exposure_us * min(4.0, target))
        elif highlights < _LEAST_HIGHLIGHTS:
            raise InstrumentError(
                f"the scene is too dark: its highlights reach {highlights:.1%} of full scale at "
                f"{exposure_us:g} us, limit {_LEAST_HIGHLIGHTS:.0%}; add light"
            )
        else:
            break
    short_us = series.expose(_SHORT_SHARE * exposure_us)
    return exposure_us, short_us


def print_line_time(result: LineTimeCalibration, console: Console) -> None:
    """Print the result for an operator."""
    console.print(
        f"line time {result.line_time_us:.4f} ± {result.line_time_error_us:.4f} us, "
        f"read {result.direction.value}; exposure offset {result.exposure_offset_us:+.1f} ± "
        f"{result.exposure_offset_error_us:.1f} us"
    )
    console.print(f"global reset {result.global_reset.value}: {result.global_reset_text}")
    console.print(
        f"exposures {result.long_exposure_us:g} and {result.short_exposure_us:g} us, "
        f"{result.frames_per_exposure} frames each; {result.rows_used} of {result.rows} rows used, "
        f"{result.residual_us:.1f} us about the line (chi-square {result.chi_square:.2f}, of bands "
        f"{result.band_chi_square:.2f})"
    )
    if result.flicker is not None:
        console.print(str(result.flicker))
    if result.flat_ramp is not None:
        ramp = result.flat_ramp
        console.print(
            f"ramp of the flat field alone: {ramp.line_time_us:.3f} ± {ramp.line_time_error_us:.3f}"
            f" us; shading {ramp.shading_percent:.1f} %"
        )
    console.print(f"verdict: {result.verdict}")
