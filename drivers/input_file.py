"""Input files: only plain files are read, none beyond a size, and their faults told in one line.

A pipe or a device may give nothing, or never end. What is refused here is an :class:`OSError`
with its reason as ``strerror``, as the system's own refusals are.
"""

import errno
import io
import os
import stat
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO

from pydantic import ValidationError

from drivers.plain_text import one_line

MOST_DOCUMENT_BYTES = 64 << 20
"""For what people or programs write as one JSON or XML document."""

_LONGEST_WORDS = 200

_ZIP_FAULTS = (
    *(zipfile.BadZipFile, zlib.error, EOFError, KeyError, ValueError, NotImplementedError),
    RuntimeError,  # one that is encrypted
)


def open_input(path: Path) -> BinaryIO:
    """The plain file at ``path``, or behind links there, to read; never waits for a writer.

    Raises :class:`OSError`.
    """
    if "\0" in str(path):
        raise _refused("its name holds a zero")
    # Looked at before: to open a device may do something.
    _check_plain(os.stat(path))
    # Without O_NONBLOCK a pipe that has come in between would wait for its writer.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    file = os.fdopen(os.open(path, flags), "rb")
    try:
        _check_plain(os.fstat(file.fileno()))
    except OSError:
        file.close()
        raise
    return file


def read_input(path: Path, most_bytes: int = MOST_DOCUMENT_BYTES) -> bytes:
    """The content of the plain file at ``path``; raises :class:`OSError`."""
    with open_input(path) as file:
        size = os.fstat(file.fileno()).st_size
        content = b"" if size > most_bytes else file.read(most_bytes + 1)
    if max(size, len(content)) > most_bytes:
        raise _refused(f"it has {size / 1e6:.0f} MB, at most {most_bytes / 1e6:.0f} are read")
    return content


def zip_member(
    archive: bytes, name: str | None = None, most_bytes: int = MOST_DOCUMENT_BYTES
) -> bytes:
    """One unpacked member of a zip, the first without ``name``; raises :class:`OSError`."""
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as members:
            name = name or next(iter(members.namelist()), "any file")
            content = _start_of(members, name, most_bytes + 1)
    except _ZIP_FAULTS as error:
        raise _refused(f"the zip is damaged or lacks {words(name)}: {words(error)}") from None
    if len(content) > most_bytes:
        raise _refused(f"{words(name)} unpacks to more than {most_bytes / 1e6:.0f} MB")
    return content


def _start_of(archive: zipfile.ZipFile, name: str, size: int) -> bytes:
    with archive.open(name) as member:
        return member.read(size)


def first_fault(error: ValidationError) -> str:
    """The first field that is not as it should be, and why, as a few words."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    field = ".".join(str(part) for part in first["loc"]) or "the file"
    return f"{words(field)}: {words(first['msg'].removeprefix('Value error, '))}"


def words(text: object) -> str:
    """``text`` as plain text in one line, cut where it is long.

    >>> words("no such\\nthing")
    'no such\\\\nthing'
    """
    line = one_line(text)
    return line if len(line) <= _LONGEST_WORDS else f"{line[:_LONGEST_WORDS]}..."


def _check_plain(found: os.stat_result) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(found.st_mode):
        raise _refused("it is a pipe or a device, no file")


def _refused(reason: str) -> OSError:
    return OSError(errno.EINVAL, reason)
