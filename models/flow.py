"""Optical flow between successive frames of one camera, and how far to trust it."""

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  # the name torch's own documentation uses
from torch import Tensor

from drivers.virtual.scene import LUMINANCE_WEIGHTS
from models.encoding import to_screen

FLOW_SCALE = 2
"""Flow is found at one half of the frame's resolution."""


@dataclass(frozen=True, slots=True)
class Flow:
    """Apparent motion from a previous frame to the current one, at half resolution.

    ``flow_px`` is float32 ``(2, rows, columns)``, x then y in pixels of the full
    frame, given where things are in the *current* frame: what is at p now was at
    p - flow before. ``confidence`` is float32 ``(rows, columns)`` from 0, no
    better than no motion, to 1. Half resolution rounds odd sizes up.
    """

    flow_px: Tensor
    confidence: Tensor


class FlowEstimator(Protocol):
    """One way to find flow; frames are prepared once and compared twice."""

    def prepare(self, light: Tensor) -> Tensor:
        """What :meth:`estimate` compares, of linear light ``(rows, columns[, 3])``."""

    def estimate(self, previous: Tensor, current: Tensor) -> Flow:
        """Flow between two prepared frames of one size, on the device of the light."""


class DenseInverseSearch:
    """Dense inverse search (Kroeger et al., ECCV 2016) by OpenCV, on the CPU.

    Frames on another device make a round trip at half resolution: 8 bit codes
    to the host, flow back; for 1440 x 1080, 0.4 and 4.7 MB. Use from one thread.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self._search.setFinestScale(1)

    def prepare(self, light: Tensor) -> Tensor:
        """Luminance at half resolution, sRGB-encoded, 8 bit, on the host.

        Encoded because differences then weigh as they are seen, and metrics
        count them; averaged before, because averages are of light.
        """
        planes = light.movedim(-1, 0) if light.ndim == 3 else light[None]
        halved = _halved(planes)
        if len(halved) == 1:
            return torch.from_numpy(to_screen(halved[0]))
        weights = torch.tensor(LUMINANCE_WEIGHTS, dtype=light.dtype, device=light.device)
        return torch.from_numpy(to_screen(torch.einsum("c,cyx->yx", weights, halved)))

    def estimate(self, previous: Tensor, current: Tensor) -> Flow:
        """See :class:`FlowEstimator`; a frame with a side below 31 pixels gets no motion."""
        rows, columns = current.shape
        if min(rows, columns) < _SMALLEST_SEARCHED:
            still = torch.zeros((3, rows, columns), device=self._device)
            return Flow(still[:2], still[2])
        # Searched backwards: the flow then lies on the grid of the frame to restore.
        backward = self._search.calc(current.numpy(), previous.numpy(), np.empty(0, np.float32))
        flow = torch.from_numpy(backward).movedim(-1, 0).neg()
        confidence = flow_confidence(previous.float(), current.float(), flow)
        return Flow((flow * FLOW_SCALE).to(self._device), confidence.to(self._device))


_SMALLEST_SEARCHED = 16
"""Rows and columns at half resolution; with fewer, OpenCV 5.0 crashes (two patches of 8 pixels)."""

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
    before, now = _halved(torch.stack([previous, current]))
    moved = resample(before[None], _halved(flow) / -2, mode="bilinear")[0]
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


def resample(picture: Tensor, displacement_px: Tensor, *, mode: str, scale: int = 1) -> Tensor:
    """The picture at x + displacement, edges continued.

    ``picture`` is float32 ``(channels, rows, columns)``; ``displacement_px``
    float32 ``(2, rows / scale, columns / scale)``, sizes rounded up, x then y in
    the picture's pixels; ``mode`` is "bilinear" or "bicubic".
    """
    rows, columns = picture.shape[-2:]
    x_px = torch.arange(0.5, columns, device=picture.device)
    y_px = torch.arange(0.5, rows, device=picture.device)[:, None]
    # In place as far as may be: fresh memory of a frame's size costs as much as the arithmetic.
    if scale == 1:
        grid = displacement_px.clone()
    else:
        finer = F.interpolate(displacement_px[None], scale_factor=scale, mode="bilinear")
        grid = finer[0, :, :rows, :columns]
    # grid_sample counts from -1 to 1 between the outer edges of the outermost pixels.
    grid[0].add_(x_px).mul_(2 / columns).sub_(1)
    grid[1].add_(y_px).mul_(2 / rows).sub_(1)
    return F.grid_sample(
        picture[None],
        grid.movedim(0, -1)[None],
        mode=mode,
        padding_mode="border",
        align_corners=False,
    )[0]


def _halved(picture: Tensor) -> Tensor:
    """Mean of cells of 2 x 2 pixels, ``(channels, rows, columns)``; odd sizes are rounded up."""
    rows, columns = picture.shape[-2:]
    if rows % 2 or columns % 2:
        picture = F.pad(picture, (0, columns % 2, 0, rows % 2), mode="replicate")
    # At one half, bilinear is that mean, and five times as fast as pooling.
    return F.interpolate(picture[None], scale_factor=0.5, mode="bilinear")[0]
