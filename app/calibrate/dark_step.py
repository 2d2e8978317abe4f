"""``ngs calibrate dark``: lens caps on, then, for the photon transfer, a flat panel."""

from collections.abc import Callable

import numpy as np
from rich.console import Console

from app.calibrate.exposure_series import ExposureSeries
from app.calibrate.frame_acquisition import FrameAcquisition, SceneSetup, acquiring
from app.session.config import SessionConfig
from calibration.radiometric.dark import (
    LEAST_FRAMES,
    DarkCalibration,
    DarkShot,
    dark_calibration,
    temporal_variance_dn2,
)
from calibration.radiometric.photon_transfer import PanelShot, PhotonTransfer, photon_transfer
from calibration.radiometric.temporal_noise import LEAST_RESOLVED_NOISE_DN, one_colour
from drivers.errors import InstrumentError
from drivers.pixel_format import PixelFormat

DARK_INSTRUCTION = "cap the lens of every camera"
PANEL_INSTRUCTION = "take the caps off and put an evenly lit panel before the cameras"

_SHORT_DARK_US = 100.0
_EXPOSURES = 16
_DENSE_ABOVE = 0.8
"""Of the longest exposure: half of the exposures lie above, where saturation is looked for."""

_LONGEST_US = 200_000.0
_SATURATED_SHARE = 0.98
_LOOKS = 12


def calibrate_dark(
    config: SessionConfig,
    scene_setup: SceneSetup,
    on_progress: Callable[[int, int], None],
    *,
    with_panel: bool = True,
) -> tuple[DarkCalibration, ...]:
    """Dark calibration of every camera of the session, the RSGR camera first.

    Dark frames at the exposure in use and at a short one; with ``with_panel``
    then pairs of frames of a flat panel from near dark to saturation, for which
    the operator is asked a second time. ``on_progress`` gets exposures done and in
    all. Raises :class:`InstrumentError` where the frames are not dark or the
    panel is too dim or too bright.
    """
    steps = 2 + (_EXPOSURES if with_panel else 0)
    with acquiring(config, scene_setup, "Dark", DARK_INSTRUCTION) as acquisition:
        cameras = range(acquisition.session.camera_count)
        formats = [_format(acquisition, camera) for camera in cameras]
        dark = _acquire_dark(
            ExposureSeries(acquisition), cameras, lambda done: on_progress(done, steps)
        )
    transfers: list[PhotonTransfer | None] = [None for _ in cameras]
    if with_panel:
        # Checked before the operator is asked to put up a panel.
        levels = [
            dark_calibration(dark[camera], formats[camera]).black_level_dn for camera in cameras
        ]
        with acquiring(config, scene_setup, "Flat", PANEL_INSTRUCTION) as acquisition:
            panel = _acquire_panel(
                ExposureSeries(acquisition), cameras, lambda done: on_progress(2 + done, steps)
            )
        for camera in cameras:
            frames = [one_colour(frame, formats[camera]) for frame in dark[camera][-1].frames]
            variance_dn2, _ = temporal_variance_dn2(frames)
            transfers[camera] = photon_transfer(
                panel[camera], formats[camera], levels[camera], variance_dn2
            )
    return tuple(
        dark_calibration(dark[camera], formats[camera], transfers[camera]) for camera in cameras
    )


def _format(acquisition: FrameAcquisition, camera: int) -> PixelFormat:
    return acquisition.session.camera_at(camera).frame_format.pixel_format


def _acquire_dark(
    series: ExposureSeries, cameras: range, on_progress: Callable[[int], None]
) -> list[list[DarkShot]]:
    """Per camera the frames of two exposures: a short one, and that in use."""
    shortest_us, _ = series.range_us()
    in_use_us = series.acquisition.session.camera.settings.exposure_us
    assert in_use_us is not None  # range_us looked
    short_us = max(shortest_us, min(_SHORT_DARK_US, in_use_us / 4))
    shots: list[list[DarkShot]] = [[] for _ in cameras]
    for done, wanted_us in enumerate((short_us, in_use_us), 1):
        exposure_us = series.expose(wanted_us)
        for camera in cameras:
            frames = series.frames(LEAST_FRAMES, camera)
            shots[camera].append(DarkShot(exposure_us, [frame.pixels for frame in frames]))
        on_progress(done)
    return shots


