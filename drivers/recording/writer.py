"""Writing a recording: pixels by acquire-zarr, then an index line per frame."""

import os
import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

import acquire_zarr
import numpy as np

from drivers.clock_steps import ClockWatch
from drivers.errors import InstrumentError
from drivers.frame import FrameMetadata
from drivers.pixel_format import Pixels
from drivers.recording.completion import complete
from drivers.recording.compression import Compression
from drivers.recording.description import (
    Ending,
    RecordingInfo,
    with_warnings,
    write_description,
)
from drivers.recording.frame_index import FrameEntry, Gap, IndexWriter, index_path
from drivers.recording.held_folder import HeldFolder
from drivers.recording.recording import open_unfinished
from drivers.recording.writing_lock import writing_lock
from drivers.recording.zarr_shards import (
    BLOSC_LEVEL,
    DIMENSION_NAMES,
    ArrayLayout,
    crc32,
    cut_torn_chunk,
    read_table,
)

_FULL_BYTES = 4 << 20
"""A disk with less room is called full."""

_THREADS = 2
_IN_WORK = 2
"""Frames that acquire-zarr may be writing without counting them as queued."""

_CODECS = {
    Compression.LZ4: acquire_zarr.CompressionCodec.BLOSC_LZ4,
    Compression.ZSTD: acquire_zarr.CompressionCodec.BLOSC_ZSTD,
}


class RecordingFailedError(InstrumentError):
    """Pixels could not be written; frames written before stay readable."""


class _Stream:
    """Index and counts of one camera."""

    def __init__(self, folder: Path, name: str, layout: ArrayLayout) -> None:
        self.layout = layout
        layout.folder.mkdir()
        layout.write_metadata(0)
        self.index = IndexWriter(index_path(folder, name))
        self.frames = 0
        self.lost = 0
        self.clock = ClockWatch()
        self.synced_shards = 0
        self._full_shards = 0
        self._full_bytes = 0

    def size_bytes(self) -> int:
        """Size of the shard files; the size of a full one is read only once."""
        shards = self.layout.shards()
        sizes = [
            self.layout.shard_path(shard).stat().st_size
            for shard in range(self._full_shards, shards)
        ]
        # acquire-zarr may still be closing the last but one.
        full = max(0, len(sizes) - 2)
        self._full_bytes += sum(sizes[:full])
        self._full_shards += full
        return self._full_bytes + sum(sizes[full:])


