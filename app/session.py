"""The session: owns cameras, rings and threads; a context manager without Qt.

Expected failures are states: a lost camera is reported in ``status`` and can be
reconnected while everything else runs on. An unexpected exception in any
thread ends the session in order and is kept in ``failure``.
"""

import threading
import time
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING

from app.capture import Capture, Pacer
from app.config import DEFAULT_FPS, SessionConfig
from app.statistics import Percentiles, jitter_us_p99, recent_fps
from app.status import SessionState, SessionStatus, TimingInUse
from drivers.addresses import open_camera
from drivers.camera import Camera, ExposureSettings, ShutterMode
from drivers.errors import CameraLostError, InstrumentError, SettingRefusedError
from drivers.frame import Frame, FrameMetadata
from drivers.ring import FrameRing, RingReader
from drivers.timing import SensorTiming, TimingSource, check_frame_rate, highest_fps
from models.radiometry import Radiometry

if TYPE_CHECKING:
    from app.recorder import Recorder, RecordingRequest
    from app.worker import RestoredFrame, Worker


class _Stream:
    """One camera while frames flow: its ring and its capturing thread."""

    def __init__(self, camera: Camera, name: str, session: "Session") -> None:
        config = session.config
        fps = camera.settings.fps or DEFAULT_FPS
        self.camera = camera
        self.name = name
        self.ring = FrameRing.of_duration(
            camera.frame_format,
            fps,
            config.ring_seconds + config.pretrigger_s,
            config.ring_budget_bytes,
        )
        self.capture = Capture(camera, self.ring, name, session.on_thread_failure)

    def start(self) -> None:
        self.camera.start()
        self.capture.start()

    def stop(self) -> None:
        try:
            self.camera.stop()
        finally:
            self.capture.stop()


