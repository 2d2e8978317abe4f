"""Row gain: scales every row to the exposure of the first; no network.

See docs/physics.md, "Row gain".
"""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from drivers.frame import Frame
from drivers.frame_conditions import FrameConditions
from models.demosaic import Demosaic, colour_at
from models.restorers.restorer import Restored
from models.restorers.restorer_state import RestorerState


class RowGain:
    """Row-wise exposure normalisation, E_r * T0 / T_r: no network.

    Exact for a static scene in constant light; the baseline of every table,
    the last rung of the fallback ladder and the input of every network.
    """

    name = "row-gain"
    frames_needed = 1

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._folded_for: tuple[FrameConditions, int] | None = None
        self._scale = torch.empty(0)
        self._demosaic: Demosaic | None = None
        self._upload_stream: torch.cuda.Stream | None = None
        if device.type == "cuda":
            self._upload_stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    @property
    def state(self) -> RestorerState:
        """See :class:`Restorer`."""
        return RestorerState(self.name, str(self._device))

    def prepare(
        self, frames: Sequence[Frame], conditions: FrameConditions
    ) -> Callable[[], Restored]:
        """See :class:`Restorer`; everything is left to the second part."""
        return partial(self.restore, frames, conditions)

    def restore(self, frames: Sequence[Frame], conditions: FrameConditions) -> Restored:
        """Restore the newest of ``frames``; see :class:`Restorer`."""
        codes = frames[-1].pixels
        timing, radiometry = conditions.timing, conditions.radiometry
        if codes.shape[0] != timing.rows:
            raise ValueError(f"frame of {codes.shape[0]} rows, timing of {timing.rows}")
        wanted = (conditions, codes.shape[1])
        if self._folded_for != wanted:
            self._fold(*wanted)
            self._folded_for = wanted
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
        """Do nothing: row gain keeps no frames."""

    def _uploaded(self, host: Tensor) -> Tensor:
        """On the device; a GPU fetches it by itself while it still computes the frame before."""
        if self._upload_stream is None:
            return host
        computing = torch.cuda.current_stream(self._device)
        with torch.cuda.stream(self._upload_stream):
            uploaded = host.pin_memory().to(self._device, non_blocking=True)
        computing.wait_stream(self._upload_stream)
        # Otherwise the memory might be reused while the other stream still reads it.
        uploaded.record_stream(computing)
        return uploaded

    def _fold(self, conditions: FrameConditions, columns: int) -> None:
        """Fold row gain, normalisation and white balance into one factor per pixel."""
        timing, radiometry = conditions.timing, conditions.radiometry
        scale = timing.row_gain()[:, None] / radiometry.span_dn
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
