"""A GenICam camera as a :class:`drivers.camera.Camera`.

Node maps are not thread-safe: two threads on one freeze the process. So every
access, and create, start and stop, holds the camera's lock. Fetching and
queueing buffers does not need it.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from genicam import genapi, gentl
from harvesters.core import Callback, ImageAcquirer

from drivers.camera import CameraIdentity, CaptureCounters, DeviceState, FrameFormat, RowTiming
from drivers.camera_settings import (
    NUMBER_SETTINGS,
    CameraControls,
    ExposureSettings,
    NumericControl,
    ShutterMode,
    TriggerSource,
    is_signal,
    leading_back,
    merged,
    needs_stopped_camera,
)
from drivers.errors import CameraLostError, InstrumentError, SettingRefusedError
from drivers.frame import FrameMetadata
from drivers.genicam import host_buffers, nodes, packets, shutter, trigger
from drivers.genicam.binding_errors import one_line
from drivers.genicam.chunks import TriggerCountChunk
from drivers.genicam.frame_receiver import FrameReceiver
from drivers.genicam.linear_state import make_linear
from drivers.genicam.link import read_link
from drivers.genicam.node_snapshot import NodeSnapshot, take_snapshot
from drivers.genicam.operator_nodes import OperatorNodes
from drivers.genicam.patient_start import PatientStart
from drivers.genicam.producers import BUFFERS, open_device
from drivers.genicam.standard_features import NUMBER_FEATURES, Features
from drivers.genicam.trigger import TriggerRequest
from drivers.genicam.trigger_pulses import TriggerPulses
from drivers.pixel_format import Pixels
from drivers.timing import check_frame_rate

_POLL_S = 0.001
"""Pause between checks for a buffer: shorter than a frame, long enough to cost little CPU."""
_ALIVE_CHECK_S = 0.5
"""Time without a frame after which a register read checks that the device still answers."""

_NEED_STOPPED_CAMERA = (
    ", ".join(
        (
            "region",
            "pixel format",
            "shutter",
            *(each.name for each in NUMBER_SETTINGS.values() if not each.live),
        )
    )
    + ", trigger and output line need a stopped camera; stop first"
)


@dataclass(frozen=True, slots=True)
class GenicamOptions:
    """Options of an operator for one camera.

    ``shutter_node`` is (node, value) of global reset for an unknown maker.
    ``node_settings`` are (node, value as text), written once after opening.
    ``description`` is a device description XML that replaces the camera's own.
    """

    shutter_node: tuple[str, str] | None = None
    node_settings: tuple[tuple[str, str], ...] = ()
    description: Path | None = None


class _OnIncompleteBuffer(Callback):  # type: ignore[misc]
    """Called for each damaged buffer; Harvesters itself requeues it silently."""

    def __init__(self, note: Callable[[], None]) -> None:
        self._note = note

    def emit(self, context: object = None) -> None:
        self._note()


class GenicamCamera:
    """A GenICam camera; implements :class:`drivers.camera.Camera`.

    Opening puts the camera into the linear, fixed state of
    :mod:`drivers.genicam.linear_state`; ``state`` lists what could not be switched off.
    """

    def __init__(
        self,
        address: str,
        producer: Path,
        serial: str,
        options: GenicamOptions | None = None,
    ) -> None:
        options = options or GenicamOptions()
        self.address = address
        self._lock = threading.RLock()
        self._fetching = threading.Lock()
        self._stopping = threading.Event()
        self._running = False
        self._lost = False
        self._closed = False
        self._receiver: FrameReceiver | None = None
        self._pulses: TriggerPulses | None = None
        self._paced_fps: float | None = None
        self._warnings: tuple[str, ...] = ()
        self._changed_nodes: tuple[str, ...] = ()
        self._alive_check_due_s = 0.0
        self._options = options
        self._device = open_device(producer, serial, options.description)
        try:
            self._node_map = self._acquirer.remote_device.node_map
            with self._device_access("opening"):
                listing = self._device.listing
                self._features = Features(self._node_map, options.shutter_node)
                self.identity = CameraIdentity(
                    maker=listing.maker or self._features.text("DeviceVendorName"),
                    model=listing.model or self._features.text("DeviceModelName"),
                    serial=listing.serial or listing.device_id,
                    firmware=self._features.text("DeviceFirmwareVersion", "DeviceVersion"),
                )
                self._chunk = TriggerCountChunk(self._node_map)
                self._features.select_whole_sensor()
                self._linear = make_linear(self._node_map)
                path = packets.path_to_host(self._acquirer)
                self._link_name = "" if path is None else path.local_address
                packets.choose_packet_size(self._acquirer, path)
                self._operator_nodes = OperatorNodes(self._node_map, options.node_settings)
                self._features.choose_readable_pixel_format()
                self._read_back()
        except BaseException:
            self._device.release(lost=True)
            raise
        self._starting = PatientStart(self._acquirer)
        self._acquirer.add_callback(
            ImageAcquirer.Events.INCOMPLETE_BUFFER,
            _OnIncompleteBuffer(self._note_incomplete),
        )

    def _note_incomplete(self) -> None:
        if self._receiver is not None:
            self._receiver.note_incomplete()

    @property
    def _acquirer(self) -> ImageAcquirer:
        return self._device.acquirer

    @contextmanager
    def _device_access(self, doing: str) -> Iterator[None]:
        """Hold the camera's lock; turn errors of a lost device into :class:`CameraLostError`."""
        with self._lock:
            if self._closed:
                raise InstrumentError(f"{self.address} is closed; open it again")
            try:
                yield
            except (genapi.GenericException, gentl.GenericException) as error:
                self._check_answers(error)
                raise InstrumentError(
                    f"{self.address}: {doing} failed: {one_line(error)}"
                ) from error

    def _check_answers(self, cause: Exception | None = None) -> None:
        """Raise :class:`CameraLostError` if the device no longer answers; hold the lock."""
        reason = nodes.why_no_answer(self._node_map)
        if reason:
            self._lost = True
            raise CameraLostError(
                f"camera lost: {self.address} no longer answers ({reason}); check cable "
                "and power, then reconnect"
            ) from cause

    def _read_back(self) -> None:
        features = self._features
        driven_by = trigger.read(self._node_map)
        self.frame_format: FrameFormat = features.frame_format()
        self.row_timing: RowTiming = features.row_timing(self.identity.model)
        mode = shutter.read_mode(self._node_map, features.shutter_node)
        link = read_link(self._node_map, self._link_name)
        if not self._running:  # it may count or regulate while frames flow
            self._changed_nodes = self._operator_nodes.changed()
        shortage = host_buffers.shortage(
            self._device.listing.transport, link.frame_bytes or 0, BUFFERS
        )
        self.state = DeviceState(
            mode,
            driven_by.source,
            (
                *self._node_map.warnings,
                *(*self._linear.warnings, *features.warnings(), *self._warnings),
                *self._changed_nodes,
                *([shortage] if shortage else []),
            ),
            runs_free=driven_by.source == TriggerSource.OFF,
            link=link,
        )
        self.settings: ExposureSettings = replace(
            features.settings(),
            shutter=mode,
            trigger_source=driven_by.source,
            trigger_activation=driven_by.activation or None,
            trigger_delay_us=driven_by.delay_us,
            # A camera with an external trigger does not know its rate: take the rate set here.
            fps=self._paced_fps if driven_by.rate_hz is None else driven_by.rate_hz,
        )
        self.controls: CameraControls = features.controls()

    @property
    def counters(self) -> CaptureCounters:
        """Counts since the last ``start``."""
        receiver, pulses = self._receiver, self._pulses
        if receiver is None:
            return CaptureCounters()
        return replace(receiver.counters, silent_pulses=None if pulses is None else pulses.silent)

    def configure(self, request: ExposureSettings) -> ExposureSettings:
        """Apply all fields that are not None and return the settings read back."""
        with self._device_access("configuring"):
            if self._running and needs_stopped_camera(request):
                raise SettingRefusedError(_NEED_STOPPED_CAMERA)
            former, former_fps = self.settings, self._paced_fps
            try:
                self._check_ranges(request)
                self._check_rate(request)
                self._apply(request)
                if self._receiver is not None:
                    self._receiver.forget_pace()
                self._read_back()
                self._check_link(request)
            except (SettingRefusedError, genapi.GenericException, gentl.GenericException):
                self._restore(former)
                self._paced_fps = former_fps
                self._read_back()
                raise
            return self.settings

    def _restore(self, former: ExposureSettings) -> None:
        """Write the settings from before a refused request again, as far as possible."""
        self._read_back()
        back = leading_back(former, self.settings)
        if back != ExposureSettings():
            self._apply(back)

    def _check_ranges(self, request: ExposureSettings) -> None:
        """Refuse a number outside its range before anything is written."""
        for name in (*NUMBER_FEATURES, "trigger_delay_us"):
            value = getattr(request, name)
            if name == "black_level_dn" and request.pixel_format is not None:
                continue  # in codes of that format; writing it tells its limits
            control: NumericControl | None = getattr(self.controls, name)
            if value is not None and control is not None:
                control.check(NUMBER_SETTINGS[name].name, value)

    def _check_rate(self, request: ExposureSettings) -> None:
        """Refuse a rate too high for exposure and readout: the sensor would ignore triggers.

        In global reset the two cannot overlap. The limits of few cameras consider that.
        """
        wanted = merged(self.settings, request)
        rows = wanted.region.height_px if wanted.region else self.frame_format.rows
        timing = self.row_timing.of(wanted.exposure_us, rows)
        if wanted.shutter == ShutterMode.GLOBAL_RESET and wanted.fps and timing is not None:
            check_frame_rate(wanted.fps, timing)

    def _check_link(self, request: ExposureSettings) -> None:
        """Refuse a rate that was asked for, now or before, and that the link cannot carry."""
        weighs = (request.fps, request.region, request.pixel_format, request.link_limit_bytes_per_s)
        if self._paced_fps is not None and any(value is not None for value in weighs):
            self.state.link.check_rate(self._paced_fps)

    def _apply(self, request: ExposureSettings) -> None:
        """Write in the order that works for every maker: trigger, shutter, region, exposure."""
        features = self._features
        wanted = merged(self.settings, request)
        if _changes_trigger(request):
            trigger_request = TriggerRequest(
                source=wanted.trigger_source or TriggerSource.OFF,
                rate_hz=wanted.fps,
                activation=request.trigger_activation,
                delay_us=request.trigger_delay_us,
            )
            mode = request.shutter
            if mode is None and _stays_in_global_reset(wanted):
                # Changing the trigger may reset the shutter mode: set it again afterwards.
                mode = ShutterMode.GLOBAL_RESET
            if mode is None:
                self._warnings = trigger.configure(self._node_map, trigger_request).warnings
            else:
                self._warnings = shutter.apply(
                    self._node_map, mode, trigger_request, features.shutter_node
                ).warnings
            # Some of these nodes, such as TriggerOverlap, exist only when the trigger is on.
            self._linear = make_linear(self._node_map)
        if request.output_line is not None:
            features.set_output_line(request.output_line)
        if request.pixel_format is not None:
            features.set_pixel_format(request.pixel_format)
        if request.region is not None:
            features.set_region(request.region)
        for setting in NUMBER_FEATURES:
            value = getattr(request, setting)
            if value is not None and setting != "exposure_us":
                features.set_setting(setting, value)
        if request.white_balance_red is not None:
            features.set_white_balance("Red", request.white_balance_red)
        if request.white_balance_blue is not None:
            features.set_white_balance("Blue", request.white_balance_blue)
        # A longer exposure needs the lower rate first, a shorter one allows the higher.
        slower = request.fps is not None and request.fps < (self.settings.fps or 0)
        if slower:
            self._set_frame_rate(request.fps)
        if request.exposure_us is not None:
            features.set_setting("exposure_us", request.exposure_us)
        if not slower:
            self._set_frame_rate(request.fps)

    def _set_frame_rate(self, fps: float | None) -> None:
        if fps is None:
            return
        if trigger.read(self._node_map).source in (TriggerSource.INTERNAL, TriggerSource.OFF):
            trigger.set_rate(self._node_map, fps)
        self._paced_fps = fps

    def frame_slots(self, slots: int) -> None:
        """See :class:`drivers.camera.Camera`: any memory is as good."""

    def start(self) -> None:
        """Start the acquisition; counters start at zero."""
        with self._device_access("starting"):
            if self._running:
                return
            self._chunk.enable()
            self.frame_format = self._features.frame_format()
            self._receiver = FrameReceiver(
                self._acquirer,
                self.frame_format,
                self._tick_frequency_hz(),
                self._chunk,
                self._lock,
                triggered=self.state.trigger_source != TriggerSource.OFF,
            )
            source = self.state.trigger_source
            self._pulses = None
            if is_signal(source):
                self._pulses = TriggerPulses(self._node_map, source, self._chunk.counter)
            self._stopping.clear()
            self._starting.start()
            self._running = True
        self._alive_check_due_s = time.monotonic() + _ALIVE_CHECK_S

    def _tick_frequency_hz(self) -> int:
        try:
            return int(self._acquirer.device.module.timestamp_frequency) or 1_000_000_000
        except gentl.GenericException:
            gige_hz = self._features.text("GevTimestampTickFrequency")
            return int(gige_hz) if gige_hz.isdigit() and int(gige_hz) else 1_000_000_000

    def grab(self, into: Pixels, timeout_s: float) -> FrameMetadata | None:
        """Fill ``into`` with the next frame; None if none came within the time-out."""
        deadline_s = time.monotonic() + timeout_s
        while True:
            with self._fetching:
                receiver = self._receiver if self._running else None
                metadata = None if receiver is None else self._fetch(receiver, into)
            now_s = time.monotonic()
            if metadata is not None:
                self._alive_check_due_s = now_s + _ALIVE_CHECK_S
                if self._pulses is not None:
                    self._pulses.forget()
                return metadata
            if now_s >= deadline_s or self._stopping.is_set():
                return None
            if self._running and now_s >= self._alive_check_due_s:
                self._check_alive()
                self._alive_check_due_s = now_s + _ALIVE_CHECK_S
            time.sleep(min(_POLL_S, deadline_s - now_s))

    def _fetch(self, receiver: FrameReceiver, into: Pixels) -> FrameMetadata | None:
        """Copy the next complete buffer, if one is ready now."""
        try:
            return receiver.fetch(into)
        except (genapi.GenericException, gentl.GenericException) as error:
            with self._lock:
                self._check_answers(error)
            raise InstrumentError(f"{self.address}: {one_line(error)}") from error

    def _check_alive(self) -> None:
        """Raise :class:`CameraLostError` if the device no longer answers.

        Silence alone does not prove that: a camera without triggers is silent for hours. Whether
        pulses come all the same is looked at meanwhile.
        """
        if not self._lock.acquire(blocking=False):
            return  # another thread uses the device; check again later
        try:
            self._check_answers()
            if self._pulses is not None:
                self._pulses.look()
        finally:
            self._lock.release()

    def has_node(self, node: str) -> bool:
        """Whether the device has the node, available now or not."""
        with self._device_access(f"looking for {node}"):
            return nodes.is_implemented(nodes.lookup(self._node_map, node))

    def read_node(self, node: str) -> str:
        """Value of any node as text, read from the device."""
        with self._device_access(f"reading {node}"):
            return nodes.read_text(nodes.require(self._node_map, node))

    def write_node(self, node: str, text: str) -> str:
        """Write any node from text and return it read back; see :func:`nodes.set_node_text`."""
        with self._device_access(f"writing {node}"):
            return nodes.set_node_text(self._node_map, node, text)

    def node_snapshot(self, private: bool = False) -> NodeSnapshot:
        """Every node's value; see :func:`drivers.genicam.node_snapshot.take_snapshot`."""
        with self._device_access("reading all nodes"):
            port = self._acquirer.remote_device.port
            return take_snapshot(
                port, self._options.description, self._options.shutter_node, private=private
            )

    def send_software_trigger(self) -> None:
        """Start one exposure."""
        with self._device_access("triggering"):
            trigger.send_software_trigger(self._node_map)

    def stop(self) -> None:
        """Stop the acquisition; returns within a second even if no frame ever came."""
        self._stopping.set()
        with self._fetching, self._lock:
            if not self._running:
                return
            self._running = False
            try:
                self._acquirer.stop()
            except (genapi.GenericException, gentl.GenericException) as error:
                # A lost device cannot stop; release() frees its buffers.
                if not self._lost and not nodes.why_no_answer(self._node_map):
                    raise InstrumentError(
                        f"{self.address}: stopping failed: {one_line(error)}"
                    ) from error
                self._lost = True

    def close(self) -> None:
        """Stop and release the device."""
        self.stop()
        with self._lock:
            if not self._closed:
                self._closed = True
                self._device.release(lost=self._lost)


def _changes_trigger(request: ExposureSettings) -> bool:
    return any(
        value is not None
        for value in (
            request.shutter,
            request.trigger_source,
            request.trigger_activation,
            request.trigger_delay_us,
        )
    )


def _stays_in_global_reset(wanted: ExposureSettings) -> bool:
    return wanted.shutter == ShutterMode.GLOBAL_RESET and wanted.trigger_source != TriggerSource.OFF
