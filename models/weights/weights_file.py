"""A weights file: safetensors whose header names its network and how it was trained."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from drivers.errors import InstrumentError
from drivers.input_file import first_fault, words
from models.networks import blank_network, build_network
from models.weights.shipped import SUFFIX, shipped_weights

VERSION = 1

_HEADER_KEY = "ngs"
_REPLACE_IT = "train it again or take the file of this version"


class Training(BaseModel):
    """How weights came about."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dataset: str
    """What was trained on, in a few words: recipe, sequences, frames, synthetic or recorded."""
    sources: tuple[str, ...]
    """Names of the stills, objects and videos seen; none of them may be tested on."""
    steps: int = Field(ge=0)
    samples: int = Field(ge=0)
    """Crops seen, repetitions counted."""
    seed: int
    command: str
    device: str
    hours: float = Field(ge=0)
    torch: str
    learning_rate: float
    row_gain_psnr_db: float | None
    """Row gain on the validation split."""
    validation_psnr_db: float | None
    late_gain_db: float | None
    """Validation PSNR gained over the last fifth of training."""
    started_from: str | None = None
    """Name and fingerprint of the weights that training began with; None: at random."""
    start_psnr_db: float | None = None
    """Those weights on the validation split."""

    @property
    def converged(self) -> bool:
        """Whether more training of the same kind would hardly help."""
        return self.late_gain_db is not None and self.late_gain_db < CONVERGED_BELOW_DB


CONVERGED_BELOW_DB = 0.05
"""Gain over the last fifth of training below which a network counts as converged."""


class Header(BaseModel):
    """What a weights file says of itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: int = Field(default=VERSION, ge=1, le=VERSION)
    network: str
    config: dict[str, Any]
    training: Training


def encode_weights(header: Header, state: Mapping[str, Tensor]) -> bytes:
    """A weights file's bytes; tensors are stored as they are, on the host."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    return bytes(save(tensors, {_HEADER_KEY: header.model_dump_json()}))


def weights_sha256(path: Path) -> str:
    """Fingerprint of a weights file, independent of its name."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_header(path: Path) -> Header:
    """The header alone; raises :class:`InstrumentError` for files that are no weights."""
    return _read(path, with_state=False)[0]


def read_network(path: Path) -> tuple[nn.Module, Header]:
    """The trained network, ready to restore, in float32 on the CPU.

    Raises :class:`InstrumentError` where the file is missing, truncated, no
    weights file, or does not fit the network it names.
    """
    header, state = _read(path, with_state=True)
    try:
        blank = blank_network(header.network, header.config)
    except InstrumentError as error:
        raise InstrumentError(f"{path}: {error}; {_REPLACE_IT}") from None
    wanted = {name: tuple(tensor.shape) for name, tensor in blank.state_dict().items()}
    given = {name: tuple(tensor.shape) for name, tensor in state.items()}
    misfits = sorted(
        name for name in wanted.keys() | given.keys() if wanted.get(name) != given.get(name)
    )
    if misfits:
        raise InstrumentError(
            f"{path} does not fit network {header.network!r}: {len(misfits)} tensors differ, first "
            f"{words(misfits[0])} ({given.get(misfits[0], 'missing')}, expected "
            f"{wanted.get(misfits[0], 'none')}); {_REPLACE_IT}"
        )
    network = build_network(header.network, header.config)
    network.load_state_dict({name: tensor.float() for name, tensor in state.items()})
    return network.eval(), header


def _read(path: Path, *, with_state: bool) -> tuple[Header, dict[str, Tensor]]:
    if not path.is_file():
        raise InstrumentError(f"no weights file {path}; {_known()}")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()} if with_state else {}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise InstrumentError(
            f"{path} is truncated or no safetensors file ({words(error)}); copy or train it again"
        ) from None
    if _HEADER_KEY not in metadata:
        raise InstrumentError(f"{path} holds weights of another program; {_known()}")
    try:
        return Header.model_validate_json(metadata[_HEADER_KEY]), state
    except ValidationError as error:
        raise InstrumentError(
            f"{path} has a header this version cannot read ({first_fault(error)}); train it again"
        ) from None


def _known() -> str:
    names = ", ".join(shipped_weights()) or "none"
    return f"give a {SUFFIX} file made by ngs train, or one that comes with ngs: {names}"
