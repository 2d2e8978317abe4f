"""One acquisition of a virtual camera: triggers, exposures, rendering, delivery in order.

Time is simulated by time stamps. A trigger carries the time at which it happened,
the sensor's rules apply to these times, and a frame is rendered for its time. So a
thread that wakes late delivers late, but its picture is right and it misses no
trigger. A clock that waits is told the next event that is not done: a frame to be
started, rendered, delivered or fetched.
"""

import heapq
import os
import sys
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from drivers.pixel_format import Pixels
from drivers.virtual.camera.data_stream import DataStream, DeliveredFrame
from drivers.virtual.camera.faults import Fate
from drivers.virtual.camera.rendering import Exposure, chunk_places, render
from drivers.virtual.camera.rig_clock import CLOCK
from drivers.virtual.camera.settings import FrameSetup
from drivers.virtual.scene.scene import Scene

_RENDERERS = 2
_RENDERERS_NICER_BY = 5
"""Added niceness: a third of the CPU weight. Other threads go first, renderers do not starve."""
_MOST_UNRENDERED = 8
"""Most frames that wait for a renderer; further ones are lost, as with a slow link."""
_LONGEST_LAG_NS = 1_000_000_000
"""A generator later than this, e.g. on a suspended machine, starts again."""
_DISTURBED_AFTER = (0.3, 1.7)
"""Times of the shortest period: some edges that nobody sent find the sensor ready."""
_LOOK_S = 0.001
"""How often a clock that waits checks whether the client has fetched its frames."""


@dataclass(frozen=True, slots=True)
class OutputPulse:
    """A pulse on the camera's output line, in device time."""

    rising_ns: int
    falling_ns: int


class Sensor(Protocol):
    """What an acquisition needs of its camera; all methods are called with ``changed`` held."""

    lock: threading.RLock
    changed: threading.Condition
    """Notified when a setting changed; guarded by ``lock``."""

    def frame_setup(self) -> FrameSetup:
        """The setup of a frame that starts now."""

    def next_tick_ns(self, last_ns: int) -> int | None:
        """The next time after ``last_ns`` at which a frame starts by itself.

        It comes from the free-running sensor, the timer or the rig's generator,
        whichever is selected; None if only :meth:`Acquisition.trigger` starts frames.
        """

    def count_trigger(self) -> int:
        """Count a trigger received and return how many there were."""

    def count_missed(self) -> None:
        """Count a trigger the sensor ignored."""

    def count_frame(self) -> None:
        """Count a frame started."""

    def is_triggered(self) -> bool:
        """Whether ticks are triggers rather than the sensor running free."""

    def is_frozen(self) -> bool:
        """Whether the sensor exposes nothing (a fault)."""

    def draw_fate(self) -> Fate:
        """The fault, if any, of the frame that starts now."""

    def delivery_delay_ns(self) -> int:
        """Extra delay of delivery (a fault)."""

    def misses_edge(self) -> bool:
        """Whether a trigger is not noticed (a fault)."""

    def sees_another_edge(self) -> bool:
        """Whether a trigger is followed by one that nobody sent (a fault)."""

    def device_time_ns(self, instant_ns: int) -> int:
        """What the camera's clock says at an instant of the rig's."""

    def powered_s(self, instant_ns: int) -> float:
        """How long the camera has had its power."""

    def scene_time_us(self, start_ns: int) -> float:
        """Scene time of a device time."""

    def scene(self) -> Scene:
        """The scene before the camera."""

    def output_pulse(self, setup: FrameSetup, start_ns: int) -> OutputPulse | None:
        """The pulse on the output line for a frame, None if the output is off."""

    def frame_limit(self) -> int | None:
        """Frames this acquisition delivers, None without limit."""


@dataclass(eq=False, slots=True)
class _Pending:
    exposure: Exposure
    scene: Scene
    fate: Fate
    ready_ns: int
    due_ns: int
    payload: NDArray[np.uint8] | None = None


