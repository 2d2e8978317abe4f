"""The OpenVINO engine on the CPU, an optional extra; fastest for small networks."""

import importlib.util
import sys
import warnings
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor, nn

from models.engines.engine import EngineKind
from models.engines.threads import compute_threads
from models.networks.observation import Observation


class _OpenVino:
    """The network converted for one size; reads its inputs without copying."""

    def __init__(self, network: nn.Module, example: Observation, precision: str) -> None:
        self._tensor = _openvino().Tensor
        model = _converted(network, example)
        compiled = _core().compile_model(
            model,
            "CPU",
            {
                "PERFORMANCE_HINT": "LATENCY",
                "INFERENCE_PRECISION_HINT": precision,
                "INFERENCE_NUM_THREADS": compute_threads(),
            },
        )
        self._request = compiled.create_infer_request()
        self._shape = tuple(compiled.output(0).shape)

    def __call__(self, observation: Observation) -> Tensor:
        request = self._request
        for index, each in enumerate(observation):
            request.set_input_tensor(index, self._tensor(each.numpy(), shared_memory=True))
        light = torch.empty(self._shape)
        request.set_output_tensor(0, self._tensor(light.numpy(), shared_memory=True))
        request.infer()
        return light


def _openvino() -> Any:
    """Import the package with its telemetry switched off; it would start threads."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino


@cache
def _core() -> Any:
    """OpenVINO itself, once for the process.

    Its CPU plugin lays the thread's signal stack into memory of its own, and at its end back to
    where it was. When several come and go, a signal (Ctrl-C) finds freed memory and kills the
    process (OpenVINO 2026.4, Linux).
    """
    return _openvino().Core()


class Positional(nn.Module):
    """A network that takes the observation's tensors one by one, as exchange formats do."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self._network = network
        self.train(network.training)

    def forward(self, *tensors: Tensor) -> Tensor:
        light: Tensor = self._network(Observation(*tensors))
        return light


def _converted(network: nn.Module, example: Observation) -> Any:
    """The network as an OpenVINO model of static shapes, its inputs in the observation's order."""
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    # Tensors of inference mode cannot be traced.
    with torch.inference_mode(False), torch.no_grad(), warnings.catch_warnings():
        # Sizes become constants; shapes are meant to be static.
        warnings.simplefilter("ignore", torch.jit.TracerWarning)  # type: ignore[attr-defined]
        warnings.simplefilter("ignore", DeprecationWarning)
        tensors = tuple(each.clone() for each in example)
        frontend = FrontEndManager().load_by_framework("pytorch")
        decoder = TorchScriptPythonDecoder(Positional(network), example_input=tensors)
        model = frontend.convert(frontend.load(decoder))
    model.reshape({index: list(each.shape) for index, each in enumerate(tensors)})
    return model


def openvino_missing() -> str:
    """Why OpenVINO cannot be had here; empty where it can."""
    if importlib.util.find_spec("openvino") is None:
        return "OpenVINO is not installed: pip install 'neural-global-shutter[openvino]'"
    return ""


OPENVINO_ENGINES = tuple(
    EngineKind(f"openvino-{name}", "cpu", partial(_OpenVino, precision=precision), openvino_missing)
    for name, precision in (("bf16", "bf16"), ("fp32", "f32"))
)
