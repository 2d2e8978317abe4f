"""One frame: pixels and metadata."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class FrameMetadata:
    """Numbers and times of one frame.

    ``sequence`` is the camera's own frame number, unwrapped so that it always
    increases: a step larger than one is a loss. ``host_time_ns`` is
    :func:`time.monotonic_ns` at delivery. ``device_time_ns`` is the camera's
    clock at the start of exposure, ``trigger_count`` the number of triggers the
    camera has received, ignored ones included; None if the camera does not give
    them. ``after_break`` is whether the camera's numbers do not tell what was lost before this
    frame, as where its count began anew. ``piled_up`` is whether it lay ready behind others
    before it was fetched: it was delivered late.
    """

    sequence: int
    host_time_ns: int
    device_time_ns: int | None = None
    trigger_count: int | None = None
    after_break: bool = False
    piled_up: bool = False

    @property
    def start_time_ns(self) -> int:
        """Best known time of the frame; use only differences between frames."""
        return self.host_time_ns if self.device_time_ns is None else self.device_time_ns


@dataclass(frozen=True, slots=True)
class Frame:
    """Pixels, shape ``(rows, columns)`` or ``(rows, columns, 3)``, and metadata."""

    pixels: NDArray[np.uint8 | np.uint16]
    metadata: FrameMetadata
