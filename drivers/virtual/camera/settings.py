"""Settings of one virtual camera and the rules between them.

No threads, buffers or registers here: values go in; limits, availability and the
:class:`FrameSetup` of the next frame come out.
"""

from dataclasses import dataclass

from drivers.camera_settings import Region, ShutterMode
from drivers.pixel_format import PixelFormat, pixel_format
from drivers.timing import SensorTiming
from drivers.virtual.camera.camera_models import OVERHEAD_US, SHUTTER_MODES, CameraModel
from drivers.virtual.camera.device_description import CHUNK_BYTES
from drivers.virtual.camera.feature_table import CHUNKS, Feature, Kind, Value
from drivers.virtual.scene.imperfect_optics import ImperfectOptics
from drivers.virtual.scene.optics import View
from drivers.virtual.scene.sensor import SensorCharacteristics

NOMINAL_BLACK_LEVEL_DN = 4.0
"""Black level after power-up, in DN of 8 bit."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Smallest and largest value and the step between values (0: any)."""

    minimum: float
    maximum: float
    increment: float

    def nearest(self, value: float) -> float:
        """The settable value closest to ``value``, which is within the limits."""
        if not self.increment:
            return value
        steps = round((value - self.minimum) / self.increment)
        # Round, because steps of 0.1 would add up to 0.30000000000000004.
        return round(min(self.minimum + steps * self.increment, self.maximum), 9)


@dataclass(frozen=True, slots=True)
class FrameSetup:
    """All values that one frame depends on, true values included, fixed at its trigger."""

    region: Region
    pixel_format: PixelFormat
    shutter: ShutterMode
    timing: SensorTiming
    characteristics: SensorCharacteristics
    view: View
    start_delay_us: float
    overlap: bool
    exposure_node_us: float
    gain_db: float
    black_level_dn: float
    gamma: float
    white_balance: tuple[float, float]
    noise: bool
    test_pattern: bool
    chunks: tuple[str, ...]
    trigger_delay_us: float
    optics: ImperfectOptics
    black_level_drift_dn_per_min: float

    @property
    def readout_us(self) -> float:
        """Time from the readout of the first row to the end of readout of the last row."""
        return self.timing.rows * self.timing.line_time_us

    @property
    def frame_us(self) -> float:
        """Time from the start of exposure to the end of readout, in every shutter mode."""
        return self.timing.exposure_us + self.readout_us

    @property
    def shortest_period_us(self) -> float:
        """Shortest time between two starts; exposure overlaps the former readout if allowed."""
        if self.overlap:
            return max(self.timing.exposure_us, self.readout_us) + OVERHEAD_US
        return self.frame_us + OVERHEAD_US

    @property
    def last_row_end_us(self) -> float:
        """End of the last row's exposure, counted from the start of the frame."""
        if self.shutter is ShutterMode.GLOBAL:
            return self.timing.exposure_us
        return self.timing.last_row_exposure_us()

    @property
    def image_bytes(self) -> int:
        """Size of the image in the buffer."""
        return self.pixel_format.frame_bytes(self.region.width_px, self.region.height_px)

    @property
    def payload_bytes(self) -> int:
        """Size of the buffer: the image and the chunks behind it."""
        return self.image_bytes + len(self.chunks) * CHUNK_BYTES


