"""How codes encode light; in a module of its own, so that the command line needs no torch."""

from enum import StrEnum


class Encoding(StrEnum):
    """Codes proportional to light, or encoded for viewing by sRGB (IEC 61966-2-1)."""

    LINEAR = "linear"
    SRGB = "srgb"
