"""A recording as PNG pictures or as one BigTIFF stack, codes as recorded."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import tifffile

from app.recordings.code_scaling import PictureCoding, description, frame_columns
from app.restore.recorded_footage import RecordedFootage
from drivers.atomic_file import whole_file, whole_folder
from drivers.pixel_format import Pixels

_PNG_OPTIONS = [
    *(cv2.IMWRITE_PNG_COMPRESSION, 1),
    *(cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE),
]
"""Of noisy 16 bit pictures, smaller than the default and twice as fast."""


def write_png(
    footage: RecordedFootage,
    target: Path,
    coding: PictureCoding,
    on_progress: Callable[[int, int], None],
) -> None:
    """A folder of ``%08d.png`` by frame number, ``frames.csv`` and ``camera.json``."""
    with whole_folder(target) as folder:
        for number, codes in zip(
            footage.numbers, _codes(footage, coding, on_progress), strict=True
        ):
            stored = codes[..., ::-1] if codes.ndim == 3 else codes
            _, png = cv2.imencode(".png", stored, _PNG_OPTIONS)
            (folder / f"{number:08d}.png").write_bytes(png.tobytes())
        columns = frame_columns(footage)
        table = io.StringIO()
        writer = csv.writer(table)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
        (folder / "frames.csv").write_text(table.getvalue(), encoding="utf-8", newline="")
        described = json.dumps(description(footage, coding), indent=2)
        (folder / "camera.json").write_text(described + "\n", encoding="utf-8")


def write_tiff(
    footage: RecordedFootage,
    target: Path,
    coding: PictureCoding,
    on_progress: Callable[[int, int], None],
) -> None:
    """One BigTIFF, a page a frame, not compressed, its JSON description in the first page."""
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


def _codes(
    footage: RecordedFootage, coding: PictureCoding, on_progress: Callable[[int, int], None]
) -> Iterator[Pixels]:
    for done, codes in enumerate(footage.codes(range(footage.frames))):
        on_progress(done, footage.frames)
        yield coding(codes)
    on_progress(footage.frames, footage.frames)
