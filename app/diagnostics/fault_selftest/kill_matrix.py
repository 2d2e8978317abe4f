"""Every command, every signal, instants from its start to its end: what is promised holds.

Nothing hangs, no traceback is shown, the exit status tells the signal, material and everything
else stays as it was, what was begun can be read or finished by the same command.
"""

import hashlib
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.diagnostics.fault_selftest.commands_under_test import CommandUnderTest, make_material
from app.diagnostics.fault_selftest.defects import Defect, Trial
from app.session import interruption
from drivers.atomic_file import is_unfinished
from drivers.errors import InstrumentError
from drivers.plain_text import one_line

SIGNALS = (*interruption.ENDING, *([signal.SIGKILL] if hasattr(signal, "SIGKILL") else []))

_LONGEST_S = 120.0
"""Undisturbed, or to go on."""
_END_WITHIN_S = 60.0
"""After a signal; a busy machine may take long to finish what was begun."""
_POLL_S = 0.005


@dataclass(frozen=True, slots=True)
class _Ended:
    status: int | None
    """None: it had to be killed."""
    said: str
    seconds: float


@dataclass
class KillMatrix:
    """Trials in ``folder``, which is made and may be removed afterwards; ``seed`` repeats them."""

    folder: Path
    seed: int = 0

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._material = self.folder / "material"

    def run(
        self, commands: Sequence[CommandUnderTest], instants: int, told: Callable[[Trial], None]
    ) -> list[Trial]:
        """Every command with every signal at ``instants`` instants each."""
        make_material(self._material, self._prepare)
        trials = []
        for command in commands:
            undisturbed = self._undisturbed(command)
            for number in SIGNALS:
                for after_s in self._instants(instants, undisturbed.seconds):
                    trials.append(self.strike(command, number, after_s))
                    told(trials[-1])
        return trials

    def _instants(self, count: int, seconds: float) -> Iterator[float]:
        """One at random in each of ``count`` equal parts of the time."""
        for part in range(count):
            yield (part + self._random.random()) / count * seconds

    def _prepare(self, words: Sequence[str]) -> None:
        command = CommandUnderTest(words[0], tuple(words), (), lambda folder: None)
        ended = self._wait(self._start(command, self._material), _LONGEST_S)
        if ended.status != 0:
            raise InstrumentError(f"ngs {' '.join(words)} failed: {ended.said}; run ngs doctor")

    def _undisturbed(self, command: CommandUnderTest) -> _Ended:
        place = self._fresh()
        ended = self._wait(self._start(command, place), _LONGEST_S)
        if ended.status != 0:
            raise InstrumentError(f"{command.name} fails undisturbed: {ended.said}; run ngs doctor")
        command.check(place)
        return ended

    def strike(self, command: CommandUnderTest, number: signal.Signals, after_s: float) -> Trial:
        """Run ``command`` in a fresh copy of the material and send it a signal."""
        place = self._fresh()
        before = _contents(place)
        process = self._start(command, place)
        self._await(command, process, place)
        try:
            process.wait(after_s)
        except subprocess.TimeoutExpired:
            process.send_signal(number)
        ended = self._wait(process, _END_WITHIN_S)
        after = _contents(place)
        defects = [
            *_of_the_end(ended, number, untouched=after == before),
            *_of_the_files(command, before, after, killed=number == _KILL),
        ]
        try:
            command.check(place)
        except (InstrumentError, AssertionError, OSError, ValueError):
            defects.append(Defect.UNREADABLE)
        if command.goes_on and not defects:
            again = self._wait(self._start(command, place), _LONGEST_S)
            if again.status != 0:
                defects.append(Defect.NOT_RESUMED)
                ended = again
        said = one_line(ended.said.strip().splitlines()[-1]) if ended.said.strip() else ""
        what = f"{command.name}, {number.name} after {after_s:.2f} s"
        return Trial(what, tuple(dict.fromkeys(defects)), said, ended.seconds)

    def _await(
        self, command: CommandUnderTest, process: "subprocess.Popen[str]", place: Path
    ) -> None:
        """Return when what the command awaits is there, it ended, or was given up."""
        until_s = time.monotonic() + _LONGEST_S
        while command.awaits and not (place / command.awaits).exists():
            if process.poll() is not None or time.monotonic() > until_s:
                return
            time.sleep(_POLL_S)

    def _fresh(self) -> Path:
        """A copy of the material, in a folder that has its own place for caches."""
        place = self.folder / "run"
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(self._material, place)
        return place

    def _start(self, command: CommandUnderTest, place: Path) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            command.line(),
            cwd=place,
            env={**os.environ, "XDG_CACHE_HOME": str(self.folder / "cache")},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )

    def _wait(self, process: "subprocess.Popen[str]", longest_s: float) -> _Ended:
        started_s = time.monotonic()
        with process:
            try:
                _, said = process.communicate(timeout=longest_s)
                status: int | None = process.returncode
            except subprocess.TimeoutExpired:
                process.kill()
                _, said = process.communicate()
                status = None
        return _Ended(status, said, time.monotonic() - started_s)


_KILL = getattr(signal, "SIGKILL", None)


def _of_the_end(ended: _Ended, number: signal.Signals, *, untouched: bool) -> Iterator[Defect]:
    if ended.status is None:
        yield Defect.HANG
    if "Traceback" in ended.said:
        yield Defect.TRACEBACK
    right = {0, 128 + number}
    if untouched or number == _KILL:
        right.add(-number)  # so does the system before Python has begun to listen
    if ended.status is not None and ended.status not in right:
        yield Defect.WRONG_STATUS


def _of_the_files(
    command: CommandUnderTest, before: dict[str, str], after: dict[str, str], *, killed: bool
) -> Iterator[Defect]:
    if any(after.get(name) != digest for name, digest in before.items()):
        yield Defect.CHANGED_INPUT
    for name in after.keys() - before.keys():
        parts = Path(name).parts
        left = killed and any(is_unfinished(part) for part in parts)
        if parts[0] not in command.makes and not left:
            yield Defect.WROTE_OUTSIDE


def _contents(folder: Path) -> dict[str, str]:
    """Digest of each file, by its name in ``folder``."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }
