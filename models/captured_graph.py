"""A function of tensors as a CUDA graph: one launch in place of hundreds."""

import threading
from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch
from torch import Tensor

OfTensors: TypeAlias = Callable[..., Sequence[Tensor]]

_WARM_UP_CALLS = 3
"""Libraries set themselves up in the first calls, which a graph must not capture."""
_CAPTURING = threading.Lock()
"""Restoring runs on two threads, and each captures at the first frame of a size."""


class CapturedGraph:
    """``function`` for inputs of the examples' shapes; it may ask nothing of the host.

    See "CUDA Graphs" in the CUDA C++ Programming Guide. Use from one thread.
    """

    def __init__(self, function: OfTensors, examples: Sequence[Tensor]) -> None:
        # A graph holds addresses: what the function computes with has to stay where it is.
        self._function = function
        # Normal tensors can be written to in any mode, those of inference mode in theirs alone.
        with _CAPTURING, torch.inference_mode(False), torch.no_grad():
            self._inputs = [each.clone() for each in examples]
            aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
            aside.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(aside):
                for _ in range(_WARM_UP_CALLS):
                    function(*self._inputs)
            torch.cuda.current_stream().wait_stream(aside)
            self._graph = torch.cuda.CUDAGraph()
            # Other threads use the device meanwhile; their work is not captured.
            with torch.cuda.graph(self._graph, capture_error_mode="thread_local"):
                self._outputs = function(*self._inputs)

    def __call__(self, given: Sequence[Tensor]) -> list[Tensor]:
        """What the function gives for these; no later call changes it."""
        for own, each in zip(self._inputs, given, strict=True):
            own.copy_(each, non_blocking=True)
        self._graph.replay()
        return [each.clone() for each in self._outputs]
