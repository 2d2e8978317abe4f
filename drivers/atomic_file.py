"""Atomic writing: files and folders that appear whole or not at all."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from drivers.errors import InstrumentError


def check_folder(*targets: Path | str | None) -> None:
    """Raise :class:`InstrumentError` if the folder of a file to be written does not exist.

    Call it before long work. None and ``"-"`` (standard output) need no folder.
    """
    for target in targets:
        if target not in (None, "-") and not Path(target or "").absolute().parent.is_dir():
            raise InstrumentError(f"{target} cannot be written: its folder does not exist")


@contextmanager
def whole_file(path: Path, *, durable: bool = False) -> Iterator[BinaryIO]:
    """An open file that replaces ``path`` when the ``with`` block ends without an error.

    It is written as ``NAME.part`` in the same folder, and removed if the block fails. A
    killed process leaves it, and the next call overwrites it. ``durable`` waits until the
    content is on the disk, so that even after a power cut ``path`` has the old or the new
    content. Raises :class:`InstrumentError` with the reason if it cannot be written.
    """
    unfinished = path.with_name(path.name + ".part")
    try:
        with unfinished.open("wb") as file:
            yield file
            if durable:
                file.flush()
                os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise InstrumentError(f"{path} cannot be written: {error.strerror}") from error
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """An empty folder that becomes ``path`` when the ``with`` block ends without an error.

    Like :func:`whole_file`, for many files. ``path`` must not exist.
    """
    unfinished = path.with_name(path.name + ".part")
    try:
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        yield unfinished
        unfinished.rename(path)
    except OSError as error:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise InstrumentError(f"{path} cannot be written: {error.strerror}") from error
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise


def write_file(path: Path, content: bytes) -> None:
    """Write ``content`` to a file, whole or not at all, by :func:`whole_file`."""
    with whole_file(path) as file:
        file.write(content)
