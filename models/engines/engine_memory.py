"""What is remembered of the engine found fastest, until its use proves it slower."""

import hashlib
import json
import statistics
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import platformdirs
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from drivers.atomic_file import write_file
from drivers.errors import InstrumentError
from drivers.input_file import read_input
from models.engines.engine import Engine
from models.engines.engine_timing import Spread
from models.networks.observation import Observation

SLOWER = 1.5
"""An engine whose calls take this many times what was remembered is measured again."""

CALLS_JUDGED = 60
"""Calls in use whose median is compared with what is remembered."""


class EngineMemory(BaseModel):
    """The engine found fastest under ``facts``, all that the fastest depends on.

    ``spreads`` are the measured times by engine. ``in_use_ms`` is the median of a call in use
    where that was clearly slower: other threads work beside it then. A ``doubted`` choice is
    measured again.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    facts: dict[str, Any]
    engine: str
    spreads: dict[str, Spread]
    in_use_ms: float | None = None
    doubted: bool = False

    @property
    def expected_ms(self) -> float:
        """What a call takes by all that is known."""
        return max(self.spreads[self.engine].median_ms, self.in_use_ms or 0.0)


def recall(facts: dict[str, Any]) -> EngineMemory | None:
    """What is remembered under these facts; None where nothing readable is."""
    return read_memory(_file(facts), facts)


def read_memory(path: Path, facts: dict[str, Any]) -> EngineMemory | None:
    """What a file tells of these facts; None where it is damaged or tells of others."""
    try:
        memory = EngineMemory.model_validate_json(read_input(path))
    except (OSError, ValueError):
        return None
    return memory if memory.facts == facts and memory.engine in memory.spreads else None


def remember(memory: EngineMemory) -> None:
    """Write it; where the cache cannot be written, engines are measured again each time."""
    path = _file(memory.facts)
    with suppress(OSError, InstrumentError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, memory.model_dump_json(indent=1).encode())


class WatchedEngine:
    """A remembered engine in use; where it proves clearly slower, the choice is doubted, once.

    ``note`` then says so in a line. Calls have to end with their work, as on a CPU.
    """

    def __init__(self, engine: Engine, memory: EngineMemory, clock: Callable[[], float]) -> None:
        self._engine = engine
        self._memory = memory
        self._clock = clock
        self._times_ms: list[float] = []
        self.note = ""

    def __call__(self, observation: Observation) -> Tensor:
        """See :class:`models.engines.engine.Engine`."""
        before_s = self._clock()
        light = self._engine(observation)
        if not self.note:
            self._times_ms.append((self._clock() - before_s) * 1e3)
            if len(self._times_ms) == CALLS_JUDGED:
                self._judge(statistics.median(self._times_ms))
                self._times_ms = []
        return light

    def _judge(self, in_use_ms: float) -> None:
        expected_ms = self._memory.expected_ms
        if in_use_ms <= SLOWER * expected_ms:
            return
        remember(self._memory.model_copy(update={"in_use_ms": in_use_ms, "doubted": True}))
        self.note = (
            f"{self._memory.engine} takes {in_use_ms:.1f} ms a frame, {expected_ms:.1f} ms were "
            "remembered; engines are measured again when the model is next opened"
        )


def _file(facts: dict[str, Any]) -> Path:
    """The file of one measurement; one file each, so that parallel processes lose none."""
    cache = platformdirs.user_cache_path("ngs", appauthor=False)
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    return cache / "engines" / f"{digest[:16]}.json"
