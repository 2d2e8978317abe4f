"""The frame index of one camera: an append-only file of JSON lines.

Three kinds of lines. A frame: ``{"frame": 0, "sequence": 17, "host_time_ns": ...,
"device_time_ns": ..., "trigger_count": ..., "crc32": "9ab30f21"}``, with ``"after_break":
true`` where the numbers do not tell what was lost before it, and ``"piled_up": true`` where it
was fetched late. A gap before a frame: ``{"gap": 3, "before_frame": 18, "cause": "disk"}``. The
number of frames that are safe on the disk, even after a power cut: ``{"synced": 240}``.

Each line ends with ``"check": "07c4e1d5"``, the CRC-32 of the line without it. Older
recordings lack it, older programs pass it over.
"""

import errno
import json
import os
import re
import zlib
from bisect import bisect_left
from dataclasses import dataclass
from enum import StrEnum
from io import FileIO
from pathlib import Path

from drivers.errors import InstrumentError
from drivers.frame import FrameMetadata
from drivers.input_file import read_input


class GapCause(StrEnum):
    """Why frames are missing."""

    CAMERA = "camera"
    """Sent or exposed, but lost or damaged before they reached the memory of this program."""
    DISK = "disk"
    """Captured, but overwritten in memory because writing was too slow."""
    DAMAGE = "damage"
    """Recorded, but not readable any more when this recording was made from that one."""


@dataclass(frozen=True, slots=True)
class Gap:
    """``frames`` missing before the recorded frame number ``before_frame``."""

    before_frame: int
    frames: int
    cause: GapCause


@dataclass(frozen=True, slots=True)
class FrameEntry:
    """One recorded frame and the CRC-32 of its codes as they lie in memory, C order."""

    metadata: FrameMetadata
    crc32: int


@dataclass(frozen=True, slots=True)
class FrameIndex:
    """Content of an index; ``frames[i]`` is None if its line is damaged.

    ``damaged_lines`` are line numbers, counted from 1. A last line without an end is
    no damage: the process was killed while writing it. Damaged lines at the end count as
    frames, which need not exist.
    """

    frames: tuple[FrameEntry | None, ...]
    gaps: tuple[Gap, ...]
    synced: int
    damaged_lines: tuple[int, ...]


def index_path(folder: Path, camera: str) -> Path:
    """Path of a camera's index."""
    return folder / f"{camera}.index.jsonl"


class IndexWriter:
    """Appends lines; the operating system has each line when the call returns."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = FileIO(path, "a")

    def frame(self, number: int, entry: FrameEntry) -> None:
        """Append the line of a frame whose codes have been handed to the writer."""
        metadata = entry.metadata
        self._line(
            {
                "frame": number,
                "sequence": metadata.sequence,
                "host_time_ns": metadata.host_time_ns,
                "device_time_ns": metadata.device_time_ns,
                "trigger_count": metadata.trigger_count,
                "crc32": f"{entry.crc32:08x}",
                **({"after_break": True} if metadata.after_break else {}),
                **({"piled_up": True} if metadata.piled_up else {}),
            }
        )

    def gap(self, gap: Gap) -> None:
        """Append the line of missing frames."""
        self._line({"gap": gap.frames, "before_frame": gap.before_frame, "cause": gap.cause.value})

    def synced(self, frames: int) -> None:
        """Wait until all lines are on the disk, then note that ``frames`` frames are synced."""
        os.fsync(self._file.fileno())
        self._line({"synced": frames})

    @property
    def removed(self) -> bool:
        """Whether the file has no name any more."""
        return os.fstat(self._file.fileno()).st_nlink == 0

    def is_at(self, path: Path) -> bool:
        """Whether ``path`` names this file."""
        try:
            return os.path.samestat(os.stat(path), os.fstat(self._file.fileno()))
        except OSError:
            return False

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _line(self, content: dict[str, int | str | None]) -> None:
        text = json.dumps(content)
        line = f'{text[:-1]}, "check": "{zlib.crc32(text.encode()):08x}"}}\n'.encode()
        # A full disk leaves a line without an end, which reading ignores.
        if self._file.write(line) != len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))


_CHECKED = re.compile(rb'(\{.*), "check": "([0-9a-f]{8})"\}')
_CRC32 = re.compile(r"[0-9a-f]{8}")

_MOST_BYTES = 4 << 30
"""Some 24 million frames, more than a day of 200 frames a second."""
_LEAST_LINE_BYTES = 64
_MOST_LINES_LOST = 1000
"""A frame's number is below that of the lines that fit before it, and these lost ones."""


