"""Reduces pictures and samples them between their pixels."""

import torch
import torch.nn.functional as F  # noqa: N812  # the name torch's own documentation uses
from torch import Tensor

from drivers.srgb import LUMINANCE_WEIGHTS


def resample(picture: Tensor, displacement_px: Tensor, *, mode: str, scale: int = 1) -> Tensor:
    """The picture at x + displacement, edges continued.

    ``picture`` is float32 ``(channels, rows, columns)``; ``displacement_px``
    float32 ``(2, rows / scale, columns / scale)``, sizes rounded up, x then y in
    the picture's pixels; ``mode`` is "bilinear" or "bicubic".
    """
    rows, columns = picture.shape[-2:]
    x_px = torch.arange(0.5, columns, device=picture.device)
    y_px = torch.arange(0.5, rows, device=picture.device)[:, None]
    # In place where possible: allocating memory of a frame's size costs as much as the arithmetic.
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


def halved(picture: Tensor) -> Tensor:
    """Mean of cells of 2 x 2 pixels, ``(channels, rows, columns)``; odd sizes are rounded up."""
    rows, columns = picture.shape[-2:]
    if rows % 2 or columns % 2:
        picture = F.pad(picture, (0, columns % 2, 0, rows % 2), mode="replicate")
    # At one half, bilinear is that mean, and five times as fast as pooling.
    return F.interpolate(picture[None], scale_factor=0.5, mode="bilinear")[0]


def half_luminance(light: Tensor) -> Tensor:
    """Luminance at half resolution of linear light ``(rows, columns[, 3])``."""
    if light.ndim == 2:
        return halved(light[None])[0]
    red, green, blue = halved(light.movedim(-1, 0))
    of_red, of_green, of_blue = LUMINANCE_WEIGHTS
    luminance: Tensor = of_red * red + of_green * green + of_blue * blue
    return luminance
