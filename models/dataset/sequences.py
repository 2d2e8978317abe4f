"""Datasets of RSGR / GS pairs: the frames of their sequences, read when asked for."""

import struct
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from drivers.code_encoding import Encoding
from drivers.errors import InstrumentError
from drivers.frame import Frame, FrameMetadata
from drivers.frame_conditions import record_fields
from drivers.given_conditions import (
    CompleteConditions,
    GivenConditions,
    complete_conditions,
    told_by_pictures,
)
from drivers.input_file import open_input
from drivers.picture_file import read_picture
from drivers.pixel_format import PIXEL_FORMATS, PixelFormat, Pixels, pixel_format
from drivers.srgb import linear_from_srgb
from models.dataset.layout import PairFolders, sequence_folders
from models.dataset.sequence_info import FILE_NAME, SequenceInfo, read_info

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_CHANNELS = {0: 1, 2: 3}
"""Colour types without palette and alpha: grey, RGB (PNG specification, section 11.2.2)."""

_NOTHING_GIVEN = GivenConditions()


@dataclass(frozen=True)
class Sequence:
    """Frame pairs on disk that follow one another; frames are read when asked for.

    ``info`` holds for the frames as they are given; ``described`` is whether the files tell it.
    ``linear`` has the linear code of each RSGR code of the files, None where those are linear.
    """

    folder: Path
    info: SequenceInfo
    names: tuple[str, ...]
    pictures: PairFolders
    gs_bits: int
    gs_encoding: Encoding
    linear: NDArray[np.uint16] | None
    described: bool

    def __len__(self) -> int:
        return len(self.names)

    @property
    def origin(self) -> str:
        """Where the pictures come from, in one word."""
        if not self.described:
            return "undescribed"
        return "synthetic" if self.info.synthetic else "recorded"

    @property
    def code_encoding(self) -> Encoding:
        """How GS pictures of 8 bit encode light, or would."""
        return self.gs_encoding if self.gs_bits == 8 else Encoding.SRGB

    def frame(self, index: int) -> Frame:
        """The RSGR frame: codes, ``(rows, columns)`` or of RGB ``(rows, columns, 3)``.

        Its number is ``index`` and its device time ``index`` frame intervals.
        Raises :class:`InstrumentError` where the file is damaged.
        """
        path = self.pictures.rsgr / self.names[index]
        interval_us = self.info.frame_interval_us
        codes = CompleteConditions(self.info.conditions, interval_us, self.linear).linear_codes(
            _read_png(path), str(path), f"codes lie in the low bits, or correct {FILE_NAME}"
        )
        time_ns = round(index * interval_us * 1000)
        return Frame(codes, FrameMetadata(index, time_ns, time_ns))

    def target(self, index: int) -> NDArray[np.float32]:
        """The GS frame: linear light, float32, ``(rows, columns)`` or ``(rows, columns, 3)``."""
        codes = _read_png(self.pictures.gs / self.names[index])
        maximum = np.iinfo(codes.dtype).max
        if self.gs_encoding is Encoding.SRGB:
            return np.asarray(linear_from_srgb(np.arange(maximum + 1) / maximum)[codes], np.float32)
        return np.asarray(codes / np.float32(maximum), np.float32)


def open_dataset(
    folder: Path | str,
    split: str,
    *,
    given: GivenConditions = _NOTHING_GIVEN,
    gs_encoding: Encoding | None = None,
) -> list[Sequence]:
    """The sequences of one split, in the order of their names; pictures are checked, not read.

    ``given`` goes before what a ``sequence.json`` says, and is all that is known of the published
    layouts (:mod:`models.dataset.layout`). ``gs_encoding`` None is sRGB in GS pictures of 8 bit
    and linear light in 16 bit. Where numbers are left out, a folder is more than one sequence.

    Raises :class:`InstrumentError` for a folder that is no dataset, frames without
    partner, sizes or bit depths that do not fit, and naming the options that are missing.
    """
    return [
        sequence
        for each in sequence_folders(Path(folder), split)
        for sequence in _open_folder(each, given, gs_encoding)
    ]


