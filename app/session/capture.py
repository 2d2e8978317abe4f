"""The capturing thread (camera into ring) and the thread that sends software triggers."""

import threading
import time
from collections import deque
from collections.abc import Callable

from app.session.stoppable_thread import StoppableThread
from drivers.camera import Camera
from drivers.clock_steps import ClockWatch
from drivers.frame import FrameMetadata
from drivers.ring import FrameRing

_GRAB_S = 0.1
"""How long a grab may wait before the stop flag is looked at."""

_RECENT_FRAMES = 1000


class Capture:
    """Fills a ring from a started camera until stopped or the camera fails.

    ``on_failure`` is called with any exception; the thread then ends. ``on_frame`` is called for
    every frame and must return quickly.
    """

    def __init__(
        self,
        camera: Camera,
        ring: FrameRing,
        name: str,
        on_failure: Callable[[Exception], None],
        on_frame: Callable[[FrameMetadata], None] | None = None,
    ) -> None:
        self._camera = camera
        self._ring = ring
        self._on_frame = on_frame
        self._thread = StoppableThread(f"capture {name}", self._run, on_failure)
        self._newest_s = time.monotonic()
        self.clock = ClockWatch()
        self.start_times_ns: deque[int] = deque(maxlen=_RECENT_FRAMES)
        self.delivered_ns: deque[int] = deque(maxlen=_RECENT_FRAMES)

    def start(self) -> None:
        """Begin to capture."""
        self._newest_s = time.monotonic()
        self._thread.start()

    @property
    def silent_s(self) -> float:
        """How long no frame has come."""
        return time.monotonic() - self._newest_s

    def stop(self) -> None:
        """End the thread and wait for it; the camera may already be stopped."""
        self._thread.stop()

    def _run(self, stopping: threading.Event) -> None:
        try:
            while not stopping.is_set():
                metadata = self._camera.grab(self._ring.slot_to_fill(), _GRAB_S)
                if metadata is None:
                    continue
                self._ring.publish(metadata)
                self._newest_s = time.monotonic()
                self.clock.add(metadata)
                if self._on_frame is not None:
                    self._on_frame(metadata)
                self.start_times_ns.append(metadata.start_time_ns)
                self.delivered_ns.append(metadata.host_time_ns)
        finally:
            self._ring.close()


class Pacer:
    """Sends software triggers at a fixed rate on an absolute schedule.

    A trigger that could not be sent in time is skipped, not sent late in a
    burst, and after a late one the next keeps ``shortest_s`` from it: the sensor
    would ignore a trigger that comes while it still exposes or reads.
    """

    def __init__(
        self,
        cameras: list[Camera],
        fps: float,
        shortest_s: float,
        on_failure: Callable[[Exception], None],
    ) -> None:
        self._cameras = cameras
        self.use_rate(fps, shortest_s)
        self._thread = StoppableThread("trigger pacer", self._run, on_failure)

    def use_rate(self, fps: float, shortest_s: float) -> None:
        """Pace the triggers to come at another rate."""
        self._period_ns = round(1e9 / fps)
        self._shortest_ns = round(1e9 * shortest_s)

    def start(self) -> None:
        """Send the first trigger now."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread and wait for it."""
        self._thread.stop()

    def _run(self, stopping: threading.Event) -> None:
        due_ns = time.monotonic_ns()
        while not stopping.is_set():
            for camera in self._cameras:
                camera.send_software_trigger()
            sent_ns = time.monotonic_ns()
            due_ns += self._period_ns
            late_ns = sent_ns - due_ns
            if late_ns > 0:
                due_ns += (late_ns // self._period_ns + 1) * self._period_ns
            next_ns = max(due_ns, sent_ns + self._shortest_ns)
            while (wait_ns := next_ns - time.monotonic_ns()) > 0:
                if stopping.wait(wait_ns / 1e9):
                    break
