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

from app.session.camera_set import CameraSet
from app.session.camera_stream import Stream
from app.session.capture import Pacer
from app.session.config import DEFAULT_FPS, SessionConfig
from app.session.live_pairs import LivePairs
from app.session.pretrigger import check_pretrigger
from app.session.restoring_conditions import radiometry_in_use, timing_in_use, why_not_restoring
from app.session.run_statistics import Percentiles, jitter_us_p99, recent_fps
from app.session.status import SessionState, SessionStatus, TimingInUse
from calibration.rig_calibration import CameraConditions
from drivers.camera import Camera, DeviceState
from drivers.camera_settings import ExposureSettings, TriggerSource, needs_stopped_camera
from drivers.errors import CameraLostError, InstrumentError, SettingRefusedError
from drivers.frame import Frame, FrameMetadata
from drivers.frame_conditions import FrameConditions
from drivers.plain_text import one_line
from drivers.radiometry import Radiometry
from drivers.rig.rig import Rig
from drivers.ring import RingReader
from drivers.timing import ReadoutDirection, highest_fps
from models.restorers.restorer_state import RestorerState

if TYPE_CHECKING:
    from app.session.recorder import Recorder, RecordingRequest
    from app.session.worker import RestoredFrame, Worker


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
        self._cameras: CameraSet | None = None
        self._streams: list[Stream] = []
        self._pairs: LivePairs | None = None
        self._worker: Worker | None = None
        self._pacer: Pacer | None = None
        self._recorder: Recorder | None = None
        self._state = SessionState.CLOSED
        self._message = ""
        self._model = config.model
        self._shutter_proven: bool | None = None
        self._direction_seen: ReadoutDirection | None = None
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
        cameras = self._cameras
        if cameras is None:
            wanted = self.config.gs_camera if index else self.config.camera
            raise InstrumentError(f"{wanted} is not open; reconnect it")
        return cameras.at(index)

    @property
    def camera_count(self) -> int:
        """Cameras that are open."""
        return 0 if self._cameras is None else len(self._cameras)

    @property
    def rig(self) -> Rig | None:
        """How two cameras are wired; None with one camera or while the session is closed."""
        return None if self._cameras is None else self._cameras.rig

    @property
    def state(self) -> SessionState:
        """State of the session."""
        return self._state

    @property
    def shutter_proven(self) -> bool | None:
        """What the images proved of global reset; None = not tested since the mode was set."""
        return self._shutter_proven

    def open(self) -> None:
        """Open and configure the cameras of the configuration."""
        with self._lock:
            if self._cameras is None:
                self._open(restores=False)

    def _open(self, *, restores: bool) -> None:
        self._cameras = CameraSet(self.config, restores=restores)
        self._check_rig(self._cameras)
        self._state = SessionState.STOPPED
        self._message = ""
        self.failure = None

    def _check_rig(self, cameras: CameraSet) -> None:
        """Refuse a calibration of other cameras."""
        if self.config.rig is None:
            return
        try:
            self.config.rig.check_fits(*(CameraConditions.of(camera) for camera in cameras))
        except InstrumentError:
            self._cameras = None
            cameras.close()
            raise

    def timing(self) -> TimingInUse:
        """Row timing to restore with, and its source."""
        return timing_in_use(self.camera, self.config, self._direction_seen)

    def radiometry(self, camera_index: int = 0) -> Radiometry:
        """Radiometry of the RSGR (0) or GS (1) camera."""
        return radiometry_in_use(self.camera_at(camera_index), self.config, camera_index)

    def why_not_restoring(self) -> str:
        """Why the restored view is off and what to do; empty when it can be on."""
        return why_not_restoring(self.camera, self.config, self._model, self._shutter_proven)

    def check_pretrigger(self) -> None:
        """Refuse a pre-trigger that the rings do not hold; see :mod:`app.session.pretrigger`."""
        if self._cameras is not None:
            check_pretrigger(self._cameras, self.config)

    def start(self) -> None:
        """Begin to stream and restore."""
        with self._lock:
            if self._state != SessionState.STOPPED:
                return
            assert self._cameras is not None  # else the state is another one
            rig = self._cameras.rig
            self._pairs = None if rig is None else LivePairs(rig, self.config)
            listeners = [self._pairs.listener(index) if self._pairs else None for index in (0, 1)]
            self._streams = [
                Stream(camera, name, self.config, self.on_thread_failure, listener)
                for camera, name, listener in zip(
                    self._cameras, ("rsgr", "gs"), listeners, strict=False
                )
            ]
            # Set first: a thread that fails at once sets another state.
            self._state = SessionState.STREAMING
            self._message = ""
            try:
                self._start_worker()
                for index in self._cameras.start_order:
                    self._streams[index].start()
                self._started_s = time.monotonic()
                self._start_pacer()
                if self._pairs is not None:
                    rings = (self._streams[0].ring, self._streams[1].ring)
                    self._pairs.start_comparing(rings, self.on_thread_failure)
            except BaseException as error:
                self._stop_threads()
                self._state = SessionState.STOPPED
                self._note_loss(error)
                raise

    def _note_loss(self, error: BaseException) -> None:
        """A camera that a call finds to be away is lost, as if its frames had ended."""
        if isinstance(error, CameraLostError):
            self.on_thread_failure(error)

    def _start_pacer(self) -> None:
        cameras = [stream.camera for stream in self._streams]
        paced = [
            camera for camera in cameras if camera.state.trigger_source == TriggerSource.SOFTWARE
        ]
        if paced:
            self._pacer = Pacer(paced, *self._pace(), self.on_thread_failure)
            self._pacer.start()

    def _pace(self) -> tuple[float, float]:
        """Rate of software triggers, and the shortest time between two in s."""
        fps = self.camera.settings.fps or DEFAULT_FPS
        timing, rig = self.timing().sensor, self.rig
        limit = None if timing is None else highest_fps(timing)
        if rig is not None:
            limit = rig.limit_fps(timing)
        # Where the line time is unknown, half a period keeps clear of most sensors' limit.
        return fps, 0.5 / fps if limit is None else 1 / limit

    def _start_worker(self) -> None:
        self._worker = None
        if self.why_not_restoring():
            return
        from app.session.worker import Worker  # torch takes a second to import

        timing = self.timing().sensor
        assert timing is not None  # why_not_restoring looked
        assert self._model is not None
        self._worker = Worker(
            self._streams[0].ring,
            self._model,
            FrameConditions(timing, self.radiometry()),
            self.on_thread_failure,
            self.config.engine,
        )
        self._worker.start()

    def start_recording(self, request: "RecordingRequest") -> None:
        """Record every frame of all cameras from now on, and some from before.

        Where the rings have less from before than is asked for, the status tells. Raises
        :class:`InstrumentError` where the recording cannot be begun.
        """
        from app.session.recorder import Recorder
        from app.session.recording_info import recording_info

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
            assert self._cameras is not None  # else no frames flow
            info = recording_info(
                self._cameras,
                self.config,
                request,
                self.timing(),
                shutter_proven=self._shutter_proven,
            )
            streams = tuple(self._streams)
            self._recorder = Recorder(
                request,
                info,
                rings,
                self.on_thread_failure,
                lambda: {stream.name: stream.camera.counters.warnings for stream in streams},
                lambda: {stream.name: stream.camera.counters.incomplete for stream in streams},
            )
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
        # Before the cameras stop: a recording whose camera stops first counts as cut short.
        self.stop_recording()
        order = self._cameras.start_order if self._cameras is not None else ()
        # A camera that triggers another one stops before it.
        for index in reversed(order):
            if index < len(self._streams):
                self._streams[index].stop()
        if self._worker is not None:
            self._worker.stop()
        if self._pairs is not None:
            self._pairs.stop_comparing()
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
        cameras, self._cameras = self._cameras, None
        if cameras is not None:
            cameras.close()

    def reconnect(self) -> None:
        """Open the cameras again after a loss, with the settings last in force, and stream.

        What the camera does not take any more stays as it is, and is told in a warning. Raises
        :class:`InstrumentError` while the camera is still away.
        """
        with self._lock:
            settings = self.config.settings if self._cameras is None else self.camera.settings
            self._stop_threads()
            self._streams = []
            self._close_cameras()
            self._state = SessionState.LOST
            self.config = replace(self.config, settings=settings)
            self._open(restores=True)
            self.start()

    def configure(self, request: ExposureSettings) -> ExposureSettings:
        """Change settings of the RSGR camera and return what was achieved.

        The GS camera follows in exposure, rate, region and pixel format.
        What needs a stopped camera interrupts the stream for a moment. Raises
        :class:`SettingRefusedError` with the limits, the former settings stay.
        """
        with self._lock:
            if self._recorder is not None and not self._recorder.ended.is_set():
                raise SettingRefusedError(
                    "settings cannot change while recording; stop the recording first"
                )
            cameras = self._cameras
            if cameras is None:
                raise InstrumentError(f"{self.config.camera} is not open; reconnect it")
            streaming = self._state == SessionState.STREAMING
            restart = streaming and needs_stopped_camera(request)
            cameras.check(request)
            if restart:
                self.stop()
            if request.shutter is not None:
                self._shutter_proven = self._direction_seen = None
            try:
                achieved = cameras.configure(request)
            except CameraLostError as error:
                self._note_loss(error)
                raise
            finally:
                if restart and self._state == SessionState.STOPPED:
                    self.start()
                else:
                    self._tell_threads()
            return achieved

    def _tell_threads(self) -> None:
        """Pass changed settings on to the running threads."""
        if self._pacer is not None:
            self._pacer.use_rate(*self._pace())
        timing = self.timing().sensor
        if self._worker is not None and timing is not None:
            self._worker.use_conditions(FrameConditions(timing, self.radiometry()))
        if self._pairs is not None:
            self._pairs.use_settings()

    def use_model(self, model: str | None) -> None:
        """Restore with another model, or with none, from the next frame on.

        Raises :class:`InstrumentError` where it cannot be had; then the former one stays.
        """
        with self._lock:
            if model is not None:
                from models.restorers.registry import check_model  # torch takes a second to import

                check_model(model)
            if self._worker is not None and model is not None:
                self._worker.use_model(model)
                self._model = model
                return
            former, self._model = self._model, model
            try:
                self._restart_worker()
            except BaseException:
                self._model = former
                raise

    def note_shutter_proof(
        self, proven: bool | None, direction: ReadoutDirection | None = None
    ) -> None:
        """Keep what the images proved of global reset, and restore or not accordingly.

        ``direction`` is the readout direction that they showed. A change of the shutter mode
        clears both.
        """
        with self._lock:
            self._shutter_proven, self._direction_seen = proven, direction
            self._tell_threads()
            if bool(self.why_not_restoring()) == (self._worker is not None):
                self._restart_worker()

    def _restart_worker(self) -> None:
        """Start or stop restoring while streaming."""
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

    def newest_latencies_ms(self, count: int) -> tuple[float, ...]:
        """Latencies of the ``count`` pictures restored last, or of as many as are remembered."""
        worker = self._worker
        latencies = () if worker is None else tuple(worker.latencies_ms)
        return latencies[max(0, len(latencies) - count) :]

    def on_thread_failure(self, error: Exception) -> None:
        """Called by a thread that ends by an exception: a state if expected, else the end."""
        expected = isinstance(error, InstrumentError)
        told = (
            f"{error}"
            if expected
            else f"unexpected {type(error).__name__}: {error}; the session has ended"
        )
        self._message = one_line(told)
        self._stopped_s = time.monotonic()
        if isinstance(error, CameraLostError):
            self._state = SessionState.LOST
            return
        self.failure = error
        self._state = SessionState.FAILED

    def status(self) -> SessionStatus:
        """One look at everything the window and the JSON show."""
        camera, rig = self.camera, self.rig
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
            device_state=self._device_state(),
            frame_format=camera.frame_format,
            shutter_proven=self._shutter_proven,
            timing=self.timing(),
            restoring=worker is not None and streaming,
            restoring_note=self.why_not_restoring(),
            model=self._model,
            restorer=RestorerState(self._model or "", "") if worker is None else worker.state,
            counters=camera.counters,
            recording=self._recorder.status() if self._recorder is not None else None,
            gs_counters=None if rig is None else rig.gs.counters,
            pairs=self._pairs.status() if self._pairs is not None and rig is not None else None,
            restored=worker_counters.restored if worker_counters else 0,
            skipped=worker_counters.skipped if worker_counters else 0,
            in_work=worker_counters.in_work if worker_counters else 0,
            streamed_s=max(0.0, end_s - self._started_s) if self._started_s else 0.0,
            silent_s=capture.silent_s if capture and streaming else 0.0,
            captured_fps=recent_fps(tuple(capture.delivered_ns)) if capture and streaming else 0.0,
            restored_fps=recent_fps(tuple(worker.restored_ns)) if worker and streaming else 0.0,
            # Copying a deque is atomic. Iterating over it is not: the worker appends meanwhile.
            latency_ms=Percentiles.of(tuple(worker.latencies_ms) if worker else ()),
            jitter_us_p99=jitter_us_p99(tuple(capture.start_times_ns)) if capture else None,
            saturated_share=newest.saturated_share if newest else None,
            ring_seconds=ring.slots / (settings.fps or DEFAULT_FPS) if ring else 0.0,
            ring_bytes=ring.nbytes if ring else 0,
            clock_steps={stream.name: stream.capture.clock.steps for stream in streams},
        )

    def _device_state(self) -> DeviceState:
        """The RSGR camera's state with the warnings of all that is open."""
        state, rig = self.camera.state, self.rig
        told = [stream.warnings for stream in self._streams] or [(), ()]
        kept = () if self._cameras is None else self._cameras.not_restored
        warnings = (*state.warnings, *kept, *told[0])
        if rig is not None:
            gs = (*rig.gs.state.warnings, *told[1])
            warnings = (*rig.warnings, *warnings, *(f"GS camera: {each}" for each in gs))
        return replace(state, warnings=warnings)
