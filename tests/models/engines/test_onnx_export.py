"""Networks as ONNX: the same result, and no file before that is known."""

import json
from pathlib import Path

import pytest
import torch

from drivers.errors import InstrumentError
from models.engines.engine_choice import agreement_db
from models.engines.example_observation import example_observation
from models.networks.observation import Observation
from models.weights.weights_file import read_network
from tests.models.network_files import write_weights

onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")
pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
pytest.importorskip("onnxscript", reason="the extra onnx is not installed")

from models.engines.onnx_export import LEAST_AGREEMENT_DB, export_onnx, run_onnx  # noqa: E402  # all three


@pytest.mark.whole
def test_onnx_runtime_gives_what_torch_gives(tmp_path: Path) -> None:
    weights, out = write_weights(tmp_path / "live.safetensors"), tmp_path / "live.onnx"
    export_onnx(weights, out, (83, 61))
    # Another observation than the one it was exported and checked with.
    seen = example_observation(1, 1, 61, 83, torch.device("cpu"))
    seen = Observation(*(each.flip(-1).contiguous() for each in seen))
    network, header = read_network(weights)
    with torch.no_grad():
        assert agreement_db(run_onnx(out.read_bytes(), seen), network(seen)) > LEAST_AGREEMENT_DB
    told = {entry.key: entry.value for entry in onnx.load(out).metadata_props}
    assert told["network"] == "live"
    assert json.loads(told["config"]) == json.loads(json.dumps(header.config))
    assert set(json.loads(told["inputs"])) == set(Observation._fields)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["live.onnx", "live.safetensors"]


def test_nothing_is_written_where_it_cannot_be(tmp_path: Path) -> None:
    out = tmp_path / "live.onnx"
    with pytest.raises(InstrumentError, match="no weights file"):
        export_onnx(tmp_path / "absent.safetensors", out, (83, 61))
    assert list(tmp_path.iterdir()) == []
