"""A figure that compares restorers: one row per example, one column per restorer, GS last."""

import cv2
import numpy as np
from numpy.typing import NDArray

from models.evaluation.example_crops import Example
from models.evaluation.results import Evaluation

_CELL_PX = 288
_GAP_PX = 8
_MARGIN_PX = 24
_HEADER_PX = 92
_CAPTION_PX = 34

_PAPER = 24
_INK = (232, 232, 232)
_QUIET = (150, 150, 150)
_MARK = (255, 196, 64)

_Picture = NDArray[np.uint8]


def comparison_figure(evaluation: Evaluation, rows: int = 4) -> _Picture:
    """8 bit RGB ``(height, width, 3)``: the ``rows`` most moving examples.

    Left the whole GS frame with the place marked, then the place raw, row
    gained and under every restorer in the order of the table, then GS. Raises
    :class:`ValueError` for an evaluation without moving examples.
    """
    examples = evaluation.examples[:rows]
    if not examples:
        raise ValueError("no sequence of two frames or more, so no example to show")
    restorers = [result.restorer for result in evaluation.results]
    overview_px = max(_overview_columns(example) for example in examples)
    lefts = [_MARGIN_PX]
    for width in (overview_px, *[_CELL_PX] * len(restorers)):
        lefts.append(lefts[-1] + width + _GAP_PX)
    figure = np.full(
        (
            _HEADER_PX + len(examples) * (_CELL_PX + _CAPTION_PX) + _GAP_PX,
            lefts[-1] + _CELL_PX + _MARGIN_PX,
            3,
        ),
        _PAPER,
        np.uint8,
    )
    _write(figure, _title(evaluation), _MARGIN_PX, 36, 0.62, _INK)
    for left, name in zip(lefts, ("GS, whole frame", *restorers, "GS"), strict=True):
        _write(figure, name, left, _HEADER_PX - 12, 0.56, _INK)
    for position, example in enumerate(examples):
        top = _HEADER_PX + position * (_CELL_PX + _CAPTION_PX)
        _draw_example(figure, example, restorers, lefts, top)
    return figure


def _title(evaluation: Evaluation) -> str:
    material = evaluation.material
    return (
        f"{material.origin.capitalize()} material, split {material.split}: the place with most "
        f"motion across contrast, from {material.sequences} sequences"
    )


def _draw_example(
    figure: _Picture, example: Example, restorers: list[str], lefts: list[int], top: int
) -> None:
    baseline = top + _CELL_PX + 20
    _paste(figure, _overview(example), lefts[0], top)
    caption = (
        f"{example.sequence}/{example.frame.partition('.')[0].lstrip('0') or '0'}   "
        f"x {example.row_exposure_ratio:.1f}, blur {example.blur_px:.0f} px"
    )
    _write(figure, caption, lefts[0], baseline, 0.46, _QUIET)
    for left, name in zip(lefts[1:], restorers, strict=False):
        _paste(figure, _cell(example.crops[name]), left, top)
        _write(figure, f"{example.psnr_db[name]:.1f} dB", left, baseline, 0.46, _QUIET)
    _paste(figure, _cell(example.target), lefts[-1], top)


def _overview_columns(example: Example) -> int:
    rows, columns = example.whole.shape[:2]
    return round(_CELL_PX * int(columns) / int(rows))


def _overview(example: Example) -> _Picture:
    size = (_overview_columns(example), _CELL_PX)
    small = cv2.resize(_rgb(example.whole), size, interpolation=cv2.INTER_AREA)
    scale = _CELL_PX / example.whole.shape[0]
    spot = example.spot
    corners = [
        (round(scale * x), round(scale * y))
        for x, y in (
            (spot.left, spot.top),
            (spot.left + spot.side - 1, spot.top + spot.side - 1),
        )
    ]
    cv2.rectangle(small, corners[0], corners[1], _MARK, 1, cv2.LINE_AA)
    return np.asarray(small, np.uint8)


def _cell(crop: _Picture) -> _Picture:
    """A crop at the size of a cell; where it divides evenly in whole pixels, unsmoothed."""
    even = _CELL_PX % crop.shape[0] == 0
    interpolation = cv2.INTER_NEAREST if even else cv2.INTER_CUBIC
    enlarged = cv2.resize(_rgb(crop), (_CELL_PX, _CELL_PX), interpolation=interpolation)
    return np.asarray(enlarged, np.uint8)


def _rgb(pixels: _Picture) -> _Picture:
    return pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)


def _paste(figure: _Picture, pixels: _Picture, left: int, top: int) -> None:
    figure[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels


def _write(
    figure: _Picture, text: str, left: int, baseline: int, scale: float, ink: tuple[int, int, int]
) -> None:
    cv2.putText(
        figure, text, (left, baseline), cv2.FONT_HERSHEY_SIMPLEX, scale, ink, 1, cv2.LINE_AA
    )
