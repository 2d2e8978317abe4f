"""The network that sees a clip: both ways in time, along the motion."""

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from models.engines.example_observation import example_observation
from models.networks.ngs_network import NgsConfig, NgsNetwork
from models.networks.observation import Observation, row_gain_reach

CPU = torch.device("cpu")
SMALL = NgsConfig(width=8, deep_width=16, offset_groups=2, taps=())
RESIDUAL, CENTROID, PREVIOUS, NEXT = range(4)
"""What the last layer of SMALL mixes, in its order."""
MOTION_PX = 8
EXPOSURE_RATIO = 2.0


def disturbed(config: NgsConfig = SMALL) -> NgsNetwork:
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        network = NgsNetwork(config).eval()
        for each in network.parameters():
            each.add_(torch.randn(each.shape), alpha=0.03)
    return network


def taking(sample: int) -> NgsNetwork:
    """A network that gives back one of its samples of :func:`running` and nothing else."""
    network = NgsNetwork(SMALL).eval()
    assert network.head.bias is not None
    with torch.no_grad():
        network.head.bias.view(-1, 4)[sample] = 1 / row_gain_reach(
            torch.tensor(EXPOSURE_RATIO), torch.zeros(())
        )
    return network


def running(frames: int = 3) -> Observation:
    """Texture that runs to the right, 8 px a frame, all rows exposed for 2 T0 = one interval."""
    noise = torch.randn(1, 1, 64, 128, generator=torch.Generator().manual_seed(0))
    wide = F.pad(noise, (4, 4, 4, 4), mode="circular")
    texture = 0.5 + F.avg_pool2d(F.avg_pool2d(wide, 5, 1), 5, 1)
    light = torch.stack([texture.roll(MOTION_PX * index, -1) for index in range(frames)], 1)
    example = example_observation(frames, 1, 64, 128, CPU)
    return example._replace(
        light=light,
        exposure_ratio=torch.full((1, 64), EXPOSURE_RATIO),
        noise=torch.zeros(1),
        exposure_share=torch.tensor([0.5]),
    )


def inside(light: Tensor) -> Tensor:
    return light[..., 16:-16, 32:-32]


@torch.no_grad()
def test_samples_come_from_along_the_blur_and_from_the_same_things_beside() -> None:
    still = running()._replace(exposure_share=torch.zeros(1))
    light = still.light
    # Blur is 8 px, its centroid 1 / 4 of that behind the beginning of the exposure.
    shifted = light.roll(-MOTION_PX // 4, -1)
    assert inside(light - shifted).abs().mean() > 0.05
    for observation, sample, wanted in (
        (running(), CENTROID, shifted),
        (running(), PREVIOUS, shifted),
        (running(), NEXT, shifted),
        (still, CENTROID, light),
        (still, PREVIOUS, light),
        (still, NEXT, light),
    ):
        restored = taking(sample)(observation)
        assert inside(restored - wanted).abs().mean() < 0.012, sample


@pytest.mark.parametrize("frames", [1, 2, 5])
@torch.no_grad()
def test_every_frame_of_a_clip_comes_back(frames: int) -> None:
    observation = running(frames)
    assert disturbed()(observation).shape == observation.light.shape


@torch.no_grad()
def test_the_whole_clip_is_seen_from_every_frame() -> None:
    network, observation = disturbed(), running(5)
    restored = network(observation)
    for changed, looked_at in ((0, 4), (4, 0)):
        light = observation.light.clone()
        light[:, changed] *= 0.8
        other = network(observation._replace(light=light))
        assert (other - restored)[:, looked_at].abs().max() > 1e-6


@pytest.mark.parametrize("motion", [True, False])
@torch.no_grad()
def test_the_direction_of_time_matters(motion: bool) -> None:
    config = NgsConfig(width=8, deep_width=16, offset_groups=2, motion=motion)
    network, observation = disturbed(config), running(4)
    backwards = network(observation._replace(light=observation.light.flip(1))).flip(1)
    assert (network(observation) - backwards).abs().max() > 1e-3


@torch.no_grad()
def test_without_motion_nothing_is_sampled_elsewhere() -> None:
    network = taking(CENTROID)
    network.config = NgsConfig(width=8, deep_width=16, offset_groups=2, taps=(), motion=False)
    observation = running()
    torch.testing.assert_close(network(observation), observation.light, atol=1e-5, rtol=1e-5)
