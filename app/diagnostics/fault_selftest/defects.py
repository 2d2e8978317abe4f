"""What a fault may not cause, and what was found of it."""

from dataclasses import dataclass
from enum import StrEnum


class Defect(StrEnum):
    """A promise that was broken."""

    TRACEBACK = "traceback"
    HANG = "hang"
    WRONG_STATUS = "wrong exit status"
    UNREADABLE = "output that cannot be read"
    CHANGED_INPUT = "changed or deleted input"
    WROTE_OUTSIDE = "wrote beside its output"
    ABORTED = "ended by the system"
    UNTOLD = "failed without a line"
    UNEXPECTED = "failed with an unexpected error"
    UNBOUNDED = "took too much memory"
    NOT_RESUMED = "the same command does not go on"
    LEFT_RUNNING = "processes left running"
    CRASH = "the process died"
    UNCLEAR = "an error that is not one clear line"
    SILENT_LOSS = "frames lost without a count"
    WRONG_FRAMES = "frames that are not what they are said to be"
    LEAK = "threads or handles left"
    STANDS_STILL = "no frames although nothing is wrong any more"
    NOT_RESTORED = "settings lost by reconnecting"


@dataclass(frozen=True, slots=True)
class Trial:
    """One fault, and what came of it; no ``defects`` is what is promised.

    ``what`` names it so that it can be repeated, ``said`` is the last line of the program,
    ``ended_s`` how long it ran after the fault.
    """

    what: str
    defects: tuple[Defect, ...]
    said: str
    ended_s: float


def counts_text(trials: list[Trial]) -> str:
    """How many trials, and how many broke which promise.

    >>> counts_text([Trial("a", (), "", 0.1), Trial("b", (Defect.HANG,), "", 30.0)])
    '2 trials: 1 hang'
    >>> counts_text([Trial("a", (), "", 0.1)])
    '1 trial: no promise broken'
    """
    broken = {
        defect: sum(defect in trial.defects for trial in trials)
        for defect in Defect
        if any(defect in trial.defects for trial in trials)
    }
    told = ", ".join(f"{count} {defect.value}" for defect, count in broken.items())
    plural = "" if len(trials) == 1 else "s"
    return f"{len(trials)} trial{plural}: {told or 'no promise broken'}"
