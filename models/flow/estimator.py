"""Optical flow and the interface of its estimators."""

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

FLOW_SCALE = 2
"""Flow is found at one half of the frame's resolution."""


@dataclass(frozen=True, slots=True)
class Flow:
    """Apparent motion from a previous frame to the current one, at half resolution.

    ``flow_px`` is float32 ``(2, rows, columns)``, x then y in pixels of the full
    frame, given where things are in the *current* frame: what is at p now was at
    p - flow before. ``confidence`` is float32 ``(rows, columns)`` from 0, no
    better than no motion, to 1. Half resolution rounds odd sizes up.
    """

    flow_px: Tensor
    confidence: Tensor


class FlowEstimator(Protocol):
    """One way to find flow; frames are prepared once and compared twice."""

    def prepare(self, light: Tensor) -> Tensor:
        """What :meth:`estimate` compares, of linear light ``(rows, columns[, 3])``."""

    def estimate(self, previous: Tensor, current: Tensor) -> Flow:
        """Flow between two prepared frames of one size, on the device of the light."""
