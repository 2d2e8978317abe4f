"""Output files and folders: refused before the work where that can be known, never half there.

A plain file is replaced at once by a finished one, also where a link leads to it. What is no
plain file, such as a FIFO, a device or an open descriptor (``/dev/stdout``), is written into.
"""

import errno
import hashlib
import io
import os
import re
import secrets
import shutil
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from drivers.errors import InstrumentError, StoppedByOperatorError
from drivers.plain_text import one_line

_UNFINISHED = re.compile(r"\.ngs-[0-9a-f]{16}\.part")
_MOST_LINKS = 40
"""As many as Linux follows."""
_LOOK_S = 0.05

_waits = threading.Event()
_tell: list[Callable[[str], None]] = [lambda line: None]


def is_unfinished(name: str) -> bool:
    """Whether a file or folder is what a killed process left of :func:`whole_file`."""
    return _UNFINISHED.fullmatch(name) is not None


def check_file(
    *targets: Path | str | None, makes: Path | None = None, spares: Iterable[Path | None] = ()
) -> None:
    """Raise :class:`InstrumentError` if a file to be written is sure to be refused.

    Call it before long work. None and ``"-"`` (standard output) are always taken. ``makes`` is
    a folder that the work makes first, with those above it; :func:`check_folder` looks at it.
    ``spares`` are files and folders that the work reads or makes: no target may be one of them or
    lie in one. Neither may two targets be one file.
    """
    made = () if makes is None else (real := Path(os.path.realpath(makes)), *real.parents)
    taken = [each for each in spares if each is not None]
    for target in targets:
        if target is None or target == "-":
            continue
        _check_apart(Path(target), taken)
        taken.append(Path(target))
        folder = Path(os.path.realpath(target)).parent
        if folder in made and not folder.exists():
            continue
        place = _place(Path(target))
        if isinstance(place, Path) and (os.path.isfile(place) or not os.path.exists(place)):
            _check_space(Path(target), place.parent)


def _check_apart(target: Path, others: Iterable[Path]) -> None:
    """Refuse to write at or in one of ``others``; into a FIFO or a device two may write."""
    real = Path(os.path.realpath(target))
    if os.path.exists(real) and not os.path.isfile(real):
        return
    for other in others:
        place = Path(os.path.realpath(other))
        if place == real:
            raise InstrumentError(f"{target} is read or written as {other} too; name another file")
        if place in real.parents:
            raise InstrumentError(f"{target} lies inside {other}; name a file elsewhere")


def check_folder(target: Path) -> None:
    """Raise :class:`InstrumentError` if a folder cannot be made at ``target``, or written into.

    Folders above it that do not exist are made too.
    """
    with _refusals_told(target):
        there = Path(os.path.realpath(target))
        made = []
        while not os.path.exists(there):
            made.append(there.name)
            there = there.parent
        if not os.path.isdir(there):
            raise InstrumentError(f"{target} cannot be written: {there} is no folder")
        _check_names(target, there, *made)
        _check_space(target, there)


@contextmanager
def whole_file(path: Path, *, durable: bool = False) -> Iterator[BinaryIO]:
    """An open file whose content is at ``path`` when the ``with`` block ends without an error.

    Until then a plain file keeps its old content; its permissions stay. A process that is
    killed leaves a file of which :func:`is_unfinished` is true. ``durable`` waits until the
    content is on the disk, so that even after a power cut ``path`` has the old or the new
    content. Raises :class:`InstrumentError` with the reason if it cannot be written.
    """
    place = _place(path)
    with _refusals_told(path):
        if isinstance(place, int) or (os.path.exists(place) and not os.path.isfile(place)):
            content = io.BytesIO()
            yield content
            _write_through(place, content.getbuffer())
            return
        unfinished = _unfinished_beside(place)
        try:
            with open(unfinished, "xb", opener=_opener_like(place)) as file:
                yield file
                if durable:
                    file.flush()
                    os.fsync(file.fileno())
            unfinished.replace(place)
        except BaseException:
            with suppress(OSError):  # the failure that led here is the one to tell
                unfinished.unlink(missing_ok=True)
            raise


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """An empty folder that becomes ``path`` when the ``with`` block ends without an error.

    Like :func:`whole_file`, for many files. ``path`` must not exist.
    """
    check_folder(path)
    with _refusals_told(path):
        place = Path(os.path.realpath(path))
        place.parent.mkdir(parents=True, exist_ok=True)
        unfinished = _unfinished_beside(place)
        try:
            unfinished.mkdir()
            yield unfinished
            unfinished.rename(place)
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise


def write_file(path: Path, content: bytes) -> None:
    """Write ``content`` to a file, whole or not at all, by :func:`whole_file`."""
    with whole_file(path) as file:
        file.write(content)


def remove_folder(folder: Path) -> None:
    """Remove a folder with all in it, if it exists; a kill half-way leaves no part at its name.

    What is left then, under a name of :func:`is_unfinished`, goes at the next call for it.
    """
    digest = hashlib.sha256(os.fsencode(folder.name)).hexdigest()[:16]
    removed = folder.with_name(f".ngs-{digest}.part")
    shutil.rmtree(removed, ignore_errors=True)
    if folder.exists():
        folder.rename(removed)
        shutil.rmtree(removed, ignore_errors=True)


def remove_unfinished(folder: Path) -> None:
    """Remove what killed processes left in ``folder``; for a folder that one process works in."""
    for left in folder.iterdir():
        if is_unfinished(left.name):
            if left.is_dir():
                shutil.rmtree(left)
            else:
                left.unlink()


