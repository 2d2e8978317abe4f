"""Engines agree with torch as written, and the fastest that does is found and remembered."""

import importlib.util
import subprocess
import sys

import pytest
import torch
from torch import Tensor, nn

from drivers.errors import InstrumentError
from drivers.system_limits import is_out_of_memory
from models.engines.engine import EngineKind
from models.engines.engine_choice import (
    LEAST_AGREEMENT_DB,
    REFERENCE,
    agreement_db,
    engine_kinds,
    engine_named,
    open_engine,
)
from models.engines.example_observation import example_observation
from models.networks.observation import Observation
from tests.models.network_files import live_network

CPU = torch.device("cpu")
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU here")
SIZE = (61, 83)


def quick_kinds(device: torch.device) -> list[EngineKind]:
    return [kind for kind in engine_kinds(device) if kind.quick]


def example(device: torch.device = CPU) -> Observation:
    return example_observation(1, 1, *SIZE, device)


@pytest.mark.parametrize("kind", quick_kinds(CPU), ids=lambda kind: kind.name)
def test_an_engine_agrees_with_torch_as_written(kind: EngineKind) -> None:
    if kind.missing():
        pytest.skip(kind.missing())
    network = live_network()
    engine = kind.open(network, example())
    with torch.inference_mode():
        first = engine(example())
        kept = first.clone()
        other = engine(Observation(*(each * 0.5 for each in example())))
        wanted = network(example())
    assert first.dtype == torch.float32
    assert first.shape == wanted.shape
    assert agreement_db(first, wanted) >= LEAST_AGREEMENT_DB
    assert not torch.equal(first, other)
    assert torch.equal(first, kept), "a later call writes into an earlier picture"


@needs_cuda
@pytest.mark.parametrize("kind", quick_kinds(torch.device("cuda")), ids=lambda kind: kind.name)
def test_an_engine_on_a_gpu_agrees_with_torch_as_written(kind: EngineKind) -> None:
    device = torch.device("cuda")
    network = live_network().to(device)
    engine = kind.open(network, example(device))
    with torch.inference_mode():
        first = engine(example(device))
        kept = first.clone()
        engine(Observation(*(each * 0.5 for each in example(device))))
        assert agreement_db(first, network(example(device))) >= LEAST_AGREEMENT_DB
    assert torch.equal(first, kept)


class Cancelling(nn.Module):
    """A difference of large numbers: bfloat16 has too few digits for it."""

    frames = 1

    def __init__(self) -> None:
        super().__init__()
        self.large = nn.Conv2d(1, 2, 3, padding=1, bias=False)
        nn.init.constant_(self.large.weight, 37.3)
        self.small = nn.Conv2d(2, 1, 1, bias=False)
        self.small.weight.data = torch.tensor([1.0, -0.99]).reshape(1, 2, 1, 1)

    def forward(self, observation: Observation) -> Tensor:
        restored: Tensor = self.small(self.large(observation.light[:, -1]))
        return restored[:, None]


def test_an_engine_that_is_not_exact_enough_is_never_chosen() -> None:
    network = Cancelling().eval()
    bf16 = engine_named("torch-bf16", CPU).open(network, example())
    with torch.inference_mode():
        assert agreement_db(bf16(example()), network(example())) < LEAST_AGREEMENT_DB
        chosen = open_engine(network, "cancelling", example())
        assert chosen.name != "torch-bf16"
        assert agreement_db(chosen.engine(example()), network(example())) >= LEAST_AGREEMENT_DB


class Sorting(nn.Module):
    """Uses an operation that torch has and exchange formats have not."""

    frames = 1

    def forward(self, observation: Observation) -> Tensor:
        pairs = torch.cartesian_prod(torch.arange(2.0), torch.arange(2.0))
        return observation.light * pairs[1, 1]


@pytest.mark.skipif(importlib.util.find_spec("openvino") is None, reason="no OpenVINO here")
def test_an_engine_that_lacks_an_operation_is_passed_over_unless_asked_for() -> None:
    network = Sorting().eval()
    assert open_engine(network, "sorting", example()).name.startswith("torch")
    with pytest.raises(InstrumentError, match="openvino-bf16 cannot compute this network") as told:
        open_engine(network, "sorting", example(), "openvino-bf16")
    assert "\n" not in str(told.value)


def test_engines_that_cannot_be_had_are_refused_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InstrumentError, match=r"unknown engine 'abacus' on cpu; known: .*torch-"):
        engine_named("abacus", CPU)
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(InstrumentError, match=r"compiled-fp32 cannot be used: .* C\+\+ compiler"):
        engine_named("compiled-fp32", CPU)


def test_the_reference_is_there_on_every_device() -> None:
    for device in ("cpu", "cuda"):
        assert REFERENCE in [kind.name for kind in engine_kinds(torch.device(device))]


def test_lack_of_memory_is_known_by_what_torch_says() -> None:
    with pytest.raises(RuntimeError) as refusal:
        torch.empty(1 << 55)
    assert is_out_of_memory(refusal.value)
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"))
    assert not is_out_of_memory(RuntimeError("shapes do not match"))


@pytest.mark.skipif(importlib.util.find_spec("openvino") is None, reason="no OpenVINO here")
def test_ctrl_c_is_heard_after_engines_came_and_went() -> None:
    """OpenVINO lays the thread's signal stack elsewhere, and back to where another's was."""
    program = (
        "import faulthandler, signal, torch\n"
        "from models.engines.openvino_engine import OPENVINO_ENGINES\n"
        "from models.engines.example_observation import example_observation\n"
        "from models.networks import build_network\n"
        "faulthandler.enable()\n"
        "example = example_observation(1, 1, 32, 32, torch.device('cpu'))\n"
        "size = {'width': 8, 'deep_width': 8, 'blocks': 1}\n"
        "network = build_network('live', size).eval()\n"
        "first, second = (OPENVINO_ENGINES[1].open(network, example) for _ in range(2))\n"
        "del first\n"
        "del second\n"
        "try: signal.raise_signal(signal.SIGINT)\n"
        "except KeyboardInterrupt: print('heard')\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (0, "heard\n"), ended.stderr
