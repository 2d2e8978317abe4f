"""Table of the virtual cameras' features; description and registers are made from it.

Names, categories and visibilities follow the GenICam Standard Features Naming
Convention (SFNC) 2.7; features without a standard name are marked custom. What
depends on the camera's state (limits, availability, locks) is in
:mod:`drivers.virtual.camera.settings`.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, TypeAlias

from drivers.virtual.camera.camera_models import CameraModel
from drivers.virtual.scene.named_scenes import SCENE_NAMES

Value: TypeAlias = int | float | bool | str


class Kind(StrEnum):
    """Kinds of GenApi nodes that carry a value."""

    INTEGER = "Integer"
    FLOAT = "Float"
    ENUMERATION = "Enumeration"
    BOOLEAN = "Boolean"
    COMMAND = "Command"
    STRING = "String"


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature, as in the device description, and its value at power-up.

    ``default`` of an enumeration is one of its ``choices``. ``selector`` names
    the enumeration that selects one of several values. ``frozen`` features are
    locked while the camera acquires.
    """

    name: str
    kind: Kind
    description: str
    default: Value = 0
    minimum: float = 0
    maximum: float = float(2**53)
    increment: float = 0
    unit: str = ""
    choices: tuple[str, ...] = ()
    selector: str = ""
    visibility: str = "Beginner"
    read_only: bool = False
    frozen: bool = False
    standard: bool = True
    category: str = ""


PIXEL_FORMAT_NAMES = (
    "Mono8", "Mono10", "Mono10p", "Mono12", "Mono12p",
    "BayerRG8", "BayerRG10", "BayerRG12", "RGB8",
)  # fmt: skip
OFF_ON = ("Off", "On")
AUTOMATIC = ("Off", "Once", "Continuous")
COUNTER_EVENTS = ("Off", "FrameTrigger", "MissedFrameTrigger", "FrameStart")
CHUNKS = ("FrameID", "Timestamp", "ExposureTime", "CounterValue")
SELECTORS = {
    "BalanceRatioSelector": ("Red", "Blue"),
    "ChunkSelector": CHUNKS,
    "CounterSelector": ("Counter0", "Counter1"),
    "LineSelector": ("Line1", "Line2"),
    "TimerSelector": ("Timer0",),
    "TriggerSelector": ("FrameStart",),
}


def _text(name: str, description: str, default: str = "", **more: Any) -> Feature:
    return Feature(name, Kind.STRING, description, default, **more)


def _constant(name: str, description: str, default: str, **more: Any) -> Feature:
    return _text(name, description, default, read_only=True, **more)


def _integer(
    name: str, description: str, default: int, minimum: int, maximum: int, increment: int = 1,
    **more: Any,
) -> Feature:  # fmt: skip
    return Feature(
        name, Kind.INTEGER, description, default, minimum, maximum, increment,
        **more,
    )  # fmt: skip


def _number(
    name: str, description: str, unit: str, default: float, minimum: float, maximum: float,
    increment: float = 0, **more: Any,
) -> Feature:  # fmt: skip
    return Feature(
        name, Kind.FLOAT, description, default, minimum, maximum, increment, unit,
        **more,
    )  # fmt: skip


def _choice(
    name: str, description: str, choices: tuple[str, ...], default: str, **more: Any
) -> Feature:
    return Feature(
        name, Kind.ENUMERATION, description, default, choices=choices,
        **more,
    )  # fmt: skip


def _selector(name: str, description: str, **more: Any) -> Feature:
    return _choice(name, description, SELECTORS[name], SELECTORS[name][0], **more)


def _switch(name: str, description: str, default: bool = False, **more: Any) -> Feature:
    return Feature(name, Kind.BOOLEAN, description, default, **more)


def _command(name: str, description: str, **more: Any) -> Feature:
    return Feature(name, Kind.COMMAND, description, **more)


_EXPERT: dict[str, Any] = {"visibility": "Expert"}
_RO: dict[str, Any] = {"read_only": True}
_FROZEN: dict[str, Any] = {"frozen": True}
_CUSTOM: dict[str, Any] = {"standard": False}
_GURU: dict[str, Any] = {"visibility": "Guru", "standard": False}


