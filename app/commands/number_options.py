"""Numbers on the command line: one type of option for all of them.

A number is finite and within limits that no sensible request exceeds; what is wrong about
another is told before the command begins. The narrower limits of a camera or a format are
told by what knows them.
"""

import math
import re
from dataclasses import dataclass
from typing import Any

import typer

LONGEST_PX = 65536
"""Side of a picture; no sensor has a longer one."""

LONGEST_S = 1e6
"""Length of a run: eleven days."""
LONGEST_PAST_S = 3600.0
"""Most that is kept from before the start of a recording; memory is less on most machines."""
LARGEST_SEED = 2**63 - 1
MOST_PROCESSES = 1024

_SIZE = re.compile(r"([0-9]{1,9})[xX]([0-9]{1,9})")


@dataclass(frozen=True, slots=True)
class Number:
    """Numbers that an option takes: parses one, or raises :class:`typer.BadParameter`.

    >>> Number(0.0, 100.0, "us")("12.5")
    12.5
    >>> Number(1, 8, "px")("8")
    8
    """

    least: float
    most: float
    unit: str = ""

    @property
    def __name__(self) -> str:
        """What older versions of typer show for the type."""
        return "integer" if self.whole else "float"

    @property
    def whole(self) -> bool:
        """Whether only whole numbers are taken: where the limits are written as such."""
        return isinstance(self.least, int)

    def __call__(self, text: object) -> float:
        """The number that ``text`` says; a default is a number already."""
        kind = int if self.whole else float
        try:
            value = kind(str(text))
        except ValueError:
            value = math.nan
        if not self.least <= value <= self.most:
            wanted = "a whole number" if self.whole else "a number"
            raise typer.BadParameter(
                f"{str(text)!r} is not {wanted} from {self.least:.15g} to {self.most:.15g}"
                f"{self.unit and ' '}{self.unit}"
            )
        return value


def number(
    help: str, least: float, most: float, unit: str = "", *names: str, metavar: str | None = None
) -> Any:
    """An option that takes a number from ``least`` to ``most``; whole where these are ``int``."""
    return typer.Option(*names, help=help, parser=Number(least, most, unit), metavar=metavar)


def picture_size(text: str) -> tuple[int, int]:
    """Columns and rows of ``WxH``; raises :class:`typer.BadParameter` for anything else."""
    found = _SIZE.fullmatch(str(text))
    size = tuple(map(int, found.groups())) if found else ()
    if not size or not 1 <= min(size) <= max(size) <= LONGEST_PX:
        raise typer.BadParameter(
            f"{text!r} is not WxH in pixels, such as 640x480, each side from 1 to {LONGEST_PX} px"
        )
    return size[0], size[1]
