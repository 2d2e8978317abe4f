"""Shard files of a Zarr v3 array: reading frames, completing an unfinished shard.

acquire-zarr writes every frame as one chunk, nearly in order (a busy machine swaps
neighbours), and after the last chunk of a shard its table: offset and size of every
chunk as little-endian 64 bit words, all ones for a missing chunk, then the table's
CRC-32C (Zarr v3 ``sharding_indexed`` codec, index at the end). A killed process leaves
the last shard without a table. The chunks can still be found and the table written
later: raw chunks have equal sizes, Blosc chunks hold their size in the header (bytes 12
to 16), and the checksums in the index tell which frame each of them is. A frame of
zeros has no chunk, since zero is the array's fill value.

No Zarr library is used here, because a library refuses a shard without a table and
keeps threads. Other programs can read the same files with any Zarr v3 library.
"""

import json
import os
import struct
import zlib
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any, TypeAlias

import google_crc32c
import numpy as np
from numcodecs import blosc
from numpy.typing import NDArray

from drivers.atomic_file import whole_file
from drivers.camera import FrameFormat
from drivers.errors import InstrumentError
from drivers.pixel_format import Pixels
from drivers.recording.compression import Compression
from drivers.recording.description import RecordedCamera
from drivers.recording.frame_index import FrameIndex
from drivers.ring import bytes_per_frame

DIMENSION_NAMES = ("t", "y", "x", "c")
BLOSC_LEVEL = 1
"""Higher levels save one or two percent on noisy codes and take several times longer."""

NOWHERE = ((1 << 64) - 1, (1 << 64) - 1)
_BLOSC_HEADER_BYTES = 16
_OPEN_SHARDS = 4

Table: TypeAlias = list[tuple[int, int]]
"""Offset and size of every chunk in a shard; all ones for a missing chunk."""


class DamagedFrameError(InstrumentError):
    """Codes that are missing or not as written; the text says where."""


@dataclass(frozen=True, slots=True)
class ArrayLayout:
    """Files and layout of the array of one camera in the recording's folder."""

    folder: Path
    frame_format: FrameFormat
    shard_frames: int
    compression: Compression

    @classmethod
    def of(
        cls, recording: Path, name: str, camera: RecordedCamera, compression: Compression
    ) -> "ArrayLayout":
        """The array ``name`` of a recording."""
        return cls(recording / name, camera.frame_format, camera.shard_frames, compression)

    @property
    def frame_bytes(self) -> int:
        """Size of one frame's codes without compression."""
        return bytes_per_frame(self.frame_format)

    @property
    def table_bytes(self) -> int:
        """Size of a shard's table with its checksum."""
        return 16 * self.shard_frames + 4

    def shard_path(self, shard: int) -> Path:
        """Path of a shard, by the default chunk key encoding of Zarr v3."""
        return self.folder.joinpath("c", str(shard), *("0" for _ in self.frame_format.shape))

    def existing_shards(self) -> list[int]:
        """Numbers of the shards that have a file, in order."""
        try:
            names = [item.name for item in (self.folder / "c").iterdir()]
        except OSError:  # there are none, or reading a frame tells why it cannot be read
            return []
        numbers = sorted(int(name) for name in names if name.isascii() and name.isdigit())
        # Look for files, because folders are made before their first chunk is written.
        return [number for number in numbers if self.shard_path(number).exists()]

    def shards(self) -> int:
        """Number of shards up to the last existing file."""
        return max(self.existing_shards(), default=-1) + 1

    def metadata(self, frames: int) -> dict[str, Any]:
        """Content of the array's ``zarr.json`` for ``frames`` frames, as acquire-zarr writes it."""
        form = self.frame_format
        little_endian = {"name": "bytes", "configuration": {"endian": "little"}}
        codecs: list[dict[str, Any]] = [little_endian]
        if self.compression is not Compression.NONE:
            codecs.append(
                {
                    "name": "blosc",
                    "configuration": {
                        "blocksize": 0,
                        "clevel": BLOSC_LEVEL,
                        "cname": self.compression.value,
                        "shuffle": "bitshuffle",
                        "typesize": form.pixel_format.dtype.itemsize,
                    },
                }
            )
        sharding = {
            "chunk_shape": [1, *form.shape],
            "codecs": codecs,
            "index_codecs": [little_endian, {"name": "crc32c"}],
            "index_location": "end",
        }
        return {
            "attributes": {},
            "chunk_grid": {
                "name": "regular",
                "configuration": {"chunk_shape": [self.shard_frames, *form.shape]},
            },
            "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
            "codecs": [{"name": "sharding_indexed", "configuration": sharding}],
            "data_type": str(form.pixel_format.dtype),
            "dimension_names": list(DIMENSION_NAMES[: len(form.shape) + 1]),
            "fill_value": 0,
            "node_type": "array",
            "shape": [frames, *form.shape],
            "storage_transformers": [],
            "zarr_format": 3,
        }

    def write_metadata(self, frames: int) -> None:
        """Write the array's ``zarr.json`` into its folder, which exists."""
        with whole_file(self.folder / "zarr.json", durable=True) as file:
            file.write(json.dumps(self.metadata(frames), indent=4).encode())


