"""Ring buffer between one camera and all readers of its frames.

The writer never waits: it takes no lock that a reader holds, and overwrites the
oldest slot even if it was not read. Readers copy frames. If the writer overwrote
the slot during a copy, the slot's index has changed and the copy is discarded: no
reader ever returns a torn frame. Each reader counts the frames it lost.

Why this is safe without locks: the slot's index is set to "being written" before
its pixels change and to the frame's index afterwards. Stores of Python object
references are atomic and every thread sees them in order, even while the copy
itself runs inside numpy without the interpreter lock.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drivers.camera import FrameFormat, FrameSlots
from drivers.errors import InstrumentError
from drivers.frame import Frame, FrameMetadata
from drivers.pixel_format import Pixels

_BEING_WRITTEN = -1


@dataclass(frozen=True, slots=True)
class ReaderCounters:
    """Counts of the frames published since the reader was made.

    ``delivered + lost + skipped + waiting`` is the number of frames published.
    ``lost`` frames were overwritten before they were read, ``skipped`` ones were
    left out because the newest was asked for.
    """

    delivered: int
    lost: int
    skipped: int
    waiting: int


class FrameRing:
    """Fixed slots in one block of memory; one writer, any number of readers.

    Raises :class:`InstrumentError` when fewer than 3 slots are asked for: one
    being written, one newest, one being read.
    """

    def __init__(
        self,
        frame_format: FrameFormat,
        slots: int,
        camera_slots: Callable[[int], FrameSlots | None] = lambda slots: None,
    ) -> None:
        """``camera_slots`` is :meth:`drivers.camera.Camera.frame_slots` of the camera to come."""
        if slots < 3:
            raise InstrumentError(f"a ring of {slots} slots is too short; 3 slots at least")
        self.frame_format = frame_format
        given = camera_slots(slots)
        if given is None:
            pixels = np.zeros((slots, *frame_format.shape), frame_format.pixel_format.dtype)
            given = FrameSlots(pixels, ahead=0)
        self._pixels: Pixels = given.pixels
        self._ahead = given.ahead
        slots = len(self._pixels)
        self.slots = slots - self._ahead
        """Frames that are kept, the one being written included."""
        self._places = slots
        self._held = [_BEING_WRITTEN] * slots
        self._metadata: list[FrameMetadata | None] = [None] * slots
        self._published = 0
        self._closed = False
        # Sleepers that timed out stay in the queue until the next frame; maxlen drops the oldest.
        self._sleepers: deque[threading.Lock] = deque(maxlen=256)

    @classmethod
    def of_duration(
        cls,
        frame_format: FrameFormat,
        fps: float,
        seconds: float,
        budget_bytes: int,
        camera_slots: Callable[[int], FrameSlots | None] = lambda slots: None,
    ) -> "FrameRing":
        """A ring that holds ``seconds`` of frames, or as many as ``budget_bytes`` allows."""
        slots = slots_of_duration(frame_format, fps, seconds, budget_bytes)
        return cls(frame_format, slots, camera_slots)

    @property
    def nbytes(self) -> int:
        """Bytes of all slots."""
        return self._pixels.nbytes

    @property
    def published(self) -> int:
        """Frames published since the ring was made."""
        return self._published

    def slot_to_fill(self) -> Pixels:
        """The slot of the next frame, for the writer only.

        The frame that was in it is lost from now on. Another call before
        :meth:`publish` returns the same slot.
        """
        # The camera may go on beyond this slot; those before are marked already.
        self._held[(self._published + self._ahead) % self._places] = _BEING_WRITTEN
        pixels: Pixels = self._pixels[self._published % self._places]
        return pixels

    def publish(self, metadata: FrameMetadata) -> None:
        """Make the filled slot visible to readers and wake waiting ones; never waits."""
        index = self._published
        slot = index % self._places
        self._metadata[slot] = metadata
        self._held[slot] = index
        self._published = index + 1
        self._wake_sleepers()

    def close(self) -> None:
        """Wake all waiting readers, also later ones; published frames stay readable."""
        self._closed = True
        self._wake_sleepers()

    @property
    def closed(self) -> bool:
        """Whether no further frame will come."""
        return self._closed

    def past(self, seconds: float, most_frames: int) -> tuple[int, float]:
        """How many of the newest frames came in the last ``seconds``, and in how many.

        Fewer seconds where the ring, which is read from ``most_frames`` back at most, has no
        older frame.
        """
        published = self._published
        frames = max(0, min(most_frames, self.slots - 1, published))
        newest_ns = span_ns = 0
        for count in range(frames):
            metadata = self._metadata[(published - 1 - count) % self._places]
            assert metadata is not None  # it was published
            newest_ns = newest_ns if count else metadata.host_time_ns
            span_ns = newest_ns - metadata.host_time_ns
            if span_ns >= 1e9 * seconds:
                return count, seconds
        # The time of the first frame itself counts too.
        return frames, 1e-9 * span_ns * frames / max(1, frames - 1)

    def reader(self, past_frames: int = 0) -> "RingReader":
        """A reader that begins ``past_frames`` frames back, or as far as the ring reaches."""
        # Without the oldest slot: the writer may already be filling it.
        reachable = min(past_frames, self.slots - 1, self._published)
        return RingReader(self, first=self._published - reachable)

    def _wake_sleepers(self) -> None:
        while True:
            try:
                sleeper = self._sleepers.popleft()
            except IndexError:
                return
            sleeper.release()

    def wait_beyond(self, index: int, timeout_s: float) -> bool:
        """Wait until frame ``index`` is published; False on time-out or close.

        The sleeper joins the queue before it checks the index, so a frame published
        in between wakes it. The writer only releases a lock, which never blocks.
        """
        deadline = time.monotonic() + timeout_s
        while self._published <= index and not self._closed:
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            sleeper = threading.Lock()
            sleeper.acquire()
            self._sleepers.append(sleeper)
            if self._published > index or self._closed:
                break
            if not sleeper.acquire(timeout=left):
                return self._published > index
        return self._published > index

    def copy_out(self, index: int, into: Pixels) -> FrameMetadata | None:
        """Copy frame ``index``; None if the writer overwrote it before or during the copy."""
        slot = index % self._places
        if self._held[slot] != index:
            return None
        metadata = self._metadata[slot]
        np.copyto(into, self._pixels[slot])
        return metadata if self._held[slot] == index else None

    def find(self, sequence: int) -> Frame | None:
        """A copy of the frame with this sequence number, None if the ring has it no more."""
        into: Pixels = np.empty(self.frame_format.shape, self.frame_format.pixel_format.dtype)
        for index in range(self._published - 1, max(-1, self._published - self.slots), -1):
            metadata = self._metadata[index % self._places]
            if metadata is None or metadata.sequence != sequence:
                continue
            copied = self.copy_out(index, into)
            if copied is not None and copied.sequence == sequence:
                return Frame(into, copied)
        return None

    def newest(self) -> Frame | None:
        """A copy of the newest frame, None before the first one."""
        into: NDArray[np.uint8 | np.uint16] = np.empty(
            self.frame_format.shape, self.frame_format.pixel_format.dtype
        )
        while self._published:
            metadata = self.copy_out(self._published - 1, into)
            if metadata is not None:
                return Frame(into, metadata)
        return None


class RingReader:
    """One reader of the ring with its position; use from one thread."""

    def __init__(self, ring: FrameRing, first: int) -> None:
        self._ring = ring
        self._first = first
        self._next = first
        self._delivered = 0
        self._lost = 0
        self._skipped = 0

    @property
    def counters(self) -> ReaderCounters:
        """Exact counts of all frames published since the reader was made."""
        following = self._next
        return ReaderCounters(
            delivered=self._delivered,
            lost=self._lost,
            skipped=self._skipped,
            waiting=max(0, self._ring.published - following),
        )

    def next(self, into: Pixels, timeout_s: float) -> FrameMetadata | None:
        """Copy the oldest frame not yet read into ``into``; None on time-out.

        Frames overwritten meanwhile are added to ``counters.lost``.
        """
        deadline = time.monotonic() + timeout_s
        while self._ring.wait_beyond(self._next, deadline - time.monotonic()):
            oldest = self._ring.published - self._ring.slots + 1
            if self._next < oldest:
                self._lost += oldest - self._next
                self._next = oldest
            metadata = self._take(into)
            if metadata is not None:
                return metadata
            self._lost += 1
        return None

    def newest(self, into: Pixels, timeout_s: float) -> FrameMetadata | None:
        """Copy the newest frame into ``into``, skipping older ones; None on time-out."""
        deadline = time.monotonic() + timeout_s
        while self._ring.wait_beyond(self._next, deadline - time.monotonic()):
            newest = self._ring.published - 1
            self._skipped += newest - self._next
            self._next = newest
            metadata = self._take(into)
            if metadata is not None:
                return metadata
            self._skipped += 1
        return None

    def _take(self, into: Pixels) -> FrameMetadata | None:
        metadata = self._ring.copy_out(self._next, into)
        self._next += 1
        if metadata is not None:
            self._delivered += 1
        return metadata


def slots_of_duration(
    frame_format: FrameFormat, fps: float, seconds: float, budget_bytes: int
) -> int:
    """Slots of a ring for ``seconds`` of frames, or as many as ``budget_bytes`` allows."""
    wanted = int(np.ceil(fps * seconds)) + 2
    return max(3, min(wanted, budget_bytes // bytes_per_frame(frame_format)))


def bytes_per_frame(frame_format: FrameFormat) -> int:
    """Bytes of one unpacked frame."""
    return int(np.prod(frame_format.shape)) * frame_format.pixel_format.dtype.itemsize
