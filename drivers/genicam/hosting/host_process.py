"""The process of one camera: Harvesters, the producer and the capture loop."""

import contextlib
import faulthandler
import os
import pickle
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from drivers.camera import CameraIdentity, DeviceState, FrameFormat, RowTiming
from drivers.camera_settings import CameraControls, ExposureSettings
from drivers.errors import InstrumentError
from drivers.genicam.genicam_camera import GenicamCamera, GenicamOptions
from drivers.genicam.hosting.shared_memory import FrameMemory, FramePlace, LifeSigns
from drivers.genicam.hosting.spawning import tell_begin

_BEAT_S = 0.1
_GRAB_S = 0.1
_FULL_S = 0.001
_ORPHANED_S = 60.0
"""A call into a producer longer than this ends the process: nobody may be left to end it."""


@dataclass(frozen=True, slots=True)
class CameraView:
    """What the program knows of the camera between two requests."""

    identity: CameraIdentity
    controls: CameraControls
    settings: ExposureSettings
    frame_format: FrameFormat
    row_timing: RowTiming
    state: DeviceState

    @classmethod
    def of(cls, camera: GenicamCamera) -> "CameraView":
        return cls(
            camera.identity,
            camera.controls,
            camera.settings,
            camera.frame_format,
            camera.row_timing,
            camera.state,
        )


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer to a request: what it gave or how it failed, and the camera afterwards."""

    value: Any = None
    failure: Exception | None = None
    view: CameraView | None = None


def serve(
    address: str,
    producer: Path,
    serial: str,
    options: GenicamOptions,
    requests: Connection,
    frames: Connection,
    words: Any,
) -> None:
    """Open the camera, then do what is asked until the program closes or goes away.

    ``frames`` takes the number of each frame since the start once it lies in its slot, and at
    the end the error that ended them, or None. It is no semaphore: the time-out of one that
    processes share goes by the wall clock, which can be set back by hours.
    """
    ignore_interrupts()
    tell_begin(requests)
    signs = LifeSigns(words)
    stopping = threading.Event()
    host: _Host | None = None

    def beat() -> None:
        with open(os.devnull, "w", encoding="utf-8") as nowhere:
            while not stopping.wait(_BEAT_S):
                faulthandler.dump_traceback_later(_ORPHANED_S, exit=True, file=nowhere)
                signs.note_alive()
                if host is not None:
                    host.tell_counters()
            faulthandler.cancel_dump_traceback_later()

    beating = threading.Thread(target=beat, name="life signs")
    beating.start()
    try:
        try:
            camera = GenicamCamera(address, producer, serial, options)
        except Exception as error:
            with contextlib.suppress(OSError):
                requests.send(Reply(failure=portable(error)))
            os._exit(0)
        host = _Host(camera, frames, signs)
        # The program closed its end, or is no more.
        with contextlib.suppress(EOFError, OSError):
            requests.send(Reply(view=CameraView.of(camera)))
            while host.open:
                requests.send(host.answer(*requests.recv()))
        host.close()
    finally:
        stopping.set()
        beating.join()
    # At once: what Harvesters would clean up now, a producer may refuse, hang or crash in.
    os._exit(0)


def ignore_interrupts() -> None:
    """Ctrl-C in a terminal reaches every process of it; the program decides what ends."""
    for name in ("SIGINT", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)


def portable(error: Exception) -> Exception:
    """The error, or one that says the same and can be sent to another process."""
    try:
        again = pickle.loads(pickle.dumps(error))
    except Exception:
        again = None
    if type(again) is type(error) and str(again) == str(error):
        return error
    return InstrumentError(f"unexpected {type(error).__name__}: {error}")


class _Host:
    """The camera and its capture loop; requests are answered by one thread."""

    def __init__(self, camera: GenicamCamera, frames: Connection, signs: LifeSigns) -> None:
        self.open = True
        self._camera = camera
        self._frames = frames
        self._signs = signs
        self._memory: FrameMemory | None = None
        self._capturing: threading.Thread | None = None
        self._stopping = threading.Event()
        self._special: dict[str, Callable[..., Any]] = {
            "start": self._start,
            "stop": self._stop,
            "close": self.close,
        }

    def answer(self, method: str, arguments: tuple[Any, ...]) -> Reply:
        """Do what is asked."""
        call = self._special.get(method) or getattr(self._camera, method)
        failure, value = None, None
        try:
            value = call(*arguments)
        except Exception as error:
            failure = portable(error)
        return Reply(value, failure, CameraView.of(self._camera))

    def tell_counters(self) -> None:
        """Also while no frame comes: damaged buffers are counted then."""
        self._signs.counters = self._camera.counters

    def close(self) -> None:
        """Stop and close the camera."""
        self.open = False
        try:
            self._stop()
        finally:
            self._camera.close()

    def _start(self, place: FramePlace) -> None:
        self._memory = FrameMemory(place)
        try:
            self._camera.start()
            if self._camera.frame_format != place.frame_format:
                self._camera.stop()
                raise InstrumentError(
                    f"the camera changed its frames to {self._camera.frame_format.shape} when it "
                    "started; start again"
                )
        except BaseException:
            self._memory = None
            raise
        self._signs.taken = 0
        self._stopping.clear()
        self._capturing = threading.Thread(target=self._capture, args=(self._memory,))
        self._capturing.start()

    def _stop(self) -> None:
        self._stopping.set()
        try:
            self._camera.stop()
        finally:
            if self._capturing is not None:
                self._capturing.join()
                self._capturing = None
            self._memory = None
            self.tell_counters()

    def _capture(self, memory: FrameMemory) -> None:
        signs, sent = self._signs, 0
        failure = None
        try:
            while not self._stopping.is_set():
                if sent - signs.taken >= memory.place.ahead:
                    time.sleep(_FULL_S)  # frames wait in the producer's buffers meanwhile
                    continue
                metadata = self._camera.grab(memory.slot(sent), _GRAB_S)
                if metadata is None:
                    continue
                memory.note(sent, metadata, self._camera.counters)
                self._frames.send(sent)
                sent += 1
        except Exception as error:
            failure = portable(error)
        with contextlib.suppress(OSError):
            self._frames.send(failure)