def read_table(layout: ArrayLayout, shard: int) -> Table | None:
    """The table at the end of a shard; None if it is missing or damaged."""
    try:
        with layout.shard_path(shard).open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            if size < layout.table_bytes:
                return None
            file.seek(size - layout.table_bytes)
            content = file.read()
    except OSError:
        return None
    words, checksum = content[:-4], content[-4:]
    if google_crc32c.value(words) != int.from_bytes(checksum, "little"):
        return None
    pairs = struct.unpack(f"<{2 * layout.shard_frames}Q", words)
    return list(zip(pairs[::2], pairs[1::2], strict=True))


def find_chunks(layout: ArrayLayout, shard: int, index: FrameIndex) -> Table:
    """The table of a shard without one, made by walking from chunk to chunk.

    Each chunk belongs to the frame whose checksum it has, which is the next one but
    where two were swapped. One that has no frame's checksum counts as the next: reading
    it tells that it is damaged.
    """
    first = shard * layout.shard_frames
    empty = empty_frames(layout, index)
    frames = [each for each in range(first, first + layout.shard_frames) if each not in empty]
    checksums = {
        each: entry.crc32
        for each in frames
        if each < len(index.frames) and (entry := index.frames[each]) is not None
    }
    table: Table = [NOWHERE] * layout.shard_frames
    strangers: list[tuple[int, int]] = []
    codes = np.empty(layout.frame_bytes, np.uint8)
    for place in _walked(layout, shard, len(frames)):
        found = _frame_of(_checksum(layout, shard, place, codes), frames, checksums)
        if found is None:
            strangers.append(place)
        else:
            frames.remove(found)
            table[found - first] = place
    for place, frame in zip(strangers, frames, strict=False):
        table[frame - first] = place
    return table


def _walked(layout: ArrayLayout, shard: int, most: int) -> list[tuple[int, int]]:
    """Offset and size of the whole chunks of a shard, as they lie in its file."""
    places: list[tuple[int, int]] = []
    offset = 0
    try:
        with layout.shard_path(shard).open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            while len(places) < most:
                length = layout.frame_bytes
                if layout.compression is not Compression.NONE:
                    file.seek(offset)
                    length = int.from_bytes(file.read(_BLOSC_HEADER_BYTES)[12:16], "little")
                if length < _BLOSC_HEADER_BYTES or offset + length > size:
                    break
                places.append((offset, length))
                offset += length
    except OSError:
        pass  # what does not exist or cannot be read has no chunks; reading a frame tells why
    return places


def _checksum(
    layout: ArrayLayout, shard: int, place: tuple[int, int], codes: NDArray[np.uint8]
) -> int | None:
    """CRC-32 of the codes in a chunk, None where they cannot be unpacked."""
    offset, length = place
    try:
        with layout.shard_path(shard).open("rb") as file:
            file.seek(offset)
            packed = file.read(length)
    except OSError:
        return None
    if layout.compression is Compression.NONE:
        return zlib.crc32(packed)
    try:
        _unpack(packed, codes)
    except ValueError:
        return None
    return zlib.crc32(codes.data)


def _unpack(packed: bytes, codes: NDArray[np.uint8]) -> None:
    """Fill ``codes``; raises :class:`ValueError` where ``packed`` is not what was written."""
    if len(packed) < _BLOSC_HEADER_BYTES:
        raise ValueError("it has no header")
    # The library trusts the header: with a wrong size it would read or write beyond the memory.
    size, _, packed_size = struct.unpack_from("<III", packed, 4)
    if (size, packed_size) != (codes.size, len(packed)):
        raise ValueError("its header has another size")
    try:
        blosc.decompress(packed, codes)
    except RuntimeError as error:
        raise ValueError(str(error)) from None


