"""The buffers of one acquisition become frames with their numbers, times and counts."""

import threading
import time

from genicam import gentl
from harvesters.core import ImageAcquirer

from drivers.camera import CaptureCounters, FrameFormat
from drivers.frame import FrameMetadata
from drivers.genicam.buffers import BufferReader, DamagedBufferError, WaitingBuffers
from drivers.genicam.chunks import OverrunCount, TriggerCountChunk
from drivers.genicam.frame_numbering import FrameNumbering
from drivers.genicam.producers import BUFFERS
from drivers.pixel_format import Pixels

_FETCH_S = 3e-5
"""Shortest time-out with which try_fetch checks for a buffer at all."""
_CHUNK_WAIT_S = 0.001


class FrameReceiver:
    """Takes the frames of one acquisition, from a start to the next.

    ``chunk`` tells the trigger count of each frame; reading it touches the node map, so it
    holds ``device_lock``. ``triggered`` is whether triggers start the frames: those of a
    camera that runs free cannot be missed.
    """

    def __init__(
        self,
        acquirer: ImageAcquirer,
        frame_format: FrameFormat,
        tick_frequency_hz: int,
        chunk: TriggerCountChunk,
        device_lock: threading.RLock,
        *,
        triggered: bool,
    ) -> None:
        self._acquirer = acquirer
        self._reader = BufferReader(frame_format, tick_frequency_hz)
        self._waiting_buffers = WaitingBuffers(acquirer.data_streams[0])
        self._numbering = FrameNumbering()
        self._chunk = chunk
        self._device_lock = device_lock
        self._overruns = OverrunCount(counts=triggered and chunk.active)
        self._awaits = True

    @property
    def counters(self) -> CaptureCounters:
        """Counts since the receiver was made."""
        numbering = self._numbering
        return CaptureCounters(
            captured=numbering.captured,
            lost=numbering.lost if numbering.tells_losses else None,
            incomplete=numbering.incomplete,
            overruns=self._overruns.count,
            discarded=numbering.discarded,
            number_breaks=numbering.breaks,
        )

    def note_incomplete(self) -> None:
        """Count a buffer that arrived damaged."""
        self._numbering.note_incomplete()

    def forget_pace(self) -> None:
        """Frames may come at another rate from now on."""
        # One is exposed, one of the former rate may follow it.
        self._numbering.forget_pace(on_their_way=BUFFERS + 2)

    def fetch(self, into: Pixels) -> FrameMetadata | None:
        """Copy the next complete buffer, if one is ready now; raises GenTL's own errors."""
        if not self._waiting_buffers.may_be_there():
            self._awaits = True
            return None
        buffer = self._acquirer.try_fetch(timeout=_FETCH_S, is_raw=True)
        if buffer is None:
            self._awaits = True
            return None
        self._waiting_buffers.note_fetched()
        host_time_ns = time.monotonic_ns()
        try:
            return self._receive(buffer, into, host_time_ns)
        except DamagedBufferError:
            self.note_incomplete()
            return None
        finally:
            self._awaits = False
            buffer.parent.queue_buffer(buffer)

    def _receive(
        self, buffer: gentl.Buffer, into: Pixels, host_time_ns: int
    ) -> FrameMetadata | None:
        """Copy a frame; None for one that is left out, see :meth:`FrameNumbering.take`."""
        self._reader.copy(buffer, into)
        device_time_ns = self._reader.device_time_ns(buffer)
        frame_id = self._reader.frame_id(buffer)
        breaks = self._numbering.breaks
        sequence = self._numbering.take(frame_id, host_time_ns, device_time_ns)
        if sequence is None:
            return None
        trigger_count = self._read_trigger_count(buffer)
        if trigger_count is not None:
            self._overruns.note(trigger_count, sequence, self._numbering)
        return FrameMetadata(
            sequence,
            host_time_ns,
            device_time_ns,
            trigger_count,
            after_break=self._numbering.breaks > breaks,
            piled_up=not self._awaits,
        )

    def _read_trigger_count(self, buffer: gentl.Buffer) -> int | None:
        """The frame's trigger count; None also while another thread holds the camera's lock.

        Reading back all settings of a GigE camera takes tenths of a second, and
        frames must not wait for that.
        """
        if not self._chunk.active or not self._device_lock.acquire(timeout=_CHUNK_WAIT_S):
            return None
        try:
            return self._chunk.read(buffer, self._acquirer)
        finally:
            self._device_lock.release()
