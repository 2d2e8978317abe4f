"""Residual blocks: what the networks of this project are mostly made of."""

import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn


class ResidualBlock(nn.Module):
    """Two convolutions of 3 x 3 around which the features pass."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        """``(batch, width, rows, columns)`` to the same."""
        passed: Tensor = features + self.second(F.relu(self.first(features)))
        return passed


def residual_blocks(blocks: int, width: int) -> nn.Sequential:
    """So many blocks of ``width`` channels, one after the other."""
    return nn.Sequential(*(ResidualBlock(width) for _ in range(blocks)))
