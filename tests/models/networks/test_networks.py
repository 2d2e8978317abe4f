"""What every network keeps to, whatever it is made of."""

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from models.engines.example_observation import example_observation
from models.networks.live_network import LiveConfig, LiveNetwork
from models.networks.nafnet import NafNet, NafNetConfig
from models.networks.ngs_network import NgsConfig, NgsNetwork
from models.networks.observation import HIGHEST_LIGHT, LOWEST_LIGHT, Observation

CPU = torch.device("cpu")
ROWS, COLUMNS = 61, 83

SMALL: dict[str, Callable[[], nn.Module]] = {
    "live": lambda: LiveNetwork(LiveConfig(width=8, deep_width=12, blocks=1)),
    "nafnet": lambda: NafNet(
        NafNetConfig(width=8, encoder_blocks=(1, 2), decoder_blocks=(1, 1), pool_px=48)
    ),
    "ngs": lambda: NgsNetwork(NgsConfig(width=8, deep_width=16, offset_groups=2)),
}
LOOKING_AHEAD = {"ngs"}


@pytest.fixture(params=SMALL)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def untrained(name: str) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return SMALL[name]().eval()


def disturbed(name: str) -> nn.Module:
    """As if trained: no longer row gain, and the same each time."""
    network = untrained(name)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for each in network.parameters():
            each += 0.03 * torch.randn(each.shape, generator=generator)
    return network


