"""The networks, one file for each architecture, and the list of them."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from torch import nn

from drivers.errors import InstrumentError
from models.networks.live_network import LiveConfig, LiveNetwork
from models.networks.nafnet import NafNet, NafNetConfig
from models.networks.ngs_network import NgsConfig, NgsNetwork


@dataclass(frozen=True, slots=True)
class Architecture:
    """The class of a network and of its configuration, a frozen dataclass of plain values.

    A network is called with a :class:`models.networks.observation.Observation` and returns
    linear light, ``(batch, frames given back, 1 or 3, rows, columns)``, the newest last.
    ``network.frames`` is how many consecutive frames it wants to see; fewer do not fail.
    ``network.frames_given_back`` is how many of them it gives back. The
    configuration's defaults are those of the weights that come with ngs.
    """

    network: Callable[[Any], nn.Module]
    config: type


ARCHITECTURES = {
    "live": Architecture(LiveNetwork, LiveConfig),
    "nafnet": Architecture(NafNet, NafNetConfig),
    "ngs": Architecture(NgsNetwork, NgsConfig),
}
"""Architectures by the name given to ``--model``."""


def build_network(name: str, config: Mapping[str, Any] | None = None) -> nn.Module:
    """An untrained network, which restores as row gain does.

    ``config`` replaces defaults of the architecture's configuration, lists
    standing for tuples. Raises :class:`InstrumentError` for unknown names and
    options, and for values of another kind.
    """
    if name not in ARCHITECTURES:
        raise InstrumentError(f"unknown network {name!r}; known: {', '.join(ARCHITECTURES)}")
    architecture = ARCHITECTURES[name]
    defaults = asdict(architecture.config())
    values = {key: _plain(value) for key, value in (config or {}).items()}
    for key, value in values.items():
        if key not in defaults:
            raise InstrumentError(
                f"network {name!r} has no option {key!r}; it has: {', '.join(defaults)}"
            )
        if type(value) is not type(defaults[key]):
            raise InstrumentError(
                f"option {key} of network {name!r} is {value!r}; such as {defaults[key]!r} expected"
            )
    return architecture.network(architecture.config(**values))


def network_config(network: nn.Module) -> dict[str, Any]:
    """The configuration a network was built with, ready for JSON."""
    config = network.config
    return {field.name: getattr(config, field.name) for field in fields(config)}  # type: ignore[arg-type]


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
