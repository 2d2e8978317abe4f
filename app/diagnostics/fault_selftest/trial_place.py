"""Where trials run commands: fresh copies of the material, and what a command left there."""

import hashlib
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from app.diagnostics.fault_selftest.commands_under_test import CommandUnderTest, make_material
from app.diagnostics.fault_selftest.defects import Defect
from drivers.atomic_file import is_unfinished
from drivers.errors import InstrumentError
from drivers.plain_text import one_line

LONGEST_S = 120.0
"""For a command that nothing disturbs, or that goes on."""
_LEFT_RUNNING_S = 20.0
"""For the processes that a command started, after its end."""
_LOOK_S = 0.05


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended: ``status`` is None where it had to be killed; ``said`` on stderr.

    ``left_running`` are processes of it that ran on and had to be killed.
    """

    status: int | None
    said: str
    seconds: float
    left_running: int = 0

    @property
    def last_line(self) -> str:
        """The last line that it said, as plain text; empty where it said nothing."""
        said = self.said.strip()
        return one_line(said.splitlines()[-1]) if said else ""


@dataclass(frozen=True, slots=True)
class TrialPlace:
    """``folder`` is made, and may be removed afterwards."""

    folder: Path

    @property
    def material(self) -> Path:
        """What every fresh copy holds."""
        return self.folder / "material"

    @property
    def copy(self) -> Path:
        """The fresh copy that was made last."""
        return self.folder / "run"

    def prepare(self) -> None:
        """Make the material with ``ngs`` itself, unless it is there.

        Raises :class:`InstrumentError` where that fails.
        """
        if not self.material.exists():
            make_material(self.material, self._run_words)

    def _run_words(self, words: Sequence[str]) -> None:
        command = CommandUnderTest(words[0], tuple(words), (), lambda folder: None)
        ended = self.wait(self.start(command, self.material), LONGEST_S)
        if ended.status != 0:
            raise InstrumentError(
                f"ngs {' '.join(words)} failed: {ended.last_line}; run ngs doctor"
            )

    def undisturbed(self, command: CommandUnderTest) -> Ended:
        """Run it in a fresh copy; raises :class:`InstrumentError` where it fails."""
        place = self.fresh()
        ended = self.wait(self.start(command, place), LONGEST_S)
        if ended.status != 0:
            raise InstrumentError(
                f"{command.name} fails undisturbed: {ended.last_line}; run ngs doctor"
            )
        command.check(place)
        return ended

    def fresh(self) -> Path:
        """A copy of the material, instead of the copy before."""
        shutil.rmtree(self.copy, ignore_errors=True)
        shutil.copytree(self.material, self.copy)
        return self.copy

    def start(
        self, command: CommandUnderTest, place: Path, environment: Mapping[str, str] | None = None
    ) -> "subprocess.Popen[str]":
        """Start it in ``place``, with caches of its own and ``environment`` besides ours."""
        return subprocess.Popen(
            command.line(),
            cwd=place,
            env={
                **os.environ,
                "XDG_CACHE_HOME": str(self.folder / "cache"),
                **(environment or {}),
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )

    def wait(self, process: "subprocess.Popen[str]", longest_s: float) -> Ended:
        """Wait for its end, and kill it after ``longest_s``; so all processes that it left."""
        said: list[str] = []
        pipe = process.stderr
        assert pipe is not None
        # Not communicate(): a process that is left holds the pipe open.
        reading = threading.Thread(target=lambda: said.append(pipe.read()))
        reading.start()
        started_s = time.monotonic()
        status: int | None = None
        left: list[psutil.Process] = []
        try:
            with suppress(subprocess.TimeoutExpired):
                status = process.wait(longest_s)
            seconds = time.monotonic() - started_s
            if status is not None:
                left = _left_running(process.pid)
        finally:
            for each in _group(process.pid):
                each.kill()
            process.wait()
            reading.join()
            pipe.close()
        return Ended(status, said[0], seconds, len(left))


def _left_running(group: int) -> list[psutil.Process]:
    """Processes of a command that has ended, which do not end by themselves soon."""
    until_s = time.monotonic() + _LEFT_RUNNING_S
    while (left := _group(group)) and time.monotonic() < until_s:
        time.sleep(_LOOK_S)
    return left


def _group(group: int) -> list[psutil.Process]:
    """The living processes of a process group."""
    found = []
    for each in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if os.getpgid(each.pid) == group and each.status() != psutil.STATUS_ZOMBIE:
                found.append(each)
    return found


def contents(folder: Path) -> dict[str, str]:
    """Digest of each file, by its name in ``folder``."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def defects_of_files(
    command: CommandUnderTest, before: dict[str, str], after: dict[str, str], *, killed: bool
) -> Iterator[Defect]:
    """What is wrong with the files in the place of a command, by their digests.

    One that was ``killed`` could not remove what it had not finished.
    """
    if any(after.get(name) != digest for name, digest in before.items()):
        yield Defect.CHANGED_INPUT
    for name in after.keys() - before.keys():
        parts = Path(name).parts
        left = killed and any(is_unfinished(part) for part in parts)
        if parts[0] not in command.makes and not left:
            yield Defect.WROTE_OUTSIDE


def defects_of_outputs(command: CommandUnderTest, place: Path) -> Iterator[Defect]:
    """What cannot be read of what the command left in ``place``."""
    try:
        command.check(place)
    except (InstrumentError, AssertionError, OSError, ValueError):
        yield Defect.UNREADABLE
