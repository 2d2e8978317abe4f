"""Deformable convolution against its definition, written out tap by tap."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from models.networks.deformable import deformable_convolution


def interpolated(plane: NDArray[np.float64], x: float, y: float) -> float:
    """Bilinear between the four pixels around; those beyond the border are zero."""
    left, top = math.floor(x), math.floor(y)
    value = 0.0
    for row in (top, top + 1):
        for column in (left, left + 1):
            if 0 <= row < plane.shape[0] and 0 <= column < plane.shape[1]:
                value += (1 - abs(x - column)) * (1 - abs(y - row)) * plane[row, column]
    return value


def by_definition(
    planes: Tensor, offsets_px: Tensor, masks: Tensor, weight: Tensor, bias: Tensor
) -> NDArray[np.float64]:
    """Equation 1 of Deformable ConvNets v2 for one picture, groups sharing channels evenly."""
    picture, offsets, mask, kernel = (
        each.numpy() for each in (planes[0], offsets_px[0], masks[0], weight)
    )
    channels_out, channels, height, width = kernel.shape
    rows, columns = picture.shape[1:]
    result = np.empty((channels_out, rows, columns))
    for out, y, x in np.ndindex(result.shape):
        total = float(bias[out])
        for channel, down, right in np.ndindex(channels, height, width):
            group = channel * len(mask) // channels
            tap = down * width + right
            place_x = x + right - width // 2 + offsets[group, tap, 0, y, x]
            place_y = y + down - height // 2 + offsets[group, tap, 1, y, x]
            total += (
                kernel[out, channel, down, right]
                * mask[group, tap, y, x]
                * interpolated(picture[channel], place_x, place_y)
            )
        result[out, y, x] = total
    return result


def drawn(
    seed: int, *, groups: int = 2, kernel: tuple[int, int] = (3, 3), spread_px: float = 3.0
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Float64 arguments for a picture of 4 planes, 5 x 6; offsets reach well beyond it."""
    rng = np.random.default_rng(seed)
    taps = kernel[0] * kernel[1]
    arrays = (
        rng.normal(size=(1, 4, 5, 6)),
        rng.normal(scale=spread_px, size=(1, groups, taps, 2, 5, 6)),
        rng.uniform(size=(1, groups, taps, 5, 6)),
        rng.normal(size=(3, 4, *kernel)),
        rng.normal(size=3),
    )
    planes, offsets, masks, weight, bias = (torch.from_numpy(array) for array in arrays)
    return planes, offsets, masks, weight, bias


@settings(deadline=None, max_examples=15)
@given(
    seed=st.integers(0, 2**32 - 1),
    groups=st.sampled_from([1, 2, 4]),
    kernel=st.sampled_from([(3, 3), (1, 3), (5, 1)]),
    spread_px=st.sampled_from([0.3, 3.0, 20.0]),
)
def test_it_is_what_its_definition_says(
    seed: int, groups: int, kernel: tuple[int, int], spread_px: float
) -> None:
    arguments = drawn(seed, groups=groups, kernel=kernel, spread_px=spread_px)
    expected = by_definition(*arguments)
    np.testing.assert_allclose(deformable_convolution(*arguments)[0], expected, atol=1e-10)


@pytest.mark.parametrize("kernel", [(3, 3), (1, 5)])
def test_untouched_taps_make_an_ordinary_convolution(kernel: tuple[int, int]) -> None:
    planes, offsets, masks, weight, bias = drawn(0, kernel=kernel)
    plain = deformable_convolution(
        planes, torch.zeros_like(offsets), torch.ones_like(masks), weight, bias
    )
    padding = (kernel[0] // 2, kernel[1] // 2)
    torch.testing.assert_close(plain, F.conv2d(planes, weight, bias, padding=padding))


def test_pictures_of_a_batch_are_apart() -> None:
    one, other = drawn(1), drawn(2)
    weight, bias = one[3:]
    together = deformable_convolution(
        *(torch.cat(pair) for pair in zip(one[:3], other[:3], strict=True)), weight, bias
    )
    alone = [deformable_convolution(*each[:3], weight, bias) for each in (one, other)]
    torch.testing.assert_close(together, torch.cat(alone))


def test_gradients_are_those_of_small_changes() -> None:
    arguments = [each.requires_grad_() for each in drawn(3)]
    assert torch.autograd.gradcheck(deformable_convolution, arguments, fast_mode=True)


def test_half_precision_keeps_fractions_of_a_pixel_in_wide_pictures() -> None:
    columns = 2049
    ramp = torch.linspace(0, 1, columns).expand(1, 1, 3, -1)
    offsets = torch.zeros(1, 1, 1, 2, 3, columns)
    offsets[:, :, :, 0] = 0.5
    planes, weight = ramp.bfloat16(), torch.ones(1, 1, 1, 1, dtype=torch.bfloat16)
    moved = deformable_convolution(planes, offsets, torch.ones(1, 1, 1, 3, columns), weight)
    assert moved.dtype == torch.bfloat16
    between = (planes[..., 1:].float() + planes[..., :-1].float()) / 2
    torch.testing.assert_close(moved[..., :-1], between.bfloat16(), atol=4e-3, rtol=0)
