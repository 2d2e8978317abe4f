"""The frames of a recording that was not finished, or is being written; nothing is written here."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from drivers.recording.description import Ending, RecordingInfo
from drivers.recording.frame_index import FrameIndex, index_path
from drivers.recording.zarr_shards import (
    NOWHERE,
    ArrayLayout,
    DamagedFrameError,
    ShardReader,
    crc32,
    table_of,
)


def whole_frames(layout: ArrayLayout, index: FrameIndex) -> int:
    """Number of frames that are in the index and, as far as they are not synced, whole.

    Codes written since the last sync are compared with their checksums, because a power cut
    may leave holes. A synced frame counts in any case: one that is missing is damage.
    """
    listed = len(index.frames)
    told = max((number for number, entry in enumerate(index.frames, 1) if entry), default=0)
    codes = np.empty(layout.frame_format.shape, layout.frame_format.pixel_format.dtype)
    with ShardReader(layout, index) as reader:
        for frame in range(min(index.synced, told), listed):
            entry = index.frames[frame]
            try:
                reader.read(frame, codes)
            except DamagedFrameError:
                return frame
            if entry is not None and entry.crc32 != crc32(codes):
                return frame
    return listed


def chunks_behind(layout: ArrayLayout, index: FrameIndex, frames: int) -> int:
    """Number of chunks that lie in the shards behind the first ``frames`` frames."""
    return sum(
        place != NOWHERE and shard * layout.shard_frames + number >= frames
        for shard in layout.existing_shards()
        if (shard + 1) * layout.shard_frames > frames
        for number, place in enumerate(table_of(layout, shard, index))
    )


def ending(
    folder: Path,
    info: RecordingInfo,
    reason: str,
    frames: Mapping[str, int],
    indices: Mapping[str, FrameIndex],
) -> Ending:
    """How it ended, as far as that can be seen: when its indices were last written to."""
    lost = {
        name: sum(gap.frames for gap in index.gaps if gap.before_frame <= frames[name])
        for name, index in indices.items()
    }
    return Ending(
        finished=_last_written(folder, info), reason=reason, frames=dict(frames), lost=lost
    )


def _last_written(folder: Path, info: RecordingInfo) -> datetime:
    indices = [index_path(folder, name) for name in info.cameras]
    times_s = [path.stat().st_mtime for path in indices if path.exists()]
    return datetime.fromtimestamp(max(times_s), UTC) if times_s else info.started
