"""The lock of a recording that is being written; it ends with the process that holds it."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from drivers.errors import InstrumentError
from drivers.input_file import open_input

try:
    from fcntl import LOCK_NB, LOCK_SH, flock
except ImportError:  # Windows
    flock = None  # type: ignore[assignment]

LOCK_NAME = ".writing"
"""Locked by the writer."""

_PATIENCE_S = 0.2
"""Whoever looks whether a recording is being written holds its lock for a moment."""


@contextmanager
def writing_lock(folder: Path) -> Iterator[None]:
    """Held while a recording is written or repaired.

    Raises :class:`InstrumentError` when another process holds it.
    """
    path = folder / LOCK_NAME
    try:
        # Recordings begin in one thread and end in another.
        held = FileLock(path, thread_local=False).acquire(timeout=_PATIENCE_S)
    except Timeout:
        raise InstrumentError(
            f"{folder} is being recorded right now; stop the recording first"
        ) from None
    with held:
        try:
            yield
        finally:
            # Remove it while locked, so that no other process's file is removed. Windows refuses
            # that; there the lock removes its file itself.
            with suppress(OSError):
                path.unlink(missing_ok=True)


def is_being_written(folder: Path) -> bool:
    """Whether a process holds the lock; on Linux nothing is written to see that.

    Ask once the recording has a description: the writer locks before it writes that, so it is
    never kept from its lock.
    """
    path = folder / LOCK_NAME
    if flock is None:
        return path.exists() and not _can_be_locked(path)
    try:
        with open_input(path) as file:
            flock(file, LOCK_SH | LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # no such file, no plain one, or a file system without locks
        return False
    return False


def _can_be_locked(path: Path) -> bool:
    try:
        FileLock(path).acquire(timeout=0).lock.release()
    except (Timeout, OSError):
        return False
    return True