def _device_control(model: CameraModel) -> list[Feature]:
    return [
        _constant("DeviceVendorName", "Maker of the device.", model.vendor),
        _constant("DeviceModelName", "Model of the device.", model.name),
        _constant("DeviceVersion", "Version of the device.", "1"),
        _constant("DeviceFirmwareVersion", "Version of the simulation.", "1.0.0"),
        _constant("DeviceSerialNumber", "Serial number of the device.", model.serial, **_EXPERT),
        _text("DeviceUserID", "Name given by the user; gone at power-down."),
        _command("TimestampLatch", "Keep the present device time.", **_EXPERT),
        _integer("TimestampLatchValue", "Device time kept last.", 0, 0, 2**62,
                 unit="ns", **_RO, **_EXPERT),
    ]  # fmt: skip


def _image_format_control(model: CameraModel) -> list[Feature]:
    columns, rows = model.sensor_columns, model.sensor_rows
    return [
        _integer("SensorWidth", "Columns of the sensor.", columns, 0, columns, unit="px",
                 **_RO, **_EXPERT),
        _integer("SensorHeight", "Rows of the sensor.", rows, 0, rows, unit="px", **_RO, **_EXPERT),
        _integer("WidthMax", "Widest region.", columns, 0, columns, unit="px", **_RO, **_EXPERT),
        _integer("HeightMax", "Highest region.", rows, 0, rows, unit="px", **_RO, **_EXPERT),
        _integer("Width", "Columns of the region.", 640, 64, columns, 8, unit="px", **_FROZEN),
        _integer("Height", "Rows of the region.", 480, 16, rows, 2, unit="px", **_FROZEN),
        _integer("OffsetX", "First column of the region.", (columns - 640) // 2, 0, columns, 4,
                 unit="px", **_FROZEN),
        _integer("OffsetY", "First row of the region.", (rows - 480) // 2, 0, rows, 2,
                 unit="px", **_FROZEN),
        _choice("PixelFormat", "Coding of the pixels; a mosaic begins at the region's first pixel.",
                PIXEL_FORMAT_NAMES, "Mono8", **_FROZEN),
        _choice("PixelSize", "Bits of a pixel in memory.",
                ("Bpp8", "Bpp10", "Bpp12", "Bpp16", "Bpp24"), "Bpp8", **_RO, **_EXPERT),
        _choice("TestPattern", "Picture made by the camera instead of the sensor's.",
                ("Off", "GreyHorizontalRampMoving"), "Off"),
        _choice("SensorShutterMode",
                "How the rows are exposed; GlobalReset is available only while TriggerMode is On.",
                model.shutter_choices, model.shutter_choices[0], **_FROZEN),
        _number("LineTime", "Time from the readout of one row to that of the next.", "us",
                model.line_time_us, 1.0, 50.0, 0.1, **_FROZEN, **_EXPERT, **_CUSTOM),
        _number("SensorReadoutTime", "Readout of all rows of the region.", "us", 0, 0, 1e6,
                **_RO, **_EXPERT),
    ]  # fmt: skip


