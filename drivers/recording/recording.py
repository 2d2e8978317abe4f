"""Reading a recording: frames by number, their metadata, and gaps."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np

from drivers.clock_steps import watched
from drivers.errors import InstrumentError
from drivers.frame import Frame, FrameMetadata
from drivers.pixel_format import Pixels
from drivers.recording.description import (
    FILE_NAME,
    RecordedCamera,
    RecordingInfo,
    check_inside,
    read_description,
    with_warnings,
)
from drivers.recording.frame_index import FrameIndex, Gap, index_path, read_index
from drivers.recording.unfinished import chunks_behind, ending, whole_frames
from drivers.recording.writing_lock import is_being_written
from drivers.recording.zarr_shards import (
    ArrayLayout,
    DamagedFrameError,
    ShardReader,
    crc32,
)


class Progress(StrEnum):
    """How far a recording is."""

    COMPLETE = "complete"
    UNFINISHED = "not finished"
    """Its writer was killed; ``ngs repair`` completes it."""
    BEING_WRITTEN = "being recorded"


KILLED = "the recording program ended without finishing"
_GOES_ON = "it is being recorded"


@dataclass(frozen=True)
class RecordedStream:
    """The frames of one camera, numbered from 0 as they were recorded.

    ``chunks_behind`` counts those of an unfinished recording that lie behind its frames: no
    index line tells their times, and they are not read.
    """

    name: str
    camera: RecordedCamera
    layout: ArrayLayout
    index: FrameIndex
    frames: int
    chunks_behind: int = 0

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
    """An opened recording of ``ngs record``; ``streams`` are named ``rsgr`` and ``gs``.

    ``info.end`` is there in any case: of a recording that is not complete, as it would be if
    its writer ended now.
    """

    folder: Path
    info: RecordingInfo
    streams: dict[str, RecordedStream]
    progress: Progress = Progress.COMPLETE

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


def open_recording(folder: Path | str, *, locked: bool = False) -> Recording:
    """Open a recording, also one that is being written or was not finished; nothing is written.

    One that is being written has the frames so far. ``locked``: the caller holds the lock, so
    that nobody is writing. Raises :class:`InstrumentError` if it is no recording.
    """
    folder = Path(folder)
    info = read_description(folder)
    if info.end is None:
        written = not locked and is_being_written(folder)
        info = read_description(folder)  # it may have ended meanwhile
        if info.end is None:
            progress = Progress.BEING_WRITTEN if written else Progress.UNFINISHED
            return open_unfinished(folder, info, _GOES_ON if written else KILLED, progress)
    assert info.end is not None  # looked at
    streams = {}
    for name, camera in info.cameras.items():
        layout, index = _files(folder, name, camera, info)
        # What neither the index nor the array knows of is not there, whatever the description says.
        there = max(len(index.frames), layout.shards() * layout.shard_frames)
        frames = min(info.end.frames[name], there)
        streams[name] = RecordedStream(name, camera, layout, index, frames)
    return Recording(folder, info, streams)


def open_unfinished(
    folder: Path, info: RecordingInfo, reason: str, progress: Progress = Progress.UNFINISHED
) -> Recording:
    """The recording as if it had ended now for this reason; for :func:`open_recording`."""
    streams = {}
    for name, camera in info.cameras.items():
        layout, index = _files(folder, name, camera, info)
        frames = whole_frames(layout, index)
        behind = chunks_behind(layout, index, frames)
        streams[name] = RecordedStream(name, camera, layout, index, frames, behind)
    counts = {name: len(stream) for name, stream in streams.items()}
    indices = {name: stream.index for name, stream in streams.items()}
    end = ending(folder, info, reason, counts, indices)
    clocks = {name: _clock_warnings(stream) for name, stream in streams.items()}
    told = with_warnings(info, clocks).model_copy(update={"end": end})
    return Recording(folder, told, streams, progress)


def _clock_warnings(stream: RecordedStream) -> tuple[str, ...]:
    entries = stream.index.frames[: len(stream)]
    return watched(entry.metadata for entry in entries if entry is not None).warnings


def _files(
    folder: Path, name: str, camera: RecordedCamera, info: RecordingInfo
) -> tuple[ArrayLayout, FrameIndex]:
    """Layout and index of a camera; the index is empty if its file is missing.

    Pixels can be read without it. Raises :class:`InstrumentError` where a link leads out.
    """
    layout = ArrayLayout.of(folder, name, camera, info.compression)
    path = index_path(folder, name)
    for each in (path, layout.folder, layout.folder / "zarr.json"):
        check_inside(folder, each)
    for shard in layout.existing_shards():
        check_inside(folder, layout.shard_path(shard))
    return layout, read_index(path) if path.exists() else FrameIndex((), (), 0, ())
