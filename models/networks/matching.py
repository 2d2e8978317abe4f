"""Matches two pictures: a small optical flow for whole batches.

A network that sees a clip needs the motion between all of its frames, crop by
crop in training, and inside whatever it is exported to: plain operations on
batches, at the low resolution that a network's own correction begins from. To
restore live, and to be looked at, there is :mod:`models.flow`.
"""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

_LEVELS = 3
COARSEST = 2 ** (_LEVELS - 1)
"""Rows and columns must be multiples of this."""
_REACH_PX = 4
"""Farthest motion tried at the coarsest level, by whole pixels there."""
_FARTHEST_PX = 1.5 * _REACH_PX * COARSEST
"""Finer levels may find things a little farther away; what is beyond is a mistake."""
_FARNESS_COST = 2e-3
"""For each pixel: of two motions that explain a picture alike, the shorter."""
_NEIGHBOURS_PX = (2, 5)
"""How far left, right, up and down motion is propagated from."""
_REPETITIONS = 2
_COMPARED_PX = 5
"""Side of the window in which motions are compared."""
_WINDOW_PX = (7, 5)
"""Sides of two averages, one after the other: a window that fades to its edges."""
_INLIER = 0.01
"""Differences well below this have their squares summed, those above their amounts."""
_DAMPING = 3e-4
"""At the finest level; noise falls by averaging, so coarser ones have less."""
_UNSEEN_COST = 0.03
_UNSEEN_SHARE = 0.05
"""A window that nothing was seen of counts as a poor match, as does this share of any."""


@torch.no_grad()
def match(here: Tensor, there: Tensor) -> Tensor:
    """Displacement from the places ``here`` to the same things ``there``, x then y, in pixels.

    Both are ``(batch, 1, rows, columns)``, encoded; the result ``(batch, 2, rows,
    columns)``, float32, at most 24 pixels. Coarse to fine, at each level in
    turn the best of the motions around (Barnes et al., PatchMatch, SIGGRAPH 2009)
    and a step of damped, robust least squares (Lucas and Kanade, IJCAI 1981).
    Nothing is differentiated: the best match is no smooth function of a picture.
    """
    levels = [(here.float(), there.float())]
    while len(levels) < _LEVELS:
        one, other = levels[-1]
        levels.append((F.avg_pool2d(one, 2), F.avg_pool2d(other, 2)))
    found = _searched(*levels[-1])
    for height in reversed(range(_LEVELS)):
        one, other = levels[height]
        if height < _LEVELS - 1:
            found = 2 * F.interpolate(found, scale_factor=2, mode="bilinear")
        damping = _DAMPING * 0.25**height
        for _ in range(_REPETITIONS):
            found = _refined(one, other, _propagated(one, other, found), damping)
        found = F.avg_pool2d(found, 3, 1, 1, count_include_pad=False)
    return found.clamp(-_FARTHEST_PX, _FARTHEST_PX)


def displaced(planes: Tensor, displacement_px: Tensor, padding_mode: str = "border") -> Tensor:
    """``planes`` sampled at x + displacement, ``(batch, 2, rows, columns)``; edges continued.

    With "zeros" there is nothing beyond them. Several displacements may lie below
    one another, as ``(batch, 2, times * rows, columns)``.
    """
    rows, columns = planes.shape[-2:]
    times = displacement_px.shape[-2] // rows
    x = torch.arange(0.5, columns, device=planes.device)
    y = torch.arange(0.5, rows, device=planes.device).repeat(times)[:, None]
    # grid_sample counts from -1 to 1 between the outer edges of the outermost pixels.
    grid = torch.stack(
        [
            (displacement_px[:, 0] + x) * (2 / columns) - 1,
            (displacement_px[:, 1] + y) * (2 / rows) - 1,
        ],
        -1,
    )
    sampled = F.grid_sample(planes.float(), grid, padding_mode=padding_mode, align_corners=False)
    return sampled.to(planes.dtype)


