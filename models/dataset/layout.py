"""How a dataset of RSGR / GS pairs lies on disk: ours, and the published ones::

    <train|val|test>/<sequence>/{RSGR,GS}/PNG/<name>.png         ours, and RSGR-GS
    <train|validate|test>/<sequence>/{RSGR,GS}/PNG/<n>.png       GRR_real; RAW beside PNG
    <split>/<sequence>/{RSGR,GS}/RGB/<n>.png                     RD-VFI; RS and HS beside them

Equal names are one pair. Numbers are padded with zeros or not; one left out is a frame that is
missing, and the frames before and after it do not follow each other.
"""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import mode

from drivers.errors import InstrumentError

TRAIN, VALIDATION, TEST = SPLITS = ("train", "val", "test")

RSGR_FOLDER = Path("RSGR", "PNG")
GS_FOLDER = Path("GS", "PNG")
"""Where pictures lie in our own sequences."""

_PICTURE_FOLDERS = ("PNG", "RGB")
_OTHER_NAMES = {VALIDATION: ("validate", "validation", "valid")}

_DATASET = "a dataset is <split>/<sequence>/{RSGR,GS}/PNG/*.png"


@dataclass(frozen=True, slots=True)
class PairFolders:
    """Where the RSGR and the GS pictures of a sequence lie."""

    rsgr: Path
    gs: Path

    @classmethod
    def of(cls, sequence: Path) -> "PairFolders":
        """Of the folder of a sequence; ours where there are none."""
        for name in _PICTURE_FOLDERS:
            found = cls(sequence / "RSGR" / name, sequence / "GS" / name)
            if found.rsgr.is_dir():
                return found
        return cls(sequence / RSGR_FOLDER, sequence / GS_FOLDER)

    def runs(self) -> list[tuple[str, ...]]:
        """Names of the pictures that follow one another, in order, from gap to gap.

        Raises :class:`InstrumentError` where there are none, or some without partner.
        """
        rsgr, gs = ({path.name for path in each.glob("*.png")} for each in (self.rsgr, self.gs))
        kinds = f"{_last_two(self.rsgr)} and {_last_two(self.gs)}"
        if not rsgr or not gs:
            raise InstrumentError(
                f"{self.rsgr.parent.parent} holds no frame pairs: {len(rsgr)} and {len(gs)} "
                f"pictures in {kinds}; equal names pair up"
            )
        if rsgr != gs:
            single = sorted(rsgr ^ gs)
            raise InstrumentError(
                f"{self.rsgr.parent.parent}: {len(single)} pictures without partner, first "
                f"{single[0]}; {kinds} must hold equal names"
            )
        return _runs(rsgr)


def sequence_folder(pictures: Path) -> Path | None:
    """The folder of the sequence whose RSGR pictures lie in ``pictures``; None if it has none."""
    inside = pictures.parent.name == "RSGR" and pictures.name in _PICTURE_FOLDERS
    return pictures.parent.parent if inside else None


def sequence_folders(dataset: Path, split: str) -> list[Path]:
    """The sequences of one split, in the order of their names.

    Raises :class:`InstrumentError` for a folder that is no dataset or has no such split.
    """
    names = (split, *_OTHER_NAMES.get(split, ()))
    root = next((dataset / name for name in names if (dataset / name).is_dir()), None)
    if root is None:
        inside = dataset.iterdir() if dataset.is_dir() else ()
        found = sorted(path.name for path in inside if path.is_dir())
        raise InstrumentError(
            f"{dataset} has no split {split!r} (found: {', '.join(found) or 'no folders'}); "
            f"{_DATASET}"
        )
    folders = sorted(path for path in root.iterdir() if path.is_dir() and path.suffix != ".part")
    if not folders:
        raise InstrumentError(f"{root} holds no sequences; {_DATASET}")
    return folders


def _runs(names: set[str]) -> list[tuple[str, ...]]:
    """Names in order, divided where numbers are left out; as they are if they are no numbers.

    >>> _runs({"9.png", "10.png", "11.png", "13.png"})
    [('9.png', '10.png', '11.png'), ('13.png',)]
    """
    stems = {name: name.removesuffix(".png") for name in names}
    if not all(stem.isdecimal() for stem in stems.values()):
        return [tuple(sorted(names))]
    ordered = sorted(names, key=lambda name: (int(stems[name]), name))
    steps = [int(stems[after]) - int(stems[before]) for before, after in pairwise(ordered)]
    usual = mode(steps) if steps else 1
    edges = [0, *(place for place, step in enumerate(steps, 1) if step != usual), len(ordered)]
    return [tuple(ordered[first:end]) for first, end in pairwise(edges)]


def _last_two(folder: Path) -> Path:
    return Path(*folder.parts[-2:])