def _acquire_panel(
    series: ExposureSeries, cameras: range, on_progress: Callable[[int], None]
) -> list[list[PanelShot]]:
    """Per camera pairs of frames from the shortest exposure to one that saturates all of them."""
    shortest_us, _ = series.range_us()
    longest_us = _saturating_us(series, cameras)
    lower = np.linspace(0, _DENSE_ABOVE, _EXPOSURES // 2, endpoint=False)
    upper = np.linspace(_DENSE_ABOVE, 1, _EXPOSURES - lower.size)
    series.make_room(longest_us, 2)
    shots: list[list[PanelShot]] = [[] for _ in cameras]
    for done, share in enumerate(np.concatenate([lower, upper]), 1):
        exposure_us = series.expose(shortest_us + float(share) * (longest_us - shortest_us))
        for camera in cameras:
            first, second = (frame.pixels for frame in series.frames(2, camera))
            shots[camera].append(PanelShot(exposure_us, first, second))
        on_progress(done)
    return shots


def _saturating_us(series: ExposureSeries, cameras: range) -> float:
    """The shortest exposure that clips every pixel of every camera, or the longest possible.

    Raises :class:`InstrumentError` where the shortest exposure clips already.
    """
    shortest_us, longest_us = series.range_us()
    longest_us = min(longest_us, _LONGEST_US)
    tried: list[tuple[float, bool]] = []
    exposure_us = shortest_us
    for _ in range(_LOOKS):
        series.make_room(exposure_us, 2)
        exposure_us = series.expose(exposure_us)
        shares = [_saturated_share(series, camera) for camera in cameras]
        if not tried and min(shares) >= _SATURATED_SHARE:
            raise InstrumentError(
                f"the panel saturates the camera at its shortest exposure, {exposure_us:g} us; "
                "make it darker"
            )
        tried.append((exposure_us, min(shares) >= _SATURATED_SHARE))
        above = [tried_us for tried_us, saturated in tried if saturated]
        below = [tried_us for tried_us, saturated in tried if not saturated]
        if above and min(above) <= 1.05 * max(below):
            break
        if not above and exposure_us >= longest_us:
            return longest_us
        # Four times as long while nothing clips, then by bisection.
        exposure_us = (
            float(np.sqrt(min(above) * max(below))) if above else min(longest_us, 4 * exposure_us)
        )
    return min(tried_us for tried_us, saturated in tried if saturated)


def _saturated_share(series: ExposureSeries, camera: int) -> float:
    pixels = series.frames(1, camera)[0].pixels
    coding = _format(series.acquisition, camera)
    return float(np.mean(one_colour(pixels, coding) >= coding.maximum_dn))


def print_dark(result: DarkCalibration, console: Console) -> None:
    """Print the result for an operator."""
    console.print(
        f"black level {result.black_level_dn:.3f} ± {result.black_level_error_dn:.4f} DN "
        f"({result.pixel_format}, {result.frames} frames)"
    )
    if result.temporal_dark_noise_dn is None:
        console.print(
            f"temporal dark noise below {LEAST_RESOLVED_NOISE_DN:.2f} DN: not resolved by rounding"
        )
    else:
        electrons = result.temporal_dark_noise_e
        console.print(
            f"temporal dark noise {result.temporal_dark_noise_dn:.3f} ± "
            f"{result.temporal_dark_noise_error_dn:.4f} DN"
            + ("" if electrons is None else f", {electrons:.2f} e-")
        )
    console.print(
        f"DSNU {result.dsnu_dn:.3f} DN, of rows {result.row_pattern_dn:.3f} DN, of columns "
        f"{result.column_pattern_dn:.3f} DN; {result.hot_pixel_count} hot pixels above "
        f"{result.hot_pixel_threshold_dn:.2f} DN"
    )
    if result.photon_transfer is not None:
        _print_photon_transfer(result.photon_transfer, console)
    console.print(f"verdict: {result.verdict}")


def _print_photon_transfer(result: PhotonTransfer, console: Console) -> None:
    console.print(
        f"system gain {result.system_gain_dn_per_e:.4f} ± "
        f"{result.system_gain_error_dn_per_e:.4f} DN/e-"
    )
    if result.saturation_capacity_e is not None:
        error_e = result.saturation_capacity_error_e
        error = "" if error_e is None else f" ± {error_e:.0f}"
        console.print(
            f"saturation at {result.saturation_dn:.0f} DN: capacity "
            f"{result.saturation_capacity_e:.0f}{error} e-, highest SNR "
            f"{result.maximum_snr_db:.1f} dB, dynamic range {result.dynamic_range_db:.1f} dB"
        )
    if result.linearity_error_percent is not None:
        console.print(f"linearity error {result.linearity_error_percent:.2f} %")
