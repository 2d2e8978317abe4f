"""Pixel formats by their PFNC names: layout of codes in memory, and unpacking.

Source: GenICam Pixel Format Naming Convention (PFNC) 2.4 and its value table; for the
formats named Packed, GigE Vision 1.2, "Pixel Formats".
"""

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from drivers.errors import InstrumentError

Pixels: TypeAlias = NDArray[np.uint8 | np.uint16]


class BitOrder(Enum):
    """How codes are packed that are no whole bytes.

    ``LEAST_FIRST`` lays the bits of one code after another, the least significant first
    (PFNC, the names in p). ``GIGE`` puts two codes into three bytes: the upper eight bits of
    each in a byte of its own, the rest of both in the byte between (GigE Vision 1.x, the
    names in Packed).
    """

    LEAST_FIRST = "p"
    GIGE = "Packed"


@dataclass(frozen=True, slots=True)
class PixelFormat:
    """One PFNC pixel format.

    ``bits`` are the significant bits of a code, ``bits_in_memory`` the bits it
    occupies in the buffer. The two differ if codes are padded (Mono12 takes 16
    bits). ``bits_in_memory`` is no whole byte if codes are packed (Mono12p), in the
    ``bit_order``. Frames have their colours in the order red, green, blue, also where the
    camera sends them the other way round (``blue_first``).
    """

    name: str
    pfnc_value: int
    bits: int
    bits_in_memory: int
    bayer: str | None = None
    channels: int = 1
    bit_order: BitOrder = BitOrder.LEAST_FIRST
    blue_first: bool = False

    @property
    def dtype(self) -> np.dtype[np.uint8] | np.dtype[np.uint16]:
        """Type of an unpacked code."""
        return np.dtype(np.uint8) if self.bits <= 8 else np.dtype(np.uint16)

    @property
    def maximum_dn(self) -> int:
        """Largest code, in DN."""
        return (1 << self.bits) - 1

    @property
    def is_packed(self) -> bool:
        """Whether codes are packed, so that they do not start at whole bytes."""
        return self.bits_in_memory % 8 != 0

    @property
    def is_colour(self) -> bool:
        """Whether the format has colour, as a mosaic or RGB."""
        return self.channels == 3 or self.bayer is not None

    def row_bytes(self, columns: int) -> int:
        """Bytes of one row of codes without line padding."""
        return (columns * self.channels * self.bits_in_memory + 7) // 8

    def frame_bytes(self, columns: int, rows: int) -> int:
        """Bytes of a whole frame without line padding.

        Packed formats have no gap between rows (PFNC 2.4, section 4.1), so this
        may be less than rows * row_bytes.
        """
        return (rows * columns * self.channels * self.bits_in_memory + 7) // 8


def _mosaic(
    bits: int,
    bits_in_memory: int,
    suffix: str,
    values: dict[str, int],
    bit_order: BitOrder = BitOrder.LEAST_FIRST,
) -> list[PixelFormat]:
    return [
        PixelFormat(
            f"Bayer{pattern}{suffix}",
            value,
            bits,
            bits_in_memory,
            bayer=pattern,
            bit_order=bit_order,
        )
        for pattern, value in values.items()
    ]


PIXEL_FORMATS: dict[str, PixelFormat] = {
    pixel_format.name: pixel_format
    for pixel_format in [
        PixelFormat("Mono8", 0x01080001, 8, 8),
        PixelFormat("Mono10", 0x01100003, 10, 16),
        PixelFormat("Mono12", 0x01100005, 12, 16),
        PixelFormat("Mono14", 0x01100025, 14, 16),
        PixelFormat("Mono16", 0x01100007, 16, 16),
        PixelFormat("Mono10p", 0x010A0046, 10, 10),
        PixelFormat("Mono12p", 0x010C0047, 12, 12),
        PixelFormat("Mono10Packed", 0x010C0004, 10, 12, bit_order=BitOrder.GIGE),
        PixelFormat("Mono12Packed", 0x010C0006, 12, 12, bit_order=BitOrder.GIGE),
        PixelFormat("RGB8", 0x02180014, 8, 8, channels=3),
        PixelFormat("BGR8", 0x02180015, 8, 8, channels=3, blue_first=True),
        PixelFormat("RGB10", 0x02300018, 10, 16, channels=3),
        PixelFormat("RGB12", 0x0230001A, 12, 16, channels=3),
        PixelFormat("RGB16", 0x02300033, 16, 16, channels=3),
        *_mosaic(
            8, 8, "8", {"GR": 0x01080008, "RG": 0x01080009, "GB": 0x0108000A, "BG": 0x0108000B}
        ),
        *_mosaic(
            10, 16, "10", {"GR": 0x0110000C, "RG": 0x0110000D, "GB": 0x0110000E, "BG": 0x0110000F}
        ),
        *_mosaic(
            12, 16, "12", {"GR": 0x01100010, "RG": 0x01100011, "GB": 0x01100012, "BG": 0x01100013}
        ),
        *_mosaic(
            16, 16, "16", {"GR": 0x0110002E, "RG": 0x0110002F, "GB": 0x01100030, "BG": 0x01100031}
        ),
        *_mosaic(
            *(10, 12, "10Packed"),
            {"GR": 0x010C0026, "RG": 0x010C0027, "GB": 0x010C0028, "BG": 0x010C0029},
            BitOrder.GIGE,
        ),
        *_mosaic(
            *(12, 12, "12Packed"),
            {"GR": 0x010C002A, "RG": 0x010C002B, "GB": 0x010C002C, "BG": 0x010C002D},
            BitOrder.GIGE,
        ),
        *_mosaic(
            10, 10, "10p", {"BG": 0x010A0052, "GB": 0x010A0054, "GR": 0x010A0056, "RG": 0x010A0058}
        ),
        *_mosaic(
            12, 12, "12p", {"BG": 0x010C0053, "GB": 0x010C0055, "GR": 0x010C0057, "RG": 0x010C0059}
        ),
    ]
}