def _acquisition_control(_: CameraModel) -> list[Feature]:
    return [
        _choice("AcquisitionMode", "How many frames an acquisition delivers.",
                ("Continuous", "SingleFrame", "MultiFrame"), "Continuous", **_FROZEN),
        _command("AcquisitionStart", "Begin to expose."),
        _command("AcquisitionStop", "Expose no more."),
        _integer("AcquisitionFrameCount", "Frames of a MultiFrame acquisition.", 10, 1, 65535,
                 **_FROZEN),
        _switch("AcquisitionFrameRateEnable", "Free-running at AcquisitionFrameRate instead of as "
                "fast as the sensor can.", True, **_EXPERT),
        _number("AcquisitionFrameRate", "Frame rate while free-running.", "Hz", 60.0, 0.1, 1e4),
        _choice("ExposureMode", "What ends the exposure.", ("Timed",), "Timed"),
        _number("ExposureTime", "Exposure of the row read first; the chip adds a fixed offset.",
                "us", 4000.0, 10.0, 1e6, 1.0),
        _choice("ExposureAuto", "Let the camera set ExposureTime.", AUTOMATIC, "Continuous"),
        _selector("TriggerSelector", "Kind of trigger to configure."),
        _choice("TriggerMode", "Whether a trigger starts each frame.", OFF_ON, "Off",
                selector="TriggerSelector"),
        _command("TriggerSoftware", "A trigger by software."),
        _choice("TriggerSource", "Where triggers come from.", ("Software", "Line1", "Timer0End"),
                "Software", selector="TriggerSelector"),
        _choice("TriggerActivation", "Edge of the line that is a trigger.",
                ("RisingEdge", "FallingEdge"), "RisingEdge", selector="TriggerSelector"),
        _number("TriggerDelay", "From the trigger to the start of exposure.", "us", 0.0, 0.0, 1e6,
                1.0, selector="TriggerSelector", **_EXPERT),
        _choice("TriggerOverlap", "Whether a trigger is heard during readout; not in GlobalReset.",
                ("Off", "ReadOut"), "Off", selector="TriggerSelector", **_EXPERT),
    ]  # fmt: skip


def _analog_control(_: CameraModel) -> list[Feature]:
    return [
        _number("Gain", "Amplification before digitisation.", "dB", 0.0, 0.0, 24.0, 0.1),
        _choice("GainAuto", "Let the camera set Gain.", AUTOMATIC, "Off"),
        _number("BlackLevel", "Code of darkness, in DN of the present PixelFormat.", "DN",
                4.0, 0.0, 15.0, 0.0, **_EXPERT),
        _choice("BlackLevelAuto", "Let the camera hold BlackLevel at 4 DN of 8 bit.", AUTOMATIC,
                "Off", **_EXPERT),
        _number("Gamma", "Exponent of the look-up table behind the converter; 1 is linear.", "",
                0.45, 0.25, 4.0, 0.01),
        _selector("BalanceRatioSelector", "Colour whose balance is set."),
        _number("BalanceRatio", "Factor of the colour relative to green.", "", 1.0, 0.25, 8.0,
                0.001, selector="BalanceRatioSelector"),
        _choice("BalanceWhiteAuto", "Let the camera balance the colours.", AUTOMATIC, "Off"),
    ]  # fmt: skip


def _digital_io_control(_: CameraModel) -> list[Feature]:
    return [
        _selector("LineSelector", "Line to configure.", **_EXPERT),
        _choice("LineMode", "Direction of the line; fixed.", ("Input", "Output"), "Input",
                selector="LineSelector", **_RO, **_EXPERT),
        _choice("LineSource", "Signal on the output Line2. That of the RSGR camera drives the "
                "rig's trigger wire, Line1 of both cameras, unless it is Off.",
                ("Off", "ExposureActive", "FlashWindow"), "Off", selector="LineSelector",
                **_EXPERT),
    ]  # fmt: skip


def _counter_and_timer_control(_: CameraModel) -> list[Feature]:
    return [
        _selector("CounterSelector", "Counter to look at.", **_EXPERT),
        _choice("CounterEventSource", "What is counted. FrameTrigger: every trigger received; "
                "MissedFrameTrigger: those the sensor ignored.",
                COUNTER_EVENTS, "FrameTrigger", selector="CounterSelector", **_EXPERT),
        _integer("CounterValue", "Events since the last reset.", 0, 0, 2**62,
                 selector="CounterSelector", **_RO, **_EXPERT),
        _command("CounterReset", "Count from zero.", selector="CounterSelector", **_EXPERT),
        _selector("TimerSelector", "Timer to configure.", **_EXPERT),
        _number("TimerDuration", "Time the timer is active.", "us", 1000.0, 10.0, 1e7, 1.0,
                selector="TimerSelector", **_EXPERT),
        _number("TimerDelay", "Time before it becomes active.", "us", 0.0, 0.0, 1e7, 1.0,
                selector="TimerSelector", **_EXPERT),
        _choice("TimerTriggerSource", "What starts the timer; its own end makes it a generator of "
                "period TimerDelay + TimerDuration.", ("Off", "Timer0End"), "Off",
                selector="TimerSelector", **_EXPERT),
    ]  # fmt: skip


