"""Timing and radiometry a session restores and shows with, and why it does not restore."""

from dataclasses import replace

from app.session.config import SessionConfig
from app.session.status import TimingInUse
from calibration.rig_calibration import CameraConditions
from drivers.camera import Camera
from drivers.camera_settings import ShutterMode
from drivers.radiometry import Radiometry
from drivers.timing import ReadoutDirection, TimingSource


def timing_in_use(
    camera: Camera, config: SessionConfig, direction_seen: ReadoutDirection | None = None
) -> TimingInUse:
    """Row timing of the RSGR camera: calibrated, else given by option, else told by the camera.

    ``direction_seen`` is the readout direction that images showed; it goes before the camera's
    word and after the operator's.
    """
    told, rows = camera.row_timing, camera.frame_format.rows
    rig, set_us = config.rig, camera.settings.exposure_us
    if rig is not None and set_us is not None and rig.holds_timing(CameraConditions.of(camera)):
        calibrated = rig.timing(set_us, rows)
        if calibrated is not None:
            calibrated = replace(calibrated, overhead_us=told.overhead_us)
        return TimingInUse(calibrated, TimingSource.CALIBRATED)
    direction = config.readout or direction_seen
    if direction is not None:
        told = replace(told, direction=direction)
    if config.line_time_us is not None:
        told = replace(told, line_time_us=config.line_time_us, source=TimingSource.GIVEN)
    sensor = told.of(set_us, rows)
    return TimingInUse(sensor, TimingSource.UNKNOWN if sensor is None else told.source)


def radiometry_in_use(camera: Camera, config: SessionConfig, index: int) -> Radiometry:
    """Black level and saturation of the RSGR (0) or GS (1) camera.

    Calibrated values, else the black level given for the RSGR camera, else that of the camera,
    and the largest code.
    """
    pixel_format = camera.frame_format.pixel_format
    if config.rig is not None and config.rig.holds_light(CameraConditions.of(camera), index):
        black_level_dn = config.rig.black_level_dn(index)
        assert black_level_dn is not None  # it holds
        saturation_dn = config.rig.saturation_dn(index)
        return Radiometry(pixel_format, black_level_dn, saturation_dn or pixel_format.maximum_dn)
    black_level_dn = config.black_level_dn if index == 0 else None
    if black_level_dn is None:
        black_level_dn = camera.settings.black_level_dn or 0.0
    return Radiometry(pixel_format, black_level_dn, float(pixel_format.maximum_dn))


def why_not_restoring(
    camera: Camera, config: SessionConfig, model: str | None, proven: bool | None
) -> str:
    """Why the restored view is off and what to do; empty when it can be on.

    ``proven`` is what the images proved of global reset, which outweighs what the mode
    node claims.
    """
    if model is None:
        return "no model chosen"
    mode = camera.state.shutter_mode
    if proven is False:
        return "the images disproved global reset: there is no ramp to undo"
    if proven is None:
        if mode == ShutterMode.UNKNOWN and camera.state.runs_free:
            return (
                "the shutter mode is unknown and the camera runs free, as in rolling shutter; "
                "trigger it, or prove global reset by images"
            )
        if mode == ShutterMode.UNKNOWN and config.line_time_us is None:
            return (
                "shutter mode and line time are unknown; give --line-time-us if the camera is "
                "in global reset"
            )
        if mode in (ShutterMode.ROLLING, ShutterMode.GLOBAL):
            return f"the camera is in {mode.value} shutter: there is no ramp to undo"
    if camera.settings.exposure_us is None:
        return "the exposure time is unknown; give --exposure-us"
    if timing_in_use(camera, config).sensor is None:
        return "the line time is unknown; give --line-time-us or calibrate it"
    return ""
