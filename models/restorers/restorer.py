"""Restorers: codes of an RSGR camera in, linear global-shutter light out.

Order of processing, for every restorer: black level, saturation mask (from
raw codes), row gain (on the mosaic, if colour), white balance, demosaic in
linear light, restore. Radiometry is arithmetic and never left to a network.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from drivers.errors import InstrumentError
from drivers.frame import Frame
from drivers.timing import SensorTiming
from models.demosaic import Demosaic, colour_at
from models.radiometry import Radiometry
from models.weights import SUFFIX, read_header, weights_in_the_box


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restorer gives back.

    ``light`` is float32 linear light ``(rows, columns)`` or ``(rows, columns,
    3)`` on the restorer's device, 1.0 = the saturated global-shutter signal.
    ``saturated`` marks pixels whose raw code was clipped: they carry no ramp.
    """

    light: Tensor
    saturated: Tensor


class Restorer(Protocol):
    """One way to undo the shutter, ready to run on one device."""

    @property
    def name(self) -> str:
        """Name as given to ``--model``."""

    @property
    def frames_needed(self) -> int:
        """How many frames, the newest last, a call wants; fewer are accepted."""

    def reset(self) -> None:
        """Forget earlier frames: what comes next has nothing to do with them."""

    def restore(
        self, frames: Sequence[Frame], timing: SensorTiming, radiometry: Radiometry
    ) -> Restored:
        """Restore the newest of ``frames``.

        ``frames`` carry codes of ``radiometry.pixel_format`` and their start
        times; ``timing.rows`` equals their rows. All were taken under ``timing``
        and ``radiometry``; frames between them may have been lost. A frame given
        again as an earlier one is the same object, its pixels unchanged.
        """


@runtime_checkable
class ClipRestorer(Restorer, Protocol):
    """A restorer that can look ahead, off-line."""

    def restore_clip(
        self, frames: Sequence[Frame], timing: SensorTiming, radiometry: Radiometry
    ) -> list[Restored]:
        """Restore every one of some consecutive frames, each in the light of all of them."""


@runtime_checkable
class StagedRestorer(Restorer, Protocol):
    """A restorer whose work comes in two parts, each for a thread of its own.

    The second part of one frame and the first of the next may overlap.
    """

    def prepare(
        self, frames: Sequence[Frame], timing: SensorTiming, radiometry: Radiometry
    ) -> Callable[[], Restored]:
        """The first part of :meth:`Restorer.restore`; what it returns does the second."""


class RowGain:
    """Row-wise exposure normalisation, E_r * T0 / T_r: no network.

    Exact for a static scene in constant light; the baseline of every table,
    the last rung of the fallback ladder and the input of every network.
    """

    name = "row-gain"
    frames_needed = 1

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._prepared_for: tuple[SensorTiming, Radiometry, int] | None = None
        self._scale = torch.empty(0)
        self._demosaic: Demosaic | None = None
        self._upload_stream: torch.cuda.Stream | None = None
        if device.type == "cuda":
            self._upload_stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def restore(
        self, frames: Sequence[Frame], timing: SensorTiming, radiometry: Radiometry
    ) -> Restored:
        """Restore the newest of ``frames``; see :class:`Restorer`."""
        codes = frames[-1].pixels
        if codes.shape[0] != timing.rows:
            raise ValueError(f"frame of {codes.shape[0]} rows, timing of {timing.rows}")
        wanted = (timing, radiometry, codes.shape[1])
        if self._prepared_for != wanted:
            self._prepare(*wanted)
            self._prepared_for = wanted
        # torch has few operations on uint16, and as int16 codes would wrap beyond 15 bits.
        raw = torch.from_numpy(codes.astype(np.int32) if codes.dtype == np.uint16 else codes)
        raw = self._uploaded(raw)
        saturated = raw >= radiometry.saturation_dn
        if self._demosaic is not None:
            light = self._uploaded(torch.from_numpy(self._demosaic(codes)))
        else:
            light = raw.to(torch.float32).sub_(radiometry.black_level_dn).mul_(self._scale)
        return Restored(light, saturated)

    def reset(self) -> None:
        """Row gain keeps nothing of a frame."""

    def _uploaded(self, host: Tensor) -> Tensor:
        """On the device; a GPU fetches it by itself while it still computes the frame before."""
        if self._upload_stream is None:
            return host
        computing = torch.cuda.current_stream(self._device)
        with torch.cuda.stream(self._upload_stream):
            uploaded = host.pin_memory().to(self._device, non_blocking=True)
        computing.wait_stream(self._upload_stream)
        # Else the memory might be given away while the other stream still reads it.
        uploaded.record_stream(computing)
        return uploaded

    def _prepare(self, timing: SensorTiming, radiometry: Radiometry, columns: int) -> None:
        """Fold row gain, normalisation and white balance into one factor per pixel."""
        row_gain = timing.exposure_us / timing.row_exposure_us()
        scale = row_gain[:, None] / (radiometry.saturation_dn - radiometry.black_level_dn)
        white_balance = np.array(radiometry.white_balance)
        pattern = radiometry.pixel_format.bayer
        if pattern is not None:
            scale = scale * white_balance[colour_at(pattern, timing.rows, columns)]
            self._demosaic = Demosaic(pattern, radiometry.black_level_dn, scale)
            return
        if radiometry.pixel_format.channels == 3:
            scale = scale[:, None] * white_balance
        self._demosaic = None
        self._scale = torch.from_numpy(scale.astype(np.float32)).to(self._device)


def best_device() -> torch.device:
    """CUDA where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def accelerator() -> str | None:
    """Name of the GPU torch can use, None where there is none."""
    if not torch.cuda.is_available():
        return None
    return f"{torch.cuda.get_device_name()}, CUDA {torch.version.cuda}"


_WARP = "warp"


def restorer_names() -> tuple[str, ...]:
    """Every name ``--model`` takes, beside paths of weights files: without a network, and with."""
    return (RowGain.name, _WARP, *weights_in_the_box())


def weights_of(name: str) -> Path | None:
    """The weights file a restorer reads, None for one without a network.

    Raises :class:`InstrumentError` for a name that is neither in
    :func:`restorer_names` nor a weights file's.
    """
    if name in (RowGain.name, _WARP):
        return None
    if name.endswith(SUFFIX):
        return Path(name)
    weights = weights_in_the_box()
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
    name: str, device: torch.device, engine: str | None = None, *, offline: bool = False
) -> Restorer:
    """A restorer by name; raises like :func:`check_model` and where weights do not fit.

    ``engine`` is what computes a network, a name of
    :data:`models.engines.engine_choice.ENGINES`; None for the fastest. ``offline`` looks
    for motion thoroughly, which takes longer than a live view has.
    """
    # Imported here: every other restorer is built on this module.
    path = weights_of(name)
    if path is not None:
        from models.restorers.network_restorer import open_network_restorer

        return open_network_restorer(path, name, device, engine, offline=offline)
    if name == RowGain.name:
        return RowGain(device)
    from models.restorers.warp import Warp

    return Warp(device, offline=offline)
