"""The weights that come with ngs, and what was measured of them."""

import json
from pathlib import Path
from typing import Any

from drivers.errors import InstrumentError

SUFFIX = ".safetensors"

_FOLDER = Path(__file__).parent
_MEASURED = _FOLDER / "benchmark-v1.json"

REFERENCE_NETWORKS = ("nafnet",)
"""Networks to compare with. Their weights lie in the repository, not in the wheel."""


def shipped_weights() -> dict[str, Path]:
    """Weights files of this installation by the names given to ``--model``."""
    return {path.stem: path for path in sorted(_FOLDER.glob(f"*{SUFFIX}"))}


def absent_references() -> tuple[str, ...]:
    """Reference networks whose weights are not part of this installation."""
    return tuple(name for name in REFERENCE_NETWORKS if name not in shipped_weights())


def check_present(name: str) -> None:
    """Raise :class:`InstrumentError` for a reference network that is not installed."""
    if name in absent_references():
        place = f"models/weights/{name}{SUFFIX}"
        raise InstrumentError(
            f"{name}, a network to compare with, is not part of this installation: its weights "
            f"lie in the repository of ngs as {place}; copy that file and give its path in place "
            f"of {name}"
        )


def measured() -> dict[str, dict[str, Any]]:
    """What ``ngs evaluate`` found on benchmark-v1, by the name of the restorer.

    Fields of :class:`models.evaluation.results.Result`; the figures of the
    documentation. Empty before anything was measured.
    """
    if not _MEASURED.exists():
        return {}
    results = json.loads(_MEASURED.read_bytes())["results"]
    return {result["restorer"]: result for result in results}


def weights_named(name: str) -> Path:
    """The weights file of a shipped network's name or of a path.

    Raises :class:`InstrumentError` for neither, and for a reference that is not installed.
    """
    check_present(name)
    shipped = shipped_weights()
    if name in shipped:
        return shipped[name]
    path = Path(name)
    if not path.is_file():
        raise InstrumentError(
            f"{name} is no weights file and none of {', '.join(shipped)}; give one of them"
        )
    return path
