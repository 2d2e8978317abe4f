"""The frame index of one camera: JSON lines, only ever appended to.

Three kinds of lines. A frame: ``{"frame": 0, "sequence": 17, "host_time_ns": ...,
"device_time_ns": ..., "trigger_count": ..., "crc32": "9ab30f21"}``. A gap before a
frame: ``{"gap": 3, "before_frame": 18, "cause": "disk"}``. What is on the disk for
certain, a power cut included: ``{"synced": 240}``, counted in frames.
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
    """Sent or exposed, but lost or damaged before they reached this program's memory."""
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
    """What the index says; ``frames[i]`` is None where its line is damaged.

    ``damaged_lines`` are line numbers, counted from 1. A last line without an end is
    no damage: the process died while writing it.
    """

    frames: tuple[FrameEntry | None, ...]
    gaps: tuple[Gap, ...]
    synced: int
    damaged_lines: tuple[int, ...]


def index_path(folder: Path, camera: str) -> Path:
    """Where the index of a camera lies."""
    return folder / f"{camera}.index.jsonl"


class IndexWriter:
    """Appends lines; each is in the operating system's hands when the call returns."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = FileIO(path, "a")

    def frame(self, number: int, entry: FrameEntry) -> None:
        """Note a frame whose codes have been handed to the disk."""
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
        """Note missing frames."""
        self._line({"gap": gap.frames, "before_frame": gap.before_frame, "cause": gap.cause.value})

    def synced(self, frames: int) -> None:
        """Wait until the lines are on the disk, then note that the first ``frames`` frames are."""
        os.fsync(self._file.fileno())
        self._line({"synced": frames})

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _line(self, content: dict[str, int | str | None]) -> None:
        line = json.dumps(content).encode() + b"\n"
        # A write cut short by a full disk leaves a line without end, which reading ignores.
        if self._file.write(line) != len(line):
            raise InstrumentError(f"{self._path} cannot be written: the disk is full")


def read_index(path: Path) -> FrameIndex:
    """Read an index as far as it goes; raises :class:`InstrumentError` where there is none."""
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
