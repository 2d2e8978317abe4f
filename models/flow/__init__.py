"""Optical flow between successive frames of one camera, and how far to trust it."""

from models.flow.captured_flow import CapturedFlow
from models.flow.confidence import flow_confidence
from models.flow.dense_inverse_search import DenseInverseSearch
from models.flow.estimator import FLOW_SCALE, Flow, FlowEstimator
from models.flow.estimator_choice import open_flow
from models.flow.lucas_kanade import LucasKanade
from models.flow.resampling import resample

__all__ = [
    "FLOW_SCALE",
    "CapturedFlow",
    "DenseInverseSearch",
    "Flow",
    "FlowEstimator",
    "LucasKanade",
    "flow_confidence",
    "open_flow",
    "resample",
]
