"""Chooses the flow estimator for a device."""

import torch

from models.flow.captured_flow import CapturedFlow
from models.flow.dense_inverse_search import DenseInverseSearch
from models.flow.estimator import FlowEstimator


def open_flow(device: torch.device, *, thorough: bool = False) -> FlowEstimator:
    """The best flow for live work on ``device``; on a CPU ``thorough`` is for work off-line.

    On a GPU the frames stay there, and flow is thorough in any case.
    """
    if device.type == "cpu":
        return DenseInverseSearch(device, thorough=thorough)
    return CapturedFlow()
