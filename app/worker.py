"""The restoring thread: newest frame in, restored picture out, nothing waits for it."""

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from app.thread import StoppableThread
from drivers.frame import Frame, FrameMetadata
from drivers.ring import FrameRing
from drivers.timing import SensorTiming
from models.encoding import to_screen
from models.radiometry import Radiometry
from models.restorer import Restorer, best_device, open_restorer

_WAIT_S = 0.1
"""How long the worker sleeps without a frame before it looks at its stop flag."""
_REMEMBERED_FRAMES = 10_000


@dataclass(frozen=True, slots=True)
class RestoredFrame:
    """A restored picture for the screen: 8 bit sRGB ``(rows, columns)`` or ``(.., 3)``.

    ``latency_ms`` runs from the delivery of the buffer to this picture.
    """

    screen: NDArray[np.uint8]
    metadata: FrameMetadata
    latency_ms: float
    saturated_share: float


@dataclass(frozen=True, slots=True)
class WorkerCounters:
    """Frames restored, and frames that came too fast and were passed over."""

    restored: int
    skipped: int


class Worker:
    """Restores the newest frame of a ring in a thread of its own.

    ``model`` is a name of :data:`models.restorer.RESTORERS`; it can be changed
    while running. The frame restored last is kept for restorers that compare;
    frames passed over since then lengthen the interval, which they are told.
    ``on_failure`` hears of any exception; the thread then ends.
    Publishing is the assignment of an immutable value to ``newest``.
    """

    def __init__(
        self,
        ring: FrameRing,
        model: str,
        timing: SensorTiming,
        radiometry: Radiometry,
        on_failure: Callable[[Exception], None],
    ) -> None:
        self._ring = ring
        self._reader = ring.reader()
        self._device = best_device()
        self._restorer: Restorer = open_restorer(model, self._device)
        self._conditions = (timing, radiometry)
        self._previous: tuple[Frame, tuple[SensorTiming, Radiometry]] | None = None
        self._restored = 0
        self.newest: RestoredFrame | None = None
        self.latencies_ms: deque[float] = deque(maxlen=_REMEMBERED_FRAMES)
        self.restored_ns: deque[int] = deque(maxlen=_REMEMBERED_FRAMES)
        self._thread = StoppableThread("worker", self._restore_until_stopped, on_failure)

    @property
    def device(self) -> str:
        """Device the restorer runs on, in torch's words."""
        return str(self._device)

    @property
    def model(self) -> str:
        """Name of the restorer in use."""
        return self._restorer.name

    @property
    def counters(self) -> WorkerCounters:
        """Frames restored and passed over since the start."""
        lost = self._reader.counters
        return WorkerCounters(self._restored, lost.skipped + lost.lost)

    def use_model(self, model: str) -> None:
        """Restore the frames to come with another model."""
        self._restorer = open_restorer(model, self._device)

    def use_conditions(self, timing: SensorTiming, radiometry: Radiometry) -> None:
        """Restore the frames to come under changed settings."""
        self._conditions = (timing, radiometry)

    def start(self) -> None:
        """Begin to restore.

        Two black frames are restored beforehand: torch sets itself up in the first
        calls, for long enough to lose frames if they already flowed.
        """
        # The other half captures, draws and, on the virtual rig, renders: a torch
        # thread that waits for a busy core holds all of them up at every barrier.
        torch.set_num_threads(max(1, (os.cpu_count() or 2) // 2))
        frame_format = self._ring.frame_format
        black = np.zeros(frame_format.shape, frame_format.pixel_format.dtype)
        for sequence in range(2):
            self._restore(Frame(black, FrameMetadata(sequence, host_time_ns=sequence * 10**7)))
        self._previous = None
        self._restorer.reset()
        self._thread.start()

    def stop(self) -> None:
        """End the thread and wait for it."""
        self._thread.stop()

    def _restore_until_stopped(self, stopping: threading.Event) -> None:
        frame_format = self._ring.frame_format
        # The frame before stays in one buffer while the next is copied into the other.
        pixels, spare = np.empty((2, *frame_format.shape), frame_format.pixel_format.dtype)
        while not stopping.is_set():
            metadata = self._reader.newest(pixels, _WAIT_S)
            if metadata is None:
                if self._ring.closed:
                    return
                continue
            screen, saturated_share = self._restore(Frame(pixels, metadata))
            pixels, spare = spare, pixels
            ready_ns = time.monotonic_ns()
            latency_ms = (ready_ns - metadata.host_time_ns) / 1e6
            self.newest = RestoredFrame(screen, metadata, latency_ms, saturated_share)
            self.latencies_ms.append(latency_ms)
            self.restored_ns.append(ready_ns)
            self._restored += 1

    def _restore(self, frame: Frame) -> tuple[NDArray[np.uint8], float]:
        """Screen picture and saturated share; done when it returns, also on a GPU."""
        restorer, conditions = self._restorer, self._conditions
        frames = [frame]
        if self._previous is not None:
            previous, its_conditions = self._previous
            if its_conditions == conditions:
                frames.insert(0, previous)
            else:
                restorer.reset()
        self._previous = (frame, conditions)
        with torch.inference_mode():
            restored = restorer.restore(frames[-restorer.frames_needed :], *conditions)
            # Copying to the host waits for the device, so a clock read after is honest.
            screen = to_screen(restored.light)
            return screen, float(restored.saturated.float().mean())
