"""From linear light to the codes of a file; values that are no numbers are replaced."""

from dataclasses import dataclass

import numpy as np

from drivers.code_encoding import Encoding
from drivers.errors import InstrumentError
from drivers.frame import Frame
from drivers.frame_conditions import FrameConditions
from drivers.pixel_format import Pixels
from models.encoding import srgb_encode, to_screen
from models.restorers.restorer import Restored, Restorer


@dataclass(frozen=True, slots=True)
class OutputCoding:
    """Codes of 8 or 16 bit; the largest is the saturated global-shutter signal."""

    encoding: Encoding
    bits: int

    def __post_init__(self) -> None:
        if self.bits not in (8, 16):
            raise InstrumentError(f"{self.bits} bit cannot be written; give --bits 8 or --bits 16")

    @property
    def maximum_dn(self) -> int:
        """Largest code."""
        return (1 << self.bits) - 1

    def encode(self, restored: Restored) -> Pixels:
        """Codes of the light, on the host, ``(rows, columns[, 3])``; clipped to [0, 1]."""
        light = restored.light.detach()
        if self.encoding is Encoding.SRGB and self.bits == 8:
            return to_screen(light)
        encoded = srgb_encode(light) if self.encoding is Encoding.SRGB else light.clamp(0.0, 1.0)
        codes = encoded.mul(self.maximum_dn).round().int().cpu().numpy()
        return np.asarray(codes, np.uint8 if self.bits == 8 else np.uint16)


class Developer:
    """Encodes restored frames; one with values that are no numbers is restored by ``fallback``."""

    def __init__(self, coding: OutputCoding, fallback: Restorer) -> None:
        self._coding = coding
        self._fallback = fallback
        self.fallen_back = 0

    def develop(self, frame: Frame, restored: Restored, conditions: FrameConditions) -> Pixels:
        """Codes of the restored ``frame``; ``(rows, columns)`` or ``(rows, columns, 3)``."""
        # One value that is no number makes the sum none.
        if not bool(restored.light.sum().isfinite()):
            self.fallen_back += 1
            restored = self._fallback.restore([frame], conditions)
        return self._coding.encode(restored)
