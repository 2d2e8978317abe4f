"""Figures of a running session: rates, latency percentiles, trigger jitter, wake-ups."""

import contextlib
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import psutil

REMEMBERED_FRAMES = 10_000
"""Newest frames whose figures are kept while a session runs."""


def processor_s() -> float:
    """Processor time of this process and all that it started, a camera's own among them."""
    this = psutil.Process()
    own = this.cpu_times()
    total = own.user + own.system + own.children_user + own.children_system
    for child in this.children(recursive=True):
        # One that ends meanwhile is counted with those that ended, the next time.
        with contextlib.suppress(psutil.NoSuchProcess):
            times = child.cpu_times()
            total += times.user + times.system
    return total


@dataclass(frozen=True, slots=True)
class Percentiles:
    """50th, 95th and 99th percentile; NaN while nothing was measured."""

    p50: float
    p95: float
    p99: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Percentiles":
        """Percentiles of ``values``, in their unit."""
        measured = np.fromiter(values, float)
        if measured.size == 0:
            return cls(float("nan"), float("nan"), float("nan"))
        return cls(*(float(value) for value in np.percentile(measured, [50, 95, 99])))


def jitter_us_p99(start_times_ns: Sequence[int]) -> float | None:
    """99th percentile of how far frame intervals are from their median, in us.

    None for fewer than ten frames. Intervals that span lost frames are whole
    multiples of the period and are folded back to it.
    """
    if len(start_times_ns) < 10:
        return None
    intervals = np.diff(np.asarray(start_times_ns, np.float64))
    period = np.median(intervals)
    if period <= 0:
        return None
    periods = np.maximum(1, np.round(intervals / period))
    return float(np.percentile(np.abs(intervals - periods * period), 99) / 1e3)


def recent_fps(delivered_ns: Sequence[int], window_s: float = 1.0) -> float:
    """Frames per second over the last ``window_s``; 0 when none came."""
    now = time.monotonic_ns()
    recent = [moment for moment in delivered_ns if now - moment <= window_s * 1e9]
    return len(recent) / window_s


class WakeMeter:
    """Measures how long a 1 ms sleep of the calling thread really takes: delay by other threads."""

    def __init__(self) -> None:
        self._wakes_ms: list[float] = []

    def sleep(self) -> None:
        """Sleep 1 ms and note how long it took."""
        before = time.perf_counter()
        time.sleep(0.001)
        self._wakes_ms.append((time.perf_counter() - before) * 1e3)

    def percentiles(self) -> Percentiles:
        """Percentiles of the sleeps so far, in ms."""
        return Percentiles.of(self._wakes_ms)
