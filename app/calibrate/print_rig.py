"""``ngs calibrate show``: a calibration in words."""

from rich.console import Console

from app.calibrate.colour_step import print_colour
from app.calibrate.dark_step import print_dark
from app.calibrate.exposure_delay_step import print_exposure_delay
from app.calibrate.geometry_step import print_geometry
from app.calibrate.line_time_step import print_line_time
from calibration.rig_calibration import CalibratedCamera, RigCalibration


def print_rig(rig: RigCalibration, console: Console) -> None:
    """Print cameras and conditions, then every calibrated step."""
    console.print(
        f"calibration of {rig.created:%Y-%m-%d %H:%M} UTC by {rig.program}: {rig.grade.value}",
        highlight=False,
    )
    for name, camera in (("RSGR", rig.rsgr), ("GS", rig.gs)):
        if camera is not None:
            _print_camera(name, camera, console)
    if rig.geometry is not None:
        console.rule("geometry", align="left")
        print_geometry(rig.geometry, console)
    if rig.colour is not None:
        console.rule("colour", align="left")
        print_colour(rig.colour, console)
    if rig.exposure_delay is not None:
        console.rule("exposure-delay", align="left")
        print_exposure_delay(rig.exposure_delay, console)


def _print_camera(name: str, camera: CalibratedCamera, console: Console) -> None:
    at = camera.conditions
    console.rule(f"{name} camera", align="left")
    gain = f"gain {at.gain_db} dB" if at.gain_raw is None else f"raw gain {at.gain_raw:g}"
    console.print(
        f"{at.maker} {at.model}, serial {at.serial}, {at.pixel_format}, {gain}, "
        f"black level node {at.black_level_dn} DN",
        highlight=False,
    )
    if at.readout:
        nodes = ", ".join(f"{node} {value}" for node, value in at.readout.items())
        console.print(f"holds for {nodes}", highlight=False)
    if camera.dark is not None:
        print_dark(camera.dark, console)
    if camera.line_time is not None:
        print_line_time(camera.line_time, console)
