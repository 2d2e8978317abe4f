"""The recording thread: every frame, in order, from the rings to the disk.

A disk that is too slow costs frames of the recording, counted as gaps of cause
``disk``; capture never waits. The free space is watched, and a recording ends in order
before the disk is full; and so is the folder, whose loss ends the recording alone.
"""

import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.session.config import DEFAULT_FPS
from app.session.freed_memory import give_back_freed_memory
from app.session.pretrigger import usable_frames
from app.session.status import RecordingStatus
from app.session.stoppable_thread import StoppableThread
from drivers.errors import InstrumentError
from drivers.recording.compression import Compression
from drivers.recording.description import RecordingInfo
from drivers.recording.frame_index import Gap, GapCause
from drivers.recording.writer import RecordingFailedError, RecordingWriter
from drivers.ring import FrameRing, RingReader, bytes_per_frame

SYNC_EVERY_S = 2.0
"""What a power cut may cost, beside the time one sync takes."""

_WAIT_S = 0.02
_LOOK_EVERY_S = 0.5
_LAST_FRAMES_S = 0.25
"""How long the other camera may take to deliver what belongs to the last frame."""

_LEAST_FREE_BYTES = 32 << 20
_LEAST_FREE_S = 2.0


@dataclass(frozen=True, slots=True)
class RecordingRequest:
    """What to record: everything between a start and a stop, and some time before the start.

    ``frames`` (of each camera) and ``seconds`` end it by themselves, None never does.
    ``pretrigger_s`` of frames from before the start come from the ring.
    """

    folder: Path
    compression: Compression = Compression.NONE
    pretrigger_s: float = 0.0
    frames: int | None = None
    seconds: float | None = None
    note: str = ""


class _Source:
    """One camera's ring as the recorder reads it."""

    def __init__(self, name: str, ring: FrameRing, pretrigger_s: float, fps: float) -> None:
        self.name = name
        self.ring = ring
        past_frames, self.past_s = ring.past(pretrigger_s, usable_frames(ring.slots, fps))
        self.reader: RingReader = ring.reader(past_frames)
        form = ring.frame_format
        self.codes = np.empty(form.shape, form.pixel_format.dtype)
        self.sequence: int | None = None
        self.overwritten = 0
        self.frames = 0

    @property
    def ended(self) -> bool:
        """Whether no further frame will come."""
        return self.ring.closed and self.reader.counters.waiting == 0


