"""How far to trust a flow."""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from models.flow.resampling import halved, resample

_CELL = 4
_FLOOR = 0.1
"""Mean square difference, in codes of 8 bit, that rounding alone makes."""
_TRUSTED_BELOW = 0.4
_DISTRUSTED_ABOVE = 0.8


def flow_confidence(previous: Tensor, current: Tensor, flow: Tensor) -> Tensor:
    """How much better flow explains the current picture than no motion does, 0 to 1.

    ``previous`` and ``current`` are float32 ``(rows, columns)`` in 8 bit codes;
    ``flow`` is ``(2, rows, columns)`` in their pixels; the result is float32 of
    their shape. The mean square residual of the warped previous picture is
    compared with that of the unmoved one and with the picture's variance,
    whichever is less, over overlapping cells of 16 pixels. Noise is in all three
    and need not be known. Where nothing moves, where nothing can be seen to
    move, and where the flow is wrong, they are alike and the confidence is 0.
    """
    # Smaller first: interpolation smooths noise, and would pass for an explanation.
    before, now = halved(torch.stack([previous, current]))
    moved = resample(before[None], halved(flow) / -2, mode="bilinear")[0]
    moments = torch.stack([(moved - now).square_(), (before - now).square_(), now.square(), now])
    with_flow, without, mean_square, mean = F.avg_pool2d(
        moments, 2 * _CELL, _CELL, _CELL, ceil_mode=True, count_include_pad=False
    )
    contrast = mean_square - mean.square()
    unexplained = (with_flow + _FLOOR) / (torch.minimum(without, contrast) + _FLOOR)
    confidence = ((_DISTRUSTED_ABOVE - unexplained) / (_DISTRUSTED_ABOVE - _TRUSTED_BELOW)).clamp_(
        0, 1
    )
    size = list(current.shape)
    return F.interpolate(confidence[None, None], size, mode="bilinear", align_corners=True)[0, 0]