class RecordingWriter:
    """Makes a new recording and appends frames to it.

    Call ``append`` and ``gap`` in one thread; ``sync`` may run in another. Nothing is
    buffered here: an appended frame is handed to acquire-zarr and its index line to the
    operating system. So a killed process loses only the few frames that acquire-zarr
    has not written yet.

    Raises :class:`InstrumentError` if ``folder`` exists or cannot be made.
    """

    def __init__(self, folder: Path, info: RecordingInfo) -> None:
        self.folder = folder
        self.info = info
        self._cleanup = ExitStack()
        self._syncing = threading.Lock()
        self._finished = False
        self._size = 0
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            raise InstrumentError(
                f"{folder} exists; recordings are never overwritten: name another OUT"
            ) from None
        except OSError as error:
            raise InstrumentError(f"{folder} cannot be made: {error.strerror}") from None
        try:
            self._held = HeldFolder(folder)  # was made just now
            self._cleanup.callback(self._held.close)
            with self._own_name():
                self._cleanup.enter_context(writing_lock(self._held.path))
                self._begin(self._held.path)
        except BaseException:
            self._cleanup.close()
            # It holds no frames yet, so it is removed.
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def _begin(self, place: Path) -> None:
        info = self.info
        write_description(place, info)
        self._streams: dict[str, _Stream] = {}
        for name, camera in info.cameras.items():
            layout = ArrayLayout.of(place, name, camera, info.compression)
            self._streams[name] = _Stream(place, name, layout)
            self._cleanup.callback(self._streams[name].index.close)
        # Errors are raised here; acquire-zarr's own log would write into the operator's terminal.
        acquire_zarr.set_log_level(acquire_zarr.LogLevel.NONE)
        self._zarr = acquire_zarr.ZarrStream(
            acquire_zarr.StreamSettings(
                # It asks whether it may write to the parent of the path that it is given.
                store_path=f"{place}/.",
                arrays=[_array(name, part.layout) for name, part in self._streams.items()],
                overwrite=False,
                max_threads=_THREADS,
            )
        )

    @property
    def frames(self) -> dict[str, int]:
        """Frames appended, by camera; after :meth:`finish` those that are readable."""
        if self.info.end is not None:
            return self.info.end.frames
        return {name: stream.frames for name, stream in self._streams.items()}

    @property
    def lost(self) -> dict[str, int]:
        """Frames noted as missing, by camera."""
        return {name: stream.lost for name, stream in self._streams.items()}

    @property
    def queued_bytes(self) -> int:
        """Bytes that acquire-zarr holds in memory and has not written yet."""
        return int(self._zarr.get_current_memory_usage())

    @property
    def bytes_written(self) -> int:
        """Size of the shard files so far; raises :class:`RecordingFailedError`."""
        if self._finished:
            return self._size
        try:
            return sum(stream.size_bytes() for stream in self._streams.values())
        except OSError as error:
            raise self._failure(error) from None

    def free_bytes(self) -> int:
        """Room on its disk; raises :class:`RecordingFailedError`."""
        try:
            return shutil.disk_usage(self._held.path).free
        except OSError as error:
            raise self._failure(error) from None

    def check_place(self) -> None:
        """Raise :class:`RecordingFailedError` if the folder is not at its place any more.

        Writing alone does not tell: open files are written to wherever they are.
        """
        if what := self._why_gone():
            raise self._failure_by(what)

    def _why_gone(self) -> str:
        if what := self._held.why_gone():
            return what
        for name, stream in self._streams.items():
            if not stream.index.is_at(index_path(self._held.path, name)):
                return "lost its files: they were removed"
        return ""

    def _failure_by(self, what: str) -> RecordingFailedError:
        written = " and ".join(f"{count} of {name}" for name, count in self.frames.items())
        frames = f"frames written until then: {written}"
        if self._lost_files():
            return RecordingFailedError(
                f"{self.folder} {what} while it was recorded, and its frames with it "
                f"({frames}); record again"
            )
        return RecordingFailedError(
            f"{self.folder} {what} while it was recorded; the recording ended there, {frames}"
        )

    def _lost_files(self) -> bool:
        return any(stream.index.removed for stream in self._streams.values())

    def append(self, camera: str, codes: Pixels, metadata: FrameMetadata) -> None:
        """Write one frame; waits while the disk is too slow.

        ``codes`` are C-contiguous, of the camera's shape and dtype. Raises
        :class:`RecordingFailedError`; then only :meth:`finish` may follow.
        """
        stream = self._streams[camera]
        try:
            self._zarr.append(codes, key=camera)
            stream.index.frame(stream.frames, FrameEntry(metadata, crc32(codes)))
        except (RuntimeError, OSError) as error:
            raise self._failure(error) from None
        stream.frames += 1
        stream.clock.add(metadata)

    def gap(self, camera: str, gap: Gap) -> None:
        """Note frames that are missing before the next one."""
        stream = self._streams[camera]
        try:
            stream.index.gap(gap)
        except OSError as error:
            raise self._failure(error) from None
        stream.lost += gap.frames

    def sync(self) -> None:
        """Wait until the appended frames are on the disk, and note that in the index.

        A power cut costs at most the frames after that. Does nothing after :meth:`finish`.
        Raises :class:`RecordingFailedError`.
        """
        with self._syncing:
            if self._finished:
                return
            try:
                for stream in self._streams.values():
                    # acquire-zarr has not written the newest frames yet.
                    held = self.queued_bytes // stream.layout.frame_bytes + _IN_WORK
                    written = max(0, stream.frames - held)
                    shards = range(stream.synced_shards, stream.layout.shards())
                    for shard in shards:
                        _sync_file(stream.layout.shard_path(shard))
                    stream.synced_shards = max(0, shards.stop - 1)
                    stream.index.synced(written)
            except OSError as error:
                raise self._failure(error) from None

    def finish(
        self, reason: str, warnings: Mapping[str, Sequence[str]] = MappingProxyType({})
    ) -> RecordingInfo:
        """End the recording, also after a failure; returns its final description.

        Its reason is another one where the folder is not at its place any more. ``warnings``, by
        camera, and those of the cameras' clocks are added to it. Raises :class:`InstrumentError`
        if the description cannot be written.
        """
        with self._syncing, self._cleanup, self._own_name():
            self._finished = True
            self.info = with_warnings(self.info, warnings)
            try:
                self._zarr.close()
                closed = True
            except RuntimeError:
                closed = False
            # What it could not write it would try again at its end, when the folder is let go.
            del self._zarr
            if what := self._why_gone():
                reason = str(self._failure_by(what))
            if self._lost_files():
                self._end(reason, dict.fromkeys(self._streams, 0))
                return self.info
            self._size = sum(stream.size_bytes() for stream in self._streams.values())
            if not closed:
                self._complete(reason)
                return self.info
            for stream in self._streams.values():
                stream.layout.write_metadata(stream.frames)
                for shard in range(stream.synced_shards, stream.layout.shards()):
                    _sync_file(stream.layout.shard_path(shard))
                stream.index.synced(stream.frames)
            clocks = {}
            for name, stream in self._streams.items():
                stream.clock.finish()
                clocks[name] = stream.clock.warnings
            self.info = with_warnings(self.info, clocks)
            self._end(reason, self.frames)
            write_description(self._held.path, self.info)
            if not what and (what := self._why_gone()):  # while it was completed
                self._end(str(self._failure_by(what)), self.frames)
            return self.info

    def _end(self, reason: str, frames: dict[str, int]) -> None:
        end = Ending(finished=datetime.now(UTC), reason=reason, frames=frames, lost=self.lost)
        self.info = self.info.model_copy(update={"end": end})

    @contextmanager
    def _own_name(self) -> Iterator[None]:
        """Name the folder in errors as the operator does, and not as it is held."""
        try:
            yield
        except OSError as error:
            raise InstrumentError(f"{self.folder} cannot be written: {error.strerror}") from None
        except InstrumentError as error:
            told = str(error).replace(str(self._held.path), str(self.folder))
            raise InstrumentError(told) from None

    def _complete(self, reason: str) -> None:
        """Where the disk is full or failed: find the frames that were written before."""
        for stream in self._streams.values():
            for shard in stream.layout.existing_shards():
                if read_table(stream.layout, shard) is None:
                    # Its room is needed for the table.
                    cut_torn_chunk(stream.layout, shard)
        found = open_unfinished(self._held.path, self.info, reason)
        self.info = found.info
        complete(found)

    def _failure(self, error: Exception) -> RecordingFailedError:
        if what := self._why_gone():
            return self._failure_by(what)
        with suppress(OSError):
            if shutil.disk_usage(self._held.path).free < _FULL_BYTES:
                return RecordingFailedError(
                    f"the disk of {self.folder} is full; what was recorded before is readable: "
                    "free some space and record again"
                )
        told = error.strerror if isinstance(error, OSError) else None
        what = told or str(error)
        return RecordingFailedError(
            f"{self.folder} cannot be written any more ({what}); what was recorded before is "
            "readable: look for a quota, a limit of file size, or a disk that went away"
        )


