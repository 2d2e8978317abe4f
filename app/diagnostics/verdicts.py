"""What a step of a selftest found: a verdict, figures with units, and what to do."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """How a step ended."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_POSSIBLE = "not possible here"
    SKIPPED = "skipped"


def number_text(value: float) -> str:
    """A number of four digits or more, without an exponent where it is large.

    >>> number_text(59.98765), number_text(1e6), number_text(0.00001234)
    ('59.99', '1000000', '1.234e-05')
    """
    return f"{value:.0f}" if 1e4 <= abs(value) < 1e15 else f"{value:.4g}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured or told value; None where it could not be had."""

    name: str
    value: float | int | str | None
    unit: str = ""

    def __str__(self) -> str:
        """As a person reads it.

        >>> str(Figure("rate", 59.98765, "fps")), str(Figure("overruns", None))
        ('59.99 fps', 'unknown')
        """
        value = number_text(self.value) if isinstance(self.value, float) else self.value
        return "unknown" if value is None else f"{value} {self.unit}".strip()


@dataclass(frozen=True, slots=True)
class Finding:
    """What a step found; ``advice`` says what to do, empty where nothing is to be done."""

    outcome: Outcome
    text: str
    advice: str = ""
    figures: tuple[Figure, ...] = ()


@dataclass(frozen=True, slots=True)
class StepResult:
    """A step that was done or left out; ``subject`` is what it is about."""

    subject: str
    step: str
    finding: Finding
    seconds: float = 0.0

    def document(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def passed(text: str, *figures: Figure) -> Finding:
    """Nothing is to be done."""
    return Finding(Outcome.PASSED, text, figures=figures)


def failed(text: str, advice: str, *figures: Figure) -> Finding:
    """The camera, its link or this machine does not do what it should."""
    return Finding(Outcome.FAILED, text, advice, figures)


def not_possible(text: str, advice: str = "", *figures: Figure) -> Finding:
    """What the step is about cannot be had or be seen here."""
    return Finding(Outcome.NOT_POSSIBLE, text, advice, figures)


def skipped(text: str, advice: str = "") -> Finding:
    """Left out: by the operator, or because the time was over."""
    return Finding(Outcome.SKIPPED, text, advice)


def counts_text(results: Sequence[StepResult]) -> str:
    """How many steps ended how, those that never occurred left out."""
    outcomes = [result.finding.outcome for result in results]
    counts = ((outcome, outcomes.count(outcome)) for outcome in Outcome)
    return ", ".join(f"{count} {outcome.value}" for outcome, count in counts if count)
