"""What Qt needs of the system: known in one place, told before Qt aborts the process."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from app.commands.live import why_no_window
from app.diagnostics import machine_examination, qt_libraries
from app.diagnostics.machine_examination import Finding, Verdict

_CHECKOUT = Path(__file__).resolve().parents[3]

linux = pytest.mark.skipif(sys.platform != "linux", reason="Qt needs these on Linux")


def window_finding() -> Finding:
    return next(each for each in machine_examination.examine() if each.subject == "window")


def test_libraries_that_cannot_be_loaded_are_missing() -> None:
    libraries = {"libc.so.6": "libc6", "libnosuch.so.7": "libnosuch7"}
    assert qt_libraries.missing(libraries) == {"libnosuch.so.7": "libnosuch7"}


def test_every_package_is_named_where_an_operator_reads() -> None:
    named = set((_CHECKOUT / "README.md").read_text("utf-8").split())
    named |= {word.strip("`()") for word in named}
    assert set(qt_libraries.PACKAGES) <= named


@linux
def test_the_list_covers_qts_own_plugin() -> None:
    """Whatever the plugin of X displays links to is on the list, or comes with what is."""
    import PyQt6

    plugin = Path(PyQt6.__file__).parent / "Qt6" / "plugins" / "platforms" / "libqxcb.so"
    linked = subprocess.run(["ldd", plugin], capture_output=True, text=True, check=True).stdout
    wanted = set(
        re.findall(r"^\s*(libxcb[-\w]*\.so\.\d+|libxkbcommon[-\w]*\.so\.\d+)", linked, re.M)
    )
    known = {*qt_libraries.EVERY_WINDOW, *qt_libraries.X11_WINDOW}
    # libxcb-shm, -render, -util and libxcb itself come as dependencies of the others.
    come_along = {"libxcb.so.1", "libxcb-shm.so.0", "libxcb-render.so.0", "libxcb-util.so.1"}
    assert len(wanted) > 10
    assert wanted - known <= come_along


@linux
def test_doctor_and_live_name_the_packages_that_are_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(qt_libraries.X11_WINDOW, "libnosuch.so.7", "libnosuch7")
    monkeypatch.setenv("QT_QPA_PLATFORM", "xcb")
    found = window_finding()
    assert found.verdict is Verdict.PROBLEM
    assert "libnosuch.so.7" in found.found
    assert "apt install" in found.advice
    assert "libnosuch7" in found.advice
    assert "libnosuch7" in why_no_window()


@linux
def test_doctor_starts_qt_as_the_window_would(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    found = window_finding()
    assert (found.verdict, found.found) == (Verdict.GOOD, "Qt opens the display by offscreen")


@linux
def test_doctor_tells_what_qt_says_of_a_display_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("QT_QPA_PLATFORM", "no-such-platform")
    found = window_finding()
    assert found.verdict is Verdict.PROBLEM
    assert "no-such-platform" in found.found


@linux
def test_make_asks_the_same_list() -> None:
    asked = subprocess.run(
        [sys.executable, "app/diagnostics/qt_libraries.py"],
        cwd=_CHECKOUT,
        env={**os.environ, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    lacking = qt_libraries.missing({**qt_libraries.EVERY_WINDOW, **qt_libraries.X11_WINDOW})
    assert asked.stdout.split() == sorted(lacking.values())
