"""Flow by dense inverse search, on the CPU."""

from collections.abc import Callable
from functools import partial

import cv2
import numpy as np
import torch
from torch import Tensor

from models.encoding import to_screen
from models.flow.confidence import flow_confidence
from models.flow.estimator import FLOW_SCALE, Flow
from models.flow.resampling import half_luminance

_SMALLEST_SEARCHED = 16
"""Rows and columns at half resolution; with fewer, OpenCV 5.0 crashes (two patches of 8 pixels)."""


class DenseInverseSearch:
    """Dense inverse search (Kroeger et al., ECCV 2016) by OpenCV, on the CPU.

    Frames on another device make a round trip at half resolution: 8 bit codes
    to the host, flow back; for 1440 x 1080, 0.4 and 4.7 MB. Use from one thread.
    """

    def __init__(self, device: torch.device, *, thorough: bool = False) -> None:
        """``thorough`` takes four to five times as long and errs by a third less.

        It searches at twice the resolution and refines by a variational method.
        """
        self._device = device
        self._thorough = thorough
        if thorough:
            preset, finest_scale = cv2.DISOPTICAL_FLOW_PRESET_FAST, 0
        else:
            preset, finest_scale = cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST, 1
        self._search = cv2.DISOpticalFlow.create(preset)
        self._search.setFinestScale(finest_scale)

    def __reduce__(self) -> tuple[Callable[..., "DenseInverseSearch"], tuple[torch.device]]:
        """Pickled by how it was made, for processes that read training data."""
        return partial(DenseInverseSearch, thorough=self._thorough), (self._device,)

    def prepare(self, light: Tensor) -> Tensor:
        """Luminance at half resolution, sRGB-encoded, 8 bit, on the host.

        Encoded because differences then weigh as they are seen, and metrics
        count them; averaged before, because averages are of light.
        """
        return torch.from_numpy(to_screen(half_luminance(light)))

    def estimate(self, previous: Tensor, current: Tensor) -> Flow:
        """See :class:`FlowEstimator`; a frame with a side below 31 pixels gets no motion."""
        rows, columns = current.shape
        if min(rows, columns) < _SMALLEST_SEARCHED:
            still = torch.zeros((3, rows, columns), device=self._device)
            return Flow(still[:2], still[2])
        # Searched backwards: the flow then lies on the grid of the frame to restore.
        backward = self._search.calc(current.numpy(), previous.numpy(), np.empty(0, np.float32))
        flow = torch.from_numpy(backward).movedim(-1, 0).neg()
        confidence = flow_confidence(previous.float(), current.float(), flow)
        return Flow((flow * FLOW_SCALE).to(self._device), confidence.to(self._device))
