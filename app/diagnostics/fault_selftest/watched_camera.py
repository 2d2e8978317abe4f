"""A camera of the virtual rig that keeps its own account of the frames it handed over.

Its test pattern shows each frame's number, so what was promised of numbers, losses and whole
pictures is checked by the pixels, whatever driver, ring, recorder or restorer say of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from drivers.camera import Camera, CaptureCounters, FrameFormat
from drivers.frame import FrameMetadata
from drivers.pixel_format import Pixels

_PATTERN = ("TestPattern", "GreyHorizontalRampMoving")


def shown_number(codes: Pixels) -> int:
    """The number that a picture of the test pattern shows; it begins anew after the largest code.

    >>> shown_number(np.array([[7, 8, 9], [7, 8, 9]], np.uint8))
    7
    """
    return int(codes.flat[0])


def is_whole(codes: Pixels, form: FrameFormat) -> bool:
    """Whether every pixel belongs to the picture of one number."""
    ramp = (np.arange(form.columns) + shown_number(codes)) & form.pixel_format.maximum_dn
    shape = (1, form.columns) + (1,) * (codes.ndim - 2)
    return bool((codes == ramp.reshape(shape)).all())


@dataclass(slots=True)
class Run:
    """The frames from one start to the next stop: sequence numbers, and numbers in the pictures.

    The first ``published`` of them are readable in the ring. ``counters`` are the camera's own
    at its stop; None until then.
    """

    form: FrameFormat
    sequences: list[int] = field(default_factory=list)
    shown: list[int] = field(default_factory=list)
    published: int = 0
    counters: CaptureCounters | None = None

    def problems(self) -> Iterator[str]:
        """What does not add up of the frames sent, handed over and counted as lost."""
        frames, counters = len(self.sequences), self.counters
        codes = self.form.pixel_format.maximum_dn + 1
        for at in range(1, frames):
            counted = self.sequences[at] - self.sequences[at - 1]
            sent = (self.shown[at] - self.shown[at - 1]) % codes
            if counted < 1 or counted % codes != sent:
                yield f"frame {self.sequences[at]} came {sent} frames on and was counted {counted}"
        if counters is None or counters.lost is None:
            return
        if counters.captured != frames:
            yield f"{frames} frames were handed over, {counters.captured} counted"
        sent = self.sequences[-1] + 1 if frames else 0
        certain = counters.captured + counters.lost
        # Damaged ones after the last good frame are counted too.
        if not certain <= sent <= certain + counters.incomplete:
            yield (
                f"{sent} frames were sent, {counters.captured} counted as captured, "
                f"{counters.lost} as lost, {counters.incomplete} as damaged"
            )


class WatchedCamera:
    """``camera`` as the session sees it; everything else goes through to it."""

    def __init__(self, camera: Camera) -> None:
        self._camera: Any = camera
        self.runs: list[Run] = []
        self.clock_ahead_ns = 0
        """What is added to the times that it tells: a change is a step of its clock."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._camera, name)

    # A rig looks for these two on the class.

    def has_node(self, node: str) -> bool:
        """Whether the device has the node."""
        return bool(self._camera.has_node(node))

    def write_node(self, node: str, text: str) -> str:
        """Write any node from text and return it read back."""
        return str(self._camera.write_node(node, text))

    def start(self) -> None:
        """Start it, with the pattern: configuring a camera switches that off."""
        self.write_node(*_PATTERN)
        self._camera.start()
        self.runs.append(Run(self._camera.frame_format))

    def grab(self, into: Pixels, timeout_s: float) -> FrameMetadata | None:
        """The next frame, noted."""
        run = self.runs[-1]
        # Whoever asks for the next frame has published the one before.
        run.published = len(run.sequences)
        metadata: FrameMetadata | None = self._camera.grab(into, timeout_s)
        if metadata is None:
            return None
        run.sequences.append(metadata.sequence)
        run.shown.append(shown_number(into))
        if self.clock_ahead_ns and metadata.device_time_ns is not None:
            ahead_ns = metadata.device_time_ns + self.clock_ahead_ns
            metadata = replace(metadata, device_time_ns=ahead_ns)
        return metadata

    def stop(self) -> None:
        """Stop it, and note what it counted."""
        self._camera.stop()
        if self.runs and self.runs[-1].counters is None:
            self.runs[-1].counters = self._camera.counters
