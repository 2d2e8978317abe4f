"""The fastest engine is found by turns, kept where that is certain, and doubted by its use."""

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from models.engines import engine_choice
from models.engines.engine import Engine, EngineKind, nothing_missing
from models.engines.engine_choice import REFERENCE, Opened, open_engine
from models.engines.engine_memory import CALLS_JUDGED
from models.engines.engine_timing import time_in_turns
from models.engines.example_observation import example_observation
from models.networks.observation import Observation

EXAMPLE = example_observation(1, 1, 8, 8, torch.device("cpu"))


class Bench:
    """Engines whose calls take scripted times, by a clock of their own.

    ``busy`` maps a number of seconds to what the machine's other work multiplies times by.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **times_ms: float) -> None:
        self.now_s = 0.0
        self.times_ms = {name.replace("_", "-"): ms for name, ms in times_ms.items()}
        self.busy: Callable[[float], float] = lambda _: 1.0
        self.calls: list[str] = []
        self.full: set[str] = set()
        kinds = tuple(
            EngineKind(name, "cpu", self._opener(name), nothing_missing) for name in self.times_ms
        )
        monkeypatch.setattr(engine_choice, "ENGINES", kinds)

    def _opener(self, name: str) -> Callable[[nn.Module, Observation], Engine]:
        def open_it(network: nn.Module, example: Observation) -> Engine:
            if name in self.full:
                raise torch.OutOfMemoryError("out of memory")

            def call(observation: Observation) -> Tensor:
                self.calls.append(name)
                self.now_s += self.times_ms[name] / 1e3 * self.busy(self.now_s)
                return observation.light

            return call

        return open_it

    def open(self, weights: str = "weights") -> Opened:
        self.calls.clear()
        return open_engine(nn.Identity(), weights, EXAMPLE, clock=lambda: self.now_s)

    def measures(self, weights: str = "weights") -> bool:
        """Whether opening measures again; else the remembered engine is only opened."""
        self.open(weights)
        return bool(self.calls)


def files(cache_folder: Path) -> list[Path]:
    return list((cache_folder / "ngs" / "engines").glob("*"))


def test_the_fastest_is_remembered_for_these_weights(
    monkeypatch: pytest.MonkeyPatch, cache_folder: Path
) -> None:
    bench = Bench(monkeypatch, openvino_fp32=4.0, torch_fp32=9.0)
    assert bench.open().name == "openvino-fp32"
    assert bench.open().name == "openvino-fp32"
    assert not bench.calls
    assert bench.measures("other weights")
    (entry, _) = (json.loads(file.read_text()) for file in files(cache_folder))
    assert entry["spreads"]["openvino-fp32"]["median_ms"] == pytest.approx(4.0)
    assert entry["spreads"][REFERENCE]["low_ms"] == pytest.approx(9.0)


def test_a_busy_spell_hits_all_engines_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fastest opens first, in the worst of the spell; a rival would have its end."""
    bench = Bench(monkeypatch, openvino_fp32=10.0, torch_bf16=14.0, torch_fp32=14.0)
    bench.busy = lambda now_s: 1.0 + 4.0 * (now_s < 0.5)
    assert bench.open().name == "openvino-fp32"
    turns = bench.calls[3:]  # the first call of each checks its picture
    assert set(turns[:3]) == set(bench.times_ms)
    assert turns[:3] == turns[3:6] == turns[6:9]


def test_a_choice_within_the_spread_is_measured_again(
    monkeypatch: pytest.MonkeyPatch, cache_folder: Path
) -> None:
    bench = Bench(monkeypatch, openvino_fp32=10.0, torch_fp32=11.0)
    wobble = itertools.cycle([1.0, 1.6, 2.2, 1.3, 1.9])
    bench.busy = lambda _: next(wobble)
    bench.open()
    assert bench.calls
    assert not files(cache_folder)
    assert bench.measures()
    bench.busy = lambda _: 1.0
    assert bench.measures()
    assert not bench.measures(), "equal within 15 % on a quiet machine: either will do"


