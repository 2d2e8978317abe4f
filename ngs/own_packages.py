"""Finds the four packages of ngs first, whatever else is called ``app`` or ``models``.

``app``, ``calibration``, ``drivers`` and ``models`` are common names. A user's own
``models`` on PYTHONPATH or an ``app.py`` in the working folder comes before site-packages
in ``sys.path``. :func:`find_first` therefore puts a finder for these four names before all
others. ``sys.path`` stays as it is: everything else is found in the user's order.
Processes that ours spawn are started within :func:`found_first_in_children`.
"""

import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

OWN_PACKAGES = ("app", "calibration", "drivers", "models")

DISTRIBUTION = "neural-global-shutter"

_FOLDER = Path(__file__).resolve().parents[1]

_standing_in = threading.Lock()


class _OwnPackagesFinder(MetaPathFinder):
    """Finds the four packages beside ``ngs`` and nothing else."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in OWN_PACKAGES:
            return None
        return PathFinder.find_spec(fullname, [str(_FOLDER)], target)


def find_first() -> None:
    """Let imports of the four packages find ours; safe to call more than once."""
    if not any(isinstance(finder, _OwnPackagesFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _OwnPackagesFinder())


@contextmanager
def found_first_in_children() -> Iterator[None]:
    """Processes spawned meanwhile import ``ngs`` before anything of ours is unpickled.

    They would import the program's main module instead. A notebook has none,
    :mod:`multiprocessing` leaves out that of ``python -m ngs``, and a user's script without
    ``if __name__ == "__main__"`` would run twice. Nothing in it is needed.
    """
    stand_in = ModuleType("__main__")
    stand_in.__spec__ = ModuleSpec("ngs", None)
    with _standing_in:
        main = sys.modules["__main__"]
        sys.modules["__main__"] = stand_in
        try:
            yield
        finally:
            sys.modules["__main__"] = main


def already_imported() -> str:
    """What to do about a foreign package of these names that is imported already; else empty."""
    for name in OWN_PACKAGES:
        module = sys.modules.get(name)
        if module is None:
            continue
        place = getattr(module, "__file__", None) or "an unknown place"
        if Path(place).resolve().parent != _FOLDER / name:
            return (
                f"{name} is already imported from {place}, which is not part of ngs; "
                "import ngs before it, or start a new interpreter"
            )
    return ""


def overwritten() -> str:
    """What to do about another distribution that installed files into our packages; else empty."""
    from importlib.metadata import packages_distributions  # slow: Ctrl-C strikes meanwhile

    owners = packages_distributions()
    for name in OWN_PACKAGES:
        others = sorted({owner for owner in owners.get(name, []) if owner != DISTRIBUTION})
        if others and DISTRIBUTION in owners[name]:
            return (
                f"{', '.join(others)} is installed into the same folder {name} as ngs; "
                "install ngs into an environment of its own"
            )
    return ""