def _place(path: Path) -> Path | int:
    """Where the content of ``path`` goes: a path without links, or a descriptor of ours."""
    with _refusals_told(path):
        place = _followed(path)
        if isinstance(place, int):
            _check_open_for_writing(place)
            return place
        # These functions of os.path take a name that the system refuses for one that is not there.
        if os.path.isdir(place):
            raise InstrumentError(f"{path} is a folder; name a file")
        if not os.path.isdir(place.parent):
            raise InstrumentError(f"{path} cannot be written: its folder does not exist")
        if not os.path.exists(place):
            _check_names(path, place.parent, place.name)
            return place
        mode = place.stat().st_mode
        if stat.S_ISBLK(mode) or stat.S_ISSOCK(mode):
            raise InstrumentError(f"{path} is a disk or a socket; name a file")
        if not os.access(place, os.W_OK):
            raise InstrumentError(f"{path} cannot be written: it is read-only for this user")
        if stat.S_ISREG(mode):
            _check_names(path, place.parent)
        return place


def _followed(path: Path) -> Path | int:
    """What ``path`` leads to; unlike ``realpath`` it stops at an open descriptor.

    ``/dev/stdout`` leads to a descriptor that leads to a file. To replace that file would
    part the two, and what the shell writes there would be lost.
    """
    own = {os.path.realpath("/dev/fd"), f"/proc/{os.getpid()}/fd"}
    for _ in range(_MOST_LINKS):
        folder = os.path.realpath(path.parent)
        if folder in own and path.name.isdecimal():
            return int(path.name)
        path = Path(folder, path.name)
        if not os.path.islink(path):
            return path
        path = Path(folder, path.readlink())
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))


def _check_open_for_writing(descriptor: int) -> None:
    if sys.platform != "win32":
        import fcntl

        access = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE
        if access == os.O_RDONLY:
            raise OSError(errno.EBADF, "it is open for reading alone")


def _check_names(target: Path, folder: Path, *made: str) -> None:
    """Refuse what cannot be made in ``folder``, and names that cannot be shown as they are."""
    for name in made:
        if name != one_line(name):
            raise InstrumentError(
                f"{target} cannot be written: its name has control characters or is not UTF-8; "
                "name it otherwise"
            )
        length, limit = len(os.fsencode(name)), _longest_name_bytes(folder)
        if length > limit:
            raise InstrumentError(
                f"{name[:20]}... cannot be written: the name has {length} bytes, at most {limit} "
                "are allowed"
            )
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InstrumentError(
            f"{target} cannot be written: the folder {folder} is read-only for this user"
        )


def _check_space(target: Path, folder: Path) -> None:
    usage = shutil.disk_usage(folder)
    if usage.total and not usage.free:
        raise InstrumentError(f"{target} cannot be written: the disk of {folder} is full")


def _longest_name_bytes(folder: Path) -> int:
    if hasattr(os, "pathconf"):
        return os.pathconf(folder, "PC_NAME_MAX")
    return 255


def _unfinished_beside(place: Path) -> Path:
    """A name in the same folder that nobody has or can guess; :func:`is_unfinished` knows it."""
    return place.with_name(f".ngs-{secrets.token_hex(8)}.part")


def _opener_like(former: Path) -> Callable[[str, int], int] | None:
    """Makes files with the permissions of ``former``; None, as usual, where it does not exist."""
    if not os.path.exists(former):
        return None
    mode = stat.S_IMODE(former.stat().st_mode)

    def opener(name: str, flags: int) -> int:
        # Never open to more people than the former file, not even for a moment.
        descriptor = os.open(name, flags, mode & 0o777)
        if sys.platform != "win32":
            os.fchmod(descriptor, mode)  # what the umask took away
        return descriptor

    return opener


def _write_through(place: Path | int, content: memoryview) -> None:
    """Write into what is there: a descriptor of ours, a FIFO or a device."""
    if isinstance(place, int):
        if sys.stdout is not None:
            sys.stdout.flush()  # what was printed before comes before
        place = os.dup(place)
    named = f"descriptor {place}" if isinstance(place, int) else place
    _waits.set()
    try:
        with open(place, "wb", opener=_opened_for_a_reader) as file:
            file.write(content)
    except KeyboardInterrupt:
        raise StoppedByOperatorError(
            f"interrupted while {named} waited for its reader; what was for it is not written"
        ) from None
    finally:
        _waits.clear()


def _opened_for_a_reader(place: str, _: int) -> int:
    """A descriptor to write to; of a FIFO once somebody reads it, which may take long.

    Without O_CREAT: where it has gone meanwhile, no file is made in its place.
    """
    told = False
    while True:
        try:
            descriptor = os.open(place, os.O_WRONLY | getattr(os, "O_NONBLOCK", 0))
            break
        except OSError as error:
            if error.errno != errno.ENXIO or not _is_fifo(place):
                raise
        if not told:
            _tell[-1](f"waiting until somebody reads {place} (Ctrl-C ends)")
            told = True
        time.sleep(_LOOK_S)
    if hasattr(os, "set_blocking"):
        os.set_blocking(descriptor, True)
    return descriptor


def _is_fifo(place: str) -> bool:
    return stat.S_ISFIFO(os.stat(place).st_mode)


def is_waiting_for_a_reader() -> bool:
    """Whether a FIFO, a pipe or a device is written into now, which may take for ever."""
    return _waits.is_set()


@contextmanager
def waiting_told_by(tell: Callable[[str], None]) -> Iterator[None]:
    """Meanwhile call ``tell`` with a line when a FIFO waits for its reader."""
    _tell.append(tell)
    try:
        yield
    finally:
        _tell.pop()


@contextmanager
def _refusals_told(path: Path) -> Iterator[None]:
    """Errors of the system as an :class:`InstrumentError` that names the target."""
    try:
        yield
    except OSError as error:
        raise InstrumentError(f"{path} cannot be written: {error.strerror or error}") from error