def pixel_format(name: str) -> PixelFormat:
    """The format of a PFNC name.

    Raises :class:`InstrumentError` naming the formats that can be read.
    """
    try:
        return PIXEL_FORMATS[name]
    except KeyError:
        raise InstrumentError(
            f"pixel format {name} cannot be read; choose one of {', '.join(PIXEL_FORMATS)}"
        ) from None


_GROUPS = {10: (4, 5), 12: (2, 3)}
"""Bits in memory -> (codes, bytes) of the smallest group of packed codes that is whole bytes."""


def _unpack_groups(
    packed: NDArray[np.uint8], into: NDArray[np.uint16], pixel_format: PixelFormat
) -> None:
    """Unpack whole groups of codes."""
    if pixel_format.bit_order is BitOrder.GIGE:
        _unpack_pairs(packed, into, pixel_format.bits)
    else:
        _unpack_least_first(packed, into, pixel_format.bits)


def _unpack_pairs(packed: NDArray[np.uint8], into: NDArray[np.uint16], bits: int) -> None:
    """Unpack pairs of codes in three bytes; see :class:`BitOrder`."""
    first, rest, second = (packed[byte::3] for byte in range(3))
    rest_bits = bits - 8
    mask = np.uint8((1 << rest_bits) - 1)
    for code, (upper, lower) in enumerate(((first, rest), (second, rest >> 4))):
        every = into[code::2]
        np.left_shift(upper, rest_bits, out=every, dtype=np.uint16)
        np.bitwise_or(every, lower & mask, out=every)


def _unpack_least_first(packed: NDArray[np.uint8], into: NDArray[np.uint16], bits: int) -> None:
    """Unpack groups of codes, least significant bit first (PFNC 2.4, 'Mono12p').

    Every code lies within a 16 bit little-endian word that starts at some byte.
    Read that word of all groups at once, shift and mask. This is three times
    faster than assembling codes from bytes.
    """
    codes, size = _GROUPS[bits]
    groups = into.size // codes
    for code in range(codes):
        byte, shift = divmod(code * bits, 8)
        words: NDArray[np.uint16] = np.ndarray((groups,), "<u2", packed, byte, (size,))
        every = into[code::codes]
        np.right_shift(words, shift, out=every)
        np.bitwise_and(every, (1 << bits) - 1, out=every)


def _unpack_codes(packed: NDArray[np.uint8], into: Pixels, pixel_format: PixelFormat) -> None:
    codes, size = _GROUPS[pixel_format.bits_in_memory]
    out = into.view(np.uint16)
    whole = out.size // codes
    if whole:
        _unpack_groups(packed[: whole * size], out[: whole * codes], pixel_format)
    rest = out.size - whole * codes
    if rest:
        last = np.zeros(size, np.uint8)
        left = packed[whole * size :][:size]
        last[: left.size] = left
        group = np.empty(codes, np.uint16)
        _unpack_groups(last, group, pixel_format)
        out[whole * codes :] = group[:rest]


def copy_pixels(
    buffer: NDArray[np.uint8], pixel_format: PixelFormat, into: Pixels, padding_bytes: int = 0
) -> None:
    """Copy a camera's buffer into a frame slot once; unpacks codes and drops line padding.

    ``buffer`` is flat and holds at least the frame; ``into`` has shape
    ``(rows, columns)`` or ``(rows, columns, 3)``, is contiguous and of the
    format's dtype. Raises :class:`ValueError` when the buffer is too short.
    """
    rows, columns = into.shape[:2]
    stride = pixel_format.row_bytes(columns) + padding_bytes
    if padding_bytes:
        needed = rows * stride - padding_bytes
    else:
        needed = pixel_format.frame_bytes(columns, rows)
    if buffer.size < needed:
        raise ValueError(
            f"buffer of {buffer.size} bytes is shorter than the frame's {needed} bytes"
        )
    flat = into.reshape(rows, -1)
    if pixel_format.is_packed:
        if padding_bytes:
            for row in range(rows):
                start = row * stride
                line = buffer[start : start + stride - padding_bytes]
                _unpack_codes(line, flat[row], pixel_format)
        else:
            _unpack_codes(buffer[:needed], flat.reshape(-1), pixel_format)
        return
    if pixel_format.blue_first:
        item = pixel_format.dtype.itemsize
        sent = np.lib.stride_tricks.as_strided(
            buffer.view(pixel_format.dtype),
            shape=(rows, columns, 3),
            strides=(stride, 3 * item, item),
            writeable=False,
        )
        np.copyto(into, sent[..., ::-1])
        return
    if padding_bytes == 0:
        np.copyto(flat.reshape(-1), buffer[:needed].view(pixel_format.dtype))
        return
    strided = np.lib.stride_tricks.as_strided(
        buffer, shape=(rows, stride - padding_bytes), strides=(stride, 1), writeable=False
    )
    # Rows of 16-bit codes may start at odd addresses, so bytes are copied, not codes.
    np.copyto(flat.view(np.uint8), strided)
