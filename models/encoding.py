"""The screen and metric encoding of tensors: sRGB."""

from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from drivers.srgb import srgb_curve


def srgb_encode(light: Tensor) -> Tensor:
    """Encode linear light (1.0 = white); values are clipped to [0, 1].

    >>> srgb_encode(torch.tensor([0.0, 0.5, 2.0]))
    tensor([0.0000, 0.7354, 1.0000])
    """
    return srgb_curve(light.clamp(0.0, 1.0), torch.where)


_SCREEN_LEVELS = 16384
"""Levels of linear light the screen table tells apart: a fifth of a code where it is steepest."""


@cache
def _screen_table() -> NDArray[np.uint8]:
    levels = torch.linspace(0.0, 1.0, _SCREEN_LEVELS, dtype=torch.float64)
    return srgb_encode(levels).mul_(255.0).round_().to(torch.uint8).numpy()


def to_screen(light: Tensor) -> NDArray[np.uint8]:
    """8 bit sRGB codes of linear light, on the host, of the same shape.

    A GPU encodes before the transfer; a CPU looks codes up, which is five
    times faster than raising to a power.
    """
    if light.device.type != "cpu":
        return srgb_encode(light).mul_(255.0).add_(0.5).to(torch.uint8).cpu().numpy()
    level = light.clamp(0.0, 1.0).mul_(_SCREEN_LEVELS - 1).add_(0.5).to(torch.int16)
    return np.take(_screen_table(), level.numpy())
