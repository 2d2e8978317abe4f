"""The report of a selftest: what the page and the zip are made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from app.diagnostics.verdicts import Outcome, StepResult


@dataclass(frozen=True, slots=True)
class SelftestReport:
    """What was found; ``interrupted`` where the operator ended it before its end.

    ``cameras`` are the addresses by their names. ``private`` is whether serial numbers and
    network addresses are told.
    """

    created: datetime
    program: str
    machine: str
    cameras: Mapping[str, str]
    results: tuple[StepResult, ...]
    interrupted: bool
    private: bool

    @property
    def failures(self) -> tuple[StepResult, ...]:
        """The steps that failed."""
        return tuple(each for each in self.results if each.finding.outcome is Outcome.FAILED)
