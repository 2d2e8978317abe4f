"""One virtual camera: its features, counters and acquisition."""

import threading
from typing import Protocol

import numpy as np

from drivers.pixel_format import Pixels
from drivers.virtual.camera import automatics
from drivers.virtual.camera.acquisition import Acquisition, OutputPulse
from drivers.virtual.camera.camera_models import CameraModel
from drivers.virtual.camera.data_stream import DataStream
from drivers.virtual.camera.device_description import description_of
from drivers.virtual.camera.faults import Fate, Plug, draw_fate
from drivers.virtual.camera.feature_table import COUNTER_EVENTS, SELECTORS, Feature, Kind, Value
from drivers.virtual.camera.gentl import ErrorCode, GenTLError
from drivers.virtual.camera.rendering import Exposure, render
from drivers.virtual.camera.rig_clock import CLOCK
from drivers.virtual.camera.settings import CameraSettings, FrameSetup, Limits
from drivers.virtual.scene.scene import Scene


class Surroundings(Protocol):
    """What a camera needs of the rig."""

    def handles(self, name: str) -> bool:
        """Whether a feature belongs to the rig."""

    def read(self, name: str) -> Value:
        """A shared value."""

    def write(self, name: str, value: Value) -> None:
        """Set a shared value."""

    def scene(self) -> Scene:
        """The scene."""

    def scene_time_us(self, instant_ns: int) -> float:
        """Scene time of an instant."""

    def next_generator_edge_ns(self, last_ns: int, *, falling: bool) -> int | None:
        """Time of the generator's next edge on the trigger wire."""

    def drive_wire(self, source: "VirtualCamera", pulse: OutputPulse) -> None:
        """Put a pulse on the trigger wire."""


