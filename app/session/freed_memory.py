"""Memory that was freed goes back to the system, where the C library would keep it."""

import ctypes
import sys


def give_back_freed_memory() -> None:
    """Give back what lies free in the heaps of all threads; does nothing where that is not offered.

    glibc has a heap for each of many threads and keeps what was freed in each. The buffers of a
    recording come from another heap each time, so that every heap became as large as they are.
    Takes some 10 ms.
    """
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none
        if trim is not None:
            trim(0)
