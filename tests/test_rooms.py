"""The house itself: one name for one module, and tests that lie where the code lies."""

from collections import defaultdict
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
PACKAGES = ("app", "calibration", "drivers", "models")


def modules() -> list[Path]:
    """Every module of the four packages, relative to the checkout."""
    found = [path for package in PACKAGES for path in (CHECKOUT / package).rglob("*.py")]
    return sorted(path.relative_to(CHECKOUT) for path in found)


def test_no_two_modules_share_a_name() -> None:
    """A name that is searched for leads to one file."""
    named = defaultdict(list)
    for path in modules():
        if path.name != "__init__.py":
            named[path.name].append(str(path))
    assert {name: paths for name, paths in named.items() if len(paths) > 1} == {}


def test_tests_mirror_the_packages() -> None:
    """Whoever knows where code lies knows where its tests lie."""
    rooms = {path.parent for path in modules()}
    tests = CHECKOUT / "tests"
    folders = {
        path.parent.relative_to(tests)
        for package in PACKAGES
        for path in (tests / package).rglob("test_*.py")
    }
    assert sorted(map(str, folders - rooms)) == []