def _frame_of(
    checksum: int | None, frames: Sequence[int], checksums: Mapping[int, int]
) -> int | None:
    """The first of the ``frames`` not found yet that has this checksum."""
    return next((each for each in frames if checksums.get(each) == checksum), None)


def append_table(layout: ArrayLayout, shard: int, table: Table) -> None:
    """Complete a shard by its table; what is in the file stays as it is."""
    words = [word for place in table for word in place]
    content = struct.pack(f"<{len(words)}Q", *words)
    with layout.shard_path(shard).open("ab") as file:
        file.write(content + google_crc32c.value(content).to_bytes(4, "little"))
        file.flush()
        os.fsync(file.fileno())


def cut_torn_chunk(layout: ArrayLayout, shard: int) -> None:
    """Cut off what its writer began to write behind the last whole chunk of a shard."""
    ends = [sum(place) for place in _walked(layout, shard, layout.shard_frames)]
    with layout.shard_path(shard).open("r+b") as file:
        file.truncate(max(ends, default=0))


def empty_frames(layout: ArrayLayout, index: FrameIndex) -> Set[int]:
    """Numbers of frames that are all zeros, which have no chunk."""
    zeros = zlib.crc32(bytes(layout.frame_bytes))
    return frozenset(
        number
        for number, entry in enumerate(index.frames)
        if entry is not None and entry.crc32 == zeros
    )


def crc32(codes: Pixels) -> int:
    """CRC-32 (ISO 3309, as zlib) of contiguous codes as they lie in memory."""
    return zlib.crc32(codes.data)


class ShardReader:
    """Reads frames by number; a context manager. Use from one thread.

    ``index`` tells the frames of zeros, and which chunk is which in a shard without a table.
    """

    def __init__(self, layout: ArrayLayout, index: FrameIndex) -> None:
        self._layout = layout
        self._index = index
        self._empty = empty_frames(layout, index)
        self._open: dict[int, tuple[FileIO, Table]] = {}

    def __enter__(self) -> "ShardReader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all files; reading opens them again."""
        while self._open:
            self._open.popitem()[1][0].close()

    def read(self, frame: int, into: Pixels) -> None:
        """Fill ``into`` with the codes of a frame.

        Raises :class:`DamagedFrameError` if the chunk or its shard is missing or broken.
        """
        if frame in self._empty:
            into[...] = 0
            return
        layout = self._layout
        shard, place = divmod(frame, layout.shard_frames)
        file, table = self._shard(shard)
        offset, length = table[place]
        where = f"{layout.shard_path(shard)}, frame {frame}"
        if (offset, length) == NOWHERE:
            raise DamagedFrameError(f"{where}: the chunk is missing")
        raw = into.reshape(-1).view(np.uint8)
        if length > raw.size + _BLOSC_HEADER_BYTES or offset > os.fstat(file.fileno()).st_size:
            raise DamagedFrameError(f"{where}: its place in the file is damaged")
        file.seek(offset)
        if layout.compression is Compression.NONE:
            if length != raw.size or file.readinto(raw.data) != raw.size:
                raise DamagedFrameError(f"{where}: the chunk is cut short")
            return
        packed = file.read(length)
        if len(packed) != length:
            raise DamagedFrameError(f"{where}: the chunk is cut short")
        try:
            _unpack(packed, raw)
        except ValueError as error:
            raise DamagedFrameError(f"{where}: the chunk cannot be unpacked ({error})") from None

    def _shard(self, shard: int) -> tuple[FileIO, Table]:
        if shard in self._open:
            return self._open[shard]
        path = self._layout.shard_path(shard)
        table = table_of(self._layout, shard, self._index)
        try:
            file = FileIO(path)
        except OSError as error:
            raise DamagedFrameError(f"{path} cannot be read: {error.strerror}") from None
        if len(self._open) >= _OPEN_SHARDS:
            self._open.pop(next(iter(self._open)))[0].close()
        self._open[shard] = (file, table)
        return self._open[shard]


def table_of(layout: ArrayLayout, shard: int, index: FrameIndex) -> Table:
    """The table of a shard, read from the file, else found from the chunks."""
    return read_table(layout, shard) or find_chunks(layout, shard, index)
