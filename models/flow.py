"""Optical flow between successive frames of one camera, and how far to trust it."""

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  # the name torch's own documentation uses
from torch import Tensor

from drivers.virtual.scene import LUMINANCE_WEIGHTS
from models.encoding import srgb_encode

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
        return srgb_encode(_half_luminance(light)).mul_(255.0).round_().to(torch.uint8).cpu()

    def estimate(self, previous: Tensor, current: Tensor) -> Flow:
        """See :class:`FlowEstimator`; frames below 32 x 32 pixels are given no motion."""
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
"""Rows and columns at half resolution below which OpenCV's search finds no scale to begin at."""

_CELL = 8
_RESIDUAL_FLOOR = 0.1
"""Mean square difference, in codes of 8 bit, that rounding alone makes."""
_TRUSTED_BELOW = 0.7
"""Share of the difference between the frames that a trusted flow leaves unexplained."""


def flow_confidence(previous: Tensor, current: Tensor, flow: Tensor) -> Tensor:
    """How much better flow explains the current picture than no motion does, 0 to 1.

    ``previous`` and ``current`` are float32 ``(rows, columns)`` in 8 bit codes;
    ``flow`` is ``(2, rows, columns)`` in their pixels. The mean square residual
    of the warped previous picture is compared with that of the unmoved one over
    cells of some 8 pixels: the noise is in both and need not be known. Where
    nothing moves, where nothing can be seen to move, and where the flow is
    wrong, both are alike and the confidence is 0.
    """
    pair = F.avg_pool2d(torch.stack([previous, current])[:, None], 3, 1, 1, count_include_pad=False)
    # Smoothed first: interpolation smooths too, and would pass for an explanation.
    moved = resample(pair[0], -flow, mode="bilinear")
    squares = torch.stack([moved - pair[1], pair[0] - pair[1]]).square_()
    cells = F.avg_pool2d(squares, 2 * _CELL, _CELL, _CELL, count_include_pad=False)
    with_flow, without = cells.add_(_RESIDUAL_FLOOR)
    confidence = (1 - with_flow / without).div_(1 - _TRUSTED_BELOW).clamp_(0, 1)
    size = list(current.shape)
    return F.interpolate(confidence[None], size, mode="bilinear", align_corners=True)[0, 0]


def resample(picture: Tensor, displacement_px: Tensor, *, mode: str) -> Tensor:
    """The picture at x + displacement, edges continued.

    ``picture`` is float32 ``(channels, rows, columns)``, ``displacement_px``
    ``(2, rows, columns)``, x then y; ``mode`` is "bilinear" or "bicubic".
    """
    rows, columns = picture.shape[-2:]
    x_px = torch.arange(columns, dtype=torch.float32, device=picture.device)
    y_px = torch.arange(rows, dtype=torch.float32, device=picture.device)
    grid = torch.empty((2, rows, columns), device=picture.device)
    # grid_sample counts from -1 to 1 between the outer edges of the outermost pixels.
    torch.add(displacement_px[0], x_px + 0.5, out=grid[0]).mul_(2 / columns).sub_(1)
    torch.add(displacement_px[1], y_px[:, None] + 0.5, out=grid[1]).mul_(2 / rows).sub_(1)
    return F.grid_sample(
        picture[None],
        grid.movedim(0, -1)[None],
        mode=mode,
        padding_mode="border",
        align_corners=False,
    )[0]


def _half_luminance(light: Tensor) -> Tensor:
    """Mean luminance of cells of 2 x 2 pixels; ``(rows, columns[, 3])`` to half of it."""
    planes = light.movedim(-1, 0) if light.ndim == 3 else light[None]
    halved = F.avg_pool2d(planes[None], FLOW_SCALE, ceil_mode=True)[0]
    if len(halved) == 1:
        return halved[0]
    weights = torch.tensor(LUMINANCE_WEIGHTS, dtype=light.dtype, device=light.device)
    return torch.einsum("c,cyx->yx", weights, halved)