def read_index(path: Path) -> FrameIndex:
    """Read an index up to its last whole line; raises :class:`InstrumentError` if it is missing.

    A damaged line costs that line: what stands in the others is told. Of frame lines without
    a check, the most whose numbers rise are taken.
    """
    try:
        content = read_input(path, _MOST_BYTES)
    except OSError as error:
        raise InstrumentError(
            f"{path} cannot be read: {error.strerror}; without it frame times are not known"
        ) from None
    lines = content.split(b"\n")[:-1]
    checks = [_CHECKED.fullmatch(line) for line in lines]
    checked = any(check is not None and _fits(check) for check in checks)
    entries: dict[int, tuple[int, FrameEntry]] = {}  # by line
    gaps: list[Gap] = []
    damaged: list[int] = []
    synced = begins = 0
    for line_number, (line, check) in enumerate(zip(lines, checks, strict=True), start=1):
        try:
            if checked and (check is None or not _fits(check)):
                raise ValueError("the line is not as it was written")
            fields = json.loads(line)
            if "frame" in fields:
                number = _whole(fields["frame"], least=0)
                if number > begins // _LEAST_LINE_BYTES + _MOST_LINES_LOST:
                    raise ValueError("so many frames have no lines before it")
                entries[line_number] = number, _entry_of(fields)
            elif "gap" in fields:
                gaps.append(_gap_of(fields))
            else:
                synced = _whole(fields["synced"], least=0)
        except (ValueError, KeyError, TypeError, RecursionError):
            damaged.append(line_number)
        begins += len(line) + 1
    rising = _longest_rise([(number, line) for line, (number, _) in entries.items()])
    damaged += [line for line in entries if line not in rising]
    frames: list[FrameEntry | None] = []
    for line_number in sorted(rising):
        number, entry = entries[line_number]
        frames += [None] * (number - len(frames))
        frames.append(entry)
    # Lines behind the last good one were of frames too, as far as there are pixels.
    last = max(rising, default=0)
    frames += [None] * sum(line > last for line in damaged)
    return FrameIndex(tuple(frames), tuple(gaps), synced, tuple(sorted(damaged)))


def _fits(check: re.Match[bytes]) -> bool:
    return zlib.crc32(check[1] + b"}") == int(check[2], 16)


def _longest_rise(numbered: list[tuple[int, int]]) -> set[int]:
    """Lines of the longest strictly rising part of ``(number, line)``, by patience sorting."""
    lowest: list[int] = []
    ends: list[int] = []
    before: dict[int, int | None] = {}
    for number, line in numbered:
        place = bisect_left(lowest, number)
        before[line] = ends[place - 1] if place else None
        lowest[place : place + 1] = [number]
        ends[place : place + 1] = [line]
    rising: set[int] = set()
    line_or_none = ends[-1] if ends else None
    while line_or_none is not None:
        rising.add(line_or_none)
        line_or_none = before[line_or_none]
    return rising


def _entry_of(fields: dict[str, object]) -> FrameEntry:
    device_ns, triggers = fields["device_time_ns"], fields["trigger_count"]
    if not isinstance(fields["crc32"], str) or not _CRC32.fullmatch(fields["crc32"]):
        raise ValueError("no checksum where one belongs")
    metadata = FrameMetadata(
        _whole(fields["sequence"]),
        _whole(fields["host_time_ns"]),
        None if device_ns is None else _whole(device_ns),
        None if triggers is None else _whole(triggers),
        after_break=fields.get("after_break") is True,
        piled_up=fields.get("piled_up") is True,
    )
    return FrameEntry(metadata, int(fields["crc32"], 16))


def _gap_of(fields: dict[str, object]) -> Gap:
    return Gap(
        _whole(fields["before_frame"], least=0),
        _whole(fields["gap"], least=1),
        GapCause(str(fields["cause"])),
    )


def _whole(value: object, least: int = -(1 << 63)) -> int:
    """A number that fits 64 bits; raises :class:`ValueError` for anything else."""
    if type(value) is not int or not least <= value < 1 << 63:
        raise ValueError("no whole number where one belongs")
    return value
