"""A GenTL data stream: the client's buffers and the new-buffer event."""

import ctypes
import threading
import time
from collections import deque
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from drivers.virtual.camera.gentl import ErrorCode, FlushOperation, GenTLError

_READS_EVERY_S = 3.0
"""A client that has not asked for as long does not read at present."""


@dataclass(frozen=True, slots=True)
class ChunkPlace:
    """Where one chunk lies in the buffer."""

    chunk_id: int
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class DeliveredFrame:
    """Description of the content of a filled buffer."""

    width_px: int
    height_px: int
    offset_x_px: int
    offset_y_px: int
    pfnc_value: int
    frame_id: int
    timestamp_ns: int
    image_bytes: int
    filled_bytes: int
    incomplete: bool
    chunks: tuple[ChunkPlace, ...]


@dataclass(eq=False, slots=True)
class Buffer:
    """Memory announced by the client; ``frame`` is None until the buffer is filled."""

    address: int
    memory: NDArray[np.uint8]
    user_pointer: int
    handle: int = 0
    frame: DeliveredFrame | None = None
    new_data: bool = False


@dataclass(slots=True)
class StreamCounters:
    """Counts of frames since the acquisition started."""

    started: int = 0
    delivered: int = 0
    underrun: int = 0


@dataclass(slots=True)
class _Queues:
    free: deque[Buffer] = field(default_factory=deque)
    filled: deque[Buffer] = field(default_factory=deque)


class DataStream:
    """Queues of one stream; every method may be called from any thread.

    ``deliver`` copies while it holds the lock that ``revoke`` needs, so it never
    writes to memory that the client has taken back.
    """

    def __init__(self) -> None:
        self.counters = StreamCounters()
        self.buffers: list[Buffer] = []
        self.is_grabbing = False
        self._queues = _Queues()
        self._killed = False
        self._fired = 0
        self._asked_s = 0.0
        self._changed = threading.Condition()

    def announce(self, address: int, size: int, user_pointer: int) -> Buffer:
        """Register a buffer of the client."""
        memory = np.frombuffer(memoryview((ctypes.c_uint8 * size).from_address(address)), np.uint8)
        buffer = Buffer(address, memory, user_pointer)
        with self._changed:
            self.buffers.append(buffer)
        return buffer

    def revoke(self, buffer: Buffer) -> None:
        """Unregister a buffer; raises BUSY while it is queued."""
        with self._changed:
            if buffer in self._queues.free or buffer in self._queues.filled:
                raise GenTLError(ErrorCode.BUSY, "the buffer is queued; flush the queues first")
            self.buffers.remove(buffer)

    def queue(self, buffer: Buffer) -> None:
        """Queue a buffer to be filled."""
        with self._changed:
            if buffer not in self._queues.free:
                buffer.new_data = False
                self._queues.free.append(buffer)

    def is_queued(self, buffer: Buffer) -> bool:
        """Whether the producer holds the buffer."""
        with self._changed:
            return buffer in self._queues.free or buffer in self._queues.filled

    def flush(self, operation: int) -> None:
        """DSFlushQueue (GenTL 1.6, table 6-20)."""
        with self._changed:
            queues = self._queues
            match operation:
                case FlushOperation.INPUT_TO_OUTPUT:
                    queues.filled.extend(queues.free)
                    queues.free.clear()
                case FlushOperation.OUTPUT_DISCARD:
                    queues.filled.clear()
                case FlushOperation.ALL_TO_INPUT:
                    queues.filled.clear()
                    queues.free = deque(self.buffers)
                case FlushOperation.UNQUEUED_TO_INPUT:
                    held = {id(buffer) for buffer in (*queues.free, *queues.filled)}
                    queues.free.extend(item for item in self.buffers if id(item) not in held)
                case FlushOperation.ALL_DISCARD:
                    queues.free.clear()
                    queues.filled.clear()
                case _:
                    raise GenTLError(
                        ErrorCode.INVALID_PARAMETER, f"unknown flush operation {operation}"
                    )

    def start(self) -> None:
        """Start accepting frames."""
        with self._changed:
            self.counters = StreamCounters()
            self.is_grabbing = True
            self._asked_s = time.monotonic()

    def stop(self) -> None:
        """Stop accepting frames."""
        with self._changed:
            self.is_grabbing = False

    def deliver(self, payload: NDArray[np.uint8], frame: DeliveredFrame) -> bool:
        """Copy a frame into the next free buffer; False if there is none: the frame is lost."""
        with self._changed:
            if not self.is_grabbing:
                return False
            self.counters.started += 1
            if not self._queues.free:
                self.counters.underrun += 1
                return False
            buffer = self._queues.free.popleft()
            filled = min(frame.filled_bytes, buffer.memory.size)
            buffer.memory[:filled] = payload[:filled]
            buffer.frame = frame
            buffer.new_data = True
            self._queues.filled.append(buffer)
            self.counters.delivered += 1
            self._fired += 1
            self._changed.notify()
            return True

    def next_filled(self, timeout_s: float) -> Buffer:
        """The oldest filled buffer; raises TIMEOUT, or ABORT if the event was killed."""
        self._asked_s = time.monotonic()
        deadline = self._asked_s + timeout_s
        with self._changed:
            while not self._queues.filled:
                left = deadline - time.monotonic()
                if self._killed:
                    self._killed = False
                    raise GenTLError(ErrorCode.ABORT, "the wait was ended by EventKill")
                if left <= 0:
                    raise GenTLError(ErrorCode.TIMEOUT, "no frame came in time")
                self._changed.wait(left)
            return self._queues.filled.popleft()

    def kill_wait(self) -> None:
        """End a wait for a frame, or the next one."""
        with self._changed:
            self._killed = True
            self._changed.notify_all()

    def discard_events(self) -> None:
        """Discard frames that are not fetched yet; their buffers belong to the client again."""
        with self._changed:
            self._queues.filled.clear()

    @property
    def is_fetching(self) -> bool:
        """Whether the client reads and has filled buffers still to fetch or to give back."""
        with self._changed:
            if not self.is_grabbing or len(self._queues.free) == len(self.buffers):
                return False
            return time.monotonic() - self._asked_s < _READS_EVERY_S

    @property
    def free_count(self) -> int:
        """Buffers waiting to be filled."""
        with self._changed:
            return len(self._queues.free)

    @property
    def filled_count(self) -> int:
        """Buffers waiting to be fetched."""
        self._asked_s = time.monotonic()
        with self._changed:
            return len(self._queues.filled)

    @property
    def fired(self) -> int:
        """New-buffer events since the stream was opened."""
        return self._fired
