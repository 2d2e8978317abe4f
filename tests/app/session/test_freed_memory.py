"""What a thread freed goes back to the system."""

import sys
import threading

import numpy as np
import psutil
import pytest

from app.session.freed_memory import give_back_freed_memory

BLOCK_BYTES, BLOCKS = 60_000, 1000


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system's own rules hold")
def test_what_a_thread_freed_goes_back() -> None:
    kept: list[object] = []

    def fill() -> None:
        blocks = [np.ones(BLOCK_BYTES, np.uint8) for _ in range(BLOCKS)]
        kept.append(blocks[-1])  # at the end of its heap: what is free lies before it

    thread = threading.Thread(target=fill)
    thread.start()
    thread.join()
    process = psutil.Process()
    before = process.memory_info().rss
    give_back_freed_memory()
    assert before - process.memory_info().rss > 0.8 * BLOCKS * BLOCK_BYTES
