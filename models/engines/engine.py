"""The interface of an engine: computes a network for observations of one size."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor, nn

from models.networks.observation import Observation


class Engine(Protocol):
    """A network made ready for observations like the one it was opened with.

    Takes contiguous tensors on the device of that observation and returns
    float32 linear light of the network's shape, in memory of its own: a later
    call leaves it alone. Use from one thread at a time.
    """

    def __call__(self, observation: Observation) -> Tensor:
        """Light, ``(batch, frames given back, 1 or 3, rows, columns)``."""


@dataclass(frozen=True, slots=True)
class EngineKind:
    """An engine to be opened."""

    name: str
    """As given to ``--engine``: what computes, then the precision."""
    device_type: str
    """``cpu`` or ``cuda``, as torch says."""
    open: Callable[[nn.Module, Observation], Engine]
    """Makes a float32 network in evaluation mode, on the device, ready for such observations."""
    missing: Callable[[], str]
    """Why it cannot be had here, and what would help; empty where it can."""
    quick: bool = True
    """Whether it opens in a second or so; those that do not run only when asked for."""


def nothing_missing() -> str:
    """Empty: for engines that need only torch and the device."""
    return ""
