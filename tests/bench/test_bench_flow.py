"""What the flow between two frames costs, the newer one's preparation included.

Run with ``pytest tests/bench --benchmark-only``.
"""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from models.flow import DenseInverseSearch, Flow, FlowEstimator, LucasKanade

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
@pytest.mark.parametrize("captured", [False, True], ids=["launched", "graph"])
def test_flow_on_a_gpu(benchmark: BenchmarkFixture, captured: bool, size: str) -> None:
    estimator = LucasKanade()
    before, now = frames(SIZES[size]).cuda()
    prepared = estimator.prepare(before)

    def run() -> Flow:
        return estimator.estimate(prepared, estimator.prepare(now))

    aside = torch.cuda.Stream()
    with torch.cuda.stream(aside):
        flow = run()
    aside.synchronize()
    step: Callable[[], object] = run
    if captured:
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            flow = run()
        step = graph.replay

    def finished() -> None:
        step()
        torch.cuda.synchronize()

    benchmark(finished)
    assert flow.flow_px[0].median().item() == pytest.approx(8.0, abs=0.2)
