"""A real session on the virtual rig to which things happen, watched from outside."""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

import numpy as np

from app.diagnostics.fault_selftest.defects import Defect
from app.diagnostics.fault_selftest.recorded_take import Coverage, Problem, Take
from app.diagnostics.fault_selftest.watched_camera import Run, WatchedCamera, is_whole
from app.session import camera_set
from app.session.config import SessionConfig
from app.session.recorder import RecordingRequest
from app.session.session import Session
from app.session.status import SessionState, SessionStatus
from drivers.addresses import CameraOptions, open_camera
from drivers.camera import Camera
from drivers.camera_settings import ExposureSettings, TriggerSource, is_signal
from drivers.errors import InstrumentError
from drivers.plain_text import one_line
from drivers.rig.wiring import Wiring

NAMES = ("rsgr", "gs")

LONGEST_CALL_S = 20.0
"""No call of an operator takes as long, on a busy machine either."""
_COMES_BACK_S = 20.0
_GONE_WITHIN_S = 5.0
_LOOK_S = 0.01


class InjectedError(Exception):
    """An exception nobody expects, raised on purpose."""


@dataclass
class RunningSession:
    """Things happen to a session in ``folder``; what it promises is noted where it is broken."""

    folder: Path
    config: SessionConfig
    problems: list[Problem] = field(default_factory=list)
    said: str = ""
    takes: list[Take] = field(default_factory=list)
    faults: ExitStack = field(default_factory=ExitStack)
    """Ends what was put in place of parts of the program."""
    disk_fails: bool = False

    def __post_init__(self) -> None:
        self.session = Session(self.config)
        self._watched: dict[str, WatchedCamera] = {}
        self._runs: list[Run] = []
        self._calls = threading.RLock()
        self._under_way = 0
        self._begun = 0
        self._makes: set[Path] = set()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Watch cameras, threads, handles and exceptions meanwhile."""
        before = _left_open()
        with (
            patch.object(camera_set, "open_camera", self._open_watched),
            patch.object(threading, "excepthook", self._note_escaped),
            patch.object(sys, "unraisablehook", self._note_escaped),
            self.faults,
        ):
            try:
                yield
            finally:
                self.faults.close()
                self.operate("closing", self.session.close)
                self._look()
        self._check_runs()
        for take in self.takes:
            self.problems += take.problems()
        for path in set(self.folder.rglob("*")):
            if not any(path.is_relative_to(made) for made in self._makes):
                self.note(Defect.WROTE_OUTSIDE, f"{path.relative_to(self.folder)} was made")
        until_s = time.monotonic() + _GONE_WITHIN_S
        while (left := _left_open() - before) and time.monotonic() < until_s:
            time.sleep(_LOOK_S)
        if left:
            self.note(Defect.LEAK, f"left open: {', '.join(sorted(left))}")

    def note(self, defect: Defect, text: str) -> None:
        """Note a broken promise."""
        self.problems.append((defect, one_line(text)))

    def when_quiet(self) -> int | None:
        """How many acts have begun; None while one is under way, which may change anything."""
        with self._calls:
            return None if self._under_way else self._begun

    def operate(self, what: str, call: Callable[[], object]) -> bool:
        """Do what an operator does; False where it was refused with one line."""
        began_s = time.monotonic()
        with self._calls:
            self._look()
            self._under_way += 1
            self._begun += 1
        done = False
        try:
            call()
            done = True
        except InstrumentError as error:
            self._hear(str(error))
        except InjectedError as error:
            self.session.on_thread_failure(error)  # as the window does
        except Exception as error:
            self.note(Defect.TRACEBACK, f"{what}: {type(error).__name__}: {error}")
        took_s = time.monotonic() - began_s
        if took_s > LONGEST_CALL_S:
            self.note(Defect.HANG, f"{what} took {took_s:.1f} s")
        with self._calls:
            self._under_way -= 1
            self._look()
        return done

    def write(self, camera: int, node: str, text: str) -> None:
        """Turn a knob of the virtual rig."""
        self.operate(node, lambda: self.watched_camera(NAMES[camera]).write_node(node, text))

    def watched_camera(self, name: str) -> WatchedCamera:
        """The camera that was opened last; raises :class:`InstrumentError` before the first."""
        if name not in self._watched:
            raise InstrumentError(f"{name} was never opened; open it")
        return self._watched[name]

    def may_make(self, path: Path) -> None:
        """Files in ``path`` are outputs that were asked for."""
        self._makes.add(path)

    def record(self, name: str, **asked: object) -> None:
        """Begin to record."""
        folder = self.folder / name
        request = RecordingRequest(folder, **asked)  # type: ignore[arg-type]
        self.may_make(folder)
        if not self.operate(f"recording {name}", lambda: self.session.start_recording(request)):
            return
        cameras = {}
        for camera in NAMES[: self.session.camera_count]:
            run = self._watched[camera].runs[-1]
            cameras[camera] = Coverage(run, len(run.sequences), run.published)
        self.takes.append(Take(folder, cameras, harmed=self.disk_fails))
        self._look()

    @property
    def newest_take(self) -> Take | None:
        """What was recorded last, or is being."""
        return self.takes[-1] if self.takes else None

    def is_recording(self) -> bool:
        """Whether a recording has not ended yet."""
        status = self._status()
        return status is not None and status.recording is not None and status.recording.recording

    def move_take(self, to: Path) -> None:
        """Rename the folder of what is recorded."""
        take = self.newest_take
        if take is not None and take.place is not None and not to.exists():
            take.harmed = True
            self.may_make(to)
            take.place = take.place.rename(to)

    def comes_back(self) -> None:
        """Once nothing is wrong any more, frames flow again; else that is a broken promise."""
        self.faults.close()
        for camera in self._cameras_open():
            for fault in ("FaultLose", "FaultLoseShare", "FaultDelay", "FaultTear", "FaultCorrupt"):
                self.write(camera, fault, "0")
            self.write(camera, "FaultFreeze", "false")
        until_s = time.monotonic() + _COMES_BACK_S
        while not self._flows_again() and time.monotonic() < until_s:
            time.sleep(_LOOK_S)
        if time.monotonic() >= until_s:
            state = self.session.state
            self.note(Defect.STANDS_STILL, f"the session is {state.value}: {self.said}")

    def _flows_again(self) -> bool:
        session = self.session
        if session.state in (SessionState.LOST, SessionState.FAILED):
            self.operate("reconnecting", session.reconnect)
        if session.state is SessionState.CLOSED:
            self.operate("opening", session.open)
        if session.state is SessionState.STOPPED:
            self.operate("starting", session.start)
        if session.state is not SessionState.STREAMING:
            return False
        rig, source = session.rig, session.camera.settings.trigger_source
        if rig is not None and rig.wiring is Wiring.MASTER and source and is_signal(source):
            # It waits for pulses, and the generator is off the wire that it drives itself.
            by_itself = ExposureSettings(trigger_source=TriggerSource.AUTO)
            self.operate("choosing the trigger", lambda: session.configure(by_itself))
        # A camera may wait for pulses on its line.
        self.write(0, "RigGeneratorRate", "50")
        self.write(0, "RigGeneratorEnable", "true")
        before = self._frames_given()
        until_s = time.monotonic() + _COMES_BACK_S
        while session.state is SessionState.STREAMING and time.monotonic() < until_s:
            if all(now > then for now, then in zip(self._frames_given(), before, strict=True)):
                return True
            time.sleep(_LOOK_S)
        return False

    def _frames_given(self) -> list[int]:
        cameras = [self._watched[name] for name in NAMES[: self.session.camera_count]]
        return [sum(len(run.sequences) for run in camera.runs) for camera in cameras]

    def _cameras_open(self) -> range:
        return range(self.session.camera_count)

    def _open_watched(self, address: str, options: CameraOptions | None = None) -> Camera:
        camera = WatchedCamera(open_camera(address, options))
        name = address.partition(":")[2]
        former = self._watched.get(name)
        if former is not None:
            self._runs += former.runs
        self._watched[name] = camera
        opened: Camera = camera
        return opened

    def _hear(self, text: str) -> None:
        self.said = text
        if not text.strip() or len(text.splitlines()) != 1:
            self.note(Defect.UNCLEAR, f"an error says {text!r}")

    def _note_escaped(self, escaped: "threading.ExceptHookArgs | sys.UnraisableHookArgs") -> None:
        self.note(Defect.TRACEBACK, f"{escaped.exc_type.__name__} escaped: {escaped.exc_value}")

    def _status(self) -> SessionStatus | None:
        try:
            return self.session.status()
        except InstrumentError:  # it is closed
            return None

    def _look(self) -> None:
        """See what became of the session and of its recording."""
        session, status = self.session, self._status()
        failure = session.failure
        if status is not None and len(status.message.splitlines()) > 1:
            self.note(Defect.UNCLEAR, f"the session says {status.message!r}")
        if not isinstance(failure, InstrumentError | InjectedError | None):
            self.note(Defect.TRACEBACK, f"the session ended by {failure!r}")
        take = self.newest_take
        if take is None or take.ended:
            return
        recording = None if status is None else status.recording
        if recording is not None and not recording.recording:
            take.ended, take.reason = True, recording.message
            take.counted = (dict(recording.frames), dict(recording.lost))
            self._hear(recording.message)
            if recording.as_asked and take.gone_meanwhile:
                self.note(Defect.WRONG_FRAMES, "a recording whose folder is gone is as asked")
        elif session.camera_count == 0:
            take.ended = True
        elif self._under_way == 0:
            for coverage in take.cameras.values():
                coverage.until = coverage.run.published

    def _check_runs(self) -> None:
        for camera in self._watched.values():
            self._runs += camera.runs
        for run in self._runs:
            self.problems += [(Defect.SILENT_LOSS, text) for text in run.problems()]


def _left_open() -> set[str]:
    """Threads and handles of this process, each by a name of its own."""
    threads = {f"thread {each.name} ({each.ident})" for each in threading.enumerate()}
    listed = Path("/proc/self/fd")
    if not listed.is_dir():
        return threads
    for number in os.listdir(listed):
        try:
            threads.add(f"handle {number} of {os.readlink(listed / number)}")
        except OSError:  # the one that lists them
            continue
    return threads


class SlowReader:
    """Reads a session's frames slower than they come, and sees what it gets."""

    def __init__(self, running: RunningSession, camera: int, pause_s: float) -> None:
        """Raises :class:`InstrumentError` while no frames flow."""
        self._running = running
        self._reader = running.session.reader(camera=camera)
        self._form = running.session.camera_at(camera).frame_format
        self._pause_s = pause_s
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._read, name="slow reader")
        self._thread.start()

    def stop(self) -> None:
        """End it."""
        self._ending.set()
        self._thread.join()

    def _read(self) -> None:
        codes = np.empty(self._form.shape, self._form.pixel_format.dtype)
        before, delivered = -1, 0
        while not self._ending.wait(self._pause_s):
            metadata = self._reader.next(codes, 0.0)
            if metadata is None:
                continue
            delivered += 1
            if metadata.sequence <= before or not is_whole(codes, self._form):
                self._running.note(
                    Defect.WRONG_FRAMES, f"a slow reader got frame {metadata.sequence} wrong"
                )
            before = metadata.sequence
        if self._reader.counters.delivered != delivered:
            self._running.note(Defect.WRONG_FRAMES, "a slow reader's frames are counted wrong")