def example(
    frames: int = 3, channels: int = 1, rows: int = ROWS, columns: int = COLUMNS
) -> Observation:
    # A picture too small to measure noise in is a part of a larger one.
    seen = example_observation(frames, channels, max(rows, 16), max(columns, 16), CPU)
    half = (slice(-(-rows // 2)), slice(-(-columns // 2)))
    return seen._replace(
        light=seen.light[..., :rows, :columns],
        saturated=seen.saturated[..., :rows, :columns],
        exposure_ratio=seen.exposure_ratio[:, :rows],
        flow_px=seen.flow_px[(..., *half)],
        confidence=seen.confidence[(..., *half)],
    )


def given_back(name: str, observation: Observation) -> Tensor:
    """Light of the frames that a network gives back."""
    return observation.light if name in LOOKING_AHEAD else observation.light[:, -1:]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(ROWS, COLUMNS), (8, 10), (5, 4), (64, 80)])
@pytest.mark.parametrize("frames", [1, 2, 4])
@torch.no_grad()
def test_untrained_it_is_row_gain(
    name: str, channels: int, size: tuple[int, int], frames: int
) -> None:
    observation = example(frames, channels, *size)
    observation = observation._replace(light=observation.light * 1.6 - 0.2)
    expected = given_back(name, observation).clamp(LOWEST_LIGHT, HIGHEST_LIGHT)
    restored = untrained(name)(observation)
    assert restored.dtype == torch.float32
    torch.testing.assert_close(restored, expected, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("name", ["live", "ngs"])
@torch.no_grad()
def test_a_picture_that_row_gain_makes_right_is_left_alone(name: str) -> None:
    observation = example()
    alike = observation._replace(exposure_ratio=torch.ones(1, ROWS), noise=torch.zeros(1))
    network = disturbed(name)
    wanted = given_back(name, alike).clamp(LOWEST_LIGHT, HIGHEST_LIGHT)
    torch.testing.assert_close(network(alike), wanted, atol=1e-6, rtol=1e-6)
    assert (network(observation) - wanted).abs().max() > 1e-3


@torch.no_grad()
def test_each_of_a_batch_is_restored_by_itself(name: str) -> None:
    one = example()
    other = one._replace(
        light=one.light.flip(-1), exposure_ratio=one.exposure_ratio**0.5, noise=one.noise * 2
    )
    network = disturbed(name)
    together = network(Observation(*(torch.cat(pair) for pair in zip(one, other, strict=True))))
    alone = torch.cat([network(one), network(other)])
    assert (alone[0] - alone[1]).abs().max() > 1e-3
    torch.testing.assert_close(together, alone, atol=2e-4, rtol=0)


@torch.no_grad()
def test_grey_in_colour_is_restored_as_grey(name: str) -> None:
    mono = example()
    colour = mono._replace(light=mono.light.expand(-1, -1, 3, -1, -1))
    network = disturbed(name)
    restored = network(mono)
    assert (restored - given_back(name, mono)).abs().max() > 1e-2
    torch.testing.assert_close(
        network(colour), restored.expand(-1, -1, 3, -1, -1), atol=2e-4, rtol=0
    )


@pytest.mark.parametrize(("dtype", "largest"), [(torch.bfloat16, 0.04), (torch.float16, 0.006)])
@torch.no_grad()
def test_half_precision_is_close(name: str, dtype: torch.dtype, largest: float) -> None:
    network, observation = disturbed(name), example()
    wanted = network(observation)
    with torch.autocast("cpu", dtype):
        restored = network(observation)
    assert restored.dtype == torch.float32
    assert (restored - wanted).abs().max() < largest * (1 + wanted.abs().max())


@pytest.mark.parametrize(
    ("light", "saturated", "ratio", "noise", "flow_px"),
    [
        (0.0, 0.0, 1.0, 0.0, 0.0),
        (1.0, 1.0, 8.0, 1.0, 0.0),
        (-1e6, 0.0, 50.0, 100.0, 1e4),
        (1e6, 1.0, 1.0, 0.0, -1e4),
    ],
)
@torch.no_grad()
def test_extreme_pictures_give_numbers(
    name: str, light: float, saturated: float, ratio: float, noise: float, flow_px: float
) -> None:
    values = Observation(light, saturated, ratio, 1.0, noise, flow_px, 1.0)
    pairs = zip(example(), values, strict=True)
    observation = Observation(*(torch.full_like(each, value) for each, value in pairs))
    for dtype in (torch.bfloat16, torch.float32):
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype != torch.float32):
            assert disturbed(name)(observation).isfinite().all()


def test_every_parameter_learns(name: str) -> None:
    network = disturbed(name)
    observation = example()
    network(observation).square().mean().backward()
    for parameter, value in network.named_parameters():
        assert value.grad is not None, parameter
        assert value.grad.isfinite().all(), parameter
        assert value.grad.abs().max() > 0, parameter


@torch.no_grad()
def test_the_rows_exposure_is_looked_at(name: str) -> None:
    observation = example()
    shorter = observation._replace(exposure_ratio=observation.exposure_ratio.sqrt())
    network = disturbed(name)
    assert (network(observation) - network(shorter)).abs().max() > 1e-4


@torch.no_grad()
def test_copies_and_memory_layouts_change_nothing(name: str) -> None:
    network, observation = disturbed(name), example()
    other = copy.deepcopy(network).to(memory_format=torch.channels_last)
    torch.testing.assert_close(other(observation), network(observation), atol=2e-4, rtol=0)


@torch.no_grad()
def test_live_restores_a_crop_as_it_restores_the_whole() -> None:
    """It looks no farther than some 50 px; the others look at all of the picture."""
    whole = example(rows=160, columns=176)
    top, left, seen = 16, 24, 60
    crop = Observation(
        light=whole.light[..., top:, left:],
        saturated=whole.saturated[..., top:, left:],
        exposure_ratio=whole.exposure_ratio[:, top:],
        exposure_share=whole.exposure_share,
        noise=whole.noise,
        flow_px=whole.flow_px[..., top // 2 :, left // 2 :],
        confidence=whole.confidence[..., top // 2 :, left // 2 :],
    )
    network = disturbed("live")
    wanted = network(whole)[..., top + seen :, left + seen :]
    torch.testing.assert_close(network(crop)[..., seen:, seen:], wanted, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("network", "macs", "parameters"),
    [
        (LiveNetwork, 1.51e9, 66.4e3),
        (NafNet, 21.9e9, 4.35e6),
        (NgsNetwork, 21.7e9, 0.77e6),
    ],
)
def test_it_costs_what_its_docstring_says(
    network: type[LiveNetwork | NafNet | NgsNetwork],
    macs: float,
    parameters: float,
) -> None:
    shapes = Observation(
        light=(1, network.frames, 1, 480, 640),
        saturated=(1, network.frames, 1, 480, 640),
        exposure_ratio=(1, 480),
        exposure_share=(1,),
        noise=(1,),
        flow_px=(1, 2, 240, 320),
        confidence=(1, 1, 240, 320),
    )
    observation = Observation(*(torch.empty(shape, device="meta") for shape in shapes))
    with torch.device("meta"):
        built = network()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        assert built(observation).shape[1] == network.frames_given_back
    assert counter.get_total_flops() / 2 / network.frames_given_back == pytest.approx(
        macs, rel=0.01
    )
    assert sum(each.numel() for each in built.parameters()) == pytest.approx(parameters, rel=0.01)
