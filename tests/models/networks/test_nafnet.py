"""The reference network: faithful to its paper, and fed what it may see."""

import numpy as np
import pytest
import torch
from torch import Tensor

from drivers.errors import InstrumentError
from models.engines.example_observation import example_observation
from models.networks.nafnet import NafNet, NafNetConfig, local_mean
from models.networks.observation import Observation

CPU = torch.device("cpu")
SMALL = NafNetConfig(width=8, encoder_blocks=(1, 1), decoder_blocks=(1, 1))


def disturbed(config: NafNetConfig) -> NafNet:
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        network = NafNet(config).eval()
        for each in network.parameters():
            each.add_(torch.randn(each.shape), alpha=0.05)
    return network


def example(frames: int = 2, channels: int = 1) -> Observation:
    return example_observation(frames, channels, 40, 56, CPU)


def mean_by_definition(planes: Tensor, window: int) -> np.ndarray:
    """Means of the windows inside the picture; each pixel takes the nearest."""
    rows, columns = planes.shape[-2:]
    height, width = min(window, rows), min(window, columns)
    result = np.empty(planes.shape)
    for y, x in np.ndindex(rows, columns):
        top = min(max(y - (rows - (rows - height + 1)) // 2, 0), rows - height)
        left = min(max(x - (columns - (columns - width + 1)) // 2, 0), columns - width)
        part = planes[..., top : top + height, left : left + width]
        result[..., y, x] = part.mean((-2, -1))
    return result


@pytest.mark.parametrize("window", [1, 4, 5, 7, 30])
def test_the_mean_is_that_of_the_window_around(window: int) -> None:
    planes = torch.rand(2, 3, 7, 9, generator=torch.Generator().manual_seed(0))
    expected = mean_by_definition(planes, window)
    given = local_mean(planes, window).expand_as(planes)
    np.testing.assert_allclose(given, expected, atol=1e-5)


def test_the_mean_of_half_precision_is_summed_in_float32() -> None:
    planes = torch.full((1, 1, 300, 300), 3.0, dtype=torch.float16)
    assert (local_mean(planes, 256) == 3.0).all()


@torch.no_grad()
def test_what_is_far_away_counts_only_as_far_as_channels_are_averaged() -> None:
    near = example()
    light = near.light.clone()
    light[..., -8:, -8:] += 0.3
    far = near._replace(light=light)
    for pool_px, reached in ((8, False), (240, True)):
        config = NafNetConfig(
            width=8, encoder_blocks=(1,), middle_blocks=0, decoder_blocks=(1,), pool_px=pool_px
        )
        network = disturbed(config)
        change = (network(near) - network(far)).abs()[..., :8, :8].max()
        assert (change > 1e-6) == reached


@torch.no_grad()
def test_features_too_large_for_half_precision_are_normalised_all_the_same() -> None:
    network = disturbed(SMALL)
    # Their squares are beyond 65504, the largest number of float16.
    network.intro.weight *= 2000.0
    observation = example()
    wanted = network(observation)
    with torch.autocast("cpu", torch.float16):
        restored = network(observation)
    assert restored.isfinite().all()
    assert (restored - wanted).abs().max() < 0.02 * (1 + wanted.abs().max())


@torch.no_grad()
def test_the_frame_before_is_looked_at_and_may_be_missing() -> None:
    network, clip = disturbed(SMALL), example()
    single = clip._replace(light=clip.light[:, -1:], saturated=clip.saturated[:, -1:])
    twice = clip._replace(light=clip.light[:, [-1, -1]])
    torch.testing.assert_close(network(single), network(twice))
    assert (network(clip) - network(single)).abs().max() > 1e-4


@torch.no_grad()
def test_colour_planes_are_restored_together_where_that_was_asked_for() -> None:
    network = disturbed(NafNetConfig(channels=3, width=8, encoder_blocks=(1,), decoder_blocks=(1,)))
    picture = example(channels=3)
    restored = network(picture)
    assert restored.shape == (1, 1, 3, 40, 56)
    light = picture.light.clone()
    light[:, :, 0] += 0.2
    redder = network(picture._replace(light=light))
    assert (redder - restored)[:, :, 2].abs().max() > 1e-4
    with pytest.raises(InstrumentError, match="3 colour planes at once, the picture has 1"):
        network(example(channels=1))