class CameraSettings:
    """Values of all features of one camera. Not thread-safe: the camera holds a lock."""

    def __init__(self, model: CameraModel, features: dict[str, Feature]) -> None:
        self._model = model
        self._features = features
        self._values: dict[str, Value] = {}
        self._setup: FrameSetup | None = None
        self.power_up()

    def power_up(self) -> None:
        """Set power-up values; gamma and ExposureAuto are not linear, as in some real cameras."""
        self._setup = None
        self._values = {name: feature.default for name, feature in self._features.items()}
        self._values |= {"LineMode[Line1]": "Input", "LineMode[Line2]": "Output"}
        self._values |= {"LineSource[Line1]": "Off", "LineSource[Line2]": "Off"}
        self._values |= {"CounterEventSource[Counter0]": "FrameTrigger"}
        self._values |= {"CounterEventSource[Counter1]": "MissedFrameTrigger"}
        self._values |= {f"ChunkEnable[{chunk}]": True for chunk in CHUNKS}
        red, blue = self._model.characteristics.neutral_white_balance
        self._values |= {"BalanceRatio[Red]": round(red, 3), "BalanceRatio[Blue]": round(blue, 3)}

    def key(self, feature: Feature) -> str:
        """Key of the stored value; it includes the selector's choice if there is a selector."""
        selector = self._features.get(feature.selector)
        if selector is None or len(selector.choices) == 1:
            return feature.name
        return f"{feature.name}[{self._values[feature.selector]}]"

    def number(self, key: str) -> float:
        """A numeric value."""
        return float(self._values[key])

    def word(self, key: str) -> str:
        """A choice or text."""
        return str(self._values[key])

    def is_on(self, key: str) -> bool:
        """Whether a switch is on, or a choice is not Off."""
        value = self._values[key]
        return value != "Off" if isinstance(value, str) else bool(value)

    def put(self, key: str, value: Value) -> None:
        """Set a value and enforce the rules between shutter, trigger and overlap."""
        self._values[key] = value
        self._setup = None
        if self.word("SensorShutterMode") == "GlobalReset":
            if not self.is_on("TriggerMode"):
                self._values["SensorShutterMode"] = "Rolling"
            self._values["TriggerOverlap"] = "Off"

    @property
    def pixel_format(self) -> PixelFormat:
        """The selected pixel format."""
        return pixel_format(self.word("PixelFormat"))

    def read(self, feature: Feature) -> Value:
        """The value as a client reads it."""
        match feature.name:
            case "AcquisitionFrameRate":
                return min(self.number(feature.name), self.limits(feature).maximum)
            case "BlackLevel":
                return self.number("BlackLevel") * self._black_level_scale()
            case "PayloadSize":
                return self.frame_setup().payload_bytes
            case "PixelSize":
                chosen = self.pixel_format
                return f"Bpp{chosen.bits_in_memory * chosen.channels}"
            case "SensorReadoutTime":
                return self.number("Height") * self.number("LineTime")
            case "TrueLineTime":
                return self.number("LineTime")
        return self._values[self.key(feature)]

    def write(self, feature: Feature, value: Value) -> None:
        """Set a value within the limits; a number is rounded to its nearest step."""
        if feature.kind is Kind.FLOAT:
            value = self.limits(feature).nearest(float(value))
        if feature.name == "BlackLevel":
            value = float(value) / self._black_level_scale()
        self.put(self.key(feature), value)

    def _black_level_scale(self) -> float:
        """DN of the present format per DN of 8 bit; the black level is stored in DN of 8 bit."""
        return 2.0 ** (self.pixel_format.bits - 8)

    def limits(self, feature: Feature) -> Limits:
        """Limits in the camera's present state."""
        maximum = feature.maximum
        match feature.name:
            case "Width":
                maximum = self._model.sensor_columns - self.number("OffsetX")
            case "Height":
                maximum = self._model.sensor_rows - self.number("OffsetY")
            case "OffsetX":
                maximum = self._model.sensor_columns - self.number("Width")
            case "OffsetY":
                maximum = self._model.sensor_rows - self.number("Height")
            case "AcquisitionFrameRate":
                maximum = 1e6 / self.frame_setup().shortest_period_us
            case "BlackLevel":
                maximum = feature.maximum * self._black_level_scale()
        return Limits(feature.minimum, maximum, feature.increment)

    def is_available(self, feature: Feature) -> bool:
        """Whether the camera has the feature in its present state."""
        match feature.name:
            case "TriggerSoftware":
                return self.word("TriggerSource") == "Software" and self.is_on("TriggerMode")
            case "TriggerOverlap":
                return self.word("SensorShutterMode") != "GlobalReset"
            case "LineSource":
                return self.word("LineSelector") == "Line2"
            case "BalanceRatio" | "BalanceRatioSelector" | "BalanceWhiteAuto":
                return self.pixel_format.is_colour
        return True

    def is_choice_available(self, feature: Feature, choice: str) -> bool:
        """Whether a choice is available in the present state."""
        if feature.name == "SensorShutterMode" and choice == "GlobalReset":
            return self.is_on("TriggerMode")
        return True

    def is_locked(self, feature: Feature, acquiring: bool) -> bool:
        """Whether the value is locked now, by the acquisition or by an automatic."""
        if feature.frozen and (acquiring or bool(self._values["TLParamsLocked"])):
            return True
        automatic = {
            "ExposureTime": "ExposureAuto",
            "Gain": "GainAuto",
            "BlackLevel": "BlackLevelAuto",
            "BalanceRatio": "BalanceWhiteAuto",
        }.get(feature.name)
        return automatic is not None and self.is_on(automatic)

    def chunks(self) -> tuple[str, ...]:
        """Chunks appended to the image, in order."""
        if not self.is_on("ChunkModeActive"):
            return ()
        return tuple(chunk for chunk in CHUNKS if self.is_on(f"ChunkEnable[{chunk}]"))

    def frame_setup(self) -> FrameSetup:
        """The setup of the next frame."""
        if self._setup is None:
            self._setup = self._compile()
        return self._setup

    def _compile(self) -> FrameSetup:
        shutter = SHUTTER_MODES[self.word("SensorShutterMode")]
        triggered = self.is_on("TriggerMode")
        overlap = not triggered or self.is_on("TriggerOverlap")
        if shutter is ShutterMode.GLOBAL_RESET:
            overlap = False
        if self.is_on("FaultLieShutter"):
            shutter = {
                ShutterMode.ROLLING: ShutterMode.GLOBAL_RESET,
                ShutterMode.GLOBAL_RESET: ShutterMode.ROLLING,
            }.get(shutter, shutter)
        exposure_us = self.number("ExposureTime")
        return FrameSetup(
            region=Region(
                *(int(self.number(name)) for name in ("OffsetX", "OffsetY", "Width", "Height"))
            ),
            pixel_format=self.pixel_format,
            shutter=shutter,
            timing=SensorTiming(
                exposure_us=exposure_us + self.number("TrueExposureOffset"),
                line_time_us=self.number("LineTime"),
                rows=int(self.number("Height")),
            ),
            characteristics=self._model.characteristics,
            view=self._view(),
            start_delay_us=self.number("TrueStartDelay"),
            overlap=overlap,
            exposure_node_us=exposure_us,
            gain_db=self.number("Gain"),
            black_level_dn=self.number("BlackLevel") * self._black_level_scale(),
            gamma=self.number("Gamma"),
            white_balance=(self.number("BalanceRatio[Red]"), self.number("BalanceRatio[Blue]")),
            noise=self.is_on("NoiseEnable"),
            test_pattern=self.is_on("TestPattern"),
            chunks=self.chunks(),
            trigger_delay_us=self.number("TriggerDelay") if triggered else 0.0,
            optics=ImperfectOptics(
                *(self.number(name) for name in ("TrueVignetting", "TrueGhost", "TrueBlur"))
            ),
            black_level_drift_dn_per_min=self.number("TrueBlackLevelDrift")
            * 2.0 ** (self.pixel_format.bits - 12),
        )

    def _view(self) -> View:
        """Where the camera looks; only one beside the first has a pixel size of its own."""
        if self._model.view.is_identity:
            return self._model.view
        return self._model.view.magnified(
            self.number("TrueMagnification"), self.number("TrueParallax")
        )

    def free_running_period_us(self, setup: FrameSetup) -> float:
        """Time between two starts of a free-running camera."""
        if not self.is_on("AcquisitionFrameRateEnable"):
            return setup.shortest_period_us
        return max(setup.shortest_period_us, 1e6 / self.number("AcquisitionFrameRate"))
