"""Centroid warp: row gain, then every row moved back to its global-shutter place; no network.

Row r of RSGR averages the light of [0, T_r], global shutter that of [0, T0].
What moves at v px/us is therefore seen v (T_r - T0) / 2 further on. With
v = flow / interval between the frames' starts, the picture at

    x + flow_px * (T_r - T0) / (2 * frame_interval_us)

belongs at x. Blur stays; the shift, a large part of the error, goes.

See docs/physics.md, "Motion".
"""

from collections.abc import Callable, Sequence
from functools import partial

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from drivers.frame import Frame
from drivers.frame_conditions import FrameConditions
from drivers.timing import SensorTiming
from models.flow import FLOW_SCALE, Flow, resample
from models.restorers.motion import Motion
from models.restorers.restorer import Restored
from models.restorers.restorer_state import RestorerState
from models.restorers.row_gain import RowGain

LARGEST_DISPLACEMENT_PX = 24.0
"""Rows move no further: motion of 40 px in the longest exposure asks for less than 20 px, and
flow that a repeating texture deceived has no such bound."""


class Warp:
    """Row gain moved back along the optical flow; row gain itself without a usable frame before.

    The second baseline and the second rung of the fallback ladder. Use from one thread.
    """

    name = "warp"
    frames_needed = 2

    def __init__(self, device: torch.device, *, offline: bool = False) -> None:
        """``offline`` searches motion thoroughly, which is too slow for a live view."""
        self._device = device
        self._row_gain = RowGain(device)
        self._motion = Motion(device, self._row_gain, offline=offline)

    @property
    def state(self) -> RestorerState:
        """See :class:`models.restorers.restorer.Restorer`."""
        return RestorerState(self.name, str(self._device))

    def prepare(
        self, frames: Sequence[Frame], conditions: FrameConditions
    ) -> Callable[[], Restored]:
        """See :class:`models.restorers.restorer.Restorer`; the second part does everything."""
        return partial(self.restore, frames, conditions)

    def restore(self, frames: Sequence[Frame], conditions: FrameConditions) -> Restored:
        """Restore the newest of ``frames``; see :class:`models.restorers.restorer.Restorer`.

        ``saturated`` stays where the raw codes were clipped.
        """
        restored = self._row_gain.restore(frames, conditions)
        movement = self._motion.observe(frames, restored.light, conditions)
        if movement is None:
            return restored
        displacement_px = centroid_displacement_px(
            movement.flow, conditions.timing, movement.interval_us
        )
        return Restored(_moved(restored.light, displacement_px), restored.saturated)

    def reset(self) -> None:
        """Forget the previous frame."""
        self._motion.reset()


def centroid_displacement_px(flow: Flow, timing: SensorTiming, interval_us: float) -> Tensor:
    """How far ahead of global shutter RSGR shows what moves, in pixels of the frame.

    Flow counts by its confidence. Of the flow's shape, at half resolution.
    """
    ahead_us = torch.from_numpy(timing.row_exposure_us() - timing.exposure_us) / 2
    share = (ahead_us / interval_us).to(flow.flow_px)
    # A cell of two rows moves as its mean does; the last row of an odd number is alone.
    cells = F.avg_pool1d(share[None], FLOW_SCALE, ceil_mode=True)[0, :, None]
    displacement = flow.flow_px * (flow.confidence * cells)
    length = torch.hypot(displacement[0], displacement[1]).clamp_(min=LARGEST_DISPLACEMENT_PX)
    return displacement * (LARGEST_DISPLACEMENT_PX / length)


def _moved(light: Tensor, displacement_px: Tensor) -> Tensor:
    planes = light[None] if light.ndim == 2 else light.movedim(-1, 0)
    # Bicubic: bilinear's own blur costs a fifth of what the warp gains.
    moved = resample(planes, displacement_px, mode="bicubic", scale=FLOW_SCALE)
    return moved[0] if light.ndim == 2 else moved.movedim(0, -1)
