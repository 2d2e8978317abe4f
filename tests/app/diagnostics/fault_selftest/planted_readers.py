"""Readers of one small file that break a promise each, and one that keeps all."""

import os
import time
from pathlib import Path

from app.diagnostics.fault_selftest.defects import Defect
from app.diagnostics.fault_selftest.reading_process import FileReader
from drivers.errors import InstrumentError

INTACT = b'{"value": 1}'
TOO_LARGE_BYTES = 600 << 20


def _make(folder: Path) -> None:
    (folder / "a.json").write_bytes(INTACT)


def _is_intact(folder: Path) -> bool:
    path = folder / "a.json"
    return path.is_file() and path.stat().st_size == len(INTACT) and path.read_bytes() == INTACT


def _refuse(folder: Path) -> None:
    if not _is_intact(folder):
        raise InstrumentError(f"{folder / 'a.json'} is damaged; copy it again")


def _raise(folder: Path) -> None:
    if not _is_intact(folder):
        raise KeyError("value")


def _say_nothing_useful(folder: Path) -> None:
    if not _is_intact(folder):
        raise InstrumentError("it is damaged")


def _say_two_lines(folder: Path) -> None:
    if not _is_intact(folder):
        raise InstrumentError(f"{folder / 'a.json'} is damaged\nat its end")


def _mend(folder: Path) -> None:
    if not _is_intact(folder):
        (folder / "b.json").write_bytes(INTACT)
        (folder / "b.json").replace(folder / "a.json")


def _write_beside(folder: Path) -> None:
    if not _is_intact(folder):
        Path("beside").touch()


def _hang(folder: Path) -> None:
    if not _is_intact(folder):
        time.sleep(600)


def _crash(folder: Path) -> None:
    if not _is_intact(folder):
        os._exit(11)


def _take_memory(folder: Path) -> None:
    if not _is_intact(folder):
        taken = b"x" * TOO_LARGE_BYTES
        time.sleep(600)
        assert taken


def _refuse_everything(folder: Path) -> None:
    raise InstrumentError(f"{folder} is damaged")


KEEPS = FileReader("keeps", _make, _refuse, share=1)
BROKEN = {
    Defect.TRACEBACK: FileReader("raises", _make, _raise, share=1),
    Defect.CHANGED_INPUT: FileReader("mends", _make, _mend, share=1),
    Defect.WROTE_OUTSIDE: FileReader("writes", _make, _write_beside, share=1),
    Defect.HANG: FileReader("hangs", _make, _hang, share=1),
    Defect.CRASH: FileReader("crashes", _make, _crash, share=1),
    Defect.UNBOUNDED: FileReader("takes memory", _make, _take_memory, share=1),
    Defect.UNCLEAR: FileReader("says nothing", _make, _say_nothing_useful, share=1),
}
TWO_LINES = FileReader("two lines", _make, _say_two_lines, share=1)
REFUSES_EVERYTHING = FileReader("refuses everything", _make, _refuse_everything, share=1)
