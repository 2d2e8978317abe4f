"""Files that are read whole: never a device, a FIFO, or more than fits.

A device such as ``/dev/zero`` has no end, and a FIFO waits for who writes. Both are refused by an
``OSError`` whose ``strerror`` is for the operator, as those of the system are.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

MOST_BYTES = 4 << 30
"""A larger file is none that is read into memory."""


def check_plain(path: Path) -> None:
    """Raise ``OSError`` if ``path`` cannot be reached, or is no plain file."""
    _check_mode(path, os.stat(path).st_mode)


def read_start(path: Path, count: int) -> bytes:
    """The first ``count`` bytes of a plain file, or fewer; raises ``OSError``."""
    with _opened(path) as file:
        return file.read(count)


def read_whole(path: Path, most_bytes: int = MOST_BYTES) -> bytes:
    """All bytes of a plain file; raises ``OSError``, also where it has more than ``most_bytes``."""
    with _opened(path) as file:
        found = os.fstat(file.fileno())
        if found.st_size > most_bytes:
            told = f"it has {found.st_size / 1e6:.0f} MB, at most {most_bytes / 1e6:.0f} are read"
            raise OSError(errno.EFBIG, told, str(path))
        return file.read(found.st_size)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    with open(path, "rb", opener=_at_once) as file:
        _check_mode(path, os.fstat(file.fileno()).st_mode)
        yield file


def _at_once(path: str, flags: int) -> int:
    """Open a FIFO without waiting for its other end; it is refused then."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _check_mode(path: Path, mode: int) -> None:
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):  # of a folder the system tells
        raise OSError(errno.EINVAL, "it is a device, a FIFO or a socket, no file", str(path))
