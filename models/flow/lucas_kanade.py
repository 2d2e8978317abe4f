"""Flow by local least squares, in torch: on the device where the frames are.

Coarse to fine (Bouguet, Intel 2000), at every level in turn:

- *Propagation*: each pixel tries the flow of its neighbours, near and far, and
  keeps what explains its surroundings best. This carries flow into places that
  coarser levels could not see, and across those that show nothing (PatchMatch,
  Barnes et al., SIGGRAPH 2009; from coarse to fine, Hu, Song and Li, CVPR 2016).
- *Least squares* (Lucas and Kanade, IJCAI 1981): one Gauss-Newton step for the
  flow that explains a window best, robust against what is occluded or moves
  otherwise (Black and Anandan, CVIU 1996), damped as in Levenberg-Marquardt.
- *Median* of flow among neighbours (Sun, Roth and Black, CVPR 2010).

What came into view at the frame's edges has no counterpart in the frame before:
it is left out of every sum, and takes the flow that its surroundings propagate.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from models.encoding import srgb_encode
from models.flow.confidence import flow_confidence
from models.flow.estimator import FLOW_SCALE, Flow
from models.flow.resampling import half_luminance, halved

_LEVELS = 5
"""Halvings from the prepared picture to the coarsest, at 1/64 of the frame: a repeating texture,
which misleads a search, is mostly gone there."""
_SMALLEST_SIDE_PX = 6
"""Rows and columns of a level at least: fewer tell one motion from another only by chance, and
finer levels do not find back."""
_SEARCHED_PX = 1
"""Farthest motion tried at the fifth halving, 64 pixels of the frame, and as far in frames that
are halved less often; least squares go beyond."""
_FINEST_SEARCHED = 8
"""Narrow pictures are searched less far: this many times the steps of the fifth halving."""
_FARNESS_COST = 4.0
"""In codes for 64 pixels: of motions that explain a picture about alike, the shortest."""
_REPETITIONS = 2
"""Propagation and least squares, at each level."""

_NEIGHBOURS_PX = (2, 5, 12)
"""How far left, right, up and down flow is propagated from."""
_COMPARED_PX = 5
"""Side of the window in which two flows are compared."""
_UNSEEN_DN = 4.0
_UNSEEN_SHARE = 0.05
"""A window that was wholly out of view counts as one whose codes differ by 4, a poor match. In
every window so much of its area counts the same: the less was in view, the less it decides."""

_WINDOW_PX = (5, 3)
"""Sides of two averages, one after the other: a window of 7 pixels that fades to its edges."""
_INLIER_DN = 0.5
"""Least squares counts differences well below this by their squares, those above by their size."""
_DAMPING = 2.0
"""Weight of the flow a step begins with, at half resolution; slopes of noise weigh about that."""
_DAMPING_PER_LEVEL = 0.25
"""As the variance of noise, where 2 x 2 pixels are averaged."""
_MEDIAN_STEPS_PX = (1, 2)


class LucasKanade:
    """Pyramidal Lucas-Kanade with propagation, on any device; see the module.

    What is computed depends on the size of the frame alone, and nothing waits
    for the host: a CUDA graph can capture it. Keeps nothing between calls. On a
    CPU it takes ten times as long as a thorough :class:`DenseInverseSearch`.
    """

    def prepare(self, light: Tensor) -> Tensor:
        """Luminance at half resolution, sRGB-encoded as float32 from 0 to 255.

        For the reasons of :meth:`DenseInverseSearch.prepare`.
        """
        return srgb_encode(half_luminance(light)).mul_(255.0)

    def estimate(self, previous: Tensor, current: Tensor) -> Flow:
        """See :class:`FlowEstimator`; float32 throughout."""
        rows, columns = current.shape
        levels = min(_LEVELS, max(0, int(math.log2(min(rows, columns) / _SMALLEST_SIDE_PX))))
        multiple = 2**levels
        padding = (0, -columns % multiple, 0, -rows % multiple)
        pyramid = [F.pad(torch.stack([previous, current])[None], padding, mode="replicate")[0]]
        for _ in range(levels):
            pyramid.append(halved(pyramid[-1]))
        *finer, coarsest = (
            _Level.of(pair[0], pair[1], _DAMPING * _DAMPING_PER_LEVEL**height)
            for height, pair in enumerate(pyramid)
        )
        flow = _improved(
            coarsest, _searched(coarsest, min(2 ** (_LEVELS - levels), _FINEST_SEARCHED))
        )
        for level in reversed(finer):
            flow = _improved(level, _doubled(flow))
        flow = flow[:, :rows, :columns]
        return Flow(flow * FLOW_SCALE, flow_confidence(previous, current, flow))


@dataclass(frozen=True, slots=True)
class _Level:
    """Two pictures of one size; flow at a level is ``(2, rows, columns)`` in its pixels."""

    previous: Tensor
    """Code, one, and slope in x and y: ``(4, rows, columns)``. One tells, sampled, what was in
    view."""
    current: Tensor
    slope: Tensor
    """Of the current picture, ``(2, rows, columns)``."""
    x: Tensor
    y: Tensor
    """Where columns and rows lie between the outer edges, from -1 to 1: ``(columns,)`` and
    ``(rows, 1)``."""
    damping: float

    @classmethod
    def of(cls, previous: Tensor, current: Tensor, damping: float) -> "_Level":
        rows, columns = current.shape
        before = torch.cat([torch.stack([previous, torch.ones_like(previous)]), _slope(previous)])
        x = torch.arange(1 - columns, columns, 2, device=current.device) / columns
        y = torch.arange(1 - rows, rows, 2, device=current.device)[:, None] / rows
        return cls(before, current, _slope(current), x, y, damping)

    def moved(self, planes: int, flows: Tensor) -> Tensor:
        """The first planes of the previous picture, as each flow has moved them; beyond it, 0.

        ``(flows, 2, rows, columns)`` give ``(planes, flows, rows, columns)``.
        """
        rows, columns = self.current.shape
        grid = torch.stack(
            [
                torch.sub(self.x, flows[:, 0], alpha=2 / columns),
                torch.sub(self.y, flows[:, 1], alpha=2 / rows),
            ],
            -1,
        )
        # Flows below one another: one picture instead of one for each.
        grid = grid.view(1, -1, columns, 2)
        moved = F.grid_sample(self.previous[None, :planes], grid, align_corners=False)
        return moved.view(planes, -1, rows, columns)


def _searched(level: _Level, finer: int) -> Tensor:
    """The best of all motions by whole pixels, which are so much ``finer`` than at the fifth."""
    reach_px = _SEARCHED_PX * finer
    steps_px = torch.arange(-reach_px, reach_px + 1.0, device=level.current.device)
    motions = torch.stack(torch.meshgrid(steps_px, steps_px, indexing="xy"), -1).view(-1, 2, 1, 1)
    farness = torch.linalg.vector_norm(motions, dim=1)
    candidates = motions.expand(-1, -1, *level.current.shape)
    return _chosen(
        candidates, _mismatch(level, candidates).add_(farness, alpha=_FARNESS_COST / finer)
    )


def _improved(level: _Level, flow: Tensor) -> Tensor:
    for _ in range(_REPETITIONS):
        flow = _refined(level, _propagated(level, flow))
    return _smoothed(flow)


def _propagated(level: _Level, flow: Tensor) -> Tensor:
    """The best of the flows at a pixel and around it."""
    rows, columns = level.current.shape
    reach = max(_NEIGHBOURS_PX)
    wide = _widened(flow, reach, reach)
    offsets = [(0, 0)]
    for step in _NEIGHBOURS_PX:
        offsets += [(0, step), (0, -step), (step, 0), (-step, 0)]
    candidates = torch.stack(
        [
            wide[:, reach + down : reach + down + rows, reach + right : reach + right + columns]
            for down, right in offsets
        ]
    )
    return _chosen(candidates, _mismatch(level, candidates))


def _mismatch(level: _Level, candidates: Tensor) -> Tensor:
    """Mean difference in codes that each of ``(flows, 2, rows, columns)`` leaves around a pixel."""
    sampled = level.moved(2, candidates)
    # In place: these are the largest arrays of all.
    sampled[0].addcmul_(level.current, sampled[1], value=-1).abs_()
    means = F.avg_pool2d(sampled, _COMPARED_PX, 1, _COMPARED_PX // 2)
    means[0].add_(_UNSEEN_SHARE * _UNSEEN_DN)
    return means[0].div_(means[1].add_(_UNSEEN_SHARE))


def _chosen(candidates: Tensor, mismatch: Tensor) -> Tensor:
    best = mismatch.argmin(0)[None, None].expand(1, 2, -1, -1)
    return candidates.gather(0, best)[0]


def _refined(level: _Level, flow: Tensor) -> Tensor:
    """One step of robust, damped least squares.

    With residual r and slope g at each pixel, minimises the sum over a window of
    w (r - g . (flow - flow there))^2, plus damping times the square of the change.
    """
    sampled = level.moved(4, flow[None])[:, 0]
    code, seen = sampled[0], sampled[1]
    residual = torch.addcmul(code, seen, level.current, value=-1)
    # The mean of both pictures' slopes: to second order right between them.
    slope = torch.lerp(level.slope, sampled[2:], 0.5)
    weight = seen / (residual.abs() + _INLIER_DN)
    along = torch.addcmul(torch.addcmul(residual, slope[0], flow[0]), slope[1], flow[1])
    moments = (slope * weight)[:, None] * torch.cat([slope, along[None]])
    for side in _WINDOW_PX:
        moments = F.avg_pool2d(moments, side, 1, side // 2)
    cross = moments[0, 1]
    diagonal = moments[:, :2].diagonal().movedim(-1, 0) + level.damping
    right = torch.add(moments[:, 2], flow, alpha=level.damping)
    determinant = torch.addcmul(diagonal[0] * diagonal[1], cross, cross, value=-1)
    cofactors = torch.addcmul(right * diagonal.flip(0), right.flip(0), cross, value=-1)
    solution: Tensor = cofactors / determinant
    return solution


def _smoothed(flow: Tensor) -> Tensor:
    """Medians of three along rows, then columns; twice, farther apart the second time."""
    for step in _MEDIAN_STEPS_PX:
        columns = flow.shape[-1]
        left, right = (_widened(flow, 0, step)[..., at : at + columns] for at in (0, 2 * step))
        flow = flow.clamp(torch.minimum(left, right), torch.maximum(left, right))
        rows = flow.shape[-2]
        above, below = (_widened(flow, step, 0)[:, at : at + rows] for at in (0, 2 * step))
        flow = flow.clamp(torch.minimum(above, below), torch.maximum(above, below))
    return flow


def _slope(picture: Tensor) -> Tensor:
    """Central differences in x and y, ``(2, rows, columns)``; one-sided halves at the edges."""
    wide = _widened(picture[None], 1, 1)[0]
    across = wide[1:-1, 2:] - wide[1:-1, :-2]
    down = wide[2:, 1:-1] - wide[:-2, 1:-1]
    return torch.stack([across, down]).div_(2)


def _doubled(flow: Tensor) -> Tensor:
    """Flow of the next finer level."""
    return F.interpolate(flow[None], scale_factor=2, mode="bilinear")[0] * 2


def _widened(planes: Tensor, rows: int, columns: int) -> Tensor:
    """``(planes, rows, columns)`` with their edges continued on all sides."""
    return F.pad(planes[None], (columns, columns, rows, rows), mode="replicate")[0]
