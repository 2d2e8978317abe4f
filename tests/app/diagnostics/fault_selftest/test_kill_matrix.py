"""The kill matrix finds every kind of broken promise, and none where a command keeps them."""

import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.diagnostics.fault_selftest import kill_matrix, trial_place
from app.diagnostics.fault_selftest.commands_under_test import COMMANDS, CommandUnderTest
from app.diagnostics.fault_selftest.defects import Defect, Trial
from app.diagnostics.fault_selftest.kill_matrix import KillMatrix
from app.diagnostics.fault_selftest.trial_place import TrialPlace
from drivers.errors import InstrumentError
from tests import small_recording as small

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")

LISTENS = """
import signal, sys, time, pathlib

begun = pathlib.Path("begun").exists()
{first}

def end(number, frame):
    {then}
    print("ngs: interrupted", file=sys.stderr)
    sys.exit(128 + number)

signal.signal(signal.SIGTERM, {handler})
pathlib.Path("begun").touch()
time.sleep(600)
"""
"""A command that ends in order at SIGTERM, but for what is put into it."""


@dataclass(frozen=True, slots=True)
class Program(CommandUnderTest):
    """A command that is no command of ``ngs``."""

    text: str = ""

    def line(self) -> list[str]:
        return [sys.executable, "-c", self.text]


def program(
    *,
    first: str = "pass",
    then: str = "pass",
    handler: str = "end",
    check: Callable[[Path], None] = lambda folder: None,
    goes_on: bool = False,
) -> Program:
    text = LISTENS.format(first=first, then=then, handler=handler)
    return Program("program", (), ("begun",), check, goes_on, awaits="begun", text=text)


@pytest.fixture
def matrix(tmp_path: Path) -> KillMatrix:
    material = tmp_path / "faults" / "material"
    small.write(material / "recording", {"rsgr": range(6)})
    return KillMatrix(TrialPlace(tmp_path / "faults"))


def struck(matrix: KillMatrix, command: CommandUnderTest) -> Trial:
    return matrix.strike(command, signal.SIGTERM, 0.1)


@pytest.mark.parametrize("goes_on", [False, True])
def test_a_command_that_keeps_its_promises_is_told_so(matrix: KillMatrix, goes_on: bool) -> None:
    trial = struck(matrix, program(first="if begun: sys.exit(0)", goes_on=goes_on))
    assert trial.defects == ()
    assert (trial.what, trial.said) == ("program, SIGTERM after 0.10 s", "ngs: interrupted")


def unreadable(folder: Path) -> None:
    raise InstrumentError("it is cut off")


INPUT = "pathlib.Path('recording/recording.json')"


@pytest.mark.parametrize(
    ("command", "defect"),
    [
        (program(then="raise ValueError"), Defect.TRACEBACK),
        (program(then="sys.exit(3)"), Defect.WRONG_STATUS),
        (program(handler="signal.SIG_DFL"), Defect.WRONG_STATUS),
        (program(check=unreadable), Defect.UNREADABLE),
        (program(then="pathlib.Path('beside').touch()"), Defect.WROTE_OUTSIDE),
        (program(then=f"{INPUT}.unlink()"), Defect.CHANGED_INPUT),
        (program(then=f"{INPUT}.write_text('cut')"), Defect.CHANGED_INPUT),
        (program(first="if begun: sys.exit(1)", goes_on=True), Defect.NOT_RESUMED),
    ],
    ids=lambda each: each.value if isinstance(each, Defect) else "",
)
def test_broken_promises_are_found(
    matrix: KillMatrix, command: CommandUnderTest, defect: Defect
) -> None:
    assert defect in struck(matrix, command).defects


def test_a_hang_is_ended_and_told(matrix: KillMatrix, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kill_matrix, "_END_WITHIN_S", 0.5)
    assert struck(matrix, program(then="time.sleep(600)")).defects == (Defect.HANG,)


def test_verify_keeps_its_promises(matrix: KillMatrix) -> None:
    command = next(each for each in COMMANDS if each.name == "verify")
    trial = matrix.strike(command, signal.SIGTERM, 0.3)
    assert trial.defects == (), trial


def test_a_command_that_fails_undisturbed_is_told(tmp_path: Path) -> None:
    (tmp_path / "faults" / "material").mkdir(parents=True)
    fails = program(first="sys.exit('no disk')")
    matrix = KillMatrix(TrialPlace(tmp_path / "faults"))
    with pytest.raises(InstrumentError, match="program fails undisturbed: no disk"):
        matrix.run([fails], 1, lambda trial: None)


def test_a_process_that_is_left_is_ended_and_told(
    matrix: KillMatrix, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial_place, "_LEFT_RUNNING_S", 0.5)
    left = "import subprocess; subprocess.Popen(['sleep', '600'])"
    assert struck(matrix, program(then=left)).defects == (Defect.LEFT_RUNNING,)
