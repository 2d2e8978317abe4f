"""Modulated deformable convolution on ``grid_sample``: any device, precision and runtime."""

from itertools import product

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor


def deformable_convolution(
    planes: Tensor, offsets_px: Tensor, masks: Tensor, weight: Tensor, bias: Tensor | None = None
) -> Tensor:
    """A convolution with an offset and a weight for each tap at each pixel.

    ``planes`` is ``(batch, channels, rows, columns)``; ``weight`` ``(channels
    out, channels, height, width)``, both odd; the result keeps rows and columns.
    ``offsets_px``, ``(batch, groups, height * width, 2, rows, columns)``, x then
    y, moves each tap from its place, and ``masks``, ``(batch, groups, height *
    width, rows, columns)``, scales it; a group is a run of neighbouring channels.
    Between pixels planes are interpolated bilinearly, beyond their border they
    are zero: no offsets and masks of one make an ordinary convolution padded
    with zeros. After Zhu et al., Deformable ConvNets v2 (CVPR 2019), section 3.2.
    """
    batch, groups = masks.shape[:2]
    channels, rows, columns = planes.shape[1:]
    height, width = weight.shape[2:]
    # Places need a pixel's fraction in frames thousands of pixels wide.
    exact = torch.promote_types(planes.dtype, torch.float32)
    x = torch.arange(columns, dtype=exact, device=planes.device) + 0.5
    y = torch.arange(rows, dtype=exact, device=planes.device)[:, None] + 0.5
    places_px = offsets_px.to(exact)
    grouped = planes.to(exact).reshape(batch * groups, channels // groups, rows, columns)
    result = torch.zeros_like(planes[:, :1]) if bias is None else bias[:, None, None]
    # One tap after the other: all together would take as many times the memory.
    for tap, (down, right) in enumerate(product(range(height), range(width))):
        tap_x = places_px[:, :, tap, 0] + (x + (right - width // 2))
        tap_y = places_px[:, :, tap, 1] + (y + (down - height // 2))
        # grid_sample counts from -1 to 1 between the outer edges of the outermost pixels.
        grid = torch.stack([tap_x * (2 / columns) - 1, tap_y * (2 / rows) - 1], -1)
        sampled = F.grid_sample(grouped, grid.flatten(0, 1), align_corners=False)
        weighed = sampled.reshape(batch, groups, -1, rows, columns) * masks[:, :, tap, None]
        flat = weighed.reshape(batch, channels, rows, columns).to(planes.dtype)
        result = result + F.conv2d(flat, weight[:, :, down, right, None, None])
    return result