class Acquisition:
    """Runs from construction until :meth:`stop`, which waits for its threads."""

    def __init__(
        self,
        sensor: Sensor,
        stream: Callable[[], DataStream | None],
        emit: Callable[[OutputPulse], None],
        observe: Callable[[FrameSetup, Pixels], None],
        name: str,
    ) -> None:
        self._sensor = sensor
        self._stream = stream
        self._emit = emit
        self._observe = observe
        self._changed = sensor.changed
        # A second condition on the same lock: what wakes the sensor thread wakes no renderer.
        self._work = threading.Condition(sensor.lock)
        self._stopping = False
        self._triggers: list[int] = []
        self._last_tick_ns = CLOCK.now_ns()
        self._ready_ns = 0
        self._frame_id = 0
        self._rng = np.random.default_rng()
        self._frames_left = sensor.frame_limit()
        self._unrendered: deque[_Pending] = deque()
        self._pending: deque[_Pending] = deque()
        self._spare: list[NDArray[np.uint8]] = []
        self._delivering = False
        self._unfetched_ns: int | None = None
        """When the first frame was due that the client has still to fetch."""
        self._threads = [
            threading.Thread(target=self._run, name=f"{name} sensor", daemon=True),
            *(
                threading.Thread(target=self._render, name=f"{name} renderer {k}", daemon=True)
                for k in range(_RENDERERS)
            ),
        ]
        for thread in self._threads:
            thread.start()

    def trigger(self, instant_ns: int) -> None:
        """Add a trigger by software or from a line; call with ``changed`` held."""
        heapq.heappush(self._triggers, instant_ns)
        self._tell_clock()
        self._changed.notify_all()

    def stop(self) -> None:
        """End all threads; call without holding ``changed``."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
            self._work.notify_all()
        for thread in self._threads:
            thread.join()
        CLOCK.wait_for(self, None)

    def _run(self) -> None:
        while True:
            with self._changed:
                pulses = self._start_due_frames(CLOCK.now_ns())
                finished = self._take_finished(CLOCK.now_ns())
                if self._stopping:
                    return
                self._tell_clock()
                if not pulses and finished is None:
                    self._changed.wait(self._seconds_to_next_event())
                    continue
            for pulse in pulses:
                self._emit(pulse)
            if finished is not None:
                self._deliver(finished)

    def _tell_clock(self) -> None:
        """Name the earliest event that is not done, for a clock that waits."""
        if not CLOCK.waits or self._stopping:
            CLOCK.wait_for(self, None)
            return
        stream = self._stream()
        if not self._delivering and (stream is None or not stream.is_fetching):
            self._unfetched_ns = None
        instants = [
            self._sensor.next_tick_ns(self._last_tick_ns),
            self._triggers[0] if self._triggers else None,
            self._next_frame_ns(),
            self._unfetched_ns,
        ]
        CLOCK.wait_for(self, min((each for each in instants if each is not None), default=None))

    def _next_frame_ns(self) -> int | None:
        """When the first frame that is under way has to be rendered, or else delivered."""
        unrendered = [each.ready_ns for each in self._pending if each.payload is None]
        if unrendered:
            return unrendered[0]
        return self._pending[0].due_ns if self._pending else None

    def _seconds_to_next_event(self) -> float | None:
        if CLOCK.waits and self._unfetched_ns is not None:
            return _LOOK_S
        instants = [self._triggers[0]] if self._triggers else []
        tick_ns = self._sensor.next_tick_ns(self._last_tick_ns)
        if tick_ns is not None:
            instants.append(tick_ns)
        if self._pending and self._pending[0].payload is not None:
            instants.append(self._pending[0].due_ns)
        if not instants:
            return None
        return max(0.0, (min(instants) - CLOCK.now_ns()) * 1e-9)

    def _start_due_frames(self, now_ns: int) -> list[OutputPulse]:
        pulses: list[OutputPulse] = []
        while True:
            tick_ns = self._sensor.next_tick_ns(self._last_tick_ns)
            if tick_ns is None or tick_ns < now_ns - _LONGEST_LAG_NS:
                self._last_tick_ns = now_ns
                tick_ns = None
            instant_ns = min(
                (item for item in (*self._triggers[:1], tick_ns) if item is not None), default=None
            )
            if instant_ns is None or instant_ns > now_ns:
                return pulses
            if instant_ns == tick_ns:
                self._last_tick_ns = tick_ns
            else:
                heapq.heappop(self._triggers)
            if self._sensor.is_triggered() and self._sensor.misses_edge():
                continue
            pulse = self._start_frame(instant_ns)
            self._disturb(instant_ns)
            if pulse is not None:
                pulses.append(pulse)

    def _disturb(self, instant_ns: int) -> None:
        """Add an edge that nobody sent, some time after one; the sensor may be ready again."""
        if self._sensor.is_triggered() and self._sensor.sees_another_edge():
            period_ns = 1000 * self._sensor.frame_setup().shortest_period_us
            after_ns = self._rng.uniform(*_DISTURBED_AFTER) * period_ns
            heapq.heappush(self._triggers, instant_ns + round(after_ns))

    def _start_frame(self, instant_ns: int) -> OutputPulse | None:
        sensor = self._sensor
        setup = sensor.frame_setup()
        triggered = sensor.is_triggered()
        trigger_count = sensor.count_trigger() if triggered else 0
        start_ns = instant_ns + round((setup.trigger_delay_us + setup.start_delay_us) * 1000)
        if sensor.is_frozen() or self._frames_left == 0:
            return None
        if start_ns < self._ready_ns:
            if triggered:
                sensor.count_missed()
            return None
        self._ready_ns = start_ns + round(setup.shortest_period_us * 1000)
        if self._frames_left is not None:
            self._frames_left -= 1
        sensor.count_frame()
        exposure = Exposure(
            self._frame_id,
            sensor.device_time_ns(start_ns),
            sensor.scene_time_us(start_ns),
            sensor.powered_s(start_ns),
            trigger_count,
            setup,
        )
        self._frame_id += 1
        fate = sensor.draw_fate()
        if fate is not Fate.LOST and len(self._unrendered) < _MOST_UNRENDERED:
            ready_ns = start_ns + round(setup.frame_us * 1000)
            due_ns = ready_ns + sensor.delivery_delay_ns()
            pending = _Pending(exposure, sensor.scene(), fate, ready_ns, due_ns)
            self._pending.append(pending)
            self._unrendered.append(pending)
            self._work.notify()
        return sensor.output_pulse(setup, start_ns)

    def _take_finished(self, now_ns: int) -> _Pending | None:
        if not self._pending:
            return None
        first = self._pending[0]
        if first.payload is None or first.due_ns > now_ns:
            return None
        self._delivering = True
        if self._unfetched_ns is None:
            self._unfetched_ns = first.due_ns
        return self._pending.popleft()

    def _deliver(self, pending: _Pending) -> None:
        stream = self._stream()
        assert pending.payload is not None
        if stream is not None:
            stream.deliver(pending.payload, _describe(pending))
        with self._changed:
            self._delivering = False
            self._spare.append(pending.payload)

    def _render(self) -> None:
        _lower_priority()
        rng = np.random.default_rng()
        while True:
            with self._changed:
                while not self._unrendered and not self._stopping:
                    self._work.wait()
                if self._stopping:
                    return
                pending = self._unrendered.popleft()
                payload = self._memory(pending.exposure.setup.payload_bytes)
            codes = render(pending.scene, pending.exposure, rng, payload)
            self._observe(pending.exposure.setup, codes)
            with self._changed:
                pending.payload = payload
                self._changed.notify_all()

    def _memory(self, size: int) -> NDArray[np.uint8]:
        """Memory for one frame, reused if the size has not changed."""
        while self._spare:
            payload = self._spare.pop()
            if payload.size == size:
                return payload
        return np.empty(size, np.uint8)


def _lower_priority() -> None:
    """Lower this thread's priority: a real camera takes no CPU time from its host."""
    if sys.platform != "linux" or CLOCK.waits:
        return  # on other systems a thread has no niceness of its own
    thread = threading.get_native_id()
    niceness = os.getpriority(os.PRIO_PROCESS, thread) + _RENDERERS_NICER_BY
    os.setpriority(os.PRIO_PROCESS, thread, niceness)


def _describe(pending: _Pending) -> DeliveredFrame:
    """Description of the buffer's content; wrong on purpose for a simulated fault."""
    exposure, setup = pending.exposure, pending.exposure.setup
    region = setup.region
    filled = setup.payload_bytes
    corrupt, torn = pending.fate is Fate.CORRUPT, pending.fate is Fate.TORN
    return DeliveredFrame(
        width_px=region.width_px * 7 + 3 if corrupt else region.width_px,
        height_px=region.height_px * 5 + 1 if corrupt else region.height_px,
        offset_x_px=region.offset_x_px,
        offset_y_px=region.offset_y_px,
        pfnc_value=setup.pixel_format.pfnc_value,
        frame_id=exposure.frame_id,
        timestamp_ns=exposure.start_ns,
        image_bytes=setup.image_bytes,
        filled_bytes=filled // 2 if torn else filled,
        incomplete=torn,
        chunks=() if torn else chunk_places(setup),
    )
