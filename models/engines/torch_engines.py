"""Engines of torch: eager, compiled, or as a CUDA graph; in each precision."""

import copy
import importlib.util
import os
import shutil
from functools import partial

import torch
from torch import Tensor, nn

from models.engines.engine import Engine, EngineKind, nothing_missing
from models.networks.observation import Observation

_WARM_UP_CALLS = 3
"""Libraries set themselves up in the first calls, which a graph must not capture."""


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


class _CudaGraph:
    """The network captured as a CUDA graph: one launch in place of a hundred kernels."""

    def __init__(self, network: nn.Module, example: Observation, dtype: torch.dtype) -> None:
        eager = _Eager(network, example, dtype)
        # Normal tensors can be written to in any mode, those of inference mode in theirs alone.
        with torch.inference_mode(False), torch.no_grad():
            self._inputs = Observation(*(each.clone() for each in example))
            stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                for _ in range(_WARM_UP_CALLS):
                    eager(self._inputs)
            torch.cuda.current_stream().wait_stream(stream)
            self._graph = torch.cuda.CUDAGraph()
            # Other threads use the device meanwhile; their work is not captured.
            with torch.cuda.graph(self._graph, capture_error_mode="thread_local"):
                self._output = eager(self._inputs)

    def __call__(self, observation: Observation) -> Tensor:
        for own, given in zip(self._inputs, observation, strict=True):
            own.copy_(given, non_blocking=True)
        self._graph.replay()
        return self._output.clone()


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
    EngineKind("graph-fp16", "cuda", partial(_CudaGraph, dtype=torch.float16), nothing_missing),
    EngineKind("graph-bf16", "cuda", partial(_CudaGraph, dtype=torch.bfloat16), nothing_missing),
    EngineKind("graph-fp32", "cuda", partial(_CudaGraph, dtype=torch.float32), nothing_missing),
    EngineKind("torch-fp16", "cuda", partial(_Eager, dtype=torch.float16), nothing_missing),
    EngineKind("torch-bf16", "cuda", partial(_Eager, dtype=torch.bfloat16), nothing_missing),
    EngineKind("torch-fp32", "cuda", partial(_Eager, dtype=torch.float32), nothing_missing),
    EngineKind(
        "compiled-fp16", "cuda", partial(_compiled, dtype=torch.float16), _no_triton, quick=False
    ),
)
