"""The clock of a replay: converts recorded time to real time; both cameras share one."""

import threading
import time
from pathlib import Path
from typing import TypeAlias
from weakref import WeakValueDictionary

Speed: TypeAlias = float | None
"""Factor on the recorded pace; None for as fast as frames are asked for."""

_TOGETHER_S = 2.0
"""Cameras started within this time belong to one session."""


class ReplayClock:
    """Real time of recorded times, which are in ns since the first frame of any camera.

    Safe to use from any thread.
    """

    def __init__(self, speed: Speed) -> None:
        self._lock = threading.Lock()
        self._at_s = time.monotonic()
        self._offset_ns = 0
        self.speed = speed
        self.started_s = self._at_s
        self.cameras: set[str] = set()

    def due_s(self, offset_ns: int) -> float:
        """Time of :func:`time.monotonic` at which the recorded time ``offset_ns`` is due."""
        with self._lock:
            if self.speed is None:
                return self._at_s
            return self._at_s + (offset_ns - self._offset_ns) / 1e9 / self.speed

    def reached_ns(self) -> float:
        """The recorded time that is due now."""
        with self._lock:
            elapsed_s = time.monotonic() - self._at_s
            return self._offset_ns + elapsed_s * 1e9 * (self.speed or 0.0)

    def resume_at(self, offset_ns: int) -> None:
        """Set the clock back to ``offset_ns`` now: lost time is not made up for."""
        with self._lock:
            self._at_s, self._offset_ns = time.monotonic(), offset_ns

    def set_speed(self, speed: float, reached_ns: int) -> None:
        """Continue at another speed, from ``reached_ns`` if the speed was None before."""
        with self._lock:
            if speed == self.speed:
                return
            now_s = time.monotonic()
            if self.speed is None:
                self._offset_ns = reached_ns
            else:
                self._offset_ns += round((now_s - self._at_s) * 1e9 * self.speed)
            self._at_s, self.speed = now_s, speed


_CLOCKS: WeakValueDictionary[Path, ReplayClock] = WeakValueDictionary()
_CLOCKS_LOCK = threading.Lock()


def start_clock(recording: Path, camera: str, speed: Speed) -> tuple[ReplayClock, bool]:
    """The clock for this camera, and whether it is shared with the other camera.

    It is shared if the other camera has just started at the same speed. A slow reader of
    one camera then slows down both.
    """
    key = recording.resolve()
    with _CLOCKS_LOCK:
        clock = _CLOCKS.get(key)
        joined = (
            clock is not None
            and camera not in clock.cameras
            and clock.speed == speed
            and time.monotonic() - clock.started_s < _TOGETHER_S
        )
        if clock is None or not joined:
            clock = _CLOCKS[key] = ReplayClock(speed)
        clock.cameras.add(camera)
        return clock, joined