class Recorder:
    """Records the rings of one or two cameras until stopped, complete, or at an error.

    ``on_failure`` is called with an unexpected exception; expected failures are in ``status``.
    ``damaged`` tells how many frames have arrived damaged so far, ``warnings`` in the end what
    must be known of the frames; both by camera.
    Raises :class:`InstrumentError` where the recording cannot be begun.
    """

    def __init__(
        self,
        request: RecordingRequest,
        info: RecordingInfo,
        rings: Mapping[str, FrameRing],
        on_failure: Callable[[Exception], None],
        warnings: Callable[[], Mapping[str, Sequence[str]]] = dict,
        damaged: Callable[[], Mapping[str, int]] = dict,
    ) -> None:
        folder = request.folder
        self._warnings = warnings
        self._damaged_so_far = damaged
        self._damaged_before = damaged()
        self._damaged_in_all: Mapping[str, int] | None = None
        self._request = request
        self._bytes_per_s = sum(
            bytes_per_frame(ring.frame_format) * (info.cameras[name].fps or 0.0)
            for name, ring in rings.items()
        )
        self._free_bytes = _check_space(folder, self._least_free_bytes())
        # First: what comes while the files are made belongs to the recording.
        self._sources = [
            _Source(name, ring, request.pretrigger_s, info.cameras[name].fps or DEFAULT_FPS)
            for name, ring in rings.items()
        ]
        past_s = min(source.past_s for source in self._sources)
        self._note = _shortened(request.pretrigger_s, past_s)
        self._writer = RecordingWriter(folder, _with_past(info, past_s, self._note))
        self._ended = threading.Event()
        self._failure: RecordingFailedError | None = None
        self._message = ""
        self._as_asked = True
        self._lost_to_disk = 0
        self._first_ns: int | None = None
        self._last_ns = 0
        self._began_ns = time.monotonic_ns()
        self._bytes_written = 0
        self._threads = [
            StoppableThread("recorder", self._record, on_failure),
            StoppableThread("recording sync", self._sync, on_failure),
        ]

    def start(self) -> None:
        """Begin to write."""
        self._began_ns = time.monotonic_ns()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End the recording in order and wait until it is on the disk; safe more than once."""
        for thread in self._threads:
            thread.stop()

    @property
    def ended(self) -> threading.Event:
        """Set once the recording has ended, for whatever reason."""
        return self._ended

    def status(self) -> RecordingStatus:
        """One look at it."""
        rate, free = self._bytes_per_s, self._free_bytes - self._least_free_bytes()
        return RecordingStatus(
            folder=self._request.folder,
            recording=not self._ended.is_set(),
            message=self._message,
            note=self._note,
            as_asked=self._as_asked,
            frames=self._writer.frames,
            lost=self._writer.lost,
            lost_to_disk=self._lost_to_disk,
            damaged=self._damaged(),
            waiting=max(source.reader.counters.waiting for source in self._sources),
            seconds=self._seconds(),
            bytes_written=self._bytes_written,
            minutes_left=max(0.0, free) / rate / 60 if rate else None,
            pretrigger_s=self._writer.info.pretrigger_s,
            pretrigger_asked_s=self._request.pretrigger_s,
        )

    def _seconds(self) -> float:
        return 0.0 if self._first_ns is None else (self._last_ns - self._first_ns) / 1e9

    def _damaged(self) -> dict[str, int]:
        """Frames that arrived damaged since it began, or between its begin and its end."""
        now = self._damaged_so_far() if self._damaged_in_all is None else self._damaged_in_all
        return {name: count - self._damaged_before.get(name, 0) for name, count in now.items()}

    def _least_free_bytes(self) -> float:
        return max(_LEAST_FREE_BYTES, _LEAST_FREE_S * self._bytes_per_s)

    def _record(self, stopping: threading.Event) -> None:
        reason, as_asked = "stopped", True
        look_at_s = 0.0
        try:
            while not stopping.is_set():
                taken = [self._take(source, 0.0) for source in self._sources]
                idle = not any(taken) and not self._take(self._sources[0], _WAIT_S)
                if idle and any(source.ended for source in self._sources):
                    reason, as_asked = "the camera stopped delivering frames", stopping.is_set()
                    break
                if self._failure is not None:
                    raise self._failure
                if (reached := self._limit_reached()) is not None:
                    reason = reached
                    break
                if time.monotonic() >= look_at_s:
                    look_at_s = time.monotonic() + _LOOK_EVERY_S
                    self._look_at_disk()
                    if self._free_bytes < self._least_free_bytes():
                        reason, as_asked = self._out_of_space(), False
                        break
            if stopping.is_set():
                self._take_waiting_frames()
            self._take_last_frames()
        except RecordingFailedError as failure:
            reason, as_asked = str(failure), False
        finally:
            self._finish(reason, as_asked)

    def _out_of_space(self) -> str:
        return (
            f"stopped in order with {self._free_bytes / 1e6:.0f} MB left on the disk of "
            f"{self._request.folder}; free some space and record again"
        )

    def _take(self, source: _Source, timeout_s: float) -> bool:
        """Write the next frame of a camera; False when none came in time."""
        metadata = source.reader.next(source.codes, timeout_s)
        if metadata is None:
            return False
        overwritten = source.reader.counters.lost
        to_disk = overwritten - source.overwritten
        missing = to_disk
        if source.sequence is not None:
            missing = metadata.sequence - source.sequence - 1
            to_disk = min(missing, to_disk)
        for frames, cause in ((missing - to_disk, GapCause.CAMERA), (to_disk, GapCause.DISK)):
            if frames > 0:
                self._writer.gap(source.name, Gap(source.frames, frames, cause))
        self._lost_to_disk += to_disk
        source.sequence, source.overwritten = metadata.sequence, overwritten
        self._writer.append(source.name, source.codes, metadata)
        source.frames += 1
        if self._first_ns is None:
            self._first_ns = metadata.host_time_ns
        self._last_ns = max(self._last_ns, metadata.host_time_ns)
        return True

    def _limit_reached(self) -> str | None:
        wanted = self._request
        frames = max(source.frames for source in self._sources)
        if wanted.frames is not None and frames >= wanted.frames:
            return f"{wanted.frames} frames recorded"
        if wanted.seconds is None:
            return None
        if self._seconds() >= wanted.seconds:
            return f"{wanted.seconds:g} s recorded"
        # Where no frame comes time passes all the same; frames on their way are waited for.
        now_ns = time.monotonic_ns()
        if (now_ns - self._began_ns) / 1e9 < wanted.seconds + _LAST_FRAMES_S:
            return None
        silent_s = (now_ns - max(self._last_ns, self._began_ns)) / 1e9
        return f"{wanted.seconds:g} s have passed, no frame came for the last {silent_s:.1f} s"

    def _take_waiting_frames(self) -> None:
        """Record what was captured before the stop."""
        for source in self._sources:
            for _ in range(source.reader.counters.waiting):
                self._take(source, 0.0)

    def _take_last_frames(self) -> None:
        """Wait for frames of the slower camera that pair with those of the faster one."""
        most = max(source.frames for source in self._sources)
        deadline_s = time.monotonic() + _LAST_FRAMES_S
        for source in self._sources:
            while source.frames < most and (left_s := deadline_s - time.monotonic()) > 0:
                if source.ended or not self._take(source, left_s):
                    break

    def _look_at_disk(self) -> None:
        self._writer.check_place()
        self._free_bytes = self._writer.free_bytes()
        self._bytes_written, seconds = self._writer.bytes_written, self._seconds()
        if seconds >= 1.0:
            self._bytes_per_s = self._bytes_written / seconds

    def _finish(self, reason: str, as_asked: bool) -> None:
        try:
            self._damaged_in_all = self._damaged_so_far()
            end = self._writer.finish(reason, self._last_warnings()).end
            assert end is not None  # it has ended
            as_asked, reason = as_asked and end.reason == reason, end.reason
            self._bytes_written = self._writer.bytes_written
        except InstrumentError as error:
            as_asked = False
            reason = (
                f"{reason}; it could not be completed ({error}): it can be read, and ngs repair "
                "completes it once it can be written"
            )
        finally:
            self._message, self._as_asked = reason, as_asked
            self._ended.set()
            give_back_freed_memory()

    def _last_warnings(self) -> dict[str, tuple[str, ...]]:
        """What must be known of the frames of each camera, damaged ones included."""
        warnings = {name: tuple(told) for name, told in self._warnings().items()}
        for name, frames in self._damaged().items():
            if frames:
                told = f"frames that arrived damaged and are not in the recording: {frames}"
                warnings[name] = (*warnings.get(name, ()), told)
        return warnings

    def _sync(self, stopping: threading.Event) -> None:
        while not stopping.wait(SYNC_EVERY_S) and not self._ended.is_set():
            try:
                self._writer.sync()
            except RecordingFailedError as failure:
                self._failure = failure
                return


def _shortened(asked_s: float, past_s: float) -> str:
    if past_s >= asked_s:
        return ""
    return (
        f"pre-trigger shortened: {asked_s:g} s from before the start were asked for, "
        f"{past_s:.2f} s were in memory"
    )


def _with_past(info: RecordingInfo, past_s: float, note: str) -> RecordingInfo:
    """Say how much from before the start there is; where it was to be more, in a warning."""
    warnings = (note,) if note else ()
    cameras = {
        name: camera.model_copy(update={"warnings": (*camera.warnings, *warnings)})
        for name, camera in info.cameras.items()
    }
    return info.model_copy(update={"pretrigger_s": past_s, "cameras": cameras})


def _check_space(folder: Path, least_bytes: float) -> int:
    """Refuse to begin on a disk that is almost full; returns the free bytes."""
    place = folder.absolute().parent
    try:
        while not place.exists():
            place = place.parent
        free = shutil.disk_usage(place).free
    except OSError as error:
        raise InstrumentError(f"{place} cannot be reached: {error.strerror}") from None
    if free < 2 * least_bytes:
        raise InstrumentError(
            f"{place} has {free / 1e6:.0f} MB free, a recording needs {2 * least_bytes / 1e6:.0f} "
            "MB to begin; free some space or name an OUT on another disk"
        )
    return free
