"""Paper to print on; light to import, for the command line."""

from enum import StrEnum


class PageSize(StrEnum):
    """Paper by its name in ISO 216."""

    A4 = "a4"
    A3 = "a3"
    A2 = "a2"
    A1 = "a1"
    A0 = "a0"

    @property
    def sides_mm(self) -> tuple[float, float]:
        """Short and long side."""
        return {
            PageSize.A4: (210.0, 297.0),
            PageSize.A3: (297.0, 420.0),
            PageSize.A2: (420.0, 594.0),
            PageSize.A1: (594.0, 841.0),
            PageSize.A0: (841.0, 1189.0),
        }[self]
