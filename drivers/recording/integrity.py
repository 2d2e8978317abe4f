"""Verification of a recording: missing or damaged frames, index lines and array files."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from pydantic_core import from_json

from drivers.input_file import read_input
from drivers.recording.frame_index import index_path
from drivers.recording.recording import Progress, RecordedStream, Recording
from drivers.recording.zarr_shards import DamagedFrameError, ShardReader, read_table


@dataclass(frozen=True, slots=True)
class Damage:
    """A damaged part; ``frame`` is None if it is not the part of a single frame."""

    camera: str
    frame: int | None
    text: str


def verify(
    recording: Recording, on_progress: Callable[[int, int], None] | None = None
) -> list[Damage]:
    """Read every frame and compare it with its checksum; check index and arrays too.

    What a recording lacks because it is not complete is no damage. ``on_progress(done, total)``
    counts frames.
    """
    streams = recording.streams.values()
    total = sum(len(stream) for stream in streams)
    damages: list[Damage] = []
    done = 0
    for stream in streams:
        path = index_path(recording.folder, stream.name)
        if path.exists():
            damages += _index_damages(stream)
        else:
            text = f"{path} is missing: the times of all its frames are lost"
            damages.append(Damage(stream.name, None, text))
        assert recording.info.end is not None  # opening tells it
        told = recording.info.end.frames[stream.name]
        if len(stream) < told:
            text = f"{told} frames were recorded, index and array know of {len(stream)}"
            damages.append(Damage(stream.name, None, text))
        # The line of a first frame follows its pixels.
        if stream.chunks_behind > 1 and path.exists() and not stream.index.frames:
            text = f"its index is lost: {stream.chunks_behind} frames have pixels and no line"
            damages.append(Damage(stream.name, None, text))
        if recording.progress is Progress.COMPLETE:
            damages += _array_damages(stream)
        with stream.open() as reader:
            for number in range(len(stream)):
                damages += _frame_damages(stream, reader, number, reported=not path.exists())
                done += 1
                if on_progress is not None:
                    on_progress(done, total)
    return damages


def _index_damages(stream: RecordedStream) -> Iterator[Damage]:
    for line in stream.index.damaged_lines:
        yield Damage(stream.name, None, f"line {line} of its index is damaged")
    known = stream.known_metadata()
    for (before, first), (after, second) in pairwise(known):
        if after != before + 1:
            continue  # the damaged line between them is reported already
        missing = second.sequence - first.sequence - 1
        explained = sum(gap.frames for gap in stream.gaps if gap.before_frame == after)
        if missing != explained:
            yield Damage(
                stream.name,
                after,
                f"{missing} frames are missing before it, the index explains {explained}",
            )


def _array_damages(stream: RecordedStream) -> Iterator[Damage]:
    layout = stream.layout
    path = layout.folder / "zarr.json"
    try:
        intact = from_json(read_input(path)) == layout.metadata(len(stream))
    except (OSError, ValueError):
        intact = False
    if not intact:
        yield Damage(stream.name, None, f"{path} is damaged: other programs cannot read the array")
    for shard in range(-(-len(stream) // layout.shard_frames)):
        path = layout.shard_path(shard)
        if path.exists() and read_table(layout, shard) is None:
            yield Damage(stream.name, None, f"{path}: the table of its chunks is damaged")


def _frame_damages(
    stream: RecordedStream, reader: ShardReader, number: int, *, reported: bool
) -> Iterator[Damage]:
    """Damages of one frame; ``reported``: the loss of the whole index is reported already."""
    entry = stream.index.frames[number] if number < len(stream.index.frames) else None
    if entry is None and not reported:
        yield Damage(stream.name, number, "its index line is missing: its times are lost")
    try:
        stream.read_checked(reader, number, stream.empty())
    except DamagedFrameError as error:
        yield Damage(stream.name, number, str(error))