def _chunk_data_control(_: CameraModel) -> list[Feature]:
    return [
        _switch("ChunkModeActive", "Append chunks to the image.", **_FROZEN, **_EXPERT),
        _selector("ChunkSelector", "Chunk to enable.", **_EXPERT),
        _switch("ChunkEnable", "Whether the chunk is appended.", selector="ChunkSelector",
                **_FROZEN, **_EXPERT),
    ]  # fmt: skip


def _transport_layer_control(_: CameraModel) -> list[Feature]:
    return [
        _integer("PayloadSize", "Bytes of a buffer.", 0, 0, 2**40, unit="B", **_RO, **_EXPERT),
        _integer("TLParamsLocked", "Set by the client while it streams.", 0, 0, 1,
                 visibility="Invisible"),
    ]  # fmt: skip


def _scene_control(_: CameraModel) -> list[Feature]:
    return [
        _choice("SceneName", "What both cameras look at where SceneFile is empty.", SCENE_NAMES,
                SCENE_NAMES[0], **_CUSTOM),
        _text("SceneFile", "Video file or folder of images before both cameras.", **_CUSTOM),
        _integer("SceneFieldWidth", "Columns in the middle of the sensor that footage covers.",
                 640, 64, 1440, unit="px", **_FROZEN, **_CUSTOM),
        _integer("SceneFieldHeight", "Rows in the middle of the sensor that footage covers.",
                 480, 64, 1080, unit="px", **_FROZEN, **_CUSTOM),
        _constant("SceneStatus", "ok, or why the scene could not be opened.", "ok", **_CUSTOM),
        _switch("SceneFrozen", "Let scene time stand still.", **_CUSTOM),
        _number("SceneFlickerDepth", "Swing of the light about its mean, as mains light has it.",
                "", 0.0, 0.0, 1.0, **_CUSTOM),
        _number("SceneFlickerRate", "How often the light swings; twice the mains frequency.", "Hz",
                100.0, 1.0, 1000.0, **_CUSTOM),
        _switch("RigGeneratorEnable", "External pulse generator on the rig's trigger wire.",
                **_CUSTOM),
        _number("RigGeneratorRate", "Rate of the pulse generator.", "Hz", 60.0, 0.1, 1e4,
                **_CUSTOM),
    ]  # fmt: skip


