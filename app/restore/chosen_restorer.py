"""The restorer of a run, chosen before it begins: name, weights and engine."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from app.restore.feeding import Strategy, strategy_for
from app.restore.footage import FootageFormat
from app.restore.imaging_conditions import FootageConditions
from drivers.errors import InstrumentError
from drivers.system_limits import is_out_of_memory
from models.engines.device import best_device
from models.restorers.registry import open_restorer, weights_of
from models.restorers.restorer import Restorer
from models.restorers.restorer_state import RestorerState
from models.restorers.row_gain import RowGain
from models.weights.weights_file import weights_sha256


@dataclass(frozen=True)
class Model:
    """A restorer ready to run, and all that decides what it gives.

    The ``state`` names a weights file without its folder; ``fallback`` is row gain on the
    same device.
    """

    state: RestorerState
    weights_sha256: str | None
    strategy: Strategy
    fallback: Restorer


def open_model(
    name: str, engine: str | None, conditions: FootageConditions, footage: FootageFormat
) -> Model:
    """Open a restorer for such footage; raises as :func:`models.restorers.registry.open_restorer`.

    ``engine`` None is the fastest, found on a black frame: one for the whole run,
    whatever the length of its clips, for engines differ in the last digits.
    """
    device = best_device()
    restorer = open_restorer(name, device, engine, offline=True)
    black = conditions.frame(0, np.zeros(footage.shape, footage.dtype))
    with out_of_memory_told(name):
        strategy_for(restorer).rehearse(black, conditions.frames)
    state = restorer.state
    if state.engine and engine is None:
        restorer = open_restorer(name, device, state.engine, offline=True)
    weights = weights_of(name)
    return Model(
        state=replace(state, name=Path(name).name),
        weights_sha256=None if weights is None else weights_sha256(weights),
        strategy=strategy_for(restorer),
        fallback=RowGain(device),
    )


@contextmanager
def out_of_memory_told(name: str) -> Iterator[None]:
    """Raise :class:`InstrumentError` where memory runs out.

    No smaller model takes over, as in a live view: footage is restored by one alone.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise InstrumentError(
            f"out of memory for {name}; end other programs, or choose --model warp or row-gain"
        ) from error