def _open_folder(
    folder: Path, given: GivenConditions, gs_encoding: Encoding | None
) -> list[Sequence]:
    pictures = PairFolders.of(folder)
    runs = pictures.runs()
    headers = {
        path: _PngHeader.read(path)
        for kind in (pictures.rsgr, pictures.gs)
        for run in runs
        for path in (kind / name for name in run)
    }
    first, first_gs = (headers[kind / runs[0][0]] for kind in (pictures.rsgr, pictures.gs))
    described = (folder / FILE_NAME).exists()
    info = read_info(folder / FILE_NAME) if described else None
    told = told_by_pictures(first.pixel_format, given.encoding) if info is None else info.known
    known = given.completed_by(told)
    rows, columns = (first.rows, first.columns) if info is None else (info.rows, info.columns)
    complete = complete_conditions(known, given.encoding, rows, str(folder))
    assert known.pixel_format is not None  # complete
    coding = pixel_format(known.pixel_format)
    wanted = {
        pictures.rsgr: _PngHeader(columns, rows, coding.dtype.itemsize * 8, coding.channels),
        pictures.gs: _PngHeader(columns, rows, first_gs.bits, 3 if coding.is_colour else 1),
    }
    for path, header in headers.items():
        if header != wanted[path.parent]:
            raise InstrumentError(
                f"{path} is {header}, expected {wanted[path.parent]} beside {coding.name}; "
                + (f"correct {FILE_NAME} or the pictures" if described else "give --pixel-format")
            )
    fields = record_fields(complete.frames, complete.interval_us)
    if info is None:
        info = SequenceInfo(
            **fields,
            columns=columns,
            synthetic=False,
            sources=(folder.name,),
            generator="pictures without description",
        )
    else:
        info = info.model_copy(update=fields)
    usual = Encoding.SRGB if first_gs.bits == 8 else Encoding.LINEAR
    return [
        Sequence(
            folder,
            info,
            names,
            pictures,
            first_gs.bits,
            gs_encoding or usual,
            complete.linear,
            described,
        )
        for names in runs
    ]


@dataclass(frozen=True)
class _PngHeader:
    """Size and coding of a PNG file, from its first chunk (PNG specification, 11.2.2)."""

    columns: int
    rows: int
    bits: int
    channels: int

    @classmethod
    def read(cls, path: Path) -> "_PngHeader":
        try:
            with open_input(path) as file:
                head = file.read(26)
        except OSError as error:
            raise InstrumentError(
                f"{path} cannot be read: {error.strerror}; replace or remove it"
            ) from None
        if len(head) < 26 or head[:8] != _PNG_SIGNATURE or head[25] not in _PNG_CHANNELS:
            raise InstrumentError(f"{path} is no grey or RGB PNG picture; replace or remove it")
        columns, rows, bits, colour_type = struct.unpack(">IIBB", head[16:26])
        return cls(columns, rows, bits, _PNG_CHANNELS[colour_type])

    @property
    def pixel_format(self) -> PixelFormat | None:
        """What 8 bit pictures tell; deeper ones leave the bits of their codes open."""
        if self.bits != 8:
            return None
        return PIXEL_FORMATS["RGB8" if self.channels == 3 else "Mono8"]

    def __str__(self) -> str:
        kind = "RGB" if self.channels == 3 else "grey"
        return f"{self.columns} x {self.rows} px, {self.bits} bit {kind}"


def _read_png(path: Path) -> Pixels:
    picture = read_picture(path, cv2.IMREAD_UNCHANGED)
    if picture is None:
        raise InstrumentError(f"{path} cannot be read as a picture; the file is missing or damaged")
    codes = picture[..., ::-1] if picture.ndim == 3 else picture
    return np.ascontiguousarray(codes)