def _array(name: str, layout: ArrayLayout) -> acquire_zarr.ArraySettings:
    form, kind = layout.frame_format, acquire_zarr.DimensionType
    # acquire-zarr requires that the last two dimensions are spatial.
    kinds = [kind.OTHER] * (len(form.shape) - 2) + [kind.SPACE] * 2
    dimensions = [
        acquire_zarr.Dimension(
            name=DIMENSION_NAMES[0],
            kind=kind.TIME,
            array_size_px=0,
            chunk_size_px=1,
            shard_size_chunks=layout.shard_frames,
        ),
        *(
            acquire_zarr.Dimension(
                name=label, kind=kind, array_size_px=size, chunk_size_px=size, shard_size_chunks=1
            )
            for label, kind, size in zip(DIMENSION_NAMES[1:], kinds, form.shape, strict=False)
        ),
    ]
    wide = form.pixel_format.dtype == np.uint16
    array = acquire_zarr.ArraySettings(
        output_key=name,
        data_type=acquire_zarr.DataType.UINT16 if wide else acquire_zarr.DataType.UINT8,
        dimensions=dimensions,
    )
    if layout.compression is not Compression.NONE:
        array.compression = acquire_zarr.CompressionSettings(
            compressor=acquire_zarr.Compressor.BLOSC1,
            codec=_CODECS[layout.compression],
            level=BLOSC_LEVEL,
            shuffle=2,  # of bits
        )
    return array


def _sync_file(path: Path) -> None:
    # Windows syncs only a file that is open for writing.
    with path.open("r+b") as file:
        os.fsync(file.fileno())
