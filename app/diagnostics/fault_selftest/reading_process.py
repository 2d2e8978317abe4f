"""A process that reads files, so that one that crashes, hangs or is too large ends it alone."""

import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

import psutil

from app.diagnostics.fault_selftest.defects import Defect
from drivers.errors import InstrumentError

LONGEST_S = 60.0
"""For all files of one reader, which are small; the machine may be busy."""
MOST_BYTES = 3 << 29
"""By which a reader may grow: more than the largest frame, a gigabyte, and what is made of it."""
START_WITHIN_S = 180.0
"""For what is imported at first, and again at the first reading."""
_END_WITHIN_S = 5.0
_POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class FileReader:
    """One way in which the program reads files.

    ``make`` fills a folder that exists with genuine files. ``read`` reads all of them as the
    program does, and raises :class:`InstrumentError` where one is refused. ``makes`` are the
    names that ``read`` may make in the folder, as commands do which go on with what is there.
    ``files`` are those to be damaged, as patterns. ``share`` of the trials are this reader's,
    as against the others.
    """

    name: str
    make: Callable[[Path], None]
    read: Callable[[Path], object]
    files: tuple[str, ...] = ("**/*",)
    makes: tuple[str, ...] = ()
    share: int = 2


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of reading; ``said`` is the error's text, empty where all was read."""

    defect: Defect | None
    said: str
    seconds: float


class ReadingProcess:
    """Reads with these readers; a context manager. Begins anew where it had to be ended."""

    def __init__(self, readers: Mapping[str, FileReader], place: Path) -> None:
        """``place`` is the folder that it works in."""
        self._readers = dict(readers)
        self._place = place
        self._context = get_context("spawn")
        self._begin()

    def __enter__(self) -> "ReadingProcess":
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def _begin(self) -> None:
        self._pipe, theirs = self._context.Pipe()
        self._process = self._context.Process(
            target=_serve, args=(theirs, self._readers, self._place), daemon=True
        )
        self._process.start()
        theirs.close()
        if not self._pipe.poll(START_WITHIN_S):
            self._end()
            raise InstrumentError(
                f"the process that reads did not start in {START_WITHIN_S:g} s; run ngs doctor"
            )
        self._pipe.recv()

    def _end(self) -> None:
        self._pipe.close()  # it ends by itself where it listens
        self._process.join(_END_WITHIN_S)
        self._process.kill()
        self._process.join()
        self._process.close()

    def read(self, reader: str, folder: Path, longest_s: float | None = None) -> Reading:
        """What comes of reading the folder; it is ended after ``longest_s``."""
        longest_s = longest_s or LONGEST_S
        started_s = time.monotonic()
        memory = psutil.Process(self._process.pid)
        before = memory.memory_info().rss
        self._pipe.send((reader, folder))
        ended: Reading | None = None
        while ended is None and not self._pipe.poll(_POLL_S):
            seconds = time.monotonic() - started_s
            with suppress(psutil.NoSuchProcess):
                grown = memory.memory_info().rss - before
                if grown > MOST_BYTES:
                    ended = Reading(Defect.UNBOUNDED, f"{grown / 1e6:.0f} MB so far", seconds)
            if seconds > longest_s:
                ended = Reading(Defect.HANG, f"no end after {seconds:.0f} s", seconds)
        if ended is None:
            try:
                reading: Reading = self._pipe.recv()
            except (EOFError, ConnectionResetError):
                self._process.join()
                how = f"the process ended with {self._process.exitcode}"
                ended = Reading(Defect.CRASH, how, time.monotonic() - started_s)
            else:
                return reading
        self._process.kill()
        self._end()
        self._begin()
        return ended


def _serve(pipe: Connection, readers: Mapping[str, FileReader], place: Path) -> None:
    """Read what is asked for until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever asks ends this process
    os.chdir(place)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):  # libraries complain there
        os.dup2(nowhere, descriptor)
    pipe.send("ready")
    with suppress(EOFError):
        while True:
            name, folder = pipe.recv()
            pipe.send(_reading(readers[name], folder))


def _reading(reader: FileReader, folder: Path) -> Reading:
    before = _resident_bytes()
    started_s = time.monotonic()
    defect, said = None, ""
    try:
        reader.read(folder)
    except InstrumentError as error:
        said = str(error)
    except MemoryError as error:
        defect, said = Defect.UNBOUNDED, str(error)
    except Exception as error:
        defect, said = Defect.TRACEBACK, f"{type(error).__name__}: {error} {_raised_at(error)}"
    seconds = time.monotonic() - started_s
    grown = _peak_bytes() - before
    if defect is None and grown > MOST_BYTES:
        defect, said = Defect.UNBOUNDED, f"{grown / 1e6:.0f} MB: {said}"
    return Reading(defect, said, seconds)


def _raised_at(error: Exception) -> str:
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    if frame is None:
        return ""
    return f"({Path(frame.tb_frame.f_code.co_filename).name}:{frame.tb_lineno})"


def _resident_bytes() -> int:
    """Memory in use now; where the system can, the peak begins anew."""
    if sys.platform == "linux":
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return int(psutil.Process().memory_info().rss)


def _peak_bytes() -> int:
    if sys.platform == "linux":
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) << 10
    return int(psutil.Process().memory_info().rss)
