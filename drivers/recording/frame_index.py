"""The frame index of one camera: an append-only file of JSON lines.

Three kinds of lines. A frame: ``{"frame": 0, "sequence": 17, "host_time_ns": ...,
"device_time_ns": ..., "trigger_count": ..., "crc32": "9ab30f21"}``. A gap before a
frame: ``{"gap": 3, "before_frame": 18, "cause": "disk"}``. The number of frames that
are safe on the disk, even after a power cut: ``{"synced": 240}``.
"""

import json
import os
from dataclasses import dataclass
from enum import StrEnum
from io import FileIO
from pathlib import Path

from drivers.errors import InstrumentError
from drivers.frame import FrameMetadata


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
    no damage: the process was killed while writing it.
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
            }
        )

    def gap(self, gap: Gap) -> None:
        """Append the line of missing frames."""
        self._line({"gap": gap.frames, "before_frame": gap.before_frame, "cause": gap.cause.value})

    def synced(self, frames: int) -> None:
        """Wait until all lines are on the disk, then note that ``frames`` frames are synced."""
        os.fsync(self._file.fileno())
        self._line({"synced": frames})

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _line(self, content: dict[str, int | str | None]) -> None:
        line = json.dumps(content).encode() + b"\n"
        # A full disk leaves a line without an end, which reading ignores.
        if self._file.write(line) != len(line):
            raise InstrumentError(f"{self._path} cannot be written: the disk is full")


def read_index(path: Path) -> FrameIndex:
    """Read an index up to its last whole line; raises :class:`InstrumentError` if it is missing."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InstrumentError(
            f"{path} cannot be read: {error.strerror}; without it frame times are not known"
        ) from None
    frames: list[FrameEntry | None] = []
    gaps: list[Gap] = []
    damaged: list[int] = []
    synced = 0
    for number, line in enumerate(content.split(b"\n")[:-1], start=1):
        try:
            fields = json.loads(line)
            if "frame" in fields:
                position, entry = _frame_of(fields)
                if position < len(frames):
                    raise ValueError("a frame noted twice")
                frames.extend([None] * (position - len(frames)))
                frames.append(entry)
            elif "gap" in fields:
                gaps.append(Gap(fields["before_frame"], fields["gap"], GapCause(fields["cause"])))
            else:
                synced = int(fields["synced"])
        except (ValueError, KeyError, TypeError):
            damaged.append(number)
    return FrameIndex(tuple(frames), tuple(gaps), synced, tuple(damaged))


def _frame_of(fields: dict[str, object]) -> tuple[int, FrameEntry]:
    number, sequence, host_ns = (fields[key] for key in ("frame", "sequence", "host_time_ns"))
    device_ns, triggers = fields["device_time_ns"], fields["trigger_count"]
    known = isinstance(number, int) and isinstance(sequence, int) and isinstance(host_ns, int)
    optional = all(value is None or isinstance(value, int) for value in (device_ns, triggers))
    if not known or not optional:
        raise ValueError("no whole number where one belongs")
    metadata = FrameMetadata(sequence, host_ns, device_ns, triggers)  # type: ignore[arg-type]
    return number, FrameEntry(metadata, int(str(fields["crc32"]), 16))  # type: ignore[return-value]
