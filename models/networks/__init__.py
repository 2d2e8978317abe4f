"""The networks, one file for each architecture, and the list of them."""

import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import torch
from torch import nn

from drivers.errors import InstrumentError
from drivers.input_file import words
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

_LARGEST = 4096
_MOST_VALUES = 64
"""Of one option; beyond what a network of this field has, and enough to be built at once."""
_MOST_PARAMETERS = 1 << 28


def build_network(name: str, config: Mapping[str, Any] | None = None) -> nn.Module:
    """An untrained network, which restores as row gain does.

    ``config`` replaces defaults of the architecture's configuration, lists
    standing for tuples. Raises :class:`InstrumentError` for unknown names and
    options, for values of another kind, and for what cannot be built of them.
    """
    blank_network(name, config)
    return ARCHITECTURES[name].network(_configuration(name, config or {}))


def blank_network(name: str, config: Mapping[str, Any] | None = None) -> nn.Module:
    """A network of which only the shapes are there; takes no memory. Raises the same."""
    made = _configuration(name, config or {})
    try:
        with torch.device("meta"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of parts without size, which are refused
            network = ARCHITECTURES[name].network(made)
        if not all(each.numel() for each in network.parameters()):
            raise ValueError("a part of it has no size")
    except (ArithmeticError, AssertionError, LookupError, RuntimeError, TypeError, ValueError) as e:
        raise InstrumentError(
            f"network {name!r} cannot have {_told(asdict(made))} together: {words(e)}"
        ) from None
    parameters = sum(each.numel() for each in network.parameters())
    if parameters > _MOST_PARAMETERS:
        raise InstrumentError(
            f"network {name!r} with {_told(asdict(made))} has {parameters / 1e6:.0f} million "
            f"parameters, at most {_MOST_PARAMETERS / 1e6:.0f} can be; make it narrower"
        )
    return network


def _configuration(name: str, config: Mapping[str, Any]) -> Any:
    if name not in ARCHITECTURES:
        raise InstrumentError(
            f"unknown network {words(repr(name))}; known: {', '.join(ARCHITECTURES)}"
        )
    architecture = ARCHITECTURES[name]
    defaults = asdict(architecture.config())
    values = {key: _plain(value) for key, value in config.items()}
    for key, value in values.items():
        if key not in defaults:
            raise InstrumentError(
                f"network {name!r} has no option {words(repr(key))}; it has: {', '.join(defaults)}"
            )
        if type(value) is not type(defaults[key]) or not _are_numbers(value):
            raise InstrumentError(
                f"option {key} of network {name!r} is {words(repr(value))}; such as "
                f"{defaults[key]!r} expected"
            )
        numbers = value if isinstance(value, tuple) else (value,)
        if len(numbers) > _MOST_VALUES or min(numbers) < -_LARGEST or sum(numbers) > _LARGEST:
            raise InstrumentError(
                f"option {key} of network {name!r} is {words(repr(value))}; at most {_MOST_VALUES} "
                f"values, together at most {_LARGEST}, can be"
            )
    return architecture.config(**values)


def _are_numbers(value: Any) -> bool:
    numbers = value if isinstance(value, tuple) else (value,)
    return bool(numbers) and all(
        isinstance(each, int | float) and math.isfinite(each) for each in numbers
    )


def _told(config: Mapping[str, Any]) -> str:
    return words(", ".join(f"{key} {value}" for key, value in config.items()))


def network_config(network: nn.Module) -> dict[str, Any]:
    """The configuration a network was built with, ready for JSON."""
    config = network.config
    return {field.name: getattr(config, field.name) for field in fields(config)}  # type: ignore[arg-type]


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
