"""What can be set on a camera: its settings, their limits and choices, and the table of them.

:class:`ExposureSettings` is asked for and read back, :class:`CameraControls` says what the
device offers, :data:`NUMBER_SETTINGS` what is known of a setting whatever the camera.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import TypeAlias

from drivers.errors import SettingRefusedError


class ShutterMode(StrEnum):
    """How a sensor exposes its rows; see the physics in ``drivers.virtual.scene.sensor``."""

    GLOBAL_RESET = "global_reset"
    ROLLING = "rolling"
    GLOBAL = "global"
    UNKNOWN = "unknown"


class TriggerSource(StrEnum):
    """What starts an exposure, where it is no signal from outside the camera.

    ``INTERNAL`` is a timer inside the camera, ``SOFTWARE`` a command for each frame, ``OFF``
    free-running. ``AUTO`` is for requests only: internal where offered, else software.
    """

    AUTO = "auto"
    INTERNAL = "internal"
    SOFTWARE = "software"
    OFF = "off"


Trigger: TypeAlias = TriggerSource | str
"""A trigger source, or the device's own name of a line or signal (``"Line1"``)."""


def is_signal(source: Trigger) -> bool:
    """Whether ``source`` is a device's own name of a line or signal.

    >>> is_signal("Line1"), is_signal("software"), is_signal(TriggerSource.OFF)
    (True, False, False)
    """
    return source not in tuple(TriggerSource)


@dataclass(frozen=True, slots=True)
class Region:
    """Region of interest on the sensor, in pixels."""

    offset_x_px: int
    offset_y_px: int
    width_px: int
    height_px: int


@dataclass(frozen=True, slots=True)
class NumericControl:
    """Range, increment and unit of a number, read from the device."""

    minimum: float
    maximum: float
    increment: float
    unit: str

    def nearest(self, value: float) -> float:
        """The settable value closest to ``value``."""
        clipped = min(max(value, self.minimum), self.maximum)
        if self.increment > 0:
            steps = round((clipped - self.minimum) / self.increment)
            clipped = min(self.minimum + steps * self.increment, self.maximum)
        return clipped

    def check(self, name: str, value: float) -> float:
        """Return ``value``, or raise :class:`SettingRefusedError` stating the limits."""
        if not self.minimum <= value <= self.maximum:
            unit = f" {self.unit}" if self.unit else ""
            nearest = "" if math.isnan(value) else f"; nearest: {self.nearest(value):.10g}"
            raise SettingRefusedError(
                f"{name} {value:.10g}{unit} is outside {self.minimum:.10g} to "
                f"{self.maximum:.10g}{unit}{nearest}"
            )
        return value