class Session:
    """Cameras opened, streamed and restored.

    Use as a context manager: entering opens and configures the cameras (and
    raises :class:`InstrumentError` when that fails), leaving stops every thread
    and closes everything. Methods are safe to call from any thread; those that
    talk to a camera may take a second.
    """

    def __init__(self, config: SessionConfig) -> None:
        self.config = config
        self.failure: Exception | None = None
        self._lock = threading.RLock()
        self._cameras: list[Camera] = []
        self._streams: list[_Stream] = []
        self._worker: Worker | None = None
        self._pacer: Pacer | None = None
        self._recorder: Recorder | None = None
        self._state = SessionState.CLOSED
        self._message = ""
        self._model = config.model
        self._shutter_proven: bool | None = None
        self._started_s = 0.0
        self._stopped_s = 0.0

    def __enter__(self) -> "Session":
        self.open()
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def camera(self) -> Camera:
        """The RSGR camera; raises :class:`InstrumentError` while the session is closed."""
        return self.camera_at(0)

    def camera_at(self, index: int) -> Camera:
        """The RSGR (0) or GS (1) camera; raises :class:`InstrumentError` where it is not open."""
        cameras = tuple(self._cameras)  # another thread may be closing them
        if index >= len(cameras):
            wanted = self.config.gs_camera if index else self.config.camera
            raise InstrumentError(f"{wanted} is not open; reconnect it")
        return cameras[index]

    @property
    def camera_count(self) -> int:
        """Cameras that are open."""
        return len(self._cameras)

    @property
    def state(self) -> SessionState:
        """Where the session stands."""
        return self._state

    @property
    def shutter_proven(self) -> bool | None:
        """What the images proved of global reset; None = not tested since the mode was set."""
        return self._shutter_proven

    def open(self) -> None:
        """Open and configure the cameras of the configuration."""
        with self._lock:
            if self._cameras:
                return
            config = self.config
            try:
                self._cameras.append(open_camera(config.camera, config.options))
                self._configure_first(config.settings)
                if config.gs_camera is not None:
                    self._cameras.append(open_camera(config.gs_camera, config.options))
                    self._configure_gs()
            except BaseException:
                self._close_cameras()
                raise
            self._state = SessionState.STOPPED
            self._message = ""
            self.failure = None

    def _configure_first(self, request: ExposureSettings) -> None:
        """Global reset where the camera offers it and nothing else was asked for."""
        camera = self.camera
        if request.shutter is None and ShutterMode.GLOBAL_RESET in camera.controls.shutter_modes:
            request = replace(request, shutter=ShutterMode.GLOBAL_RESET)
        if request.trigger_source is None and request.shutter == ShutterMode.GLOBAL_RESET:
            request = replace(request, trigger_source="auto")
        if request.region is None and self.config.size_px is not None:
            region = camera.controls.centred_region(*self.config.size_px)
            request = replace(request, region=region)
        # The rate last: its limit follows from everything else.
        camera.configure(replace(request, fps=None))
        fps = request.fps
        if fps is None and camera.state.trigger_source in ("internal", "software"):
            timing = self.timing().sensor
            limit = highest_fps(timing) if timing is not None else DEFAULT_FPS / 0.95
            fps = min(DEFAULT_FPS, 0.95 * limit)
        if fps is not None:
            self._check_rate(ExposureSettings(fps=fps))
            camera.configure(ExposureSettings(fps=fps))

    def _configure_gs(self) -> None:
        """The second camera exposes as long as the first row of the first camera."""
        first = self.camera.settings
        gs = self._cameras[1]
        gs.configure(
            ExposureSettings(exposure_us=first.exposure_us, trigger_source=first.trigger_source)
        )
        gs.configure(ExposureSettings(fps=first.fps))

    def _check_rate(self, request: ExposureSettings) -> None:
        """Refuse a rate beyond the sensor's limit where only an option tells the line time.

        A camera that tells its line time refuses by itself.
        """
        timing = self.timing().sensor
        fps = request.fps or self.camera.settings.fps
        triggered_reset = self.camera.state.shutter_mode == ShutterMode.GLOBAL_RESET
        if self.config.line_time_us is None or timing is None or not fps or not triggered_reset:
            return
        exposure_us = request.exposure_us or timing.exposure_us
        rows = request.region.height_px if request.region else timing.rows
        check_frame_rate(fps, replace(timing, exposure_us=exposure_us, rows=rows))

    def timing(self) -> TimingInUse:
        """Row timing to restore with: given by option, else by the camera's own word."""
        camera = self.camera
        told = camera.row_timing
        line_time_us, source = told.line_time_us, told.source
        if self.config.line_time_us is not None:
            line_time_us, source = self.config.line_time_us, TimingSource.GIVEN
        exposure_us = camera.settings.exposure_us
        if line_time_us is None or exposure_us is None:
            return TimingInUse(None, TimingSource.UNKNOWN)
        rows = camera.frame_format.rows
        return TimingInUse(SensorTiming(exposure_us, line_time_us, rows, told.direction), source)

    def radiometry(self, camera_index: int = 0) -> Radiometry:
        """Of the RSGR (0) or GS (1) camera: black level and saturation of its codes.

        The black level is given by option for the RSGR camera, else by the
        camera; saturation is the largest code.
        """
        camera = self.camera_at(camera_index)
        pixel_format = camera.frame_format.pixel_format
        black_level_dn = None if camera_index else self.config.black_level_dn
        if black_level_dn is None:
            black_level_dn = camera.settings.black_level_dn or 0.0
        return Radiometry(pixel_format, black_level_dn, float(pixel_format.maximum_dn))

    def why_not_restoring(self) -> str:
        """Why the restored view is off and what to do; empty when it can be on."""
        camera = self.camera
        if self._model is None:
            return "no model chosen"
        mode = camera.state.shutter_mode
        # What the images proved outweighs what the mode node claims.
        if self._shutter_proven is False:
            return "the images disproved global reset: there is no ramp to undo"
        if self._shutter_proven is None:
            if mode == ShutterMode.UNKNOWN and self.config.line_time_us is None:
                return (
                    "shutter mode and line time are unknown; give --line-time-us if the camera is "
                    "in global reset"
                )
            if mode in (ShutterMode.ROLLING, ShutterMode.GLOBAL):
                return f"the camera is in {mode.value} shutter: there is no ramp to undo"
        if camera.settings.exposure_us is None:
            return "the exposure time is unknown; give --exposure-us"
        if self.timing().sensor is None:
            return "the line time is unknown; give --line-time-us or calibrate it"
        return ""

    def start(self) -> None:
        """Begin to stream and restore."""
        with self._lock:
            if self._state != SessionState.STOPPED:
                return
            names = ("rsgr", "gs")
            self._streams = [
                _Stream(camera, name, self)
                for camera, name in zip(self._cameras, names, strict=False)
            ]
            # First, so that a thread that fails at once is not overwritten.
            self._state = SessionState.STREAMING
            self._message = ""
            try:
                self._start_worker()
                self._streams[0].start()
                self._started_s = time.monotonic()
                for stream in self._streams[1:]:
                    stream.start()
                self._start_pacer()
            except BaseException:
                self._stop_threads()
                self._state = SessionState.STOPPED
                raise

    def _start_pacer(self) -> None:
        paced = [camera for camera in self._cameras if camera.state.trigger_source == "software"]
        if paced:
            self._pacer = Pacer(paced, *self._pace(), self.on_thread_failure)
            self._pacer.start()

    def _pace(self) -> tuple[float, float]:
        """Rate of software triggers, and the shortest time between two in s."""
        fps = self.camera.settings.fps or DEFAULT_FPS
        timing = self.timing().sensor
        # Where the line time is unknown, half a period keeps clear of most sensors' limit.
        return fps, 0.5 / fps if timing is None else 1 / highest_fps(timing)

    def _start_worker(self) -> None:
        self._worker = None
        if self.why_not_restoring():
            return
        from app.worker import Worker  # torch takes a second to import

        timing = self.timing().sensor
        assert timing is not None  # why_not_restoring looked
        assert self._model is not None
        self._worker = Worker(
            self._streams[0].ring,
            self._model,
            timing,
            self.radiometry(),
            self.on_thread_failure,
            self.config.engine,
        )
        self._worker.start()

    def start_recording(self, request: "RecordingRequest") -> None:
        """Record every frame of all cameras from now on, and some from before.

        Raises :class:`InstrumentError` where the recording cannot be begun.
        """
        from app.recorder import Recorder
        from app.recording_info import recording_info

        with self._lock:
            if self._state != SessionState.STREAMING:
                raise InstrumentError("no frames flow; start the session before the recording")
            if self._recorder is not None and not self._recorder.ended.is_set():
                raise InstrumentError("a recording is running; stop it first")
            if request.pretrigger_s > self.config.pretrigger_s:
                raise InstrumentError(
                    f"{request.pretrigger_s:g} s from before the start are asked for, the ring "
                    f"keeps {self.config.pretrigger_s:g} s; open the cameras with more"
                )
            rings = {stream.name: stream.ring for stream in self._streams}
            info = recording_info(self, request)
            self._recorder = Recorder(request, info, rings, self.on_thread_failure)
            self._recorder.start()

    def stop_recording(self) -> None:
        """End the recording in order, everything captured so far in it; safe when there is none."""
        if self._recorder is not None:
            self._recorder.stop()

    def stop(self) -> None:
        """Stop streaming; cameras stay open, the last pictures stay to be seen."""
        with self._lock:
            self._stop_threads()
            if self._state == SessionState.STREAMING:
                self._state = SessionState.STOPPED

    def _stop_threads(self) -> None:
        if self._pacer is not None:
            self._pacer.stop()
            self._pacer = None
        was_streaming = self._state == SessionState.STREAMING
        # Before the cameras: a recording whose camera stops delivering has been cut short.
        self.stop_recording()
        for stream in self._streams:
            stream.stop()
        if self._worker is not None:
            self._worker.stop()
        if was_streaming:
            self._stopped_s = time.monotonic()

    def close(self) -> None:
        """Stop every thread and close every camera; safe in any state and more than once."""
        with self._lock:
            self._stop_threads()
            self._streams = []
            self._close_cameras()
            if self._state != SessionState.FAILED:
                self._state = SessionState.CLOSED

    def _close_cameras(self) -> None:
        while self._cameras:
            self._cameras.pop().close()

    def reconnect(self) -> None:
        """Open the cameras again after a loss, with the settings last in force, and stream.

        Raises :class:`InstrumentError` while the camera is still away.
        """
        with self._lock:
            settings = self.camera.settings if self._cameras else self.config.settings
            self._stop_threads()
            self._streams = []
            self._close_cameras()
            self._state = SessionState.LOST
            self.config = replace(self.config, settings=settings)
            self.open()
            self.start()

    def configure(self, request: ExposureSettings) -> ExposureSettings:
        """Change settings of the RSGR camera and return what was achieved.

        What needs a stopped camera interrupts the stream for a moment. Raises
        :class:`SettingRefusedError` with the limits, the former settings stay.
        """
        with self._lock:
            if self._recorder is not None and not self._recorder.ended.is_set():
                raise SettingRefusedError(
                    "settings cannot change while recording; stop the recording first"
                )
            camera = self.camera
            structural = (
                request.region, request.pixel_format, request.shutter,
                request.trigger_source, request.trigger_activation, request.trigger_delay_us,
            )  # fmt: skip
            streaming = self._state == SessionState.STREAMING
            restart = streaming and any(value is not None for value in structural)
            self._check_rate(request)
            if restart:
                self.stop()
            if request.shutter is not None:
                self._shutter_proven = None
            try:
                achieved = camera.configure(request)
                if len(self._cameras) == 2 and request.exposure_us is not None:
                    self._configure_gs()
            finally:
                if restart:
                    self.start()
                else:
                    self._tell_threads()
            return achieved

    def _tell_threads(self) -> None:
        """Let running threads follow settings that changed while frames flow."""
        if self._pacer is not None:
            self._pacer.use_rate(*self._pace())
        timing = self.timing().sensor
        if self._worker is not None and timing is not None:
            self._worker.use_conditions(timing, self.radiometry())

    def use_model(self, model: str | None) -> None:
        """Restore with another model, or with none, from the next frame on."""
        with self._lock:
            if self._worker is not None and model is not None:
                self._worker.use_model(model)
                self._model = model
            else:
                self._model = model
                self._restart_worker()

    def note_shutter_proof(self, proven: bool | None) -> None:
        """Keep what the images proved of global reset, and restore or not accordingly.

        A change of the shutter mode clears it.
        """
        with self._lock:
            self._shutter_proven = proven
            if bool(self.why_not_restoring()) == (self._worker is not None):
                self._restart_worker()

    def _restart_worker(self) -> None:
        """Let restoring begin or end while frames flow."""
        if self._state != SessionState.STREAMING:
            return
        if self._worker is not None:
            self._worker.stop()
        self._start_worker()

    def reader(self, past_frames: int = 0, *, camera: int = 0) -> RingReader:
        """A reader of the RSGR (0) or GS (1) camera's frames; only while streaming."""
        if camera >= len(self._streams):
            raise InstrumentError("no frames flow; start the session first")
        return self._streams[camera].ring.reader(past_frames)

    def newest_raw(self, camera_index: int = 0) -> Frame | None:
        """The newest frame of the RSGR (0) or GS (1) camera, None before the first."""
        streams = self._streams
        return streams[camera_index].ring.newest() if camera_index < len(streams) else None

    def frame_of(self, metadata: FrameMetadata) -> Frame | None:
        """The RSGR camera's frame a restored picture was made of; None once the ring lost it."""
        streams = self._streams
        return streams[0].ring.find(metadata.sequence) if streams else None

    def newest_restored(self) -> "RestoredFrame | None":
        """The newest restored picture, None before the first or when nothing is restored."""
        worker = self._worker
        return None if worker is None else worker.newest

    def on_thread_failure(self, error: Exception) -> None:
        """Called by a thread that ends by an exception: a state if expected, else the end."""
        self._message = str(error)
        self._stopped_s = time.monotonic()
        if isinstance(error, CameraLostError):
            self._state = SessionState.LOST
            return
        if not isinstance(error, InstrumentError):
            self._message = f"unexpected {type(error).__name__}: {error}; the session has ended"
        self.failure = error
        self._state = SessionState.FAILED

    def status(self) -> SessionStatus:
        """One look at everything the window and the JSON show."""
        camera = self.camera
        worker, streams = self._worker, self._streams
        capture = streams[0].capture if streams else None
        streaming = self._state == SessionState.STREAMING
        worker_counters = worker.counters if worker is not None else None
        newest = worker.newest if worker is not None else None
        settings = camera.settings
        ring = streams[0].ring if streams else None
        end_s = time.monotonic() if streaming else self._stopped_s
        return SessionStatus(
            state=self._state,
            message=self._message,
            address=camera.address,
            identity=camera.identity,
            settings=settings,
            controls=camera.controls,
            device_state=camera.state,
            frame_format=camera.frame_format,
            shutter_proven=self._shutter_proven,
            timing=self.timing(),
            restoring=worker is not None and streaming,
            restoring_note=self.why_not_restoring(),
            model=self._model,
            running_model=worker.model if worker is not None else self._model,
            fallback=worker.fallback if worker is not None else "",
            engine=worker.engine if worker is not None else "",
            device=worker.device if worker is not None else "",
            counters=camera.counters,
            recording=self._recorder.status() if self._recorder is not None else None,
            gs_counters=self._cameras[1].counters if len(self._cameras) == 2 else None,
            restored=worker_counters.restored if worker_counters else 0,
            skipped=worker_counters.skipped if worker_counters else 0,
            replaced=worker_counters.replaced if worker_counters else 0,
            streamed_s=max(0.0, end_s - self._started_s) if self._started_s else 0.0,
            captured_fps=recent_fps(tuple(capture.delivered_ns)) if capture and streaming else 0.0,
            restored_fps=recent_fps(tuple(worker.restored_ns)) if worker and streaming else 0.0,
            # A deque is copied in one step; looked through, it would change underneath.
            latency_ms=Percentiles.of(tuple(worker.latencies_ms) if worker else ()),
            jitter_us_p99=jitter_us_p99(tuple(capture.start_times_ns)) if capture else None,
            saturated_share=newest.saturated_share if newest else None,
            ring_seconds=ring.slots / (settings.fps or DEFAULT_FPS) if ring else 0.0,
            ring_bytes=ring.nbytes if ring else 0,
        )
