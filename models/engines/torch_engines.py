"""Engines of torch: eager, compiled, or as a CUDA graph; in each precision."""

import copy
import importlib.util
import os
import shutil
from functools import partial

import torch
from torch import Tensor, nn

from models.captured_graph import CapturedGraph
from models.engines.engine import Engine, EngineKind, nothing_missing
from models.networks.observation import Observation


class _Eager:
    """The network in eager mode; operations that gain by it in ``dtype``, the others in float32."""

    def __init__(self, network: nn.Module, example: Observation, dtype: torch.dtype) -> None:
        self._network = copy.deepcopy(network)
        self._network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._device_type = example.light.device.type
        self._dtype = dtype

    def __call__(self, observation: Observation) -> Tensor:
        with torch.autocast(
            self._device_type,
            self._dtype,
            enabled=self._dtype != torch.float32,
            # A cache of casts would outlive a captured graph and saves nothing between calls.
            cache_enabled=False,
        ):
            light: Tensor = self._network(observation)
        return light.float()


def _compiled(network: nn.Module, example: Observation, dtype: torch.dtype) -> Engine:
    eager = _Eager(network, example, dtype)
    # Compile in this process: worker processes would stay as long as the session.
    compiled = torch.compile(eager, dynamic=False, options={"compile_threads": 1})
    # Outside inference mode, whose tensors the compiler guards against.
    with torch.inference_mode(False), torch.no_grad():
        normal = Observation(*(each.clone() for each in example))
        compiled(normal)

    def run(observation: Observation) -> Tensor:
        light: Tensor = compiled(observation)
        return light

    return run


def _captured(network: nn.Module, example: Observation, dtype: torch.dtype) -> Engine:
    """The network as a CUDA graph."""
    eager = _Eager(network, example, dtype)
    graph = CapturedGraph(lambda *parts: [eager(Observation(*parts))], example)
    return lambda observation: graph(observation)[0]


def _no_compiler() -> str:
    if shutil.which(os.environ.get("CXX", "g++")) is None:
        return "torch.compile needs a C++ compiler: install g++, or name one in CXX"
    return ""


def _no_triton() -> str:
    if importlib.util.find_spec("triton") is None:
        return "torch.compile needs triton for CUDA: it comes with torch for Linux"
    return ""


TORCH_ENGINES = (
    EngineKind("torch-fp32", "cpu", partial(_Eager, dtype=torch.float32), nothing_missing),
    EngineKind("torch-bf16", "cpu", partial(_Eager, dtype=torch.bfloat16), nothing_missing),
    EngineKind(
        "compiled-fp32", "cpu", partial(_compiled, dtype=torch.float32), _no_compiler, quick=False
    ),
    EngineKind(
        "compiled-bf16", "cpu", partial(_compiled, dtype=torch.bfloat16), _no_compiler, quick=False
    ),
    EngineKind("graph-fp16", "cuda", partial(_captured, dtype=torch.float16), nothing_missing),
    EngineKind("graph-bf16", "cuda", partial(_captured, dtype=torch.bfloat16), nothing_missing),
    EngineKind("graph-fp32", "cuda", partial(_captured, dtype=torch.float32), nothing_missing),
    EngineKind("torch-fp16", "cuda", partial(_Eager, dtype=torch.float16), nothing_missing),
    EngineKind("torch-bf16", "cuda", partial(_Eager, dtype=torch.bfloat16), nothing_missing),
    EngineKind("torch-fp32", "cuda", partial(_Eager, dtype=torch.float32), nothing_missing),
    EngineKind(
        "compiled-fp16", "cuda", partial(_compiled, dtype=torch.float16), _no_triton, quick=False
    ),
)
