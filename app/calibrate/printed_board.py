"""A calibration board on a page: where its ink is, in mm."""

import math
from dataclasses import dataclass

import numpy as np

from app.calibrate.page_size import PageSize
from calibration.geometric.board_detection import BoardKind, BoardSpec, printed_board
from drivers.errors import InstrumentError

_MARGIN_MM = 10.0
_LABEL_MM = 14.0
_STEP_MM = 0.5
_LEAST_SQUARE_MM = 2.0


@dataclass(frozen=True)
class PrintedBoard:
    """A board as large as fits on the page, in whole halves of a millimetre.

    ``page_mm`` is (width, height); ``ink_mm`` are (left, top, width, height) of all that is black,
    from the page's upper left; ``label_mm`` is where text may stand, below the board.
    """

    page_mm: tuple[float, float]
    square_mm: float
    ink_mm: tuple[tuple[float, float, float, float], ...]
    label_mm: tuple[float, float, float, float]
    option: str

    @classmethod
    def fitted(cls, board: BoardSpec, page: PageSize) -> "PrintedBoard":
        """Upright or lying, whichever has the larger squares.

        Raises :class:`InstrumentError` where they would be too small to be seen.
        """
        short_mm, long_mm = page.sides_mm
        width_mm, height_mm = max(
            ((short_mm, long_mm), (long_mm, short_mm)), key=lambda size: _square_mm(board, size)
        )
        square_mm = _square_mm(board, (width_mm, height_mm))
        if square_mm < _LEAST_SQUARE_MM:
            raise InstrumentError(
                f"{board.squares_x} x {board.squares_y} squares would be {square_mm:g} mm wide on "
                f"{page.value}, {_LEAST_SQUARE_MM:g} mm are needed; give a larger --page or fewer "
                "squares"
            )
        left_mm = (width_mm - board.squares_x * square_mm) / 2
        bottom_mm = _MARGIN_MM + board.squares_y * square_mm
        return cls(
            (width_mm, height_mm),
            square_mm,
            tuple(
                (
                    left_mm + square_mm * x,
                    _MARGIN_MM + square_mm * y,
                    square_mm * width,
                    square_mm * height,
                )
                for x, y, width, height in _ink(board)
            ),
            (_MARGIN_MM, bottom_mm + 4.0, width_mm - 2 * _MARGIN_MM, _LABEL_MM - 4.0),
            _option(board),
        )


def _square_mm(board: BoardSpec, page_mm: tuple[float, float]) -> float:
    width_mm, height_mm = page_mm
    free_mm = (
        (width_mm - 2 * _MARGIN_MM) / board.squares_x,
        (height_mm - 2 * _MARGIN_MM - _LABEL_MM) / board.squares_y,
    )
    return math.floor(min(free_mm) / _STEP_MM) * _STEP_MM


def _ink(board: BoardSpec) -> list[tuple[float, float, float, float]]:
    """What is black, in squares from the board's upper left."""
    squares = [(x, y) for y in range(board.squares_y) for x in range(board.squares_x)]
    if board.kind is BoardKind.CHECKERBOARD:
        return [(x, y, 1.0, 1.0) for x, y in squares if (x + y) % 2 == 0]
    printed = printed_board(board)
    dictionary = printed.getDictionary()
    cells = dictionary.markerSize + 2
    ink: list[tuple[float, float, float, float]] = []
    white = set()
    numbers = np.ravel(np.asarray(printed.getIds())).tolist()
    for number, corners in zip(numbers, printed.getObjPoints(), strict=True):
        left, top = (float(side) for side in np.min(np.asarray(corners)[:, :2], axis=0))
        white.add((int(left), int(top)))
        bits = dictionary.generateImageMarker(int(number), cells)
        side = board.marker_share / cells
        ink += [
            (left + side * column, top + side * row, side, side)
            for row, column in np.argwhere(bits < 128).tolist()
        ]
    return ink + [(x, y, 1.0, 1.0) for x, y in squares if (x, y) not in white]


def _option(board: BoardSpec) -> str:
    """What ``--board`` has to be for it."""
    size = f"{board.kind.value}:{board.squares_x}x{board.squares_y}"
    if board.kind is BoardKind.CHECKERBOARD:
        return size
    return f"{size}:{board.dictionary}:{board.marker_share:g}"
