"""What the program takes of the machine: this process and all that it started."""

import contextlib
import sys
import time
from dataclasses import dataclass

import psutil

from app.session.run_statistics import processor_s


@dataclass(frozen=True, slots=True)
class ProcessUsage:
    """Resident memory of this process and of its children; what all of them have open and run."""

    memory_bytes: int
    children_bytes: int
    handles: int
    threads: int
    cpu_share: float


class ProcessMeter:
    """Measures; the processor's share, in cores, is that since the measurement before."""

    def __init__(self) -> None:
        self._before_s, self._processor_s = time.monotonic(), processor_s()

    def measure(self) -> ProcessUsage:
        """Usage now."""
        this = psutil.Process()
        memory, handles, threads = _of(this)
        children_bytes = 0
        for child in this.children(recursive=True):
            # One that has just ended has nothing any more.
            with contextlib.suppress(psutil.NoSuchProcess):
                bytes_of_child, handles_of_child, threads_of_child = _of(child)
                children_bytes += bytes_of_child
                handles += handles_of_child
                threads += threads_of_child
        now_s, cpu_s = time.monotonic(), processor_s()
        share = (cpu_s - self._processor_s) / max(1e-6, now_s - self._before_s)
        self._before_s, self._processor_s = now_s, cpu_s
        return ProcessUsage(memory, children_bytes, handles, threads, max(0.0, share))


def _of(process: psutil.Process) -> tuple[int, int, int]:
    """Resident bytes, open handles, threads."""
    with process.oneshot():
        if sys.platform == "win32":
            handles = process.num_handles()
        else:
            handles = process.num_fds()
        return process.memory_info().rss, handles, process.num_threads()
