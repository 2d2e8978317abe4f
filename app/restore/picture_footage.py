"""Footage as a folder of pictures."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from app.restore.footage import FootageFormat
from app.restore.recipe import Recipe, claim_folder
from drivers.atomic_file import write_file
from drivers.errors import InstrumentError
from drivers.pixel_format import PIXEL_FORMATS, PixelFormat, Pixels
from drivers.plain_text import one_line, utf8
from drivers.replay import IMAGE_SUFFIXES, image_files, read_image
from models.dataset.layout import PairFolders, sequence_folder
from models.dataset.sequence_info import FILE_NAME as SEQUENCE_FILE
from models.dataset.sequence_info import read_info

_PNG_OPTIONS = [
    *(cv2.IMWRITE_PNG_COMPRESSION, 1),
    *(cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE),
]
"""Of noisy 16 bit pictures, smaller than the default and twice as fast."""


class ImageFolder:
    """Keeps the contract of :class:`app.restore.footage.FootageReader`.

    Pictures of one size and depth, in natural order of their names. A sequence of
    a dataset is read too: its folder, or the RSGR pictures in it. Raises
    :class:`InstrumentError` when there are no pictures.
    """

    def __init__(self, folder: Path) -> None:
        self.name = utf8(folder.resolve().name)
        inner = PairFolders.of(folder).rsgr
        pictures = inner if inner.is_dir() else folder
        self.files = tuple(image_files(pictures))
        if not self.files:
            raise InstrumentError(
                f"{pictures} holds no pictures ({', '.join(sorted(IMAGE_SUFFIXES))})"
            )
        self.frames = len(self.files)
        names = "\n".join(path.name for path in self.files)
        self.fingerprint = hashlib.sha256(os.fsencode(names)).hexdigest()
        first = read_image(self.files[0])
        described = _sequence_file(pictures)
        self.format = FootageFormat(
            shape=first.shape,
            dtype=first.dtype,
            pixel_format=_told_format(first),
            info=None if described is None else read_info(described),
        )

    def codes(self, wanted: range) -> Iterator[Pixels]:
        """See :class:`app.restore.footage.FootageReader`."""
        for index in wanted:
            path = self.files[index]
            pixels = read_image(path)
            if pixels.shape != self.format.shape or pixels.dtype != self.format.dtype:
                raise InstrumentError(
                    f"{path} is {_described(pixels)}, {self.files[0].name} is "
                    f"{_described(self.format)}; restore pictures of one size and depth"
                )
            yield pixels

    def modified_ns(self, frames: range) -> int:
        """See :class:`app.restore.footage.FootageReader`."""
        return max(self.files[index].stat().st_mtime_ns for index in frames)


def _told_format(pixels: Pixels) -> PixelFormat | None:
    if pixels.dtype != np.uint8:
        return None
    return PIXEL_FORMATS["RGB8" if pixels.ndim == 3 else "Mono8"]


def _described(codes: Pixels | FootageFormat) -> str:
    rows, columns, *colours = codes.shape
    kind = "RGB" if colours else "grey"
    return f"{columns} x {rows} px, {codes.dtype.itemsize * 8} bit {kind}"


def _sequence_file(pictures: Path) -> Path | None:
    """What describes a folder of pictures: in it, beside it, or above a dataset's RSGR pictures."""
    places = [pictures, pictures.parent]
    if (sequence := sequence_folder(pictures)) is not None:
        places.append(sequence)
    candidates = (place / SEQUENCE_FILE for place in places)
    return next((path for path in candidates if path.is_file()), None)


class ImageFolderWriter:
    """Keeps the contract of :class:`app.restore.footage.FootageWriter`.

    One PNG for each picture that was read, of the same name; what no new file may be called
    (:func:`drivers.atomic_file.check_file`) stands as escapes in it.
    """

    unit_frames = 1
    goes_on = True

    def __init__(self, folder: Path, sources: Sequence[Path], recipe: Recipe) -> None:
        self._files = [folder / f"{one_line(source.stem)}.png" for source in sources]
        first_of: dict[Path, Path] = {}
        for source, target in zip(sources, self._files, strict=True):
            if target in first_of:
                raise InstrumentError(
                    f"{first_of[target].name} and {source.name} would both become "
                    f"{target.name}; rename one of them"
                )
            first_of[target] = source
        claim_folder(folder, recipe)

    def is_done(self, unit: range, since_ns: int) -> bool:
        """See :class:`app.restore.footage.FootageWriter`."""
        return all(
            path.exists() and path.stat().st_mtime_ns >= since_ns
            for path in self._files[unit.start : unit.stop]
        )

    def write(self, index: int, codes: Pixels) -> None:
        """See :class:`app.restore.footage.FootageWriter`."""
        stored = codes[..., ::-1] if codes.ndim == 3 else codes
        _, png = cv2.imencode(".png", stored, _PNG_OPTIONS)
        write_file(self._files[index], png.tobytes())

    def finish(self) -> None:
        """Every picture is whole already."""

    def leave(self) -> None:
        """Every picture is whole already."""
