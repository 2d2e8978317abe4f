"""Opens the engine that was fastest when last measured, of those that are exact enough."""

import hashlib
import importlib.metadata
import json
import platform
import statistics
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs
import torch
from torch import Tensor, nn

from drivers.atomic_file import write_file
from drivers.errors import InstrumentError
from models.engines.engine import Engine, EngineKind, is_out_of_memory
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

_LONGEST_S = 2.5
"""No further engine is tried after this long; one begun is measured to its end."""
_EACH_S = 0.25
_CALLS = 15

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Opened:
    """An engine ready to run, and its name."""

    name: str
    engine: Engine


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
    network: nn.Module, weights: str, example: Observation, wanted: str | None = None
) -> Opened:
    """The engine ``wanted``, else the fastest for observations like ``example``.

    ``weights`` tells the network's weights from others. The measurement is kept in a file of the
    user's cache; if that is damaged or missing, it is measured again.
    """
    device = example.light.device
    if wanted is not None:
        return _opened(engine_named(wanted, device), network, example)
    kinds = {kind.name: kind for kind in engine_kinds(device) if kind.quick and not kind.missing()}
    facts = _facts(weights, example, tuple(kinds))
    known = _remembered(facts)
    if known in kinds:
        return _opened(kinds[known], network, example)
    found = min(_measured(network, example, tuple(kinds.values())), key=lambda each: each.ms)
    _remember(facts, found)
    return found.opened


@dataclass(frozen=True, slots=True)
class _Measured:
    opened: Opened
    ms: float


def _measured(
    network: nn.Module, example: Observation, kinds: tuple[EngineKind, ...]
) -> Iterator[_Measured]:
    """Engines that agree with the reference, with their times; the reference among them."""
    started_s = time.perf_counter()
    reference = next(kind for kind in kinds if kind.name == REFERENCE)
    exact = _opened(reference, network, example)
    wanted = exact.engine(example)
    yield _Measured(exact, median_ms(exact.engine, example))
    for kind in kinds:
        if kind is reference:
            continue
        if time.perf_counter() - started_s > _LONGEST_S:
            return
        try:
            opened = _opened(kind, network, example)
        except InstrumentError:
            continue  # the engine lacks an operation of this network; the reference has all
        if agreement_db(opened.engine(example), wanted) >= LEAST_AGREEMENT_DB:
            yield _Measured(opened, median_ms(opened.engine, example))


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


def median_ms(engine: Engine, observation: Observation) -> float:
    """Median time of a call, with the work of the device; call it after a first call."""
    times_ms: list[float] = []
    started_s = time.perf_counter()
    while len(times_ms) < _CALLS and time.perf_counter() - started_s < _EACH_S:
        before_s = time.perf_counter()
        engine(observation)
        finish_device_work(observation.light.device)
        times_ms.append((time.perf_counter() - before_s) * 1e3)
    return statistics.median(times_ms)


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


def _remembered(facts: dict[str, Any]) -> str | None:
    try:
        entry = json.loads(_cache_file(facts).read_text())
        return str(entry["engine"]) if entry["facts"] == facts else None
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _remember(facts: dict[str, Any], found: _Measured) -> None:
    path = _cache_file(facts)
    entry = {"facts": facts, "engine": found.opened.name, "ms": found.ms}
    # If the cache cannot be written, it is measured again each time.
    with suppress(OSError, InstrumentError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, json.dumps(entry, indent=1).encode())


def _cache_file(facts: dict[str, Any]) -> Path:
    """The file of one measurement; one file each, so that parallel processes lose none."""
    cache = platformdirs.user_cache_path("ngs", appauthor=False)
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    return cache / "engines" / f"{digest[:16]}.json"
