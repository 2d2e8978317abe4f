"""Matching on pictures moved by a known amount."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from models.networks.matching import displaced, match

ROWS, COLUMNS = 48, 64


def texture(seed: int = 0) -> Tensor:
    """``(1, 1, ROWS, COLUMNS)`` from about 0 to 1, detail at two sizes; wraps around."""
    noise = torch.randn(1, 1, ROWS, COLUMNS, generator=torch.Generator().manual_seed(seed))
    smooth = [
        F.avg_pool2d(F.pad(noise, (side // 2,) * 4, mode="circular"), side, 1) * side
        for side in (3, 9)
    ]
    return 0.5 + 0.1 * (smooth[0] + smooth[1])


def moved(picture: Tensor, x_px: int, y_px: int) -> Tensor:
    return picture.roll((y_px, x_px), dims=(2, 3))


@settings(deadline=None, max_examples=20)
@given(x_px=st.integers(-12, 12), y_px=st.integers(-8, 8), seed=st.integers(0, 1000))
def test_a_match_points_to_where_things_went(x_px: int, y_px: int, seed: int) -> None:
    picture = texture(seed)
    found = match(picture, moved(picture, x_px, y_px))
    assert found.shape == (1, 2, ROWS, COLUMNS)
    inside = found[0, :, 14:-14, 16:-16].flatten(1)
    assert inside.median(1).values.tolist() == pytest.approx([x_px, y_px], abs=0.15)


def test_parts_of_a_pixel_are_found() -> None:
    fine = F.interpolate(texture(), scale_factor=2, mode="bilinear")
    here, there = fine[..., ::2, ::2], fine.roll((1, -3), dims=(2, 3))[..., ::2, ::2]
    inside = match(here, there)[0, :, 8:-8, 8:-8].flatten(1)
    assert inside.median(1).values.tolist() == pytest.approx([-1.5, 0.5], abs=0.1)


@pytest.mark.parametrize("picture", [texture(), torch.full((1, 1, ROWS, COLUMNS), 0.4)])
def test_what_stands_still_or_shows_nothing_has_not_moved(picture: Tensor) -> None:
    assert match(picture, picture).abs().max() < 0.05


def test_noise_alone_does_not_run_away() -> None:
    rng = torch.Generator().manual_seed(0)
    here, there = (torch.rand(1, 1, ROWS, COLUMNS, generator=rng) for _ in range(2))
    found = match(here, there)
    assert found.isfinite().all()
    assert found.abs().max() <= 24


def test_pairs_of_a_batch_are_apart() -> None:
    here = torch.cat([texture(1), texture(2)])
    there = torch.cat([moved(texture(1), 5, 0), moved(texture(2), -2, 3)])
    alone = [match(here[index : index + 1], there[index : index + 1]) for index in range(2)]
    torch.testing.assert_close(match(here, there), torch.cat(alone), atol=1e-4, rtol=0)


def test_displaced_is_sampled_where_the_displacement_points() -> None:
    planes = torch.arange(2 * 5 * 7, dtype=torch.float32).reshape(1, 2, 5, 7)
    step = torch.tensor([2.0, -1.0])[None, :, None, None].expand(1, 2, 5, 7)
    at = displaced(planes, step)
    np.testing.assert_allclose(at[..., 1:, :-2], planes[..., :-1, 2:], rtol=1e-5)
    # Beyond the edge, the edge.
    np.testing.assert_allclose(at[..., 1:, -1], planes[..., :-1, -1], rtol=1e-5)