@dataclass(frozen=True, slots=True)
class CameraControls:
    """Ranges and choices of a camera in its present state; None: not offered.

    ``sensor_size_px`` is (columns, rows) of the whole sensor, ``output_lines`` are the
    lines on which the camera can tell that it exposes.
    """

    exposure_us: NumericControl | None = None
    gain_db: NumericControl | None = None
    gain_raw: NumericControl | None = None
    black_level_dn: NumericControl | None = None
    fps: NumericControl | None = None
    white_balance_red: NumericControl | None = None
    white_balance_blue: NumericControl | None = None
    offset_x_px: NumericControl | None = None
    offset_y_px: NumericControl | None = None
    width_px: NumericControl | None = None
    height_px: NumericControl | None = None
    trigger_delay_us: NumericControl | None = None
    link_limit_bytes_per_s: NumericControl | None = None
    sensor_size_px: tuple[int, int] | None = None
    pixel_formats: tuple[str, ...] = ()
    shutter_modes: tuple[ShutterMode, ...] = ()
    trigger_sources: tuple[Trigger, ...] = ()
    trigger_activations: tuple[str, ...] = ()
    output_lines: tuple[str, ...] = ()

    def centred_region(self, width_px: int | None, height_px: int | None) -> Region:
        """The region of this size in the middle of the sensor; None: the whole side.

        Where the camera has no offset, as some have none, the region begins at the first pixel.

        Raises :class:`SettingRefusedError` when the camera has no region of interest.
        """
        if self.sensor_size_px is None:
            raise SettingRefusedError(
                f"region {width_px} x {height_px} px cannot be set: the camera offers no region"
            )
        offsets = []
        sizes = []
        for full, size, control in zip(
            self.sensor_size_px,
            (width_px, height_px),
            (self.offset_x_px, self.offset_y_px),
            strict=True,
        ):
            size = full if size is None else size
            # Too large a size is left to the camera to refuse with its limits.
            margin = max(0, full - size) // 2
            offsets.append(0 if control is None else margin // _step(control) * _step(control))
            sizes.append(size)
        return Region(offsets[0], offsets[1], sizes[0], sizes[1])

    def reachable(self, region: Region) -> Region:
        """The place nearest to ``region`` that the camera can show, of the same size.

        Without a known sensor it is ``region`` itself.
        """
        if self.sensor_size_px is None:
            return region
        offsets = []
        for full, size, offset, control in zip(
            self.sensor_size_px,
            (region.width_px, region.height_px),
            (region.offset_x_px, region.offset_y_px),
            (self.offset_x_px, self.offset_y_px),
            strict=True,
        ):
            if control is None:
                offsets.append(0)
                continue
            step = _step(control)
            offsets.append(min(max(0, round(offset / step)), max(0, full - size) // step) * step)
        return Region(offsets[0], offsets[1], region.width_px, region.height_px)


def _step(control: NumericControl) -> int:
    """The increment in whole pixels."""
    return max(1, int(control.increment))


@dataclass(frozen=True, slots=True)
class ExposureSettings:
    """What an operator asks of a camera, and what was achieved.

    In a request None leaves a setting as it is; in an answer None says the
    camera has no such setting.

    ``output_line`` is the line on which the camera tells that it exposes, ``"off"`` for none.
    """

    exposure_us: float | None = None
    gain_db: float | None = None
    gain_raw: float | None = None
    black_level_dn: float | None = None
    fps: float | None = None
    white_balance_red: float | None = None
    white_balance_blue: float | None = None
    region: Region | None = None
    pixel_format: str | None = None
    shutter: ShutterMode | None = None
    trigger_source: Trigger | None = None
    trigger_activation: str | None = None
    trigger_delay_us: float | None = None
    link_limit_bytes_per_s: float | None = None
    output_line: str | None = None


class SettingGroup(StrEnum):
    """What a setting is about; the window and the command line keep a group together."""

    EXPOSURE = "exposure"
    RATE = "rate"
    TRIGGER = "trigger"


@dataclass(frozen=True, slots=True)
class NumberSetting:
    """What is known of a setting that is one number, whatever the camera.

    ``option`` is the help text of its option on the command line, empty where it has none.
    No camera offers a value outside ``sensible``; it tells its own limits once it is open.
    One that is not ``live`` can change only while no frames flow.
    """

    name: str
    unit: str
    group: SettingGroup
    option: str = ""
    sensible: tuple[float, float] = (0.0, 1e9)
    live: bool = True


NUMBER_SETTINGS: Mapping[str, NumberSetting] = {
    "exposure_us": NumberSetting(
        "exposure",
        "us",
        SettingGroup.EXPOSURE,
        option="Exposure of the first row.",
        sensible=(0.001, 1e9),
    ),
    "fps": NumberSetting(
        "frame rate", "fps", SettingGroup.RATE, option="Frame rate.", sensible=(0.001, 1e6)
    ),
    "gain_db": NumberSetting(
        "gain", "dB", SettingGroup.EXPOSURE, option="Analogue gain.", sensible=(-100.0, 100.0)
    ),
    "gain_raw": NumberSetting(
        "raw gain",
        "steps",
        SettingGroup.EXPOSURE,
        option="Gain in the camera's own steps, where it has none in dB.",
    ),
    # No option: --black-level-dn tells what the codes have, it does not set the camera.
    "black_level_dn": NumberSetting("black level", "DN", SettingGroup.EXPOSURE),
    "white_balance_red": NumberSetting("white balance red", "", SettingGroup.EXPOSURE),
    "white_balance_blue": NumberSetting("white balance blue", "", SettingGroup.EXPOSURE),
    "trigger_delay_us": NumberSetting(
        "trigger delay", "us", SettingGroup.TRIGGER, option="Trigger delay.", live=False
    ),
    "link_limit_bytes_per_s": NumberSetting(
        "link limit",
        "bytes/s",
        SettingGroup.RATE,
        option="Most the RSGR camera may send, where cameras share a link.",
        sensible=(1.0, 1e12),
        live=False,
    ),
}
"""By its field of :class:`ExposureSettings` and :class:`CameraControls`.

Driver, replay, recording, command line, window and JSON go through this table.
"""


def merged(first: ExposureSettings, then: ExposureSettings) -> ExposureSettings:
    """``first`` with everything that ``then`` does not leave as it is.

    >>> merged(ExposureSettings(gain_db=2.0, fps=50.0), ExposureSettings(fps=60.0)).fps
    60.0
    """
    asked = {
        field.name: value
        for field in fields(then)
        if (value := getattr(then, field.name)) is not None
    }
    return replace(first, **asked)


def leading_back(former: ExposureSettings, now: ExposureSettings) -> ExposureSettings:
    """The request that leads from ``now`` to ``former``; a setting that had no value stays.

    >>> leading_back(ExposureSettings(fps=50.0), ExposureSettings(fps=60.0)).fps
    50.0
    """
    different = {
        field.name: value
        for field in fields(former)
        if (value := getattr(former, field.name)) != getattr(now, field.name)
    }
    return ExposureSettings(**different)


def needs_stopped_camera(request: ExposureSettings) -> bool:
    """Whether anything asked for can change only while no frames flow.

    >>> needs_stopped_camera(ExposureSettings(exposure_us=5000.0))
    False
    """
    live = {name for name, setting in NUMBER_SETTINGS.items() if setting.live}
    return any(
        field.name not in live and getattr(request, field.name) is not None
        for field in fields(request)
    )
