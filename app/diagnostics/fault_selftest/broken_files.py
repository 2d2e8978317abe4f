"""Every file that the program reads, damaged in every way: it is read, or refused in one line.

Nothing else may come of it: no other error, no hang, no crash, no memory beyond what is sane,
and no file changed or made.
"""

import itertools
import os
import random
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.diagnostics.fault_selftest.container_mutations import meanings_of
from app.diagnostics.fault_selftest.defects import Defect, Trial
from app.diagnostics.fault_selftest.mutations import BYTES
from app.diagnostics.fault_selftest.reading_process import (
    START_WITHIN_S,
    FileReader,
    Reading,
    ReadingProcess,
)
from drivers.errors import InstrumentError
from drivers.plain_text import one_line

QUICK = 8
"""Damaged files for each share of a reader."""

_LONGEST_LINE = 1000
_LONG_AGO_S = 1_000_000_000
_HUGE_BYTES = 1 << 36

_REPLACED_SHARE = 0.12
_RENAMED_SHARE = 0.04
_BY_MEANING_SHARE = 0.65
_TWICE_SHARE = 0.1


def _nothing(path: Path) -> None:
    """It is not there."""


def _huge(path: Path) -> None:
    path.touch()
    os.truncate(path, _HUGE_BYTES)


REPLACEMENTS: dict[str, Callable[[Path], None]] = {
    "missing": _nothing,
    "a folder": lambda path: path.mkdir(),
    "a FIFO": lambda path: os.mkfifo(path),
    "a link to /dev/zero": lambda path: path.symlink_to("/dev/zero"),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a link to what is not there": lambda path: path.symlink_to("/nowhere/at/all"),
    "a link to a file outside": lambda path: path.symlink_to(_outside_of(path)),
    "a hole of 64 GB": _huge,
}
"""What can stand in the place of a file."""

NAMES = (
    b"\x1b[31mred",
    b"a\nb",
    b"caf\xe9",
    b"\xff\xfe",
    b"--set",
    b"12:30:00",
    b"a#b?c=d",
    b"%03d",
)
"""Of the folder that holds the files."""


def _outside_of(path: Path) -> str:
    return os.path.relpath(
        next(p for p in path.parents if p.name == "run") / "outside", path.parent
    )


@dataclass
class BrokenFiles:
    """Trials in ``folder``, which is made; ``seed`` repeats them."""

    folder: Path
    seed: int = 0

    def run(
        self, readers: Sequence[FileReader], times: int, told: Callable[[Trial], None]
    ) -> list[Trial]:
        """``times`` the quick number of damaged files for each reader.

        Raises :class:`InstrumentError` where what is not damaged cannot be read.
        """
        trials = []
        self._run.mkdir(parents=True)
        with ReadingProcess({each.name: each for each in readers}, self._run) as process:
            for reader in readers:
                for trial in itertools.islice(
                    self._trials(reader, process), QUICK * reader.share * times
                ):
                    trials.append(trial)
                    told(trial)
        return trials

    @property
    def _run(self) -> Path:
        return self.folder / "run"

    def _trials(self, reader: FileReader, process: ReadingProcess) -> Iterator[Trial]:
        genuine = self.folder / reader.name.replace(" ", "-")
        genuine.mkdir()
        reader.make(genuine)
        for path in genuine.rglob("*"):
            os.utime(path, (_LONG_AGO_S, _LONG_AGO_S))
        whole = process.read(reader.name, self._fresh(genuine), START_WITHIN_S)
        if whole.defect is not None or whole.said:
            raise InstrumentError(f"{reader.name}: undamaged files: {whole.said}; run ngs doctor")
        files = sorted(
            {
                path.relative_to(genuine)
                for pattern in reader.files
                for path in genuine.glob(pattern)
                if path.is_file()
            }
        )
        for number in itertools.count():
            rng = random.Random(f"{self.seed} {reader.name} {number}")
            place = self._fresh(genuine)
            file = rng.choice(files)
            place, done = _damaged(place, file, rng)
            before = _state(self._run)
            reading = process.read(reader.name, place)
            defects = [
                *([] if reading.defect is None else [reading.defect]),
                *_of_the_line(reading, place, file),
                *_of_the_files(before, _state(self._run), place.relative_to(self._run), reader),
            ]
            what = f"{reader.name}, {file}: {done}; seed {self.seed}, number {number}"
            yield Trial(
                one_line(what),
                tuple(defects),
                one_line(reading.said)[:_LONGEST_LINE],
                reading.seconds,
            )

    def _fresh(self, genuine: Path) -> Path:
        """A copy of the files, and something beside it that is none of the reader's business."""
        for path in self._run.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
        (self._run / "outside").write_bytes(b"{}")
        place = self._run / "files"
        shutil.copytree(genuine, place)
        return place


def _damaged(place: Path, file: Path, rng: random.Random) -> tuple[Path, str]:
    """The folder, which may be renamed, and what was done to the file in it."""
    path = place / file
    chance = rng.random()
    if chance < _REPLACED_SHARE:
        name, replace = rng.choice(list(REPLACEMENTS.items()))
        path.unlink()
        replace(path)
        return place, name
    content, done = path.read_bytes(), []
    meanings = meanings_of(content) if content else ()
    if meanings and rng.random() < _BY_MEANING_SHARE:
        name, content = rng.choice(meanings)(content, rng)
        done.append(name)
    while content and (not done or rng.random() < _TWICE_SHARE):
        name, content = rng.choice(BYTES)(content, rng)
        done.append(name)
    path.write_bytes(content)
    os.utime(path, (_LONG_AGO_S, _LONG_AGO_S))
    if chance > 1 - _RENAMED_SHARE:
        name = os.fsdecode(rng.choice(NAMES))
        place = place.rename(place.with_name(name))
        done.append(f"in a folder called {name!r}")
    return place, ", ".join(done)


def _of_the_line(reading: Reading, place: Path, file: Path) -> Iterator[Defect]:
    """What is wrong with what was said: it is one line, and tells of which file."""
    if reading.defect is not None or not reading.said:
        return
    said = reading.said.replace(str(place), "FOLDER")
    named = any(str(name) in reading.said for name in (place, file, *file.parents[:-1]))
    if said != one_line(said) or len(said) > _LONGEST_LINE or not named:
        yield Defect.UNCLEAR


def _state(folder: Path) -> dict[Path, tuple[int, ...]]:
    """What tells whether a file was changed, by its name below the folder."""
    states: dict[Path, tuple[int, ...]] = {}
    for path in folder.rglob("*"):
        found = path.lstat()
        of_file = () if stat.S_ISDIR(found.st_mode) else (found.st_size, found.st_mtime_ns)
        states[path.relative_to(folder)] = (found.st_mode, found.st_ino, *of_file)
    return states


def _of_the_files(
    before: Mapping[Path, tuple[int, ...]],
    after: Mapping[Path, tuple[int, ...]],
    place: Path,
    reader: FileReader,
) -> Iterator[Defect]:
    makes = [place / name for name in reader.makes]
    if any(after.get(path) != state for path, state in before.items()):
        yield Defect.CHANGED_INPUT
    made = after.keys() - before.keys()
    if any(not any(path.is_relative_to(name) for name in makes) for path in made):
        yield Defect.WROTE_OUTSIDE
