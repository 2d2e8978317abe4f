"""The page of ``ngs selftest faults``: counts of thousands of trials, and every broken promise."""

import re
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from app.diagnostics.fault_selftest.defects import Defect, Trial, counts_text
from app.html_page import html_page

_TEMPLATE = Path(__file__).with_name("fault_page.html")
_MOST_ROWS = 40
_MOST_COLUMNS = 8
_MOST_BROKEN = 500
_SLOWEST = 10
_OTHERS = "others"


@dataclass(frozen=True, slots=True)
class FaultReport:
    """What was tried and what came of it; ``trials`` are those of each kind.

    ``interrupted`` where the operator ended it before its end.
    """

    started: datetime
    program: str
    machine: str
    versions: str
    command: str
    seed: int
    times: int
    seconds: float
    trials: Mapping[str, Sequence[Trial]]
    interrupted: bool

    @property
    def every(self) -> list[Trial]:
        """The trials of all kinds."""
        return [trial for of_kind in self.trials.values() for trial in of_kind]

    @property
    def broken(self) -> list[Trial]:
        """Those that broke a promise."""
        return [trial for trial in self.every if trial.defects]

    def document(self) -> dict[str, object]:
        """For JSON."""
        return {
            "seed": self.seed,
            "times": self.times,
            "started": self.started,
            "seconds": self.seconds,
            "program": self.program,
            "machine": self.machine,
            "versions": self.versions,
            "command": self.command,
            "interrupted": self.interrupted,
            "trials": {
                kind: [asdict(trial) for trial in trials] for kind, trials in self.trials.items()
            },
        }


def subject_and_fault(what: str) -> tuple[str, str]:
    """What a trial is about, and the fault without its own numbers: trials alike have the same.

    >>> subject_and_fault("export a video, SIGTERM after 0.42 s")
    ('export a video', 'SIGTERM')
    >>> subject_and_fault("verify: 3 bytes of the index changed, at 17")
    ('verify', 'bytes of the index changed')
    >>> subject_and_fault("sequence 17")
    ('sequence', '')
    """
    subject, _, fault = re.sub(r"[:,] ", "\n", what, count=1).partition("\n")
    return _without_numbers(subject), _without_numbers(fault)


def _without_numbers(text: str) -> str:
    """Up to the first number that follows a word, and the small word before that number left out.

    >>> _without_numbers("12 bytes cut at 100")
    'bytes cut'
    """
    begun = re.sub(r"^[\W\d.]+(?=\D)", "", text)
    kept = re.split(r"[\s,;]+(?=[-+]?\d)", begun, maxsplit=1)[0]
    return re.sub(r"[\s,;]+(after|at|by|from|in|of|on|to|with)$", "", kept).strip() or text


@dataclass(frozen=True, slots=True)
class Cell:
    """Trials of one subject with one fault."""

    trials: int
    broken: int


@dataclass(frozen=True, slots=True)
class KindTable:
    """Counts of one kind: a row for each subject, a column for each fault, and all of a row."""

    kind: str
    summary: str
    broken: bool
    faults: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell, ...], Cell], ...]


@dataclass(frozen=True, slots=True)
class BrokenPromise:
    """A trial that broke a promise, and the command that tries it again."""

    kind: str
    trial: Trial
    repeat: str


def kind_table(kind: str, trials: Sequence[Trial]) -> KindTable:
    """The counts of one kind. What is rare among many is put together as others."""
    named = [subject_and_fault(trial.what) for trial in trials]
    subjects = _most(_MOST_ROWS, (subject for subject, _ in named))
    faults = _most(_MOST_COLUMNS, (fault for _, fault in named))
    counts: Counter[tuple[str, str, bool]] = Counter()
    for (subject, fault), trial in zip(named, trials, strict=True):
        row = subject if subject in subjects else _OTHERS
        column = fault if fault in faults else _OTHERS
        counts[row, column, bool(trial.defects)] += 1
    rows = list(dict.fromkeys([*subjects, *(row for row, _, _ in counts)]))
    columns = list(dict.fromkeys([*faults, *(column for _, column, _ in counts)]))

    def cell(row: str, columns: Iterable[str]) -> Cell:
        kept, broke = (
            sum(counts[row, column, defect] for column in columns) for defect in (False, True)
        )
        return Cell(kept + broke, broke)

    return KindTable(
        kind=kind,
        summary=counts_text(list(trials)),
        broken=any(trial.defects for trial in trials),
        faults=tuple(columns),
        rows=tuple(
            (row, tuple(cell(row, [column]) for column in columns), cell(row, columns))
            for row in rows
        ),
    )


def _most(limit: int, names: Iterable[str]) -> list[str]:
    """The most frequent in the order of the first; all where they are few."""
    counts = Counter(names)
    kept = {name for name, _ in counts.most_common(limit)}
    return [name for name in counts if name in kept]


def fault_page(report: FaultReport) -> str:
    """One HTML page with everything inside."""
    broken = [
        BrokenPromise(kind, trial, _repeat(report, kind, trial))
        for kind, trials in report.trials.items()
        for trial in trials
        if trial.defects
    ]
    every = report.every
    return html_page(
        _TEMPLATE,
        report=report,
        grade="failed" if broken else "interrupted" if report.interrupted else "passed",
        summary=counts_text(every),
        promises=[
            (defect.value, sum(defect in trial.defects for trial in every)) for defect in Defect
        ],
        kinds=[kind_table(kind, trials) for kind, trials in report.trials.items()],
        broken=broken[:_MOST_BROKEN],
        not_shown=len(broken) - len(broken[:_MOST_BROKEN]),
        slowest=sorted(every, key=lambda trial: -trial.ended_s)[:_SLOWEST],
    )


def _repeat(report: FaultReport, kind: str, trial: Trial) -> str:
    subject, _ = subject_and_fault(trial.what)
    words = ("--kind", kind, "--only", subject, "--times", report.times, "--seed", report.seed)
    return shlex.join(["ngs", "selftest", "faults", *map(str, words)])
