"""The two camera models of the virtual rig, with their true values."""

from dataclasses import dataclass

from drivers.camera_settings import ShutterMode
from drivers.virtual.scene.optics import View
from drivers.virtual.scene.sensor import GS_SENSOR, RSGR_SENSOR, SensorCharacteristics

SENSOR_COLUMNS = 1440
SENSOR_ROWS = 1080
OVERHEAD_US = 20.0
"""Time from the end of readout until the sensor accepts the next trigger."""

SHUTTER_MODES = {
    "Rolling": ShutterMode.ROLLING,
    "GlobalReset": ShutterMode.GLOBAL_RESET,
    "Global": ShutterMode.GLOBAL,
}
"""SensorShutterMode (SFNC 2.7) -> how rows are exposed."""


@dataclass(frozen=True, slots=True)
class CameraModel:
    """A kind of camera: names, sensor, optics and timing.

    The exposure of the first row is the ExposureTime node plus
    ``exposure_offset_us``; it begins ``start_delay_us`` after the trigger.
    """

    device_id: str
    name: str
    serial: str
    shutter_choices: tuple[str, ...]
    characteristics: SensorCharacteristics
    view: View
    line_time_us: float
    exposure_offset_us: float
    start_delay_us: float
    vendor: str = "Neural Global Shutter"
    sensor_columns: int = SENSOR_COLUMNS
    sensor_rows: int = SENSOR_ROWS


RSGR = CameraModel(
    device_id="rsgr",
    name="NGS-V RSGR 1440",
    serial="VRSGR-1",
    shutter_choices=("Rolling", "GlobalReset"),
    characteristics=RSGR_SENSOR,
    view=View.identity(SENSOR_COLUMNS, SENSOR_ROWS),
    line_time_us=6.0,
    exposure_offset_us=12.0,
    start_delay_us=0.0,
)
GS = CameraModel(
    device_id="gs",
    name="NGS-V GS 1440",
    serial="VGS-1",
    shutter_choices=("Global",),
    characteristics=GS_SENSOR,
    view=View.behind_splitter(SENSOR_COLUMNS, SENSOR_ROWS),
    line_time_us=6.0,
    exposure_offset_us=5.0,
    start_delay_us=40.0,
)
MODELS = (RSGR, GS)
