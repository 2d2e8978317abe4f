"""The checkpoint of a training run: what it takes to go on as if nothing had been between."""

import math
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic_core import from_json, to_json
from torch import Tensor, nn

from drivers.atomic_file import whole_file
from drivers.errors import InstrumentError
from drivers.input_file import open_input, words
from models.training.curve import Point


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A run after ``step`` steps; ``schedule`` tells it from other runs.

    ``average`` are the averaged tensors, in the order of the network's state, ``best`` those of
    the best validation so far, None before one and in checkpoints that do not keep it.
    """

    schedule: str
    network: dict[str, Tensor]
    optimiser: dict[str, Any]
    average: list[Tensor]
    step: int
    hours: float
    curve: tuple[Point, ...]
    best: list[Tensor] | None = None

    def write(self, path: Path) -> None:
        """Write it, whole or not at all."""
        saved = {name: getattr(self, name) for name in self.__dataclass_fields__}
        with whole_file(path, durable=True) as file:
            torch.save({**saved, "curve": to_json(self.curve).decode()}, file)

    def restore(self, network: nn.Module, optimiser: torch.optim.Optimizer) -> None:
        """Put it into a network and its optimiser; raises some error where it does not fit."""
        network.load_state_dict(self.network)
        optimiser.load_state_dict(self.optimiser)
        for group in optimiser.param_groups:
            for parameter in group["params"]:
                for kept in optimiser.state[parameter].values():
                    if isinstance(kept, Tensor) and kept.dim() and kept.shape != parameter.shape:
                        raise ValueError("the optimiser's state has other shapes")


def read_checkpoint(path: Path, device: torch.device) -> Checkpoint:
    """Read it; raises :class:`InstrumentError` where it is damaged.

    Whether it fits a network is seen when it is restored.
    """
    try:
        _check_packing(path)
        saved = torch.load(path, map_location=device, weights_only=True)
        curve = from_json(saved["curve"])
        read = Checkpoint(**{**saved, "curve": tuple(Point.restored(each) for each in curve)})
        if not read.step >= 0 or not math.isfinite(read.hours):
            raise ValueError(f"step {read.step} after {read.hours} hours")
    except Exception as error:  # what comes out of a damaged file may be anything
        raise unreadable(path, error) from error
    return read


def unreadable(path: Path, error: Exception) -> InstrumentError:
    """The error of a checkpoint that cannot be used."""
    what = error.strerror if isinstance(error, OSError) else f"{type(error).__name__}, {error}"
    return InstrumentError(f"{path} cannot be read ({words(what)}); delete it to begin anew")


def _check_packing(path: Path) -> None:
    """Refuse what torch does not write: members that are packed may unpack to any size."""
    with open_input(path) as file, zipfile.ZipFile(file) as archive:
        if any(each.compress_type != zipfile.ZIP_STORED for each in archive.infolist()):
            raise ValueError("it is compressed")
