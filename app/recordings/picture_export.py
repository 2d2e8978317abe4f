"""The formats that keep one camera's codes as recorded: PNG pictures, a BigTIFF stack, an array.

A format is a function that writes it, and its entry in the table at the end. The command line
reads the table, so what takes time to import is imported by the functions.
"""

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from drivers.atomic_file import whole_file, whole_folder

if TYPE_CHECKING:
    from app.recordings.code_scaling import PictureCoding
    from app.restore.recorded_footage import RecordedFootage
    from drivers.pixel_format import Pixels


def write_png(
    footage: "RecordedFootage",
    target: Path,
    coding: "PictureCoding",
    on_progress: Callable[[int, int], None],
) -> None:
    """A folder of ``%08d.png`` by frame number, ``frames.csv`` and ``camera.json``."""
    import cv2

    # Of noisy 16 bit pictures, smaller than the default and twice as fast.
    options = [
        *(cv2.IMWRITE_PNG_COMPRESSION, 1),
        *(cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE),
    ]
    with whole_folder(target) as folder:
        for number, codes in zip(
            footage.numbers, _codes(footage, coding, on_progress), strict=True
        ):
            stored = codes[..., ::-1] if codes.ndim == 3 else codes
            _, png = cv2.imencode(".png", stored, options)
            (folder / f"{number:08d}.png").write_bytes(png.tobytes())
        _describe(folder, footage, coding)


def _describe(folder: Path, footage: "RecordedFootage", coding: "PictureCoding") -> None:
    """Put ``frames.csv`` and ``camera.json`` into the folder."""
    from app.recordings.code_scaling import description, frame_columns

    columns = frame_columns(footage)
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    (folder / "frames.csv").write_text(table.getvalue(), encoding="utf-8", newline="")
    described = json.dumps(description(footage, coding), indent=2)
    (folder / "camera.json").write_text(described + "\n", encoding="utf-8")


def write_tiff(
    footage: "RecordedFootage",
    target: Path,
    coding: "PictureCoding",
    on_progress: Callable[[int, int], None],
) -> None:
    """One BigTIFF, a page a frame, not compressed, its JSON description in the first page."""
    import tifffile

    from app.recordings.code_scaling import description, frame_columns

    shape = footage.format.shape
    metadata = {
        "axes": "TYXS" if len(shape) == 3 else "TYX",
        **description(footage, coding),
        "frames": frame_columns(footage),
    }
    with whole_file(target) as file, tifffile.TiffWriter(file, bigtiff=True) as tiff:
        tiff.write(
            _codes(footage, coding, on_progress),
            shape=(footage.frames, *shape),
            dtype=coding.dtype,
            photometric="rgb" if len(shape) == 3 else "minisblack",
            metadata=metadata,
        )


def write_npy(
    footage: "RecordedFootage",
    target: Path,
    coding: "PictureCoding",
    on_progress: Callable[[int, int], None],
) -> None:
    """A folder of ``frames.npy``, ``frames.csv`` and ``camera.json``.

    The array is (t, y, x[, c]); ``numpy.load(..., mmap_mode="r")`` opens it without reading it.
    """
    from numpy.lib import format as npy

    header = {
        "descr": npy.dtype_to_descr(coding.dtype),
        "fortran_order": False,
        "shape": (footage.frames, *footage.format.shape),
    }
    with whole_folder(target) as folder:
        with (folder / "frames.npy").open("wb") as file:
            npy.write_array_header_1_0(file, header)
            for codes in _codes(footage, coding, on_progress):
                file.write(codes.data)
        _describe(folder, footage, coding)


def _codes(
    footage: "RecordedFootage", coding: "PictureCoding", on_progress: Callable[[int, int], None]
) -> "Iterator[Pixels]":
    for done, codes in enumerate(footage.codes(range(footage.frames))):
        on_progress(done, footage.frames)
        yield coding(codes)
    on_progress(footage.frames, footage.frames)


@dataclass(frozen=True, slots=True)
class PictureFormat:
    """What the help says of a format, how its file may end, and what writes it.

    Without ``suffixes`` it is a folder. ``write`` takes the footage, where to, the coding and
    what counts the frames; it leaves nothing behind where it fails.
    """

    help: str
    suffixes: tuple[str, ...]
    write: "Callable[[RecordedFootage, Path, PictureCoding, Callable[[int, int], None]], None]"


PICTURE_FORMATS: Mapping[str, PictureFormat] = {
    "png": PictureFormat("a folder of pictures", (), write_png),
    "tiff": PictureFormat("one BigTIFF stack", (".tif", ".tiff"), write_tiff),
    "npy": PictureFormat("one NumPy array in a folder", (), write_npy),
}
"""By the name for ``--format``."""

CODES_HELP = (
    "; ".join(f"{name}: {form.help}" for name, form in PICTURE_FORMATS.items())
    + "; all have the codes as recorded."
)
