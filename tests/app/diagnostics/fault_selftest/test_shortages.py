"""Shortages: broken promises are found, some cheap surroundings are kept, no input is forgotten."""

import inspect
import random
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

import pytest
import typer

from app import cli
from app.diagnostics.fault_selftest.commands_under_test import CommandUnderTest
from app.diagnostics.fault_selftest.defects import Defect, Trial
from app.diagnostics.fault_selftest.endless_inputs import PLACE, READING, endless_inputs
from app.diagnostics.fault_selftest.shortages import Shortages, surrounded_commands
from app.diagnostics.fault_selftest.surroundings import SURROUNDINGS, Surrounding
from app.diagnostics.fault_selftest.trial_place import TrialPlace
from tests import small_recording as small

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="shortages are made for Linux")

WRITTEN = {
    *("out", "target", "snapshot", "recordings", "report", "table", "figure", "folder", "page"),
}
"""Parameters that name a file or folder to be written; every other path is read."""


@dataclass(frozen=True, slots=True)
class Program(CommandUnderTest):
    """A command that is no command of ``ngs``."""

    text: str = ""

    def line(self) -> list[str]:
        return [sys.executable, "-c", f"import os, sys, pathlib\n{self.text}"]


def program(text: str) -> Program:
    return Program("program", (), ("out",), lambda folder: None, text=text)


@pytest.fixture
def shortages(tmp_path: Path) -> Shortages:
    material = tmp_path / "faults" / "material"
    small.write(material / "recording", {"rsgr": range(6)})
    return Shortages(TrialPlace(tmp_path / "faults"))


def tried(shortages: Shortages, surrounding: Surrounding, command: CommandUnderTest) -> Trial:
    return shortages.trial(surrounding, command, random.Random(1))


def plain(**options: Any) -> Surrounding:
    return Surrounding("plain", 'exec "$@"', **options)


FAILS = "sys.exit('ngs: the disk is full')"


@pytest.mark.parametrize(
    ("surrounding", "text", "defects"),
    [
        (plain(), FAILS, ()),
        (plain(works=True), FAILS, (Defect.WRONG_STATUS,)),
        (plain(), "sys.exit(3)", (Defect.WRONG_STATUS,)),
        (plain(), "sys.exit('no disk')", (Defect.UNTOLD,)),
        (plain(mute=True), "sys.exit(1)", ()),
        (plain(), "os.abort()", (Defect.ABORTED,)),
        (plain(may_abort=True), "os.abort()", ()),
        (plain(may_abort=True), "open('out', 'w'); os.abort()", (Defect.ABORTED,)),
        (plain(), "sys.exit('ngs: unexpected KeyError: 1')", (Defect.UNEXPECTED,)),
        (plain(), "1 / 0", (Defect.UNTOLD, Defect.TRACEBACK)),
        (plain(bounded=True), "sys.exit('ngs: not enough memory')", (Defect.UNBOUNDED,)),
        (plain(), "pathlib.Path('beside').touch()", (Defect.WROTE_OUTSIDE,)),
        (plain(longest_s=0.5), "import time; time.sleep(600)", (Defect.HANG,)),
    ],
    ids=lambda each: ", ".join(each) if isinstance(each, tuple) else "",
)
def test_broken_promises_are_found(
    shortages: Shortages, surrounding: Surrounding, text: str, defects: tuple[Defect, ...]
) -> None:
    assert tried(shortages, surrounding, program(text)).defects == defects


def surrounding(name: str) -> Surrounding:
    return next(each for each in SURROUNDINGS if each.name == name)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("few open files", "[os.dup(1) for _ in range(100)]"),
        ("small files", "open('out', 'wb', 0).write(bytes(4 << 20)) == 4 << 20 or sys.exit(9)"),
        ("little address space", "bytearray(1 << 40)"),
        ("standard output full", "print(1, flush=True)"),
        ("standard input closed", "sys.stdin.read()"),
        ("no PATH", "os.environ['PATH'] or 1 / 0"),
        ("a cache that is a file", "os.mkdir(os.environ['XDG_CACHE_HOME'] + '/a')"),
        ("no folder of temporary files", "open(os.environ['TMPDIR'] + '/a', 'w')"),
    ],
)
def test_each_is_short_of_what_it_says(shortages: Shortages, name: str, text: str) -> None:
    """A program that does not look where it steps falls."""
    trial = tried(shortages, surrounding(name), program(text))
    assert Defect.TRACEBACK in trial.defects or Defect.WRONG_STATUS in trial.defects, trial


def test_a_process_is_stopped_and_goes_on(shortages: Shortages) -> None:
    stopped = surrounding("stopped for a while")
    text = "import time; time.sleep(0.5); print('ngs: done', file=sys.stderr)"
    trial = tried(shortages, stopped, program(text))
    assert trial.defects == ()
    assert trial.said == "ngs: done"
    assert trial.ended_s > stopped.levels[0]


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
def test_the_wall_clock_steps_and_no_other(shortages: Shortages) -> None:
    text = """
import time
ends = time.monotonic() + 1.5
began = time.time()
while time.monotonic() < ends and time.time() - began < 100:
    time.sleep(0.01)
print('ngs:', time.time() - began > 100, time.monotonic() < ends + 100, file=sys.stderr)
"""
    forwards = replace(surrounding("the wall clock steps forwards"), levels=(1000, 2000))
    trial = tried(shortages, forwards, program(text))
    assert (trial.defects, trial.said) == ((), "ngs: True True")


@pytest.mark.parametrize("name", ["a FIFO"])
def test_an_endless_calibration_is_refused(shortages: Shortages, name: str) -> None:
    group = endless_inputs()[f"endless input, calibrate show {PLACE}"]
    short, command = next(
        each for each in group if each[0].name.startswith(f"endless input, {name}")
    )
    trial = tried(shortages, short, command)
    assert trial.defects == (), trial
    assert "cannot be read" in trial.said


def test_every_surrounding_has_commands() -> None:
    groups = surrounded_commands()
    assert len(groups) == len(SURROUNDINGS)
    for each in SURROUNDINGS:
        assert {command.name for _, command in groups[each.name]} >= set(each.only)


def name_of(parameter: inspect.Parameter) -> str:
    return parameter.name.replace("_", "-")


def paths_read(app: typer.Typer, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command's words with the name of each of its paths that is read."""
    for info in app.registered_commands:
        assert info.callback is not None
        name = info.name or info.callback.__name__.replace("_", "-")
        for parameter in inspect.signature(info.callback).parameters.values():
            if get_origin(parameter.annotation) is Annotated:
                kind, told = get_args(parameter.annotation)
                if Path in (kind, *get_args(kind)) and parameter.name not in WRITTEN:
                    option = isinstance(told, typer.models.OptionInfo)
                    yield (*words, name, f"--{name_of(parameter)}" if option else PLACE)
    for group in app.registered_groups:
        assert group.typer_instance is not None
        yield from paths_read(group.typer_instance, (*words, str(group.name)))


@pytest.mark.parametrize("path", list(paths_read(cli.app)), ids=" ".join)
def test_every_path_that_is_read_is_tried(path: tuple[str, ...]) -> None:
    *words, option = path
    lines = [line for line in READING if line[: len(words)] == tuple(words)]
    if option == PLACE:
        assert any(PLACE in line[len(words) : len(words) + 2] for line in lines)
    else:
        assert any((option, PLACE) in pairwise(line) for line in lines)
