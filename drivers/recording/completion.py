"""Completing a recording whose writer was killed; everything that was written is kept."""

from pathlib import Path

from drivers.errors import InstrumentError
from drivers.recording.description import write_description
from drivers.recording.recording import Progress, Recording, open_recording
from drivers.recording.writing_lock import writing_lock
from drivers.recording.zarr_shards import append_table, read_table, table_of


def repair(folder: Path | str) -> Recording:
    """Complete an unfinished recording on the disk, so that any Zarr library reads it.

    A recording that is complete is left as it is. Raises :class:`InstrumentError` if it is
    being written, or cannot be written.
    """
    folder = Path(folder)
    recording = open_recording(folder)
    if recording.progress is Progress.COMPLETE:
        return recording
    try:
        with writing_lock(folder):
            recording = open_recording(folder, locked=True)
            if recording.progress is not Progress.COMPLETE:
                complete(recording)
    except OSError as error:
        raise InstrumentError(
            f"{folder} cannot be completed: {error.strerror}; it can be read as it is, or a copy "
            "completed where there is room and it may be written"
        ) from None
    return open_recording(folder)


def complete(recording: Recording) -> None:
    """Give the shards their tables, the arrays their shapes, and ``recording.json`` its end.

    For a caller that holds the lock. Nothing is removed: chunks of frames without an index line
    stay where they are. Interrupted, it can be done again.
    """
    for stream in recording.streams.values():
        layout = stream.layout
        for shard in layout.existing_shards():
            if read_table(layout, shard) is None:
                append_table(layout, shard, table_of(layout, shard, stream.index))
        layout.write_metadata(len(stream))
    write_description(recording.folder, recording.info)