def _searched(here: Tensor, there: Tensor) -> Tensor:
    """The best of all motions by whole pixels, as far as the search goes."""
    batch, _, rows, columns = here.shape
    side = 2 * _REACH_PX + 1
    number = torch.arange(side**2, device=here.device)
    steps_px = torch.stack([number % side, number // side], 1) - float(_REACH_PX)
    candidates = steps_px[None, :, :, None, None].expand(batch, -1, -1, rows, columns)
    cost = _FARNESS_COST * steps_px.square().sum(1).sqrt()[:, None, None]
    return _chosen(candidates, _mismatch(here, there, candidates) + cost)


def _propagated(here: Tensor, there: Tensor, found: Tensor) -> Tensor:
    """The best of the motions at a pixel and around it."""
    rows, columns = found.shape[-2:]
    reach = max(_NEIGHBOURS_PX)
    wide = F.pad(found, (reach,) * 4, mode="replicate")
    offsets = [(reach, reach)]
    for step in _NEIGHBOURS_PX:
        offsets += [(reach, reach - step), (reach, reach + step)]
        offsets += [(reach - step, reach), (reach + step, reach)]
    candidates = torch.stack(
        [wide[..., down : down + rows, right : right + columns] for down, right in offsets], 1
    )
    return _chosen(candidates, _mismatch(here, there, candidates))


def _mismatch(here: Tensor, there: Tensor, candidates: Tensor) -> Tensor:
    """Mean difference each of ``(batch, motions, 2, rows, columns)`` leaves around a pixel."""
    motions = candidates.shape[1]
    # One beside the picture tells, sampled, what was in view.
    sampled = displaced(
        torch.cat([there, torch.ones_like(there)], 1),
        candidates.transpose(1, 2).flatten(2, 3),
        padding_mode="zeros",
    )
    picture, seen = sampled.reshape(len(here), 2, motions, *here.shape[-2:]).unbind(1)
    difference = (picture - here * seen).abs()
    difference, seen = (
        F.avg_pool2d(each, _COMPARED_PX, 1, _COMPARED_PX // 2) for each in (difference, seen)
    )
    return (difference + _UNSEEN_SHARE * _UNSEEN_COST) / (seen + _UNSEEN_SHARE)


def _chosen(candidates: Tensor, mismatch: Tensor) -> Tensor:
    best = mismatch.argmin(1)[:, None, None].expand(-1, 1, 2, -1, -1)
    return candidates.gather(1, best)[:, 0]


def _refined(here: Tensor, there: Tensor, found: Tensor, damping: float) -> Tensor:
    """One step of least squares, damped towards what was found.

    The motion that makes the sum of w (r - g . (motion - motion found there))^2
    over a window least, with residual r and slope g at each pixel.
    """
    sampled = displaced(
        torch.cat([there, torch.ones_like(there), *_slope(there)], 1), found, padding_mode="zeros"
    )
    picture, seen, right, down = sampled.chunk(4, 1)
    residual = here * seen - picture
    # The mean of both pictures' slopes: to second order right between them.
    here_right, here_down = _slope(here)
    right, down = (right + here_right) / 2, (down + here_down) / 2
    weight = seen / (residual.abs() + _INLIER)
    along = residual + right * found[:, :1] + down * found[:, 1:]
    products = [right * right, right * down, down * down, right * along, down * along]
    moments = torch.cat(products, 1) * weight
    for side in _WINDOW_PX:
        moments = F.avg_pool2d(moments, side, 1, side // 2)
    xx, xy, yy, xr, yr = moments.chunk(5, 1)
    xx, yy = xx + damping, yy + damping
    xr, yr = xr + damping * found[:, :1], yr + damping * found[:, 1:]
    motion = torch.cat([xr * yy - yr * xy, yr * xx - xr * xy], 1)
    refined: Tensor = motion / (xx * yy - xy * xy)
    return refined


def _slope(picture: Tensor) -> tuple[Tensor, Tensor]:
    """Central differences in x and y; one-sided halves at the edges."""
    wide = F.pad(picture, (1, 1, 1, 1), mode="replicate")
    right = wide[..., 1:-1, 2:] - wide[..., 1:-1, :-2]
    down = wide[..., 2:, 1:-1] - wide[..., :-2, 1:-1]
    return right / 2, down / 2
