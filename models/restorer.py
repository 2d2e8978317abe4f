"""Restorers: codes of an RSGR camera in, linear global-shutter light out.

Order of processing, for every restorer: black level, saturation mask (from
raw codes), row gain (on the mosaic, if colour), white balance, demosaic in
linear light, restore. Radiometry is arithmetic and never left to a network.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from drivers.errors import InstrumentError
from drivers.frame import Frame
from drivers.timing import SensorTiming
from models.demosaic import Demosaic, colour_at
from models.radiometry import Radiometry


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
        raw = raw.to(self._device)
        saturated = raw >= radiometry.saturation_dn
        if self._demosaic is not None:
            light = torch.from_numpy(self._demosaic(codes)).to(self._device)
        else:
            light = raw.to(torch.float32).sub_(radiometry.black_level_dn).mul_(self._scale)
        return Restored(light, saturated)

    def reset(self) -> None:
        """Row gain keeps nothing of a frame."""

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


def _warp(device: torch.device) -> Restorer:
    """Row gain moved back along the optical flow: no network."""
    # Imported here: every other restorer is built on this module.
    from models.warp import Warp

    return Warp(device)


RESTORERS: dict[str, Callable[[torch.device], Restorer]] = {
    RowGain.name: RowGain,
    "warp": _warp,
}
"""Every restorer by the name given to ``--model``."""


def check_model(name: str) -> str:
    """Return ``name``, or raise :class:`InstrumentError` listing the known names."""
    if name not in RESTORERS:
        raise InstrumentError(
            f"unknown model {name!r}; known: {', '.join(RESTORERS)}, or none for raw frames only"
        )
    return name


def open_restorer(name: str, device: torch.device) -> Restorer:
    """A restorer by name; raises like :func:`check_model`."""
    return RESTORERS[check_model(name)](device)