def test_the_reference_is_not_remembered_where_a_rival_was_not_tried(
    monkeypatch: pytest.MonkeyPatch, cache_folder: Path
) -> None:
    bench = Bench(monkeypatch, openvino_fp32=1.0, torch_fp32=900.0)
    bench.full = {"openvino-fp32"}
    assert bench.open().name == REFERENCE
    assert not files(cache_folder)
    bench.full = set()
    assert bench.open().name == "openvino-fp32"
    assert len(files(cache_folder)) == 1


def test_a_slow_reference_takes_no_further_turns_and_does_not_keep_rivals_from_theirs() -> None:
    now_s = 0.0
    calls: list[str] = []

    def call(name: str, seconds: float) -> Callable[[], None]:
        def run() -> None:
            nonlocal now_s
            calls.append(name)
            now_s += seconds

        return run

    spreads = time_in_turns({"slow": call("slow", 5.0), "fast": call("fast", 1.0)}, lambda: now_s)
    assert calls.count("slow") == 2
    assert calls.count("fast") == 5
    assert spreads["fast"].high_ms == pytest.approx(1000.0)


def uses(opened: Opened, calls: int) -> Iterator[str]:
    """The note after each call."""
    for _ in range(calls):
        opened.engine(EXAMPLE)
        yield opened.note


def test_an_engine_that_proves_slower_is_said_and_measured_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = Bench(monkeypatch, openvino_fp32=4.0, torch_fp32=9.0)
    bench.open()
    bench.times_ms["openvino-fp32"] = 20.0  # such as after an update of the system
    used = bench.open()
    notes = list(uses(used, 3 * CALLS_JUDGED))
    assert not any(notes[: CALLS_JUDGED - 1])
    (note,) = set(notes[CALLS_JUDGED:])
    assert note.startswith("openvino-fp32 takes 20.0 ms a frame, 4.0 ms were remembered")
    assert "\n" not in note
    assert bench.open().name == REFERENCE
    assert bench.calls
    assert not bench.measures()


def test_use_beside_other_threads_is_doubted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Live, the engine shares the machine: slower than alone, and still the fastest."""
    bench = Bench(monkeypatch, openvino_fp32=4.0, torch_fp32=9.0)

    def live() -> str:
        used = bench.open()
        bench.busy = lambda _: 2.0
        *_, note = uses(used, CALLS_JUDGED)
        bench.busy = lambda _: 1.0
        return note

    assert live()
    assert not live()
    assert not bench.measures()


@pytest.mark.parametrize("slower", [1.0, 1.4])
def test_an_engine_as_fast_as_remembered_stays(
    monkeypatch: pytest.MonkeyPatch, slower: float
) -> None:
    bench = Bench(monkeypatch, openvino_fp32=4.0, torch_fp32=9.0)
    used = bench.open()
    bench.busy = lambda _: slower
    assert not any(uses(used, 3 * CALLS_JUDGED))
    assert not bench.measures()


@pytest.mark.parametrize(
    "damage",
    [
        "",
        "{",
        "[]",
        '{"engine": "torch-fp32"}',
        '{"facts": {"version": 1}, "engine": "torch-fp32", "ms": 4.0}',
    ],
)
def test_damaged_or_older_memory_is_measured_again(
    monkeypatch: pytest.MonkeyPatch, cache_folder: Path, damage: str
) -> None:
    bench = Bench(monkeypatch, openvino_fp32=4.0, torch_fp32=9.0)
    bench.open()
    (kept,) = files(cache_folder)
    whole = kept.read_text()
    kept.write_text(damage)
    assert bench.open().name == "openvino-fp32"
    assert bench.calls
    assert json.loads(kept.read_text())["facts"] == json.loads(whole)["facts"]


def test_memory_of_an_engine_without_a_measurement_is_not_used(
    monkeypatch: pytest.MonkeyPatch, cache_folder: Path
) -> None:
    bench = Bench(monkeypatch, openvino_fp32=4.0, torch_fp32=9.0)
    bench.open()
    (kept,) = files(cache_folder)
    kept.write_text(json.dumps({**json.loads(kept.read_text()), "engine": "abacus"}))
    assert bench.measures()
