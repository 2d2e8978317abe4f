"""Centroid warp: row gain, then every row moved to where global shutter saw it; no network.

Row r of RSGR averages the light of [0, T_r], global shutter that of [0, T0].
What moves at v px/us is therefore seen v (T_r - T0) / 2 further on. With
v = flow / interval between the frames' starts, the picture at

    x + flow_px * (T_r - T0) / (2 * frame_interval_us)

belongs at x. Blur stays; the shift, a large part of the error, goes.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from drivers.frame import Frame
from drivers.timing import SensorTiming
from models.flow import FLOW_SCALE, DenseInverseSearch, Flow, FlowEstimator, resample
from models.radiometry import Radiometry
from models.restorer import Restored, RowGain

LARGEST_DISPLACEMENT_PX = 24.0
"""Rows move no further: motion of 40 px in the longest exposure asks for less than 20 px, and
flow that a repeating texture deceived has no such bound."""

LONGEST_INTERVAL_US = 200_000.0
LONGEST_INTERVAL_PERIODS = 4
"""Flow over more time than 0.2 s, or four shortest frame periods where that is longer, says
nothing about motion during the exposure."""


class Warp:
    """Row gain moved back along the optical flow; row gain itself without a usable frame before.

    The second baseline and the second rung of the fallback ladder. Keeps the
    previous frame's small luminance picture to spare making it again; results
    depend on the frames given alone. Use from one thread.
    """

    name = "warp"
    frames_needed = 2

    def __init__(self, device: torch.device) -> None:
        self._row_gain = RowGain(device)
        self._flow: FlowEstimator = DenseInverseSearch(device)
        self._prepared: tuple[Frame, SensorTiming, Radiometry, Tensor] | None = None

    def restore(
        self, frames: Sequence[Frame], timing: SensorTiming, radiometry: Radiometry
    ) -> Restored:
        """Restore the newest of ``frames``; see :class:`models.restorer.Restorer`.

        ``saturated`` stays where the raw codes were clipped.
        """
        restored = self._row_gain.restore(frames, timing, radiometry)
        prepared = self._flow.prepare(restored.light)
        light = restored.light
        interval_us = _usable_interval_us(frames, timing)
        if interval_us is not None:
            before = self._prepare_previous(frames[-2], timing, radiometry)
            displacement_px = centroid_displacement_px(
                self._flow.estimate(before, prepared), timing, interval_us
            )
            light = _moved(light, displacement_px)
        self._prepared = (frames[-1], timing, radiometry, prepared)
        return Restored(light, restored.saturated)

    def reset(self) -> None:
        """Forget the previous frame."""
        self._prepared = None

    def _prepare_previous(
        self, frame: Frame, timing: SensorTiming, radiometry: Radiometry
    ) -> Tensor:
        if self._prepared is not None:
            known, *conditions, prepared = self._prepared
            if known is frame and conditions == [timing, radiometry]:
                return prepared
        return self._flow.prepare(self._row_gain.restore([frame], timing, radiometry).light)


def _usable_interval_us(frames: Sequence[Frame], timing: SensorTiming) -> float | None:
    """Time between the starts of the last two frames; None where flow over it means nothing."""
    if len(frames) < 2 or timing.line_time_us == 0:
        return None
    previous, newest = (frame.metadata.start_time_ns for frame in frames[-2:])
    interval_us = (newest - previous) / 1e3
    longest_us = max(LONGEST_INTERVAL_US, LONGEST_INTERVAL_PERIODS * timing.shortest_period_us())
    return interval_us if 0 < interval_us <= longest_us else None


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
