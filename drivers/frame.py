"""One picture and what is known about it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class FrameMetadata:
    """What is known about one frame beside its pixels.

    ``sequence`` is the camera's own frame number, unwrapped to count upwards
    without end: a step larger than one is a loss. ``host_time_ns`` is
    :func:`time.monotonic_ns` at delivery. ``device_time_ns`` is the camera's
    clock at the start of exposure where the camera tells it, ``trigger_count``
    the number of triggers the camera has received, ignored ones included.
    """

    sequence: int
    host_time_ns: int
    device_time_ns: int | None = None
    trigger_count: int | None = None

    @property
    def start_time_ns(self) -> int:
        """Best known time of the frame; differences between frames are meaningful."""
        return self.host_time_ns if self.device_time_ns is None else self.device_time_ns


@dataclass(frozen=True, slots=True)
class Frame:
    """Pixels, shape ``(rows, columns)`` or ``(rows, columns, 3)``, and metadata."""

    pixels: NDArray[np.uint8 | np.uint16]
    metadata: FrameMetadata
