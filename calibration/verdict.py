"""Grade of a calibration step, with reasons and remedies for the operator."""

from dataclasses import dataclass, field
from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Grade(StrEnum):
    """How far a result can be trusted."""

    GOOD = "good"
    USABLE = "usable"
    REDO = "redo"


class Verdict(BaseModel):
    """A grade and the reasons for it, each a sentence, with a remedy if there is one.

    A good result has no reasons.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    grade: Grade
    reasons: tuple[str, ...] = ()

    def __str__(self) -> str:
        return (
            f"{self.grade.value}: {'; '.join(self.reasons)}" if self.reasons else self.grade.value
        )


@dataclass
class Findings:
    """Reasons collected one by one; the worst of them decides the grade.

    >>> found = Findings()
    >>> found.limit(0.25, (0.15, 0.4), "corners lie 0.25 px beside the fit; hold the board still")
    >>> str(found.verdict)
    'usable: corners lie 0.25 px beside the fit; hold the board still'
    """

    redo: list[str] = field(default_factory=list)
    usable: list[str] = field(default_factory=list)

    def limit(self, value: float | None, limits: tuple[float, float], reason: str) -> None:
        """Add ``reason`` if ``value`` is beyond the good or the usable limit; ignore None.

        Large values are bad, or small ones if the first limit is the larger one.
        """
        if value is None:
            return
        good, usable = limits
        sign = 1.0 if usable >= good else -1.0
        if sign * value > sign * usable:
            self.redo.append(reason)
        elif sign * value > sign * good:
            self.usable.append(reason)

    @property
    def verdict(self) -> Verdict:
        """Grade and reasons of all findings."""
        grade = Grade.REDO if self.redo else Grade.USABLE if self.usable else Grade.GOOD
        return Verdict(grade=grade, reasons=(*self.redo, *self.usable))
