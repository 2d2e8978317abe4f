"""Every restorer by the name that ``--model`` takes, and what opens it."""

from pathlib import Path

import torch

from drivers.errors import InstrumentError
from models.engines.device import best_device
from models.restorers.network_restorer import open_network_restorer
from models.restorers.restorer import Restorer
from models.restorers.row_gain import RowGain
from models.restorers.warp import Warp
from models.weights.shipped import SUFFIX, check_present, shipped_weights
from models.weights.weights_file import read_header


def restorer_names() -> tuple[str, ...]:
    """Every name ``--model`` takes, beside paths of weights files: without a network, and with."""
    return (RowGain.name, Warp.name, *shipped_weights())


def weights_of(name: str) -> Path | None:
    """The weights file a restorer reads, None for one without a network.

    Raises :class:`InstrumentError` for a name that is neither in
    :func:`restorer_names` nor a weights file's.
    """
    if name in (RowGain.name, Warp.name):
        return None
    if name.endswith(SUFFIX):
        return Path(name)
    check_present(name)
    weights = shipped_weights()
    if name not in weights:
        raise InstrumentError(
            f"unknown model {name!r}; known: {', '.join(restorer_names())}, a weights file "
            f"(*{SUFFIX}), or none for raw frames only"
        )
    return weights[name]


def summary_of(name: str) -> str:
    """What a restorer is, in a line."""
    path = weights_of(name)
    if path is not None:
        header = read_header(path)
        training = header.training
        if training.validation_psnr_db is None:
            return f"Network {header.network}, never validated."
        state = "converged" if training.converged else "not converged"
        gain = (
            ""
            if training.row_gain_psnr_db is None
            else f", row gain {training.row_gain_psnr_db:.2f}"
        )
        return (
            f"Network {header.network}, {training.validation_psnr_db:.2f} dB on its validation "
            f"split{gain}; {state}."
        )
    if name == RowGain.name:
        return "Row-wise exposure normalisation, E_r * T0 / T_r: no network."
    return "Row gain moved back along the optical flow: no network."


def check_model(name: str) -> str:
    """Return ``name``, or raise :class:`InstrumentError` where no restorer goes by it.

    Of a weights file the header is read, so that a wrong one is told of early.
    """
    path = weights_of(name)
    if path is not None:
        read_header(path)
    return name


def open_restorer(
    name: str,
    device: torch.device | None = None,
    engine: str | None = None,
    *,
    offline: bool = False,
) -> Restorer:
    """A restorer by name; raises like :func:`check_model` and where weights do not fit.

    ``device`` None is the best there is. ``engine`` is what computes a network, a name of
    :data:`models.engines.engine_choice.ENGINES`; None for the fastest. ``offline`` searches
    motion thoroughly, which is too slow for a live view.
    """
    device = device or best_device()
    path = weights_of(name)
    if path is not None:
        return open_network_restorer(path, name, device, engine, offline=offline)
    if name == RowGain.name:
        return RowGain(device)
    return Warp(device, offline=offline)
