"""Export request and formats; in a module of their own that is light to import."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from app.recordings.picture_export import CODES_HELP, PICTURE_FORMATS

MP4, DATASET = "mp4", "dataset"

SUFFIXES: Mapping[str, tuple[str, ...]] = {
    **{name: form.suffixes for name, form in PICTURE_FORMATS.items()},
    MP4: (".mp4",),
    DATASET: (),
}
"""Names for ``--format``, and the endings of their files; without any, it is a folder."""

FORMATS_HELP = (
    f"{CODES_HELP} mp4: raw beside restored, to look at. dataset: aligned pairs of both cameras "
    "to train on, added to OUT."
)


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """What to export; None is all frames, the first camera, the codes' own bits.

    ``format`` is one of :data:`SUFFIXES`. A dataset takes all pairs into one ``split`` (None:
    train), so that splits share no scene, under the calibration ``rig`` (None: the one in the
    recording); with ``accept`` also pairs that should be recorded again.
    """

    source: Path
    target: Path
    format: str
    camera: str | None = None
    frames: str | None = None
    bits: int | None = None
    model: str | None = None
    skip_damaged: bool = False
    split: str | None = None
    rig: Path | None = None
    accept: bool = False


@dataclass(frozen=True, slots=True)
class ExportSummary:
    """What was written; ``notes`` are lines an operator should read."""

    line: str
    notes: tuple[str, ...]
