"""Datasets of RSGR / GS pairs: sequences as they lie on disk, and clips to train on."""

import struct
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from drivers.errors import InstrumentError
from drivers.frame import Frame, FrameMetadata
from drivers.input_file import open_input
from drivers.picture_file import read_picture
from drivers.pixel_format import PixelFormat, Pixels
from drivers.pixel_format import pixel_format as pixel_format_named
from drivers.srgb import linear_from_srgb
from drivers.timing import ReadoutDirection
from models.dataset.sequence_info import FILE_NAME, GS_FULL_SCALE, SequenceInfo, read_info

RSGR_FOLDER = Path("RSGR", "PNG")
GS_FOLDER = Path("GS", "PNG")

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_CHANNELS = {0: 1, 2: 3}
"""Colour types without palette and alpha: grey, RGB (PNG specification, section 11.2.2)."""


@dataclass(frozen=True)
class Sequence:
    """One sequence of frame pairs on disk; frames are read when asked for."""

    folder: Path
    info: SequenceInfo
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    def frame(self, index: int) -> Frame:
        """The RSGR frame: codes, ``(rows, columns)`` or for RGB8 ``(rows, columns, 3)``.

        Its number is ``index`` and its device time ``index`` frame intervals.
        Raises :class:`InstrumentError` where the file is damaged.
        """
        path = self.folder / RSGR_FOLDER / self.names[index]
        codes = _read_png(path)
        limit = pixel_format_named(self.info.pixel_format).maximum_dn
        if codes.max() > limit:
            raise InstrumentError(
                f"{path}: code {codes.max()} DN exceeds {limit} DN, the largest of "
                f"{self.info.pixel_format}; codes lie in the low bits, or correct {FILE_NAME}"
            )
        time_ns = round(index * self.info.frame_interval_us * 1000)
        return Frame(codes, FrameMetadata(index, time_ns, time_ns))

    def target(self, index: int) -> NDArray[np.float32]:
        """The GS frame: linear light, float32, ``(rows, columns)`` or ``(rows, columns, 3)``.

        16 bit pictures hold linear light, 8 bit pictures sRGB.
        """
        codes = _read_png(self.folder / GS_FOLDER / self.names[index])
        if codes.dtype == np.uint8:
            return np.asarray(linear_from_srgb(np.arange(256) / 255.0)[codes], np.float32)
        return np.asarray(codes / np.float32(GS_FULL_SCALE), np.float32)


def open_dataset(
    folder: Path | str,
    split: str,
    *,
    fallback: SequenceInfo | None = None,
    readout: ReadoutDirection | None = None,
) -> list[Sequence]:
    """The sequences of one split, in the order of their names; pictures are checked, not read.

    ``fallback`` describes sequences without ``sequence.json``: the published
    RSGR-GS layout, 8 bit with sRGB-encoded GS; rows and columns are taken from
    the pictures. ``readout`` goes before what the files say of the direction.

    Raises :class:`InstrumentError` for a folder that is no dataset, frames without
    partner, sizes or bit depths that do not fit.
    """
    folder = Path(folder)
    root = folder / split
    if not root.is_dir():
        found = (
            sorted(path.name for path in folder.iterdir() if path.is_dir())
            if (folder.is_dir())
            else []
        )
        raise InstrumentError(
            f"{folder} has no split {split!r} (found: {', '.join(found) or 'no folders'}); "
            "a dataset is <split>/<sequence>/{RSGR,GS}/PNG/*.png"
        )
    parts = sorted(path for path in root.iterdir() if path.is_dir() and path.suffix != ".part")
    if not parts:
        raise InstrumentError(
            f"{root} holds no sequences; a dataset is <split>/<sequence>/{{RSGR,GS}}/PNG/*.png"
        )
    sequences = [_open_sequence(part, fallback) for part in parts]
    if readout is None:
        return sequences
    return [
        replace(each, info=each.info.model_copy(update={"direction": readout}))
        for each in sequences
    ]


def _open_sequence(folder: Path, fallback: SequenceInfo | None) -> Sequence:
    names = _paired_names(folder)
    headers = {
        (kind, name): _PngHeader.read(folder / kind / name)
        for kind in (RSGR_FOLDER, GS_FOLDER)
        for name in names
    }
    if (folder / FILE_NAME).exists():
        info, gs_bits = read_info(folder / FILE_NAME), 16
    elif fallback is not None:
        first = headers[RSGR_FOLDER, names[0]]
        size = {"rows": first.rows, "columns": first.columns}
        info, gs_bits = fallback.model_copy(update=size), 8
    else:
        raise InstrumentError(
            f"{folder} has no {FILE_NAME}; give exposure, line time and frame interval as options"
        )
    coding = pixel_format_named(info.pixel_format)
    expected = {
        RSGR_FOLDER: _PngHeader(
            info.columns, info.rows, coding.dtype.itemsize * 8, coding.channels
        ),
        GS_FOLDER: _PngHeader(info.columns, info.rows, gs_bits, _gs_channels(coding)),
    }
    for (kind, name), header in headers.items():
        if header != expected[kind]:
            raise InstrumentError(
                f"{folder / kind / name} is {header}, expected {expected[kind]} "
                f"beside {info.pixel_format}; correct {FILE_NAME} or the pictures"
            )
    return Sequence(folder, info, names)


def _gs_channels(coding: PixelFormat) -> int:
    return 3 if coding.is_colour else 1


def _paired_names(folder: Path) -> tuple[str, ...]:
    rsgr, gs = (
        {path.name for path in (folder / kind).glob("*.png")} for kind in (RSGR_FOLDER, GS_FOLDER)
    )
    if not rsgr or not gs:
        raise InstrumentError(
            f"{folder} holds no frame pairs: {len(rsgr)} pictures in {RSGR_FOLDER}, "
            f"{len(gs)} in {GS_FOLDER}; equal names pair up"
        )
    if rsgr != gs:
        single = sorted(rsgr ^ gs)
        raise InstrumentError(
            f"{folder}: {len(single)} pictures without partner, first {single[0]}; "
            f"{RSGR_FOLDER} and {GS_FOLDER} must hold equal names"
        )
    return tuple(sorted(rsgr))


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

    def __str__(self) -> str:
        kind = "RGB" if self.channels == 3 else "grey"
        return f"{self.columns} x {self.rows} px, {self.bits} bit {kind}"


def _read_png(path: Path) -> Pixels:
    picture = read_picture(path, cv2.IMREAD_UNCHANGED)
    if picture is None:
        raise InstrumentError(f"{path} cannot be read as a picture; the file is missing or damaged")
    codes = picture[..., ::-1] if picture.ndim == 3 else picture
    return np.ascontiguousarray(codes)
