"""Progress of work that is done in parts, as that of the whole."""

from collections.abc import Callable
from typing import TypeAlias

OnProgress: TypeAlias = Callable[[int, int], None]
"""Called with what is done and how much there is in all."""


def part_of(on_progress: OnProgress, before: int, total: int) -> OnProgress:
    """For one part of ``total``, after ``before`` of other parts."""
    return lambda done, _of_this_part: on_progress(before + done, total)
