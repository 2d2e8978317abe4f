"""Files and folders that appear whole or not at all."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from drivers.errors import InstrumentError


def check_folder(*targets: Path | str | None) -> None:
    """Raise :class:`InstrumentError` where a file cannot be made for want of its folder.

    To be asked before long work. None and ``"-"``, standard output, need none.
    """
    for target in targets:
        if target not in (None, "-") and not Path(target or "").absolute().parent.is_dir():
            raise InstrumentError(f"{target} cannot be written: its folder does not exist")


@contextmanager
def whole_file(path: Path, *, durable: bool = False) -> Iterator[BinaryIO]:
    """An open file that takes the place of ``path`` when the block ends well.

    It gathers beside it, as ``NAME.part``, and is gone if the block fails; a
    killed process leaves it behind for the next to overwrite. ``durable`` waits
    until the disk has it, so that a power cut too leaves the former or the new
    content. Raises :class:`InstrumentError` with the reason where it cannot be
    written.
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
    """An empty folder that takes the place of ``path`` when the block ends well.

    As :func:`whole_file`, for what becomes many files. ``path`` must not exist.
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
    """Write a whole file or none, as :func:`whole_file` does."""
    with whole_file(path) as file:
        file.write(content)
