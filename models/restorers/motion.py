"""Motion between the last two frames that a restorer is given, if it can be found."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from drivers.frame import Frame
from drivers.frame_conditions import FrameConditions
from drivers.timing import SensorTiming
from models.flow import Flow, FlowEstimator, open_flow
from models.restorers.row_gain import RowGain

LONGEST_INTERVAL_US = 200_000.0
LONGEST_INTERVAL_PERIODS = 4
"""Flow over more time than 0.2 s, or four shortest frame periods where that is longer, says
nothing about motion during the exposure."""


@dataclass(frozen=True, slots=True)
class Movement:
    """Flow from the frame before to the newest, and the time between their starts."""

    flow: Flow
    interval_us: float


class Motion:
    """Finds the flow to the newest frame; for one restorer, used from one thread.

    Keeps the previous frame's prepared picture to spare making it again; results
    depend on the frames given alone.
    """

    def __init__(self, device: torch.device, row_gain: RowGain, *, offline: bool = False) -> None:
        """``offline`` searches thoroughly, which is too slow for a live view."""
        self._row_gain = row_gain
        self._flow: FlowEstimator = open_flow(device, thorough=offline)
        self._prepared: tuple[Frame, FrameConditions, Tensor] | None = None

    def observe(
        self, frames: Sequence[Frame], light: Tensor, conditions: FrameConditions
    ) -> Movement | None:
        """Movement to the newest of ``frames``, whose row-gained light is ``light``.

        None without a usable frame before it.
        """
        prepared = self._flow.prepare(light)
        movement = None
        interval_us = _usable_interval_us(frames, conditions.timing)
        if interval_us is not None:
            before = self._prepare_previous(frames[-2], conditions)
            movement = Movement(self._flow.estimate(before, prepared), interval_us)
        self._prepared = (frames[-1], conditions, prepared)
        return movement

    def reset(self) -> None:
        """Forget the previous frame."""
        self._prepared = None

    def _prepare_previous(self, frame: Frame, conditions: FrameConditions) -> Tensor:
        if self._prepared is not None:
            known, known_conditions, prepared = self._prepared
            if known is frame and known_conditions == conditions:
                return prepared
        return self._flow.prepare(self._row_gain.restore([frame], conditions).light)


def longest_interval_us(timing: SensorTiming) -> float:
    """Frames further apart are treated as unrelated."""
    return max(LONGEST_INTERVAL_US, LONGEST_INTERVAL_PERIODS * timing.shortest_period_us())


def _usable_interval_us(frames: Sequence[Frame], timing: SensorTiming) -> float | None:
    """Time between the starts of the last two frames; None where flow over it means nothing."""
    if len(frames) < 2 or timing.line_time_us == 0:
        return None
    previous, newest = (frame.metadata.start_time_ns for frame in frames[-2:])
    interval_us = (newest - previous) / 1e3
    return interval_us if 0 < interval_us <= longest_interval_us(timing) else None
