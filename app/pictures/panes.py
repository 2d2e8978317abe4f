"""Pictures side by side on a dark background, each with a title, and a caption below."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

_GAP_PX = 8
_CAPTION_PX = 34
_PAPER = 24
_INK = (225, 225, 225)


def compose(panes: Sequence[tuple[NDArray[np.uint8], str]], caption: str) -> NDArray[np.uint8]:
    """Grey or RGB pictures of one size with their titles, as one RGB picture."""
    rows, columns = panes[0][0].shape[:2]
    width = len(panes) * columns + (len(panes) + 1) * _GAP_PX
    height = rows + 2 * _CAPTION_PX
    paper = np.full((height, width, 3), _PAPER, np.uint8)
    for position, (pixels, title) in enumerate(panes):
        left = _GAP_PX + position * (columns + _GAP_PX)
        colour = pixels if pixels.ndim == 3 else pixels[..., None]
        paper[_CAPTION_PX : _CAPTION_PX + rows, left : left + columns] = colour
        _write(paper, title, left, _CAPTION_PX - 12)
    _write(paper, caption, _GAP_PX, height - 12)
    return paper


def _write(paper: NDArray[np.uint8], text: str, left_px: int, baseline_px: int) -> None:
    """Draw one line of text, smaller if it would not fit."""
    scale = 0.5
    (width, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
    scale *= min(1.0, (paper.shape[1] - left_px - _GAP_PX) / max(1, width))
    cv2.putText(
        paper, text, (left_px, baseline_px), cv2.FONT_HERSHEY_SIMPLEX, scale, _INK, 1, cv2.LINE_AA
    )
