"""Opens the engine that was fastest when last measured, of those that are exact enough."""

import importlib.metadata
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from drivers.errors import InstrumentError
from drivers.system_limits import is_out_of_memory
from models.engines.engine import Engine, EngineKind
from models.engines.engine_memory import EngineMemory, WatchedEngine, recall, remember
from models.engines.engine_timing import is_certain, time_in_turns
from models.engines.openvino_engine import OPENVINO_ENGINES
from models.engines.threads import compute_threads
from models.engines.torch_engines import TORCH_ENGINES
from models.networks.observation import Observation, encode

ENGINES = (*OPENVINO_ENGINES, *TORCH_ENGINES)
"""Every engine, those likely to be fastest first."""

REFERENCE = "torch-fp32"
"""What the others must agree with, and what is always there."""

LEAST_AGREEMENT_DB = 60.0
"""PSNR of an engine's encoded light against the reference's: a tenth of a noise of 1 %."""

_VERSION = 2
"""Of what is measured and remembered; files of another version are left alone."""


@dataclass(frozen=True, slots=True)
class Opened:
    """An engine ready to run, and its name."""

    name: str
    engine: Engine

    @property
    def note(self) -> str:
        """What its use has shown, in a line; empty while it is as fast as remembered."""
        return self.engine.note if isinstance(self.engine, WatchedEngine) else ""


def engine_kinds(device: torch.device) -> tuple[EngineKind, ...]:
    """Every engine for a device, whether it can be had here or not."""
    return tuple(kind for kind in ENGINES if kind.device_type == device.type)


def engine_named(name: str, device: torch.device) -> EngineKind:
    """The engine of that name; raises :class:`InstrumentError` for one that cannot be had."""
    kinds = {kind.name: kind for kind in engine_kinds(device)}
    if name not in kinds:
        raise InstrumentError(
            f"unknown engine {name!r} on {device.type}; known: {', '.join(kinds)}"
        )
    missing = kinds[name].missing()
    if missing:
        raise InstrumentError(f"engine {name} cannot be used: {missing}")
    return kinds[name]


@torch.inference_mode()
def open_engine(
    network: nn.Module,
    weights: str,
    example: Observation,
    wanted: str | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Opened:
    """The engine ``wanted``, else the fastest for observations like ``example``.

    ``weights`` tells the network's weights from others, ``clock`` tells seconds. A choice that
    is certain is kept in a file of the user's cache. It is measured again if that is damaged or
    missing, or if the engine proved slower in use.
    """
    device = example.light.device
    if wanted is not None:
        return _opened(engine_named(wanted, device), network, example)
    kinds = {kind.name: kind for kind in engine_kinds(device) if kind.quick and not kind.missing()}
    facts = _facts(weights, example, tuple(kinds))
    known = recall(facts)
    if known is not None and not known.doubted and known.engine in kinds:
        return _watched(_opened(kinds[known.engine], network, example), known, device, clock)
    candidates, complete = _candidates(network, example, kinds)
    spreads = time_in_turns(
        {name: _call(opened, example) for name, opened in candidates.items()}, clock
    )
    name = min(spreads, key=lambda each: spreads[each].median_ms)
    rivals = (spread for other, spread in spreads.items() if other != name)
    if not complete or not is_certain(spreads[name], rivals):
        return candidates[name]
    # Slower in use than alone, and still the fastest: that is what its use takes.
    in_use_ms = known.in_use_ms if known is not None and known.engine == name else None
    memory = EngineMemory(facts=facts, engine=name, spreads=spreads, in_use_ms=in_use_ms)
    remember(memory)
    return _watched(candidates[name], memory, device, clock)


def _watched(
    opened: Opened, memory: EngineMemory, device: torch.device, clock: Callable[[], float]
) -> Opened:
    """The engine under watch; as it is on a GPU, whose work goes on after a call returns."""
    if device.type != "cpu":
        return opened
    return Opened(opened.name, WatchedEngine(opened.engine, memory, clock))


def _candidates(
    network: nn.Module, example: Observation, kinds: Mapping[str, EngineKind]
) -> tuple[dict[str, Opened], bool]:
    """Engines that agree with the reference, the reference among them; each was called once.

    Also whether all that might be faster were tried: one for which memory ran out was not.
    """
    exact = _opened(kinds[REFERENCE], network, example)
    wanted = exact.engine(example)
    candidates, complete = {REFERENCE: exact}, True
    for kind in kinds.values():
        if kind.name == REFERENCE:
            continue
        try:
            opened = _opened(kind, network, example)
            agrees = agreement_db(opened.engine(example), wanted) >= LEAST_AGREEMENT_DB
        except InstrumentError:
            continue  # the engine lacks an operation of this network; the reference has all
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            complete = False
            continue
        if agrees:
            candidates[kind.name] = opened
    return candidates, complete


def _call(opened: Opened, example: Observation) -> Callable[[], object]:
    """A call with the work of the device."""

    def call() -> None:
        opened.engine(example)
        finish_device_work(example.light.device)

    return call


def _opened(kind: EngineKind, network: nn.Module, example: Observation) -> Opened:
    """Raises :class:`InstrumentError` where the engine cannot compute this network."""
    try:
        return Opened(kind.name, kind.open(network, example))
    except Exception as error:  # each compiler has its own, and they share no base
        if is_out_of_memory(error) or kind.name == REFERENCE:
            raise
        reason = next((line for line in str(error).splitlines() if "No conversion" in line), "")
        reason = reason or f"{type(error).__name__}: {str(error).strip().splitlines()[0:1]}"
        raise InstrumentError(
            f"engine {kind.name} cannot compute this network ({reason.strip(' -')}); choose "
            "another, or none for the fastest that can"
        ) from error


def finish_device_work(device: torch.device) -> None:
    """Wait until the device has finished, so that a clock read afterwards is right."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def agreement_db(light: Tensor, wanted: Tensor) -> float:
    """PSNR of encoded light; minus infinity where something is no number."""
    difference = float((encode(light) - encode(wanted)).square().mean())
    if difference != difference:
        return -float("inf")
    return float("inf") if difference == 0 else -10 * float(torch.tensor(difference).log10())


def _facts(weights: str, example: Observation, kinds: tuple[str, ...]) -> dict[str, Any]:
    """All that the fastest engine depends on, ready for JSON."""
    device = example.light.device
    return {
        "version": _VERSION,
        "weights": weights,
        "shape": list(example.light.shape),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else platform.node(),
        "threads": [torch.get_num_threads(), compute_threads()],
        "engines": list(kinds),
        "torch": torch.__version__,
        "openvino": importlib.metadata.version("openvino")
        if any(kind.startswith("openvino") for kind in kinds)
        else None,
    }
