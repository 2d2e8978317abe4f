"""The restoring threads: they take the newest frame and publish the restored picture."""

import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from app.session.run_statistics import REMEMBERED_FRAMES
from app.session.stoppable_thread import StoppableThread
from drivers.frame import Frame, FrameMetadata
from drivers.frame_conditions import FrameConditions
from drivers.ring import FrameRing
from models.encoding import to_screen
from models.engines.device import best_device
from models.engines.threads import use_torch_threads
from models.restorers.fallback import Ladder
from models.restorers.restorer import Restored
from models.restorers.restorer_state import RestorerState

_WAIT_S = 0.1
"""How long the worker sleeps without a frame before it looks at its stop flag."""


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
    """Frames restored, and frames that came too fast and were passed over.

    ``in_work`` are those being restored and those that wait for it.
    """

    restored: int
    skipped: int
    in_work: int


class _Prepared(NamedTuple):
    """A frame half restored."""

    metadata: FrameMetadata
    finish: Callable[[], Restored]


class Worker:
    """Restores the newest frame of a ring, in two threads of its own.

    One finds the motion of a frame while the other computes the network of the
    frame before (:class:`models.restorers.restorer.Restorer`): together they keep
    both cores of a small machine, or a GPU and its transfers, at work.

    ``model`` is a name as :func:`models.restorers.registry.open_restorer` takes it; it can
    be changed while running, and falls down the ladder of
    :mod:`models.restorers.fallback`. Frames restored last are kept for restorers that
    compare; frames passed over since then lengthen the interval, which they are
    told. ``on_failure`` hears of any exception; its thread then ends.
    Publishing is the assignment of an immutable value to ``newest``.
    """

    def __init__(
        self,
        ring: FrameRing,
        model: str,
        conditions: FrameConditions,
        on_failure: Callable[[Exception], None],
        engine: str | None = None,
    ) -> None:
        """``engine`` computes networks, None for the fastest."""
        self._ring = ring
        self._reader = ring.reader()
        self._device = best_device()
        self._engine = engine
        self._ladder = Ladder(model, self._device, engine)
        self._conditions = conditions
        self._earlier: list[Frame] = []
        self._earlier_conditions = self._conditions
        self._restored = 0
        self._replaced_before = 0
        self.newest: RestoredFrame | None = None
        self.latencies_ms: deque[float] = deque(maxlen=REMEMBERED_FRAMES)
        self.restored_ns: deque[int] = deque(maxlen=REMEMBERED_FRAMES)
        self._prepared: queue.Queue[_Prepared] = queue.Queue()
        # One frame in each thread; a third would only wait and get old.
        self._in_hand = threading.Semaphore(2)
        self._threads = (
            StoppableThread("worker", self._prepare_until_stopped, on_failure),
            StoppableThread("finisher", self._finish_until_stopped, on_failure),
        )

    @property
    def state(self) -> RestorerState:
        """What restores now; frames replaced are counted since the start, over all models."""
        state = self._ladder.state
        return replace(state, replaced=self._replaced_before + state.replaced)

    @property
    def counters(self) -> WorkerCounters:
        """Counts since the start; together all that was captured."""
        restored, read = self._restored, self._reader.counters
        in_work = read.delivered - restored + read.waiting
        return WorkerCounters(restored, read.skipped + read.lost, in_work)

    def use_model(self, model: str) -> None:
        """Restore the frames to come with another model.

        It is made ready here, which may take seconds, while the former one goes on.
        """
        ladder = Ladder(model, self._device, self._engine)
        self._warm_up(ladder)
        self._replaced_before += self._ladder.state.replaced
        self._ladder = ladder

    def use_conditions(self, conditions: FrameConditions) -> None:
        """Restore the frames to come under changed settings."""
        self._conditions = conditions

    def start(self) -> None:
        """Begin to restore, once everything is set up."""
        use_torch_threads()
        self._warm_up(self._ladder)
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End the threads and wait for them."""
        for thread in self._threads:
            thread.stop()

    def _warm_up(self, ladder: Ladder) -> None:
        """Restore black frames: torch sets itself up, and the fastest engine is found.

        Both take long enough to lose frames if they already flowed.
        """
        frame_format = self._ring.frame_format
        black = np.zeros(frame_format.shape, frame_format.pixel_format.dtype)
        frames = [Frame(black, FrameMetadata(number, number * 10**7)) for number in range(2)]
        with torch.inference_mode():
            for given in (frames[:1], frames):
                to_screen(ladder.restore(given, self._conditions).light)
        ladder.reset()
        ladder.count_anew()

    def _prepare_until_stopped(self, stopping: threading.Event) -> None:
        frame_format = self._ring.frame_format
        while not stopping.is_set():
            if not self._in_hand.acquire(timeout=_WAIT_S):
                continue
            pixels = np.empty(frame_format.shape, frame_format.pixel_format.dtype)
            while (metadata := self._reader.newest(pixels, _WAIT_S)) is None:
                if stopping.is_set() or self._ring.closed:
                    return
            self._prepared.put(_Prepared(metadata, self._prepare(Frame(pixels, metadata))))

    def _prepare(self, frame: Frame) -> Callable[[], Restored]:
        ladder, conditions = self._ladder, self._conditions
        if conditions != self._earlier_conditions:
            ladder.reset()
            self._earlier = []
            self._earlier_conditions = conditions
        frames = [*self._earlier, frame]
        # Keep at least one: another model may need it.
        self._earlier = frames[-max(1, ladder.frames_needed - 1) :]
        with torch.inference_mode():
            return ladder.prepare(frames, conditions)

    def _finish_until_stopped(self, stopping: threading.Event) -> None:
        while not stopping.is_set():
            try:
                metadata, finish = self._prepared.get(timeout=_WAIT_S)
            except queue.Empty:
                continue
            with torch.inference_mode():
                restored = finish()
                # Copying to the host waits for the device, so the clock read afterwards is right.
                screen = to_screen(restored.light)
                saturated = np.count_nonzero(restored.saturated.cpu().numpy())
            ready_ns = time.monotonic_ns()
            latency_ms = (ready_ns - metadata.host_time_ns) / 1e6
            share = saturated / restored.saturated.numel()
            self.newest = RestoredFrame(screen, metadata, latency_ms, share)
            self.latencies_ms.append(latency_ms)
            self.restored_ns.append(ready_ns)
            self._restored += 1
            self._in_hand.release()
