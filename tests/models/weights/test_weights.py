"""Weights files: what is written comes back, and whatever does not fit is named in one line."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from drivers.errors import InstrumentError
from drivers.plain_text import one_line
from models.networks import ARCHITECTURES, build_network, network_config
from models.weights.shipped import shipped_weights
from models.weights.weights_file import Header, Training, encode_weights, read_header, read_network

TRAINING = Training(
    dataset="synthetic, 2 sequences, 8 frames: test",
    sources=("a.png", "b.png"),
    steps=10,
    samples=80,
    seed=0,
    command="ngs train small --model live --out run",
    device="CPU, 1 threads",
    hours=0.1,
    torch=torch.__version__,
    learning_rate=1e-3,
    row_gain_psnr_db=30.0,
    validation_psnr_db=33.0,
    late_gain_db=0.2,
)
SMALL = {"width": 8, "deep_width": 8, "blocks": 1}


def written(path: Path, network: str = "live", **config: object) -> Path:
    torch.manual_seed(1)
    built = build_network("live", {**SMALL, **config})
    for parameter in built.parameters():
        torch.nn.init.normal_(parameter)
    header = Header(network=network, config=network_config(built), training=TRAINING)
    path.write_bytes(encode_weights(header, built.state_dict()))
    return path


def test_a_network_comes_back_as_it_was(tmp_path: Path) -> None:
    path = written(tmp_path / "x.safetensors", taps=(0.5,))
    network, header = read_network(path)
    assert header.training == TRAINING
    assert read_header(path) == header
    assert header.config["taps"] == [0.5]
    torch.manual_seed(1)
    again = build_network("live", {**SMALL, "taps": (0.5,)})
    for parameter in again.parameters():
        torch.nn.init.normal_(parameter)
    for name, tensor in again.state_dict().items():
        assert torch.equal(network.state_dict()[name], tensor)
    assert not network.training


@pytest.mark.parametrize("kept", [0, 7, 40, 4000])
def test_truncated_weights_are_refused(tmp_path: Path, kept: int) -> None:
    path = written(tmp_path / "x.safetensors")
    path.write_bytes(path.read_bytes()[:kept])
    for read in (read_header, read_network):
        with pytest.raises(InstrumentError, match="truncated or no safetensors"):
            read(path)


def test_weights_of_another_shape_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "x.safetensors")
    network, header = read_network(path)
    wider = header.model_copy(update={"config": {**header.config, "width": 16}})
    path.write_bytes(encode_weights(wider, network.state_dict()))
    with pytest.raises(InstrumentError, match=r"does not fit network 'live': .* tensors differ"):
        read_network(path)


def test_weights_of_a_network_with_other_options_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "x.safetensors")
    network, header = read_network(path)
    other = header.model_copy(update={"config": {**header.config, "merge": True}})
    path.write_bytes(encode_weights(other, network.state_dict()))
    with pytest.raises(InstrumentError, match=r"x\.safetensors: .* no option 'merge'.* train it"):
        read_network(path)


def test_weights_of_an_unknown_network_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        InstrumentError, match=r"x\.safetensors: unknown network 'other'; known: live"
    ):
        read_network(written(tmp_path / "x.safetensors", network="other"))


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"width": 1 << 40}, "width of network 'live' is 1099511627776"),
        ({"blocks": 20, "deep_width": 4000}, "million parameters"),
        ({"width": 0}, "cannot have"),
        ({"taps": []}, r"such as \(-0.5, 0.5, 1.0\) expected"),
        ({"taps": ["x"]}, "such as"),
        ({"taps": [0.5] * 65}, "at most 64 values"),
        ({"\x1b[2J" + "x" * 5000: 1}, r"no option '\\x1b\[2Jx"),
    ],
)
def test_options_that_no_network_can_have_are_refused(
    tmp_path: Path, config: dict[str, object], told: str
) -> None:
    path = written(tmp_path / "x.safetensors")
    network, header = read_network(path)
    path.write_bytes(
        encode_weights(header.model_copy(update={"config": config}), network.state_dict())
    )
    with pytest.raises(InstrumentError, match=told) as refusal:
        read_network(path)
    assert str(path) in str(refusal.value)
    assert str(refusal.value) == one_line(refusal.value)


def test_a_header_nested_without_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_file({"a": torch.zeros(3)}, path, {"ngs": "[" * 100_000})
    with pytest.raises(InstrumentError, match="recursion limit exceeded"):
        read_header(path)


def test_weights_of_another_program_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_file({"a": torch.zeros(3)}, path)
    with pytest.raises(InstrumentError, match="another program"):
        read_header(path)
    save_file({"a": torch.zeros(3)}, path, {"ngs": "{}"})
    with pytest.raises(InstrumentError, match="cannot read"):
        read_header(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InstrumentError, match=r"no weights file .*none\.safetensors"):
        read_header(tmp_path / "none.safetensors")


@pytest.mark.parametrize("name", sorted(shipped_weights()))
def test_shipped_weights_fit_their_networks(name: str) -> None:
    path = shipped_weights()[name]
    network, header = read_network(path)
    assert header.network in ARCHITECTURES
    assert all(torch.isfinite(tensor).all() for tensor in network.state_dict().values())


def test_the_box_stays_light() -> None:
    assert sum(path.stat().st_size for path in shipped_weights().values()) < 40e6
