"""Repair of a recording whose writer was killed; everything that was written is kept."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

from drivers.clock_steps import watched
from drivers.errors import InstrumentError
from drivers.recording.description import (
    Ending,
    RecordingInfo,
    read_description,
    with_warnings,
    write_description,
)
from drivers.recording.frame_index import FrameIndex, index_path, read_index
from drivers.recording.zarr_shards import (
    ArrayLayout,
    DamagedFrameError,
    ShardReader,
    crc32,
    frames_on_disk,
    read_table,
    table_of,
    write_table,
)

LOCK_NAME = ".writing"
"""Locked by the writer; the lock ends with the process."""

KILLED = "the recording program ended without finishing"


@contextmanager
def writing_lock(folder: Path) -> Iterator[None]:
    """Held while a recording is written or repaired.

    Raises :class:`InstrumentError` when another process holds it.
    """
    path = folder / LOCK_NAME
    try:
        # Recordings begin in one thread and end in another.
        held = FileLock(path, thread_local=False).acquire(timeout=0)
    except Timeout:
        raise InstrumentError(
            f"{folder} is being recorded right now; stop the recording first"
        ) from None
    with held:
        yield
        # Remove it while locked, so that no other process's file is removed. Windows refuses
        # that; there the lock removes its file itself.
        with suppress(PermissionError):
            path.unlink(missing_ok=True)


def repair(folder: Path, reason: str = KILLED) -> RecordingInfo:
    """Complete the shards, the arrays' shapes and ``recording.json`` of an unfinished recording.

    A frame counts if its index line and all of its codes exist. Codes written since the
    last sync are compared with their checksums, because a power cut may leave holes.
    Raises :class:`InstrumentError` if the recording is still being written, or cannot be
    written.
    """
    try:
        with writing_lock(folder):
            info = read_description(folder)
            return info if info.end is not None else complete(folder, info, reason)
    except OSError as error:
        raise InstrumentError(
            f"{folder} was not finished and cannot be completed: {error.strerror}; "
            "copy it to where it may be written"
        ) from None


def complete(folder: Path, info: RecordingInfo, reason: str) -> RecordingInfo:
    """:func:`repair` for a caller that holds the lock already."""
    frames, lost, clocks = {}, {}, {}
    for name, camera in info.cameras.items():
        layout = ArrayLayout.of(folder, name, camera, info.compression)
        index = read_index(index_path(folder, name))
        frames[name] = _whole_frames(layout, index)
        lost[name] = sum(gap.frames for gap in index.gaps if gap.before_frame <= frames[name])
        recorded = (entry.metadata for entry in index.frames[: frames[name]] if entry is not None)
        clocks[name] = watched(recorded).warnings
        _complete_shards(layout, frames[name], index)
        layout.write_metadata(frames[name])
    finished = with_warnings(info, clocks).model_copy(
        update={"end": Ending(finished=datetime.now(UTC), reason=reason, frames=frames, lost=lost)}
    )
    write_description(folder, finished)
    return finished


def _whole_frames(layout: ArrayLayout, index: FrameIndex) -> int:
    """Number of frames, from the first on, that are in the index and whole on the disk."""
    frames = min(len(index.frames), frames_on_disk(layout, index))
    codes = np.empty(layout.frame_format.shape, layout.frame_format.pixel_format.dtype)
    with ShardReader(layout, index) as reader:
        for frame in range(min(index.synced, frames), frames):
            entry = index.frames[frame]
            try:
                reader.read(frame, codes)
            except DamagedFrameError:
                return frame
            if entry is not None and entry.crc32 != crc32(codes):
                return frame
    return frames


def _complete_shards(layout: ArrayLayout, frames: int, index: FrameIndex) -> None:
    """Write the table of every shard; frames beyond ``frames`` are left out."""
    for shard in range(layout.shards()):
        wanted = max(0, min(layout.shard_frames, frames - shard * layout.shard_frames))
        if wanted == 0:
            layout.shard_path(shard).unlink(missing_ok=True)
        elif wanted < layout.shard_frames or read_table(layout, shard) is None:
            write_table(layout, shard, table_of(layout, shard, index), wanted)
