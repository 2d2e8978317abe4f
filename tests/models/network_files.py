"""Weights files for tests: networks that do something, or something wrong."""

from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from models.networks import ARCHITECTURES, Architecture, build_network, network_config
from models.networks.observation import Observation
from models.weights.weights_file import Header, Training, encode_weights

TRAINING = Training(
    dataset="none",
    sources=(),
    steps=0,
    samples=0,
    seed=0,
    command="-",
    device="cpu",
    hours=0.0,
    torch=torch.__version__,
    learning_rate=0.0,
    row_gain_psnr_db=None,
    validation_psnr_db=None,
    late_gain_db=None,
)


def live_network() -> nn.Module:
    """The live network as if trained: no longer row gain, and the same each time."""
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        network = build_network("live")
        for each in network.parameters():
            each.add_(torch.randn(each.shape), alpha=0.02)
    return network.eval().requires_grad_(False)


def write_weights(path: Path, name: str = "live", network: nn.Module | None = None) -> Path:
    """A weights file of the live network, or of the one given."""
    network = network or live_network()
    header = Header(network=name, config=network_config(network), training=TRAINING)
    path.write_bytes(encode_weights(header, network.state_dict()))
    return path


@dataclass(frozen=True, slots=True)
class GainConfig:
    """Needs nothing."""


class Mean(nn.Module):
    """The mean of three frames, twice as bright, for each of them."""

    frames = 3
    frames_given_back = 3

    def __init__(self, config: GainConfig = GainConfig()) -> None:  # frozen
        super().__init__()
        self.config = config
        self.gain = nn.Parameter(torch.tensor(2.0))

    def forward(self, observation: Observation) -> Tensor:
        light = observation.light
        return (light.mean(1, keepdim=True) * self.gain).expand_as(light).contiguous()


class Insatiable(Mean):
    """Asks for more memory than there is, as a network too large for the machine does."""

    frames = 1
    frames_given_back = 1

    def forward(self, observation: Observation) -> Tensor:
        light = observation.light
        return light * self.gain + torch.empty(1 << 55, device=light.device)[:1]


def offer(monkeypatch: pytest.MonkeyPatch, name: str, network: type[nn.Module]) -> None:
    """Make an architecture known for the length of a test."""
    monkeypatch.setitem(ARCHITECTURES, name, Architecture(network, GainConfig))
