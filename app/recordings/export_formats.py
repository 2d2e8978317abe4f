"""What a recording can be exported to; apart, so that the command line loads nothing for it."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class ExportFormat(StrEnum):
    """Names for ``--format``."""

    PNG = "png"
    TIFF = "tiff"
    MP4 = "mp4"
    DATASET = "dataset"


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """What to export; None is all frames, the first camera, the codes' own bits.

    A dataset takes all pairs into one ``split`` (None: train), so that splits share no
    scene, under the calibration ``rig`` (None: the one in the recording).
    """

    source: Path
    target: Path
    format: ExportFormat
    camera: str | None = None
    frames: str | None = None
    bits: int | None = None
    model: str | None = None
    skip_damaged: bool = False
    split: str | None = None
    rig: Path | None = None


@dataclass(frozen=True, slots=True)
class ExportSummary:
    """What was written; ``notes`` are lines an operator should read."""

    line: str
    notes: tuple[str, ...]
