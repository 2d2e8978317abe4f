"""Codes of a recording as picture files hold them, and the description beside them."""

from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np

from app.restore.recorded_footage import RecordedFootage
from drivers.errors import InstrumentError
from drivers.pixel_format import PixelFormat, Pixels


@dataclass(frozen=True, slots=True)
class PictureCoding:
    """Codes unchanged, or reduced to 8 bit by dropping the lowest bits."""

    pixel_format: PixelFormat
    bits: int

    @classmethod
    def asked(cls, pixel_format: PixelFormat, bits: int | None) -> "PictureCoding":
        """``bits`` 8 or 16, None for what holds the codes; raises :class:`InstrumentError`."""
        if bits not in (None, 8, 16):
            raise InstrumentError(f"{bits} bit cannot be written; give --bits 8 or --bits 16")
        return cls(pixel_format, bits or pixel_format.dtype.itemsize * 8)

    @property
    def dtype(self) -> np.dtype[np.uint8 | np.uint16]:
        """Type of the codes written."""
        return np.dtype(np.uint8 if self.bits == 8 else np.uint16)

    @property
    def shift(self) -> int:
        """How many of the lowest bits are left out."""
        return max(0, self.pixel_format.bits - self.bits)

    def __call__(self, codes: Pixels) -> Pixels:
        """Codes to write, contiguous."""
        kept = codes >> self.shift if self.shift else codes
        return np.ascontiguousarray(kept, self.dtype)


def description(footage: RecordedFootage, coding: PictureCoding) -> dict[str, Any]:
    """Description of the pictures: camera, timing, and scaling of the codes."""
    return {
        "program": f"ngs {version('neural-global-shutter')}",
        "recording": footage.name,
        "camera_name": footage.stream.name,
        "camera": footage.stream.camera.model_dump(mode="json"),
        "frame_interval_us": footage.format.interval_us,
        "bits": coding.bits,
        "lowest_bits_left_out": coding.shift,
        "note": footage.recording.info.note,
        "processing": footage.recording.info.processing,
    }


def frame_columns(footage: RecordedFootage) -> dict[str, list[int | None]]:
    """Numbers and times of the frames, by column; ``frame`` counts those of the recording."""
    metadata = footage.metadata
    return {
        "frame": list(footage.numbers),
        "sequence": [each.sequence for each in metadata],
        "host_time_ns": [each.host_time_ns for each in metadata],
        "device_time_ns": [each.device_time_ns for each in metadata],
        "trigger_count": [each.trigger_count for each in metadata],
    }
