"""What the flow between two frames costs, the newer one's preparation included.

Run with ``pytest tests/bench --benchmark-only``.
"""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from models.flow import CapturedFlow, DenseInverseSearch, Flow, FlowEstimator, LucasKanade

CPU = torch.device("cpu")
SIZES = {"640x480": (480, 640), "1440x1080": (1080, 1440)}
ESTIMATORS: dict[str, Callable[[], FlowEstimator]] = {
    "dense inverse search": lambda: DenseInverseSearch(CPU),
    "thorough dense inverse search": lambda: DenseInverseSearch(CPU, thorough=True),
    "Lucas-Kanade": LucasKanade,
}


def frames(size: tuple[int, int]) -> torch.Tensor:
    """Two frames of light between which everything moves 8 pixels to the right."""
    noise = np.random.default_rng(0).standard_normal(size).astype(np.float32)
    light = torch.from_numpy(cv2.GaussianBlur(noise, (0, 0), 4.0)).mul_(2.0).add_(0.5)
    return torch.stack([light, light.roll(8, dims=1)])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ESTIMATORS)
def test_flow_on_the_cpu(benchmark: BenchmarkFixture, name: str, size: str) -> None:
    estimator = ESTIMATORS[name]()
    before, now = frames(SIZES[size])
    prepared = estimator.prepare(before)
    flow = benchmark(lambda: estimator.estimate(prepared, estimator.prepare(now)))
    assert flow.flow_px[0].median() == pytest.approx(8.0, abs=0.2)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU here")
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("estimator", [LucasKanade, CapturedFlow], ids=["launched", "captured"])
def test_flow_on_a_gpu(
    benchmark: BenchmarkFixture, estimator: Callable[[], FlowEstimator], size: str
) -> None:
    search = estimator()
    before, now = frames(SIZES[size]).cuda()
    prepared = search.prepare(before)

    def finished() -> Flow:
        flow = search.estimate(prepared, search.prepare(now))
        torch.cuda.synchronize()
        return flow

    flow = benchmark(finished)
    assert flow.flow_px[0].median().item() == pytest.approx(8.0, abs=0.2)
