"""Reading a recording: frames by number, their metadata, and gaps."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from drivers.errors import InstrumentError
from drivers.frame import Frame, FrameMetadata
from drivers.pixel_format import Pixels
from drivers.recording.description import FILE_NAME, RecordedCamera, RecordingInfo, read_description
from drivers.recording.frame_index import FrameIndex, Gap, index_path, read_index
from drivers.recording.repair import repair
from drivers.recording.zarr_shards import (
    ArrayLayout,
    DamagedFrameError,
    ShardReader,
    crc32,
)


@dataclass(frozen=True)
class RecordedStream:
    """The frames of one camera, numbered from 0 as they were recorded."""

    name: str
    camera: RecordedCamera
    layout: ArrayLayout
    index: FrameIndex
    frames: int

    def __len__(self) -> int:
        return self.frames

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """Missing frames, in order."""
        return tuple(gap for gap in self.index.gaps if gap.before_frame <= self.frames)

    def metadata(self, frame: int) -> FrameMetadata:
        """Numbers and times of a frame; raises :class:`InstrumentError` if they are damaged."""
        entry = self.index.frames[frame] if frame < len(self.index.frames) else None
        if entry is None:
            raise InstrumentError(
                f"{self.layout.folder}: the index line of frame {frame} is damaged; its pixels can "
                "be read, its times are lost: leave it out"
            )
        return entry.metadata

    def known_metadata(self) -> list[tuple[int, FrameMetadata]]:
        """Number and metadata of every frame with a whole index line."""
        return [
            (number, entry.metadata)
            for number, entry in enumerate(self.index.frames[: self.frames])
            if entry is not None
        ]

    def open(self) -> ShardReader:
        """A reader of the pixels, for one thread; close it, or use it as a context manager."""
        return ShardReader(self.layout, self.index)

    def empty(self) -> Pixels:
        """New array for the codes of one frame."""
        form = self.camera.frame_format
        return np.empty(form.shape, form.pixel_format.dtype)

    def read_checked(self, reader: ShardReader, number: int, into: Pixels) -> None:
        """Fill ``into`` with the codes of a frame; check them if their checksum is known.

        Raises :class:`drivers.recording.zarr_shards.DamagedFrameError`.
        """
        try:
            reader.read(number, into)
        except OSError as error:  # the disk itself
            raise DamagedFrameError(
                f"{self.layout.folder}, frame {number}: {error.strerror}"
            ) from None
        entry = self.index.frames[number] if number < len(self.index.frames) else None
        if entry is not None and crc32(into) != entry.crc32:
            raise DamagedFrameError(
                f"{self.layout.folder}, frame {number}: its codes are not those that were "
                "recorded (CRC-32)"
            )

    def read(self, frames: range) -> Iterator[Frame]:
        """Frames in order, each with its own memory.

        Raises :class:`drivers.recording.zarr_shards.DamagedFrameError` and the errors of
        :meth:`metadata`.
        """
        with self.open() as reader:
            for number in frames:
                codes = self.empty()
                self.read_checked(reader, number, codes)
                yield Frame(codes, self.metadata(number))


@dataclass(frozen=True)
class Recording:
    """An opened recording of ``ngs record``; ``streams`` are named ``rsgr`` and ``gs``."""

    folder: Path
    info: RecordingInfo
    streams: dict[str, RecordedStream]

    def stream(self, name: str | None = None) -> RecordedStream:
        """Frames of the named camera, or of the first one without a name.

        Raises :class:`InstrumentError` with the names of the recorded cameras.
        """
        if name is None:
            return next(iter(self.streams.values()))
        if name not in self.streams:
            raise InstrumentError(
                f"{self.folder} has no camera {name!r}; it has {', '.join(self.streams)}"
            )
        return self.streams[name]


def is_recording(folder: Path) -> bool:
    """Whether a folder looks like a recording."""
    return os.path.isfile(folder / FILE_NAME)  # False too for a name the system refuses


def open_recording(folder: Path | str) -> Recording:
    """Open a recording; an unfinished one is completed first (see ``repair``).

    Raises :class:`InstrumentError` if it is no recording, or is being recorded.
    """
    folder = Path(folder)
    info = read_description(folder)
    if info.end is None:
        info = repair(folder)
    assert info.end is not None  # repaired
    streams = {}
    for name, camera in info.cameras.items():
        layout = ArrayLayout.of(folder, name, camera, info.compression)
        index = _index(index_path(folder, name))
        streams[name] = RecordedStream(name, camera, layout, index, info.end.frames[name])
    return Recording(folder, info, streams)


def _index(path: Path) -> FrameIndex:
    """The index, empty if its file is missing: the pixels can still be read without it."""
    return read_index(path) if path.exists() else FrameIndex((), (), 0, ())