class VirtualCamera:
    """State of one camera. ``changed`` protects it and wakes the acquisition's threads."""

    def __init__(self, model: CameraModel, rig: Surroundings) -> None:
        self.model = model
        self.description = description_of(model)
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.plug = Plug()
        self.stream: DataStream | None = None
        self.is_open = False
        self._rig = rig
        self._settings = CameraSettings(model, self.description.features)
        self._acquisition: Acquisition | None = None
        self._rng = np.random.default_rng()
        self._latched_ns = 0
        self._powered_ns = CLOCK.now_ns()
        self._reset_counts()

    def _reset_counts(self) -> None:
        self._events = dict.fromkeys(COUNTER_EVENTS, 0)
        self._counted_from = dict.fromkeys(SELECTORS["CounterSelector"], 0)

    # Power, start and stop

    def power_up(self) -> None:
        """Set settings, counters and faults to their power-up values."""
        with self.changed:
            self._settings.power_up()
            self._reset_counts()
            self._latched_ns = 0
            self._powered_ns = CLOCK.now_ns()
            self.is_open = True

    def close(self) -> None:
        """End the acquisition, because the client closes the device."""
        self.stop_acquisition()
        with self.changed:
            self.is_open = False
            self.stream = None
            self.plug.put_back()

    def start_acquisition(self) -> None:
        """Start exposing frames."""
        if self._acquisition is not None:
            self.stop_acquisition()
        CLOCK.wait_for(self, CLOCK.now_ns())
        try:
            self._warm_up()
        finally:
            CLOCK.wait_for(self, None)
        with self.changed:
            self._acquisition = Acquisition(
                self,
                stream=lambda: None if self.plug.is_pulled else self.stream,
                emit=lambda pulse: self._rig.drive_wire(self, pulse),
                observe=self._observe,
                name=self.model.device_id,
            )

    def _warm_up(self) -> None:
        """Render one frame and discard it, so that scene and geometry build their tables.

        Otherwise the first frames would wait for a second.
        """
        with self.changed:
            setup = self.frame_setup()
        start_ns = CLOCK.now_ns()
        exposure = Exposure(0, start_ns, self.scene_time_us(start_ns), 0.0, 0, setup)
        render(self.scene(), exposure, self._rng, np.empty(setup.payload_bytes, np.uint8))

    def stop_acquisition(self) -> None:
        """Stop exposing frames; returns when the last thread has ended."""
        with self.changed:
            acquisition, self._acquisition = self._acquisition, None
        if acquisition is not None:
            acquisition.stop()

    def wake(self) -> None:
        """Wake the acquisition, because something around the camera changed."""
        with self.changed:
            self.changed.notify_all()

    def line_pulse(self, pulse: OutputPulse) -> None:
        """Handle a pulse on Line1."""
        with self.changed:
            if self._acquisition is None or self._source() != "Line1":
                return
            falling = self._settings.word("TriggerActivation") == "FallingEdge"
            self._acquisition.trigger(pulse.falling_ns if falling else pulse.rising_ns)

    # Features

    def check_reachable(self) -> None:
        """Raise IO if the device is unplugged."""
        if self.plug.is_pulled:
            raise GenTLError(ErrorCode.IO, f"{self.model.name} {self.model.serial} is unplugged")

    def read_feature(self, feature: Feature) -> Value:
        """The value of a feature; a choice as its name."""
        with self.changed:
            if self._rig.handles(feature.name):
                return self._rig.read(feature.name)
            match feature.name:
                case "CounterValue":
                    return self._counter_value(self._settings.word("CounterSelector"))
                case "TimestampLatchValue":
                    return self._latched_ns
            return self._settings.read(feature)

    def write_feature(self, feature: Feature, value: Value) -> None:
        """Set a value, or execute a command."""
        if feature.kind is Kind.COMMAND:
            self._execute(feature.name)
            return
        with self.changed:
            self._check(feature, value)
            if not self._rig.handles(feature.name):
                self._settings.write(feature, value)
                if feature.name == "CounterEventSource":
                    self._reset_counter()
                self.changed.notify_all()
                return
        self._rig.write(feature.name, value)

    def limits(self, feature: Feature) -> Limits:
        """Present limits of a number."""
        with self.changed:
            return self._settings.limits(feature)

    def is_available(self, feature: Feature) -> bool:
        """Whether the feature is available now."""
        with self.changed:
            return self._settings.is_available(feature)

    def is_choice_available(self, feature: Feature, choice: str) -> bool:
        """Whether a choice is available now."""
        with self.changed:
            return self._settings.is_choice_available(feature, choice)

    def is_locked(self, feature: Feature) -> bool:
        """Whether the feature cannot be written now."""
        with self.changed:
            return self._settings.is_locked(feature, self._acquisition is not None)

    @property
    def payload_bytes(self) -> int:
        """Size of a buffer."""
        with self.changed:
            return self.frame_setup().payload_bytes

    @property
    def user_name(self) -> str:
        """The name given by the user."""
        with self.changed:
            return self._settings.word("DeviceUserID")

    def _check(self, feature: Feature, value: Value) -> None:
        """Raise :class:`GenTLError` unless the value may be written now."""
        if not self.is_available(feature):
            raise GenTLError(ErrorCode.NOT_AVAILABLE, f"{feature.name} is not available now")
        if self.is_locked(feature):
            raise GenTLError(ErrorCode.ACCESS_DENIED, f"{feature.name} is locked now")
        if isinstance(value, str):
            if feature.choices and not self.is_choice_available(feature, value):
                raise GenTLError(
                    ErrorCode.INVALID_VALUE, f"{feature.name} cannot be {value} in this state"
                )
            return
        if feature.kind in (Kind.INTEGER, Kind.FLOAT):
            limits = self.limits(feature)
            if not limits.minimum <= value <= limits.maximum:
                raise GenTLError(
                    ErrorCode.INVALID_VALUE,
                    f"{feature.name} {value:g} {feature.unit} is outside {limits.minimum:g} "
                    f"to {limits.maximum:g} {feature.unit}",
                )
            if feature.kind is Kind.INTEGER and limits.nearest(value) != value:
                raise GenTLError(
                    ErrorCode.INVALID_VALUE,
                    f"{feature.name} {value} {feature.unit} is not {limits.minimum:g} plus a "
                    f"multiple of {limits.increment:g}; nearest: {limits.nearest(value):g}",
                )

    def _execute(self, name: str) -> None:
        match name:
            case "AcquisitionStart":
                self.start_acquisition()
            case "AcquisitionStop":
                self.stop_acquisition()
            case "FaultDisconnect":
                self.plug.pull(self._settings.number("FaultReconnectAfter"))
                self.stop_acquisition()
            case "TriggerSoftware":
                with self.changed:
                    if self._acquisition is not None and self._source() == "Software":
                        self._acquisition.trigger(CLOCK.now_ns())
            case "TimestampLatch":
                self._latched_ns = self.device_time_ns(CLOCK.now_ns())
            case "CounterReset":
                with self.changed:
                    self._reset_counter()

    # Counters

    def _reset_counter(self) -> None:
        counter = self._settings.word("CounterSelector")
        self._counted_from[counter] = self._events[self._counted_event(counter)]

    def _counter_value(self, counter: str) -> int:
        return self._events[self._counted_event(counter)] - self._counted_from[counter]

    def _counted_event(self, counter: str) -> str:
        return self._settings.word(f"CounterEventSource[{counter}]")

    # The methods of acquisition.Sensor; called with ``changed`` held

    def frame_setup(self) -> FrameSetup:
        """The setup of a frame that starts now."""
        return self._settings.frame_setup()

    def is_triggered(self) -> bool:
        """Whether a trigger starts each frame."""
        return self._settings.is_on("TriggerMode")

    def _source(self) -> str:
        return self._settings.word("TriggerSource") if self.is_triggered() else "Off"

    def next_tick_ns(self, last_ns: int) -> int | None:
        """The next time at which a frame starts by itself."""
        match self._source():
            case "Off":
                period_us = self._settings.free_running_period_us(self.frame_setup())
                return last_ns + round(period_us * 1000)
            case "Timer0End" if self._settings.is_on("TimerTriggerSource"):
                period_us = self._settings.number("TimerDelay")
                period_us += self._settings.number("TimerDuration")
                return last_ns + round(period_us * 1000)
            case "Line1":
                falling = self._settings.word("TriggerActivation") == "FallingEdge"
                return self._rig.next_generator_edge_ns(last_ns, falling=falling)
        return None

    def count_trigger(self) -> int:
        """Count a trigger received."""
        self._events["FrameTrigger"] += 1
        return self._counter_value("Counter0")

    def count_missed(self) -> None:
        """Count a trigger ignored."""
        self._events["MissedFrameTrigger"] += 1

    def count_frame(self) -> None:
        """Count a frame started."""
        self._events["FrameStart"] += 1

    def is_frozen(self) -> bool:
        """Whether the sensor exposes nothing."""
        return self._settings.is_on("FaultFreeze") or self.plug.is_pulled

    def draw_fate(self) -> Fate:
        """The fault, if any, of the frame that starts now."""
        return draw_fate(self._settings, self._rng)

    def delivery_delay_ns(self) -> int:
        """Extra delay of delivery."""
        scatter_us = self._settings.number("FaultDelayScatter")
        late_us = self._rng.exponential(scatter_us) if scatter_us else 0.0
        return round((self._settings.number("FaultDelay") + late_us) * 1000)

    def misses_edge(self) -> bool:
        """Whether the camera does not notice a trigger."""
        return self._drawn("FaultMissShare")

    def sees_another_edge(self) -> bool:
        """Whether the wire disturbs the camera after a trigger, so that it sees one too many."""
        return self._drawn("FaultExtraShare")

    def _drawn(self, share: str) -> bool:
        value = self._settings.number(share)
        return value > 0 and bool(self._rng.random() < value)

    def device_time_ns(self, instant_ns: int) -> int:
        """What the camera's clock says at an instant of the rig's clock."""
        drift_ppm = self._settings.number("TrueClockDrift")
        offset_us = self._settings.number("TrueClockOffset")
        drifted_ns = drift_ppm * 1e-6 * (instant_ns - self._powered_ns)
        return instant_ns + round(drifted_ns + 1000 * offset_us)

    def powered_s(self, instant_ns: int) -> float:
        """How long the camera has had its power at an instant."""
        return 1e-9 * (instant_ns - self._powered_ns)

    def scene_time_us(self, start_ns: int) -> float:
        """Scene time of a device time."""
        return self._rig.scene_time_us(start_ns)

    def scene(self) -> Scene:
        """The scene before the camera."""
        return self._rig.scene()

    @property
    def drives_wire(self) -> bool:
        """Whether the output line carries a signal."""
        return self._settings.is_on("LineSource[Line2]")

    def output_pulse(self, setup: FrameSetup, start_ns: int) -> OutputPulse | None:
        """The pulse on Line2 for a frame: while any row is exposed, or while every row is."""
        match self._settings.word("LineSource[Line2]"):
            case "ExposureActive":
                active_us = setup.last_row_end_us
            case "FlashWindow":
                active_us = setup.timing.exposure_us
            case _:
                return None
        return OutputPulse(start_ns, start_ns + round(active_us * 1000))

    def frame_limit(self) -> int | None:
        """Frames this acquisition delivers."""
        match self._settings.word("AcquisitionMode"):
            case "SingleFrame":
                return 1
            case "MultiFrame":
                return int(self._settings.number("AcquisitionFrameCount"))
        return None

    def _observe(self, setup: FrameSetup, codes: Pixels) -> None:
        """Let the automatics evaluate a rendered frame."""
        with self.changed:
            if automatics.are_idle(self._settings) or setup.test_pattern:
                return
            features = self.description.features
            automatics.adjust(
                self._settings,
                setup,
                codes,
                self._settings.limits(features["ExposureTime"]),
                self._settings.limits(features["Gain"]),
            )
