"""The ring: no torn frame, no blocked writer, counts that add up."""

import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.camera import FrameFormat
from drivers.errors import InstrumentError
from drivers.frame import FrameMetadata
from drivers.pixel_format import PIXEL_FORMATS
from drivers.ring import FrameRing, RingReader, bytes_per_frame
from tests.patience import LONGEST_S

SMALL = FrameFormat(rows=4, columns=6, pixel_format=PIXEL_FORMATS["Mono16"])
LARGE = FrameFormat(rows=240, columns=320, pixel_format=PIXEL_FORMATS["Mono16"])


def write(ring: FrameRing, index: int) -> None:
    ring.slot_to_fill()[:] = index % 65536
    ring.publish(FrameMetadata(sequence=index, host_time_ns=index))


def buffer_for(ring: FrameRing) -> np.ndarray:
    return np.empty(ring.frame_format.shape, np.uint16)


def test_reader_gets_every_frame_in_order_when_it_keeps_up() -> None:
    ring = FrameRing(SMALL, slots=4)
    reader = ring.reader()
    into = buffer_for(ring)
    for index in range(10):
        write(ring, index)
        metadata = reader.next(into, timeout_s=0)
        assert metadata is not None
        assert metadata.sequence == index
        assert (into == index).all()
    assert reader.counters.lost == 0


def test_slow_reader_is_told_exactly_what_it_lost() -> None:
    ring = FrameRing(SMALL, slots=4)
    reader = ring.reader()
    into = buffer_for(ring)
    for index in range(10):
        write(ring, index)
    read = []
    while (metadata := reader.next(into, timeout_s=0)) is not None:
        read.append(metadata.sequence)
    # Three of four slots are safe to read, the fourth is the writer's next.
    assert read == [7, 8, 9]
    assert reader.counters.lost == 7
    assert reader.counters.delivered == 3


def test_newest_skips_and_counts_what_it_passed_over() -> None:
    ring = FrameRing(SMALL, slots=8)
    reader = ring.reader()
    into = buffer_for(ring)
    for index in range(5):
        write(ring, index)
    metadata = reader.newest(into, timeout_s=0)
    assert metadata is not None
    assert metadata.sequence == 4
    assert (reader.counters.delivered, reader.counters.skipped) == (1, 4)
    assert reader.newest(into, timeout_s=0) is None


def test_reader_of_the_past_begins_before_it_was_made() -> None:
    ring = FrameRing(SMALL, slots=6)
    for index in range(20):
        write(ring, index)
    into = buffer_for(ring)
    reader = ring.reader(past_frames=3)
    first = reader.next(into, timeout_s=0)
    assert first is not None
    assert first.sequence == 17
    far = ring.reader(past_frames=1000).next(into, timeout_s=0)
    assert far is not None
    assert far.sequence == 15


def test_a_frame_is_found_by_its_number_while_it_is_held() -> None:
    ring = FrameRing(SMALL, slots=4)
    for index in range(10):
        write(ring, index)
    found = ring.find(8)
    assert found is not None
    assert (found.pixels == 8).all()
    assert ring.find(2) is None
    assert ring.find(10) is None


def test_waiting_reader_wakes_on_publish_and_on_close() -> None:
    ring = FrameRing(SMALL, slots=4)
    reader = ring.reader()
    into = buffer_for(ring)
    got: list[FrameMetadata | None] = []

    def wait_twice() -> None:
        got.append(reader.next(into, timeout_s=LONGEST_S))
        got.append(reader.next(into, timeout_s=LONGEST_S))

    thread = threading.Thread(target=wait_twice)
    thread.start()
    time.sleep(0.05)
    write(ring, 0)
    time.sleep(0.05)
    ring.close()
    thread.join(timeout=LONGEST_S)
    assert not thread.is_alive()
    assert got[0] is not None
    assert got[1] is None


def test_time_out_gives_none() -> None:
    ring = FrameRing(SMALL, slots=3)
    before = time.monotonic()
    assert ring.reader().next(buffer_for(ring), timeout_s=0.05) is None
    assert time.monotonic() - before >= 0.05
    assert ring.newest() is None


def test_memory_budget_shortens_the_ring() -> None:
    frame = bytes_per_frame(LARGE)
    ring = FrameRing.of_duration(LARGE, fps=100, seconds=2, budget_bytes=20 * frame)
    assert ring.slots == 20
    assert ring.nbytes == 20 * frame
    assert FrameRing.of_duration(LARGE, fps=10, seconds=2, budget_bytes=10**9).slots == 22
    with pytest.raises(InstrumentError, match="3 slots at least"):
        FrameRing(SMALL, slots=2)


@given(
    slots=st.integers(3, 7),
    steps=st.lists(st.sampled_from(["write", "next", "newest"]), max_size=60),
)
@settings(deadline=None)
def test_counts_always_add_up(slots: int, steps: list[str]) -> None:
    ring = FrameRing(SMALL, slots)
    reader = ring.reader()
    into = buffer_for(ring)
    last = -1
    for step in steps:
        if step == "write":
            write(ring, ring.published)
            continue
        read = reader.next if step == "next" else reader.newest
        metadata = read(into, timeout_s=0)
        if metadata is not None:
            assert metadata.sequence > last
            assert (into == metadata.sequence).all()
            last = metadata.sequence
        counters = reader.counters
        assert (
            counters.delivered + counters.lost + counters.skipped + counters.waiting
            == ring.published
        )


def test_no_torn_frame_under_stress() -> None:
    """One writer at full speed over few slots, fast and slow readers in both modes."""
    ring = FrameRing(LARGE, slots=4)
    frames = 3000
    torn: list[str] = []
    readers: list[RingReader] = []

    def read(newest: bool, pause_s: float) -> None:
        reader = ring.reader()
        readers.append(reader)
        started.wait()
        into = buffer_for(ring)
        last = -1
        while True:
            get = reader.newest if newest else reader.next
            metadata = get(into, timeout_s=0.2)
            if metadata is None:
                if ring.closed:
                    return
                continue
            if not (into == metadata.sequence % 65536).all():
                torn.append(f"frame {metadata.sequence} is mixed with {np.unique(into)}")
            if metadata.sequence <= last:
                torn.append(f"frame {metadata.sequence} after {last}")
            last = metadata.sequence
            if pause_s:
                time.sleep(pause_s)

    started = threading.Barrier(7)
    threads = [
        threading.Thread(target=read, args=(newest, pause_s), name=f"reader-{newest}-{pause_s}")
        for newest in (False, True)
        for pause_s in (0, 0.001, 0.02)
    ]
    for thread in threads:
        thread.start()
    started.wait()
    for index in range(frames):
        write(ring, index)
        if index % 50 == 0:
            time.sleep(0.001)
    ring.close()
    for thread in threads:
        thread.join(timeout=LONGEST_S)
        assert not thread.is_alive()
    assert torn == []
    for reader in readers:
        counters = reader.counters
        assert counters.waiting == 0
        assert counters.delivered + counters.lost + counters.skipped == frames
        assert counters.delivered > 0
