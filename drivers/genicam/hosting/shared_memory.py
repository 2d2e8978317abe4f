"""What a camera's process and the program both see: life signs, counts and frames."""

import contextlib
import mmap
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import IntEnum
from multiprocessing.context import SpawnContext
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivers.camera import CaptureCounters, FrameFormat
from drivers.errors import InstrumentError
from drivers.frame import FrameMetadata
from drivers.pixel_format import Pixels

_UNKNOWN = -1
AHEAD = 8
"""Frames that the camera's process may be ahead: 40 ms at 200 fps, beside the producer's own
buffers."""
_IN_MEMORY = Path("/dev/shm")
"""Where files lie in memory alone, on Linux."""


class _Word(IntEnum):
    ALIVE_US = 0
    TAKEN = 1
    COUNTS = 2
    """The first of as many as :class:`CaptureCounters` has."""


_COUNTS = tuple(field.name for field in fields(CaptureCounters))


def _packed(counted: CaptureCounters) -> tuple[int, ...]:
    values = (getattr(counted, name) for name in _COUNTS)
    return tuple(_UNKNOWN if value is None else value for value in values)


def _unpacked(words: Sequence[int]) -> CaptureCounters:
    values = (None if word == _UNKNOWN else word for word in words)
    return CaptureCounters(**dict(zip(_COUNTS, values, strict=True)))  # type: ignore[arg-type]


class LifeSigns:
    """A few numbers that one side writes and the other reads; each is written at once.

    The camera's process tells when it last ran and what it has counted, the
    program how many frames it has taken.
    """

    def __init__(self, words: Any) -> None:
        """``words`` come from :meth:`words`, and travel to the other process as they are."""
        self._words: NDArray[np.int64] = np.frombuffer(words, np.int64)

    @staticmethod
    def words(context: SpawnContext) -> Any:
        """Memory for the numbers, to be given to both sides."""
        return context.RawArray("q", _Word.COUNTS + len(_COUNTS))

    def note_alive(self) -> None:
        """The camera's process runs Python now."""
        self._words[_Word.ALIVE_US] = int(time.monotonic() * 1e6)

    @property
    def silent_s(self) -> float:
        """How long ago it last did."""
        return time.monotonic() - int(self._words[_Word.ALIVE_US]) / 1e6

    @property
    def taken(self) -> int:
        """Frames that the program has taken since the start."""
        return int(self._words[_Word.TAKEN])

    @taken.setter
    def taken(self, frames: int) -> None:
        self._words[_Word.TAKEN] = frames

    @property
    def counters(self) -> CaptureCounters:
        """What the camera's process has counted, also while no frame comes."""
        return _unpacked(self._words[_Word.COUNTS :].tolist())

    @counters.setter
    def counters(self, counted: CaptureCounters) -> None:
        self._words[_Word.COUNTS :] = _packed(counted)


@dataclass(frozen=True, slots=True)
class FramePlace:
    """Where the frames of a run lie; travels to the camera's process.

    The camera's process may be ``ahead`` frames ahead of the program.
    """

    file: Path
    frame_format: FrameFormat
    slots: int
    ahead: int


_NOTE_WORDS = 8 + len(_COUNTS)
"""Sequence, times and trigger count, whether each of the latter two is known, flags, counts."""


class FrameMemory:
    """Slots for frames on their way; frame n since the start lies in slot n modulo ``slots``.

    Memory of a file that both sides map. The system frees it when the file has no name any
    more and nobody keeps an array of it.
    """

    def __init__(self, place: FramePlace) -> None:
        """Map what :meth:`made` has made."""
        self.place = place
        with place.file.open("r+b") as file:
            memory = mmap.mmap(file.fileno(), 0)
        self._notes: NDArray[np.int64] = np.ndarray((place.slots, _NOTE_WORDS), np.int64, memory)
        self.pixels: Pixels = np.ndarray(
            (place.slots, *place.frame_format.shape),
            place.frame_format.pixel_format.dtype,
            memory,
            self._notes.nbytes,
        )
        """All slots, ``(slots, *frame shape)``."""

    @classmethod
    def made(cls, frame_format: FrameFormat, slots: int, *, for_ring: bool) -> "FrameMemory":
        """New memory of so many slots beyond those the camera's process is ahead.

        A ring's lies in memory alone: a disk would have to follow it all the time. Raises
        :class:`InstrumentError` where the system has too little.
        """
        frame_bytes = int(np.prod(frame_format.shape)) * frame_format.pixel_format.dtype.itemsize
        slots += AHEAD
        size = slots * (frame_bytes + _NOTE_WORDS * 8)
        temporary = Path(tempfile.gettempdir())
        places = [_IN_MEMORY] if for_ring else [_IN_MEMORY, temporary]
        # Writing to memory that is not there would end both processes without a word.
        room = {each: shutil.disk_usage(each).free for each in places if each.is_dir()}
        folder = next((each for each, free in room.items() if size <= free), None)
        if folder is None:
            told = ", ".join(f"{each} has {free / 1e6:.0f} MB free" for each, free in room.items())
            raise InstrumentError(
                f"{slots} frames on their way take {size / 1e6:.0f} MB; {told}; free some, or "
                "choose a smaller region"
            )
        try:
            with tempfile.NamedTemporaryFile(prefix="ngs-", dir=folder, delete=False) as file:
                file.truncate(size)
        except OSError as error:
            raise InstrumentError(
                f"{folder} takes no frames on their way ({error.strerror}); make it writable"
            ) from error
        return cls(FramePlace(Path(file.name), frame_format, slots, AHEAD))

    def forget_file(self) -> None:
        """Take the file's name away once both sides have mapped it; safe to repeat."""
        # Windows keeps a file while it is mapped: its folder of temporary files is cleared.
        with contextlib.suppress(OSError):
            self.place.file.unlink(missing_ok=True)

    def slot(self, number: int) -> Pixels:
        """The slot of frame ``number``."""
        pixels: Pixels = self.pixels[number % self.place.slots]
        return pixels

    def note(self, number: int, metadata: FrameMetadata, counted: CaptureCounters) -> None:
        """Write what is known of frame ``number``, and the counts as of it."""
        device_ns, triggers = metadata.device_time_ns, metadata.trigger_count
        self._notes[number % self.place.slots] = (
            metadata.sequence,
            metadata.host_time_ns,
            device_ns is not None,
            device_ns or 0,
            triggers is not None,
            triggers or 0,
            metadata.after_break,
            metadata.piled_up,
            *_packed(counted),
        )

    def noted(self, number: int) -> tuple[FrameMetadata, CaptureCounters]:
        """What was written of frame ``number``."""
        words = self._notes[number % self.place.slots].tolist()
        sequence, host_ns, has_device, device_ns, has_triggers, triggers, *others = words
        broke, piled_up, *counts = others
        metadata = FrameMetadata(
            sequence,
            host_ns,
            device_ns if has_device else None,
            triggers if has_triggers else None,
            after_break=bool(broke),
            piled_up=bool(piled_up),
        )
        return metadata, _unpacked(counts)
