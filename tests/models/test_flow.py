"""Flow and its confidence on pictures moved by a known amount."""

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from models.flow import DenseInverseSearch, flow_confidence, resample

CPU = torch.device("cpu")


def texture(rows: int = 160, columns: int = 200, *, seed: int = 0) -> Tensor:
    """Light from 0 to 1 with detail at several sizes."""
    noise = np.random.default_rng(seed).standard_normal((rows, columns)).astype(np.float32)
    tiled = np.pad(noise, 40, mode="wrap")
    light = sum(size * cv2.GaussianBlur(tiled, (0, 0), size) for size in (2, 5, 12))[40:-40, 40:-40]
    return torch.from_numpy((light - light.min()) / np.ptp(light))


def moved(light: Tensor, x_px: int, y_px: int) -> Tensor:
    return light.roll((y_px, x_px), dims=(0, 1))


@pytest.mark.parametrize(("x_px", "y_px"), [(6, 0), (-10, 4), (0, -7), (3, 3)])
@pytest.mark.parametrize("colour", [False, True])
def test_flow_points_from_the_previous_frame_to_the_current(
    x_px: int, y_px: int, colour: bool
) -> None:
    light = texture()
    if colour:
        light = torch.stack([light, light * 0.5, light * 0.2], dim=-1)
    search = DenseInverseSearch(CPU)
    before, now = search.prepare(light), search.prepare(moved(light, x_px, y_px))
    flow = search.estimate(before, now)
    inside = (slice(12, -12), slice(12, -12))
    found = flow.flow_px[:, inside[0], inside[1]].flatten(1).median(dim=1).values
    assert found.tolist() == pytest.approx([x_px, y_px], abs=0.3)
    assert flow.confidence[inside].median() == 1.0


def test_noise_alone_is_no_motion() -> None:
    light = texture()
    rng = torch.Generator().manual_seed(1)
    search = DenseInverseSearch(CPU)
    before, now = (
        search.prepare(light + 0.05 * torch.randn(light.shape, generator=rng)) for _ in range(2)
    )
    assert search.estimate(before, now).confidence.mean() < 0.1


def test_wrong_flow_earns_no_confidence() -> None:
    before = texture() * 255
    now = moved(before, 4, 0)
    right = torch.zeros((2, *now.shape))
    right[0] = 4.0
    inside = (slice(16, -16), slice(16, -16))
    assert flow_confidence(before, now, right)[inside].min() > 0.9
    for wrong in (-right, right.flip(0) * 2, torch.full_like(right, 9.0)):
        assert flow_confidence(before, now, wrong)[inside].mean() < 0.1


def test_a_picture_replaced_altogether_earns_no_confidence() -> None:
    search = DenseInverseSearch(CPU)
    before, now = search.prepare(texture(seed=1)), search.prepare(texture(seed=2))
    assert search.estimate(before, now).confidence.mean() < 0.35


@given(rows=st.integers(1, 90), columns=st.integers(1, 90))
@settings(deadline=None, max_examples=30)
def test_any_size_has_a_flow(rows: int, columns: int) -> None:
    search = DenseInverseSearch(CPU)
    small = search.prepare(torch.rand((rows, columns)))
    flow = search.estimate(small, small)
    half = ((rows + 1) // 2, (columns + 1) // 2)
    assert flow.flow_px.shape == (2, *half)
    assert flow.confidence.shape == half
    assert flow.flow_px.isfinite().all()
    assert flow.confidence.isfinite().all()


@given(
    x_px=st.integers(-5, 5), y_px=st.integers(-5, 5), mode=st.sampled_from(["bilinear", "bicubic"])
)
@settings(deadline=None, max_examples=20)
def test_resampling_by_whole_pixels_only_moves(x_px: int, y_px: int, mode: str) -> None:
    picture = torch.rand((2, 21, 30))
    displacement = torch.zeros((2, 21, 30))
    displacement[0], displacement[1] = x_px, y_px
    result = resample(picture, displacement, mode=mode)
    expected = picture.roll((-y_px, -x_px), dims=(1, 2))
    torch.testing.assert_close(result[:, 6:-6, 6:-6], expected[:, 6:-6, 6:-6], atol=1e-4, rtol=0.0)


def test_resampling_by_a_coarse_ramp_stretches_evenly() -> None:
    columns = torch.arange(41.0).expand(1, 33, 41).contiguous()
    coarse = torch.zeros((2, 17, 21))
    coarse[0] = 0.2 * torch.arange(0.5, 42, 2)
    result = resample(columns, coarse, mode="bilinear", scale=2)
    middle = torch.arange(3.0, 30.0)
    torch.testing.assert_close(result[0, 5, 3:30], middle + 0.2 * middle, atol=1e-3, rtol=0.0)
