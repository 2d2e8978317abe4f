"""What a calibration step says of itself, in words an operator acts upon."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Grade(StrEnum):
    """How far a result can be trusted."""

    GOOD = "good"
    USABLE = "usable"
    REDO = "redo"


class Verdict(BaseModel):
    """A grade and the reasons for it, each a sentence, with the remedy where there is one.

    A good result needs no reasons.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    grade: Grade
    reasons: tuple[str, ...] = ()

    def __str__(self) -> str:
        return (
            f"{self.grade.value}: {'; '.join(self.reasons)}" if self.reasons else self.grade.value
        )


def judge(redo: list[str], usable: list[str]) -> Verdict:
    """The verdict of what was found: reasons to do it again outweigh reasons for caution.

    >>> str(judge([], ["only 3 board positions; 8 give a tighter fit"]))
    'usable: only 3 board positions; 8 give a tighter fit'
    """
    grade = Grade.REDO if redo else Grade.USABLE if usable else Grade.GOOD
    return Verdict(grade=grade, reasons=(*redo, *usable))