def _true_values(model: CameraModel) -> list[Feature]:
    sensor = model.characteristics
    return [
        _number("TrueLineTime", "Line time of the sensor.", "us", 0, 0, 1e3, **_RO, **_GURU),
        _number("TrueExposureOffset", "What the chip adds to ExposureTime.", "us",
                model.exposure_offset_us, 0.0, 1000.0, **_GURU),
        _number("TrueStartDelay", "From trigger to start of exposure.", "us", model.start_delay_us,
                0.0, 1e4, **_GURU),
        _number("TrueSystemGain", "System gain at 12 bit and 0 dB.", "DN/e-",
                sensor.system_gain_dn_per_e, 0, 10, **_RO, **_GURU),
        _number("TrueDarkNoise", "Temporal dark noise.", "e-", sensor.temporal_dark_noise_e, 0, 1e3,
                **_RO, **_GURU),
        _number("TrueSaturationCapacity", "Saturation capacity.", "e-",
                sensor.saturation_capacity_e, 0, 1e6, **_RO, **_GURU),
        _constant("TrueHomography", "From ideal, unmirrored camera pixels to scene pixels, "
                  "row by row.",
                  " ".join(f"{item:.12g}" for row in model.view.homography for item in row),
                  **_GURU),
        _number("TrueDistortion", "Radial distortion k1, radius in half diagonals.", "",
                model.view.k1, -1, 1, **_RO, **_GURU),
        _switch("TrueMirrored", "Whether left and right are exchanged.", model.view.mirrored,
                **_RO, **_GURU),
        *([] if model.view.is_identity else [
            _number("TrueMagnification", "Pixels of the camera to one of the scene; the "
                    "homography is without it.", "", 1.0, 0.5, 2.0, **_GURU),
            _number("TrueParallax", "How far beside things in the scene's lower half appear: "
                    "they are nearer.", "px", 0.0, -50.0, 50.0, **_GURU),
        ]),
        _number("TrueVignetting", "Share of light that is missing in the corners.", "", 0.0, 0.0,
                0.9, **_GURU),
        _number("TrueGhost", "Share of light in a second image beside the first.", "", 0.0, 0.0,
                0.5, **_GURU),
        _number("TrueBlur", "Standard deviation of the lens's blur.", "px", 0.0, 0.0, 20.0,
                **_GURU),
        _number("TrueBlackLevelDrift", "How the black level moves while the camera has power, "
                "in codes of 12 bit.", "DN/min", 0.0, -600.0, 600.0, **_GURU),
        _number("TrueClockDrift", "How much faster the camera's clock runs.", "ppm", 0.0, -1000.0,
                1000.0, **_GURU),
        _number("TrueClockOffset", "What the camera's clock is ahead; setting it lets the clock "
                "step.", "us", 0.0, -1e9, 1e9, **_GURU),
        _switch("NoiseEnable", "Shot and dark noise.", True, **_GURU),
    ]  # fmt: skip


def _faults(_: CameraModel) -> list[Feature]:
    return [
        _integer("FaultLose", "So many of the next frames are never delivered.", 0, 0, 1_000_000,
                 **_GURU),
        _number("FaultLoseShare", "Share of frames lost at random.", "", 0.0, 0.0, 1.0, **_GURU),
        _number("FaultDelay", "Delivery later than need be.", "us", 0.0, 0.0, 1e6, **_GURU),
        _number("FaultDelayScatter", "Mean of a random further delay.", "us", 0.0, 0.0, 1e6,
                **_GURU),
        _number("FaultMissShare", "Share of triggers that are not noticed.", "", 0.0, 0.0, 1.0,
                **_GURU),
        _number("FaultExtraShare", "Share of triggers after which one is seen that nobody sent.",
                "", 0.0, 0.0, 1.0, **_GURU),
        _integer("FaultTear", "So many of the next frames arrive incomplete.", 0, 0, 1_000_000,
                 **_GURU),
        _integer("FaultCorrupt", "So many of the next frames arrive with nonsense geometry.",
                 0, 0, 1_000_000, **_GURU),
        _switch("FaultFreeze", "The sensor exposes nothing although it is triggered.", **_GURU),
        _command("FaultDisconnect", "Pull the plug.", **_GURU),
        _number("FaultReconnectAfter", "Time without power once the plug is pulled.", "s", 0.0, 0.0,
                3600.0, **_GURU),
        _switch("FaultLieShutter", "Rolling and GlobalReset exchanged behind the node's back.",
                **_GURU),
    ]  # fmt: skip


_CATEGORIES = {
    "DeviceControl": _device_control,
    "ImageFormatControl": _image_format_control,
    "AcquisitionControl": _acquisition_control,
    "AnalogControl": _analog_control,
    "DigitalIOControl": _digital_io_control,
    "CounterAndTimerControl": _counter_and_timer_control,
    "ChunkDataControl": _chunk_data_control,
    "TransportLayerControl": _transport_layer_control,
    "SceneControl": _scene_control,
    "TrueValues": _true_values,
    "Faults": _faults,
}


def features_of(model: CameraModel) -> dict[str, Feature]:
    """All features of a model by name, in the order of its description."""
    return {
        feature.name: _with_category(feature, category)
        for category, features in _CATEGORIES.items()
        for feature in features(model)
    }


def _with_category(feature: Feature, category: str) -> Feature:
    return replace(feature, category=category)
