"""Copies of a producer's buffers into frame slots, their numbers and times."""

import sys
import time

import numpy as np
from genicam import gentl

from drivers.camera import FrameFormat
from drivers.pixel_format import Pixels, copy_pixels

_UNTOLD_BYTES = sys.maxsize
_BLIND_LOOK_S = 0.05
_MOST_MISSES = 3
"""Misses after which the count is not used; one miss may be a buffer that came after the count."""


class DamagedBufferError(Exception):
    """A buffer that is marked complete but does not hold a frame of the configured geometry."""


class _OptionalInfo:
    """A number that a producer may not support.

    A refusal takes as long as copying a small frame, so it is not asked for again.
    """

    def __init__(self, name: str, default: int) -> None:
        self._name = name
        self._default = default
        self._offered = True

    def of(self, buffer: "gentl.Buffer") -> int:
        if not self._offered:
            return self._default
        try:
            return int(getattr(buffer, self._name))
        except gentl.GenericException:
            self._offered = False
            return self._default


class BufferReader:
    """Copies buffers of one acquisition into frame slots and reads their times."""

    def __init__(self, frame_format: FrameFormat, tick_frequency_hz: int) -> None:
        self._format = frame_format
        self._tick_ns = 1e9 / tick_frequency_hz
        self._frame_id = _OptionalInfo("frame_id", 0)
        self._time_ns = _OptionalInfo("timestamp_ns", 0)
        self._ticks = _OptionalInfo("timestamp", 0)
        self._padding_bytes = _OptionalInfo("padding_x", 0)
        self._image_offset = _OptionalInfo("image_offset", 0)
        self._size_filled = _OptionalInfo("size_filled", _UNTOLD_BYTES)

    def copy(self, buffer: "gentl.Buffer", into: Pixels) -> None:
        """Copy the image of ``buffer`` into ``into``.

        Raises :class:`DamagedBufferError` if its geometry is not that of the
        configured frames: a buffer with a corrupt header must not become a frame. Some cameras
        send a trailer with height 0: there the bytes that came tell whether the frame is whole.
        """
        if buffer.payload_type == gentl.PAYLOADTYPE_INFO_IDS.PAYLOAD_TYPE_MULTI_PART:
            image = buffer.parts[0]
            offset, pixel_format_value = image.data_offset, image.data_format
        else:
            image = buffer
            offset, pixel_format_value = self._image_offset.of(buffer), buffer.pixel_format
        filled_bytes = self._size_filled.of(buffer)
        height = image.height
        if height == 0 and filled_bytes != _UNTOLD_BYTES:
            height = self._format.rows
        shape = (height, image.width)
        if shape != (self._format.rows, self._format.columns):
            raise DamagedBufferError(f"{shape[1]} x {shape[0]} px")
        if pixel_format_value != self._format.pixel_format.pfnc_value:
            raise DamagedBufferError(f"pixel format 0x{pixel_format_value:08x}")
        memory = np.frombuffer(buffer.raw_buffer, np.uint8)[offset:filled_bytes]
        try:
            copy_pixels(memory, self._format.pixel_format, into, self._padding_bytes.of(image))
        except ValueError as error:
            raise DamagedBufferError(str(error)) from error

    def frame_id(self, buffer: "gentl.Buffer") -> int:
        """The camera's number of the frame; always 0 if the producer gives none."""
        return self._frame_id.of(buffer)

    def device_time_ns(self, buffer: "gentl.Buffer") -> int | None:
        """The camera's time of the frame; None if it gives none, or 0, which means no clock."""
        return self._time_ns.of(buffer) or round(self._ticks.of(buffer) * self._tick_ns) or None


class WaitingBuffers:
    """Whether a buffer is ready; a fetch without one raises and takes a hundred times longer.

    Uses the stream's count of buffers awaiting delivery (GenTL 1.6, table 6-41),
    until fetches repeatedly find a buffer although the count is 0.
    """

    def __init__(self, stream: "gentl.DataStream") -> None:
        self._stream = stream
        self._trusted = True
        self._said_none = False
        self._misses = 0
        self._blind_look_due_s = 0.0

    def may_be_there(self) -> bool:
        """False only if the producer reports that no buffer is ready."""
        if not self._trusted:
            return True
        try:
            self._said_none = self._stream.num_awaiting_delivery == 0
        except gentl.GenericException:
            self._trusted = False
            return True
        if not self._said_none:
            return True
        now_s = time.monotonic()
        if now_s < self._blind_look_due_s:
            return False
        self._blind_look_due_s = now_s + _BLIND_LOOK_S
        return True

    def note_fetched(self) -> None:
        """Note a successful fetch; stop using the count if it repeatedly missed buffers."""
        if self._said_none:
            self._misses += 1
            self._trusted = self._misses < _MOST_MISSES
