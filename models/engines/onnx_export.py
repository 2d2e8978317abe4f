"""Export of networks as ONNX for other programs; checked before the file appears."""

import importlib.util
import json
import logging
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from drivers.atomic_file import write_file
from drivers.errors import InstrumentError
from models.engines.engine_choice import agreement_db
from models.engines.example_observation import example_observation
from models.engines.openvino_engine import Positional
from models.networks.observation import Observation
from models.weights.weights_file import Header, read_network

OPSET = 18
_PACKAGES = ("onnx", "onnxscript", "onnxruntime")

LEAST_AGREEMENT_DB = 80.0
"""PSNR of ONNX Runtime's encoded light against torch's; both compute in float32."""

MEANINGS = {
    "light": "row-gained linear light (frames, planes, rows, columns), 1 = saturated global "
    "shutter, the newest frame last",
    "saturated": "1 where a raw code was clipped, else 0",
    "exposure_ratio": "exposure of each row over that of the first, T_r / T0",
    "exposure_share": "T0 over the time between the starts of the last two frames; 0 without flow",
    "noise": "standard deviation of the noise of a row exposed for T0, encoded",
    "flow_px": "motion from the frame before to the newest, x then y, in pixels of the frame, at "
    "half resolution; 0 where unknown",
    "confidence": "how far to trust the flow, 0 to 1",
}
"""What each input is, by its name: :class:`models.networks.observation.Observation`."""

OUTPUT = "restored_light"


def export_onnx(weights: Path, out: Path, size_px: tuple[int, int], planes: int = 1) -> None:
    """Write the network of a weights file as ONNX for frames of ``size_px`` (width, height).

    Sizes are fixed, batches of one. The file appears once ONNX Runtime has given
    what torch gives. Raises :class:`InstrumentError` where packages are missing,
    weights do not fit, the result differs or the file cannot be written.
    """
    missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise InstrumentError(
            f"{' and '.join(missing)} not installed: pip install 'neural-global-shutter[onnx]'"
        )
    network, header = read_network(weights)
    columns, rows = size_px
    frames = int(network.frames)  # type: ignore[arg-type]
    example = example_observation(frames, planes, rows, columns, torch.device("cpu"))
    model = _model(network, header, example)
    with torch.no_grad():
        wanted = network(example)
    agreement = agreement_db(run_onnx(model, example), wanted)
    if agreement < LEAST_AGREEMENT_DB:
        raise InstrumentError(
            f"ONNX Runtime and torch agree to {agreement:.1f} dB, less than "
            f"{LEAST_AGREEMENT_DB:g} dB; nothing was written: update onnxruntime or torch"
        )
    write_file(out, model)


def _model(network: nn.Module, header: Header, example: Observation) -> bytes:
    # The exporter logs every operation that it would support with torchvision.
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with torch.no_grad(), warnings.catch_warnings():
        # Of torch's and the exporter's own making, and about their own future.
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", FutureWarning)
        program = torch.onnx.export(
            Positional(network),
            tuple(example),
            input_names=list(Observation._fields),
            output_names=[OUTPUT],
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None  # the exporter in use always gives one
    model = program.model_proto
    for key, value in {
        "network": header.network,
        "config": json.dumps(header.config),
        "inputs": json.dumps(MEANINGS),
        "output": "linear light (batch, frames, planes, rows, columns), the newest frame last",
    }.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    content: bytes = model.SerializeToString()
    return content


def run_onnx(model: bytes, observation: Observation) -> Tensor:
    """Output of ONNX Runtime for an observation, on the CPU."""
    import onnxruntime

    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    # An input that the network does not use is not part of the file.
    taken = {each.name for each in session.get_inputs()}
    feed = {
        name: each.numpy()
        for name, each in zip(Observation._fields, observation, strict=True)
        if name in taken
    }
    (light,) = session.run([OUTPUT], feed)
    return torch.from_numpy(np.asarray(light))
