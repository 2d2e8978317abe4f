"""Demosaicing in linear light by gradient-corrected linear interpolation.

H. S. Malvar, L. He, R. Cutler, "High-quality linear interpolation for
demosaicing of Bayer-patterned color images", ICASSP 2004, figure 2.
"""

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Tensor

# The paper's filters, times 8. GREEN: green at a red or blue pixel. ALONG: a
# colour at a green pixel with that colour left and right. DIAGONAL: red at
# blue, blue at red.
_GREEN = ((0, 0, -1, 0, 0), (0, 0, 2, 0, 0), (-1, 2, 4, 2, -1), (0, 0, 2, 0, 0), (0, 0, -1, 0, 0))
_ALONG = (
    (0, 0, 0.5, 0, 0),
    (0, -1, 0, -1, 0),
    (-1, 4, 5, 4, -1),
    (0, -1, 0, -1, 0),
    (0, 0, 0.5, 0, 0),
)
_DIAGONAL = (
    (0, 0, -1.5, 0, 0),
    (0, 2, 0, 2, 0),
    (-1.5, 0, 6, 0, -1.5),
    (0, 2, 0, 2, 0),
    (0, 0, -1.5, 0, 0),
)

_RED_POSITION = {"RG": (0, 0), "GR": (0, 1), "GB": (1, 0), "BG": (1, 1)}
"""Row and column of the red pixel in the 2 x 2 cell, by PFNC pattern name."""


def red_position(pattern: str) -> tuple[int, int]:
    """Row and column of red in the cell of a PFNC pattern; blue is diagonally opposite."""
    return _RED_POSITION[pattern]


class Demosaic:
    """Bayer mosaic to RGB for one pattern on one device.

    Takes float ``(rows, columns)`` with an even number of each and returns
    ``(rows, columns, 3)``. Linear gradients come out exact but for a border of
    two pixels.
    """

    def __init__(self, pattern: str, device: torch.device) -> None:
        self._red_row, self._red_column = red_position(pattern)
        along = torch.tensor(_ALONG)
        filters = torch.stack([torch.tensor(_GREEN), along, along.T, torch.tensor(_DIAGONAL)])
        self._filters = (filters / 8.0).unsqueeze(1).to(device)

    def __call__(self, mosaic: Tensor) -> Tensor:
        padded = F.pad(mosaic[None, None], (2, 2, 2, 2), mode="reflect")
        green, beside, above, diagonal = F.conv2d(padded, self._filters)[0]
        rgb = torch.empty((*mosaic.shape, 3), dtype=mosaic.dtype, device=mosaic.device)
        red_row, red_column = self._red_row, self._red_column
        for row, column, own, other in (
            (red_row, red_column, 0, 2),
            (1 - red_row, 1 - red_column, 2, 0),
        ):
            here = mosaic[row::2, column::2]
            rgb[row::2, column::2, own] = here
            rgb[row::2, column::2, 1] = green[row::2, column::2]
            rgb[row::2, column::2, other] = diagonal[row::2, column::2]
            # The green pixel in this colour's row has it left and right, the
            # one in its column above and below.
            rgb[row::2, 1 - column :: 2, own] = beside[row::2, 1 - column :: 2]
            rgb[row::2, 1 - column :: 2, 1] = mosaic[row::2, 1 - column :: 2]
            rgb[1 - row :: 2, column::2, own] = above[1 - row :: 2, column::2]
        return rgb
