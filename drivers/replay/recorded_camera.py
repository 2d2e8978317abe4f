"""One camera of a recording, played back as a camera in a loop, at any speed."""

import threading
import time
from dataclasses import replace

from drivers.camera import CameraIdentity, CaptureCounters, DeviceState, RowTiming
from drivers.camera_settings import (
    NUMBER_SETTINGS,
    CameraControls,
    ExposureSettings,
    NumericControl,
    Region,
    ShutterMode,
    TriggerSource,
)
from drivers.errors import InstrumentError, SettingRefusedError
from drivers.frame import FrameMetadata
from drivers.pixel_format import Pixels
from drivers.recording import RecordedCamera, RecordedStream, Recording
from drivers.recording.zarr_shards import DamagedFrameError
from drivers.replay.fixed_settings import EXPOSURE, RunState, black_level_control, refuse_changes
from drivers.replay.playback_clock import ReplayClock, Speed, start_clock
from drivers.replay.timeline import timeline

_RATES = (0.01, 100.0)
"""Lowest and highest factor on the recorded pace."""


class RecordingReplay:
    """One camera of a recording; implements :class:`drivers.camera.Camera`.

    Frames come at the pace of the recorded start times, gaps and jitter included, with the
    recorded frame numbers, device times and trigger counts. Host times are those of the
    replay. If no device time was recorded and the speed is not 1, the recorded host time is
    given as device time, so that intervals are right. After the last frame the first one
    follows, as if the trigger had continued (see :class:`drivers.replay.timeline.Timeline`).

    Two cameras of a recording that are started together stay in step; the second one
    starts at the position of the first. Pairing by time of delivery needs the recorded
    speed. Recorded gaps count as lost, frames that are damaged on the disk as incomplete.
    A slow reader slows the replay down and loses nothing.

    Raises :class:`InstrumentError` if there is no frame to play.
    """

    def __init__(
        self,
        address: str,
        recording: Recording,
        stream: RecordedStream,
        frames: range,
        speed: Speed,
    ) -> None:
        played = timeline(recording, stream, frames)
        if played is None:
            raise InstrumentError(
                f"{recording.folder} has no frame of {stream.name} to play; ngs verify tells more"
            )
        self._timeline = played
        camera = stream.camera
        self.address = address
        self.identity = CameraIdentity(
            maker=camera.maker,
            model=camera.model,
            serial=camera.serial or recording.folder.name,
            firmware=camera.firmware,
        )
        self.frame_format = camera.frame_format
        leader = next(iter(recording.streams.values())).camera
        self._recorded_fps = leader.fps or 1e9 / played.period_ns
        self.settings = _settings(camera, self._recorded_fps * (speed or 1.0))
        self.row_timing = RowTiming(
            camera.line_time_us,
            camera.timing_source,
            camera.direction,
            tuple(camera.readout.items()),
        )
        self.state = _state(camera)
        self._told_exposure = camera.exposure_us is None
        self._told_black_level = camera.black_level_dn is None
        self._stream = stream
        self._reader = stream.open()
        self._run = RunState()
        # Not held while waiting for a frame.
        self._lock = threading.Lock()
        self._folder, self._name = recording.folder, stream.name
        self._begin(ReplayClock(speed))

    def _begin(self, clock: ReplayClock) -> None:
        self._clock = clock
        self._place = self._round = 0
        self._first: FrameMetadata | None = None
        self._newest: FrameMetadata | None = None
        self._captured = self._damaged = self._damaged_since = 0

    @property
    def controls(self) -> CameraControls:
        """Frame rate, which sets the speed, and settings that were not recorded."""
        form = self.frame_format.pixel_format
        slowest, fastest = (times * self._recorded_fps for times in _RATES)
        return CameraControls(
            fps=NumericControl(slowest, fastest, increment=0.0, unit="fps"),
            exposure_us=EXPOSURE if self._told_exposure else None,
            black_level_dn=black_level_control(form.maximum_dn) if self._told_black_level else None,
            pixel_formats=(form.name,),
            trigger_sources=(TriggerSource.OFF,),
        )

    @property
    def counters(self) -> CaptureCounters:
        """Counts as the recorded camera would give them."""
        with self._lock:
            first, newest = self._first, self._newest
            if first is None or newest is None:
                return CaptureCounters()
            sent = newest.sequence - first.sequence + 1
            overruns = None
            if first.trigger_count is not None and newest.trigger_count is not None:
                overruns = max(0, newest.trigger_count - first.trigger_count + 1 - sent)
            lost = sent - self._captured - self._damaged
            return CaptureCounters(self._captured, max(0, lost), self._damaged, overruns)

    def configure(self, request: ExposureSettings) -> ExposureSettings:
        """Set the speed by the frame rate; every known setting stays as recorded."""
        known = [] if self._told_exposure else ["exposure_us"]
        known += [] if self._told_black_level else ["black_level_dn"]
        refuse_changes(request, self.settings, *known)
        exposure_us, black_level_dn, fps = (
            now if wanted is None or control is None else control.check(word, wanted)
            for word, control, wanted, now in (
                (
                    "exposure",
                    self.controls.exposure_us,
                    request.exposure_us,
                    self.settings.exposure_us,
                ),
                (
                    "black level",
                    self.controls.black_level_dn,
                    request.black_level_dn,
                    self.settings.black_level_dn,
                ),
                ("frame rate", self.controls.fps, request.fps, self.settings.fps),
            )
        )
        if fps is not None and fps != self.settings.fps:
            reached_ns = self._timeline.at(self._place, self._round)[1]
            self._clock.set_speed(fps / self._recorded_fps, reached_ns)
        self.settings = replace(
            self.settings, exposure_us=exposure_us, black_level_dn=black_level_dn, fps=fps
        )
        return self.settings

    def frame_slots(self, slots: int) -> None:
        """See :class:`drivers.camera.Camera`: any memory is as good."""

    def start(self) -> None:
        """Start at the first frame, or at the position of the other camera if it just started."""
        with self._lock:
            clock, joined = start_clock(self._folder, self._name, self._clock.speed)
            self._begin(clock)
            half_a_period_ns = self._timeline.period_ns / 2
            while joined and self._timeline.at(self._place, self._round)[1] < (
                clock.reached_ns() - half_a_period_ns
            ):
                self._advance()
        self._run.start()

    def grab(self, into: Pixels, timeout_s: float) -> FrameMetadata | None:
        """Fill ``into`` with the next frame when it is due; None on time-out."""
        deadline_s = time.monotonic() + timeout_s
        while True:
            number, offset_ns = self._timeline.at(self._place, self._round)
            if not self._run.reached(self._clock.due_s(offset_ns), deadline_s):
                return None
            with self._lock:
                if self._read(number, into):
                    return self._delivered(offset_ns)

    def _read(self, number: int, into: Pixels) -> bool:
        try:
            self._stream.read_checked(self._reader, number, into)
        except DamagedFrameError as error:
            self._damaged_since += 1
            if self._damaged_since >= len(self._timeline.numbers):
                raise InstrumentError(f"no frame of the replay can be read: {error}") from None
            self._advance()
            return False
        return True

    def _delivered(self, offset_ns: int) -> FrameMetadata:
        clock, period_s = self._clock, 1 / self._recorded_fps
        metadata = self._timeline.numbered(self._place, self._round, time.monotonic_ns())
        if clock.speed != 1.0 and metadata.device_time_ns is None:
            recorded_ns = self._timeline.metadata[self._place].host_time_ns
            device_ns = recorded_ns + self._round * self._timeline.round_ns
            metadata = replace(metadata, device_time_ns=device_ns)
        # A reader that is late by more than a frame does not have to catch up.
        if time.monotonic() > clock.due_s(offset_ns) + period_s / (clock.speed or 1.0):
            clock.resume_at(offset_ns)
        self._captured += 1
        # Damaged frames before the first good one do not count: nothing was delivered yet.
        self._damaged += self._damaged_since if self._first is not None else 0
        self._damaged_since = 0
        self._first = self._first or metadata
        self._newest = metadata
        self._advance()
        return metadata

    def _advance(self) -> None:
        self._place += 1
        if self._place == len(self._timeline.numbers):
            self._place, self._round = 0, self._round + 1

    def send_software_trigger(self) -> None:
        """A replay cannot be triggered."""
        raise SettingRefusedError("a replay cannot be triggered; it runs at the recorded pace")

    def stop(self) -> None:
        """Wake a waiting grab."""
        self._run.stop()

    def close(self) -> None:
        """Stop, and close the files."""
        self.stop()
        with self._lock:
            self._reader.close()


def _settings(camera: RecordedCamera, fps: float) -> ExposureSettings:
    numbers = {name: getattr(camera, name) for name in NUMBER_SETTINGS}
    # A replay is not triggered: there is no delay from a trigger.
    numbers |= {"fps": fps, "trigger_delay_us": None}
    return ExposureSettings(
        **numbers,
        region=Region(camera.offset_x_px, camera.offset_y_px, camera.columns, camera.rows),
        pixel_format=camera.pixel_format,
        shutter=camera.shutter_mode,
        trigger_source=TriggerSource.OFF,
    )


def _state(camera: RecordedCamera) -> DeviceState:
    """State as recorded; a shutter mode that the images disproved is not reported again."""
    mode, warnings = camera.shutter_mode, camera.warnings
    if camera.shutter_proven is False:
        warnings = (*warnings, f"the images disproved {mode.value} when this was recorded")
        mode = ShutterMode.UNKNOWN
    # Nothing triggers a replay, whatever triggered its camera.
    ran_free = camera.trigger_source == TriggerSource.OFF
    return DeviceState(mode, TriggerSource.OFF, warnings, runs_free=ran_free)
