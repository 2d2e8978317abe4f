"""Flow and its confidence on pictures moved by a known amount."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from models.flow import (
    CapturedFlow,
    DenseInverseSearch,
    Flow,
    FlowEstimator,
    LucasKanade,
    flow_confidence,
    open_flow,
    resample,
)

CPU = torch.device("cpu")
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU here")

ESTIMATORS: dict[str, Callable[[], FlowEstimator]] = {
    "dense inverse search": lambda: DenseInverseSearch(CPU),
    "thorough dense inverse search": lambda: DenseInverseSearch(CPU, thorough=True),
    "Lucas-Kanade": LucasKanade,
}


@pytest.fixture(params=ESTIMATORS)
def estimator(request: pytest.FixtureRequest) -> FlowEstimator:
    return ESTIMATORS[request.param]()


def texture(rows: int = 160, columns: int = 200, *, seed: int = 0) -> Tensor:
    """Light from 0 to 1 with detail at several sizes."""
    noise = np.random.default_rng(seed).standard_normal((rows, columns)).astype(np.float32)
    tiled = np.pad(noise, 40, mode="wrap")
    light = sum(size * cv2.GaussianBlur(tiled, (0, 0), size) for size in (2, 5, 12))[40:-40, 40:-40]
    return torch.from_numpy((light - light.min()) / np.ptp(light))


def moved(light: Tensor, x_px: int, y_px: int) -> Tensor:
    return light.roll((y_px, x_px), dims=(0, 1))


def flow_between(estimator: FlowEstimator, before: Tensor, now: Tensor) -> Flow:
    return estimator.estimate(estimator.prepare(before), estimator.prepare(now))


def error_px(flow: Flow, true_px: Tensor) -> Tensor:
    return torch.linalg.vector_norm(flow.flow_px - true_px, dim=0)


def turned(light: Tensor, degrees: float) -> tuple[Tensor, Tensor]:
    """Light turned about its middle, and the flow that brought it there."""
    rows, columns = light.shape
    middle = ((columns - 1) / 2, (rows - 1) / 2)
    turn = cv2.getRotationMatrix2D(middle, degrees, 1.0)
    now = cv2.warpAffine(light.numpy(), turn, (columns, rows), flags=cv2.INTER_CUBIC)
    y, x = np.mgrid[0.5:rows:2, 0.5:columns:2]
    back = cv2.invertAffineTransform(turn)
    before = np.stack([back[0, 0] * x + back[0, 1] * y, back[1, 0] * x + back[1, 1] * y])
    true = np.stack([x, y]) - before - back[:, 2, None, None]
    return torch.from_numpy(now), torch.from_numpy(true.astype(np.float32))


@pytest.mark.parametrize(("x_px", "y_px"), [(6, 0), (-10, 4), (0, -7), (3, 3)])
@pytest.mark.parametrize("colour", [False, True])
def test_flow_points_from_the_previous_frame_to_the_current(
    estimator: FlowEstimator, x_px: int, y_px: int, colour: bool
) -> None:
    light = texture()
    if colour:
        light = torch.stack([light, light * 0.5, light * 0.2], dim=-1)
    flow = flow_between(estimator, light, moved(light, x_px, y_px))
    inside = (slice(12, -12), slice(12, -12))
    found = flow.flow_px[:, inside[0], inside[1]].flatten(1).median(dim=1).values
    assert found.tolist() == pytest.approx([x_px, y_px], abs=0.3)
    assert flow.confidence[inside].median() == 1.0


def test_motion_of_forty_pixels_is_found(estimator: FlowEstimator) -> None:
    light = texture(320, 400)
    flow = flow_between(estimator, light, moved(light, 40, -24))
    wrong = error_px(flow, torch.tensor([40.0, -24.0])[:, None, None])[32:-32, 32:-32]
    assert wrong.median() < 0.2
    assert wrong.mean() < 0.5


def test_a_turning_picture_moves_differently_at_each_place(estimator: FlowEstimator) -> None:
    light = texture()
    now, true_px = turned(light, 4.0)
    flow = flow_between(estimator, light, now)
    assert error_px(flow, true_px)[16:-16, 16:-16].median() < 0.5


def test_a_thing_may_move_before_a_background_that_does_not(
    estimator: FlowEstimator,
) -> None:
    before, now, thing = texture(240, 320), texture(240, 320), texture(240, 320, seed=1)
    before[80:170, 100:190] = thing[80:170, 100:190]
    now[80:170, 116:206] = thing[80:170, 100:190]
    flow = flow_between(estimator, before, now)
    on_thing = flow.flow_px[:, 44:81, 62:99].flatten(1).median(dim=1).values
    assert on_thing.tolist() == pytest.approx([16.0, 0.0], abs=0.5)
    assert error_px(flow, torch.zeros(2, 1, 1))[:, :30].median() < 0.1


def test_noise_hardly_misleads(estimator: FlowEstimator) -> None:
    light = texture()
    rng = torch.Generator().manual_seed(1)
    before, now = (
        each + 0.02 * torch.randn(light.shape, generator=rng)
        for each in (light, moved(light, 6, -4))
    )
    flow = flow_between(estimator, before, now)
    wrong = error_px(flow, torch.tensor([6.0, -4.0])[:, None, None])[12:-12, 12:-12]
    assert wrong.median() < 0.6


def test_noise_alone_is_no_motion(estimator: FlowEstimator) -> None:
    light = texture()
    rng = torch.Generator().manual_seed(1)
    before, now = (light + 0.05 * torch.randn(light.shape, generator=rng) for _ in range(2))
    assert flow_between(estimator, before, now).confidence.mean() < 0.1


@pytest.mark.parametrize("light", [texture(), torch.full((90, 120), 0.4)], ids=["texture", "flat"])
def test_the_same_picture_has_not_moved(estimator: FlowEstimator, light: Tensor) -> None:
    flow = flow_between(estimator, light, light)
    assert flow.flow_px.abs().max() < 0.05
    assert not flow.confidence.any()


def test_a_picture_replaced_altogether_earns_no_confidence(estimator: FlowEstimator) -> None:
    flow = flow_between(estimator, texture(seed=1), texture(seed=2))
    assert flow.confidence.mean() < 0.35


@given(name=st.sampled_from(list(ESTIMATORS)), rows=st.integers(1, 90), columns=st.integers(1, 90))
@settings(deadline=None, max_examples=60)
def test_any_size_has_a_flow(name: str, rows: int, columns: int) -> None:
    rng = torch.Generator().manual_seed(rows * columns)
    before, now = torch.rand((2, rows, columns), generator=rng)
    flow = flow_between(ESTIMATORS[name](), before, now)
    half = ((rows + 1) // 2, (columns + 1) // 2)
    assert flow.flow_px.shape == (2, *half)
    assert flow.confidence.shape == half
    assert flow.flow_px.isfinite().all()
    assert flow.confidence.isfinite().all()


def test_thorough_search_errs_less() -> None:
    light = texture(240, 320)
    now, true_px = turned(light, -5.0)
    quick, thorough = (
        error_px(flow_between(open_flow(CPU, thorough=each), light, now), true_px)[16:-16, 16:-16]
        for each in (False, True)
    )
    assert thorough.median() < 0.8 * quick.median()
    assert thorough.mean() < quick.mean()


def test_what_comes_into_view_moves_as_its_surroundings_do() -> None:
    wide = texture(200, 280)
    flow = flow_between(LucasKanade(), wide[:160, 24:224], wide[:160, :200])
    # Two cells of the 24 columns that were never seen before are looked at.
    strip = error_px(flow, torch.tensor([24.0, 0.0])[:, None, None])[4:-4, :12]
    assert strip.median() < 0.5


def test_each_device_has_its_flow() -> None:
    assert isinstance(open_flow(CPU), DenseInverseSearch)
    assert isinstance(open_flow(torch.device("cuda")), CapturedFlow)


@pytest.mark.parametrize("shape", [(97, 131), (480, 640, 3)])
def test_lucas_kanade_asks_nothing_of_the_host(shape: tuple[int, ...]) -> None:
    """The meta device has no values: whatever depends on one, or mixes devices, fails there."""
    light = torch.empty(shape, device="meta")
    flow = flow_between(LucasKanade(), light, light)
    assert flow.flow_px.shape == (2, (shape[0] + 1) // 2, (shape[1] + 1) // 2)
    assert flow.confidence.device.type == "meta"


@needs_cuda
@pytest.mark.parametrize("colour", [False, True])
def test_a_gpu_finds_the_flow_that_the_cpu_does(colour: bool) -> None:
    light = texture(241, 321)
    if colour:
        light = torch.stack([light, light * 0.5, light * 0.2], dim=-1)
    now = moved(light, 9, -5)
    on_cpu = flow_between(LucasKanade(), light, now)
    on_gpu = flow_between(LucasKanade(), light.cuda(), now.cuda())
    assert on_gpu.flow_px.is_cuda
    # Rounding may decide between candidates that are as good as each other.
    differs = (on_gpu.flow_px.cpu() - on_cpu.flow_px).abs().amax(0) > 0.05
    assert differs.float().mean() < 0.02
    unsure = (on_gpu.confidence.cpu() - on_cpu.confidence).abs() > 0.05
    assert unsure.float().mean() < 0.02


@needs_cuda
@pytest.mark.parametrize("size", [(160, 200), (241, 321)])
def test_captured_flow_is_the_flow(size: tuple[int, int]) -> None:
    light = texture(*size).cuda()
    search, captured = LucasKanade(), CapturedFlow()
    captured.estimate(*(search.prepare(texture(96, 96).cuda()) for _ in range(2)))
    given = [
        captured.estimate(search.prepare(light), search.prepare(moved(light, *motion_px)))
        for motion_px in ((5, 2), (-8, 3))
    ]
    for flow, motion_px in zip(given, ((5, 2), (-8, 3)), strict=True):
        expected = flow_between(search, light, moved(light, *motion_px))
        torch.testing.assert_close(flow.flow_px, expected.flow_px)
        torch.testing.assert_close(flow.confidence, expected.confidence)


def waves(rows: int, columns: int, x_px: float, y_px: float) -> Tensor:
    """Plane waves of 7 to 60 px in every direction, moved so far."""
    rng = np.random.default_rng(7)
    angle, length_px = rng.uniform(0, np.pi, 24), rng.uniform(7.0, 60.0, 24)
    phase = rng.uniform(0, 7, 24)
    x, y = np.arange(columns)[:, None] - x_px, np.arange(rows)[:, None, None] - y_px
    along_px = x * np.cos(angle) + y * np.sin(angle)
    light = 0.45 + 0.03 * np.cos(2 * np.pi / length_px * along_px + phase).sum(-1)
    return torch.from_numpy(light.astype(np.float32))


@pytest.mark.parametrize("size", [(200, 240), (150, 320), (120, 160)])
def test_waves_do_not_mislead_in_small_frames(
    estimator: FlowEstimator, size: tuple[int, int]
) -> None:
    """Where few pixels are left of a frame halved too often, what is found there is chance."""
    flow = flow_between(estimator, waves(*size, 0, 0), waves(*size, 9.6, 3.6))
    assert error_px(flow, torch.tensor([9.6, 3.6])[:, None, None])[8:-8, 8:-8].median() < 0.3


def test_wrong_flow_earns_no_confidence() -> None:
    before = texture() * 255
    now = moved(before, 4, 0)
    right = torch.zeros((2, *now.shape))
    right[0] = 4.0
    inside = (slice(16, -16), slice(16, -16))
    assert flow_confidence(before, now, right)[inside].min() > 0.9
    for wrong in (-right, right.flip(0) * 2, torch.full_like(right, 9.0)):
        assert flow_confidence(before, now, wrong)[inside].mean() < 0.1


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
