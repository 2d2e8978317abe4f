"""What a hostile camera's frames hold, in closed form; and unpacking of every format it sends.

One code, from left to right as the producer computes it in double precision:

    floor(black + (exposure_us + line_time_us * row_read) * slope * weight + texture)

with ``slope = dn_per_us * 10 ** (gain_db / 20) * 2 ** (bits - 8)``, clipped to the format's
codes. ``row_read`` is the row's place in the order of readout, ``texture`` is
``x % 8 + 8 * (y % 4)`` of the sensor's pixel. The first four pixels hold the frame's index.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.drivers.genicam.hostile.hostile_description import PIXEL_FORMAT_VALUES

INDEX_PIXELS = 4
DN_PER_US = 0.01
BLACK_LEVEL_DN = 8.0
_WEIGHTS = (0.75, 1.0, 0.5)


@dataclass(frozen=True, slots=True)
class FrameContent:
    """All that decides about the codes of a frame; levels are those of 8 bit codes."""

    width_px: int = 64
    height_px: int = 48
    pixel_format: str = "Mono8"
    exposure_us: float = 1000.0
    gain_db: float = 0.0
    black_level_dn: float = BLACK_LEVEL_DN
    line_time_us: float = 0.0
    dn_per_us: float = DN_PER_US
    offset_x_px: int = 0
    offset_y_px: int = 0
    reverse_x: bool = False
    reverse_y: bool = False
    reverse_y_in_memory: bool = False
    index_in_image: bool = True


def bits_of(pixel_format: str) -> int:
    """Significant bits of a code.

    >>> bits_of("Mono12Packed"), bits_of("BayerRG16"), bits_of("BGR8")
    (12, 16, 8)
    """
    return next((bits for bits in (10, 12, 14, 16) if str(bits) in pixel_format), 8)


def channels_of(pixel_format: str) -> int:
    """Codes of a pixel."""
    return 3 if pixel_format in ("RGB8", "BGR8") else 1


def expected_codes(content: FrameContent, index: int) -> NDArray[np.uint16]:
    """Codes of frame ``index``, of shape (rows, columns) or (rows, columns, 3).

    >>> expected_codes(FrameContent(exposure_us=100.0), 0x0102)[0, :6].tolist()
    [2, 1, 0, 0, 13, 14]
    """
    bits = bits_of(content.pixel_format)
    scale = float(1 << (bits - 8))
    slope = content.dn_per_us * math.pow(10.0, content.gain_db / 20.0) * scale
    rows = np.arange(content.height_px)
    columns = np.arange(content.width_px)
    upside_down = content.height_px - 1 - rows
    mirrored = content.width_px - 1 - columns
    row_read = upside_down if content.reverse_y and content.reverse_y_in_memory else rows
    scene_y = content.offset_y_px + (upside_down if content.reverse_y else rows)
    scene_x = content.offset_x_px + (mirrored if content.reverse_x else columns)
    light = (content.exposure_us + content.line_time_us * row_read) * slope
    texture = scene_x[None, :] % 8 + 8 * (scene_y[:, None] % 4)
    weighted = light[:, None, None] * _weights(content.pixel_format, rows, columns)
    codes = np.floor(content.black_level_dn * scale + weighted + texture[:, :, None])
    codes = np.clip(codes, 0, (1 << bits) - 1).astype(np.uint16)
    if content.index_in_image:
        coded = np.frombuffer(np.array(index, "<u4").tobytes(), np.uint8)[: content.width_px]
        codes[0, :INDEX_PIXELS] = coded[:, None]
    return codes if channels_of(content.pixel_format) == 3 else codes[:, :, 0]


def _weights(
    pixel_format: str, rows: NDArray[np.intp], columns: NDArray[np.intp]
) -> NDArray[np.float64]:
    if pixel_format in ("RGB8", "BGR8"):
        order = _WEIGHTS if pixel_format == "RGB8" else _WEIGHTS[::-1]
        return np.array(order)[None, None, :]
    if pixel_format.startswith("BayerRG"):
        corner = rows[:, None] % 2 + columns[None, :] % 2
        weights: NDArray[np.float64] = np.array(_WEIGHTS)[corner][:, :, np.newaxis]
        return weights
    return np.ones((1, 1, 1))


def index_of(codes: NDArray[Any]) -> int:
    """The frame index that the first pixels hold."""
    first = codes[0, :INDEX_PIXELS].reshape(INDEX_PIXELS, -1)[:, 0]
    return int.from_bytes(first.astype(np.uint8).tobytes(), "little")


def unpacked(
    memory: NDArray[np.uint8], pixel_format: str, width_px: int, height_px: int, padding: int = 0
) -> NDArray[np.uint16]:
    """Codes of a buffer; ``padding`` are the bytes after each row.

    >>> unpacked(np.array([0xAB, 0x21, 0xCD], np.uint8), "Mono12Packed", 2, 1).tolist()
    [[2737, 3282]]
    >>> unpacked(np.array([0xAB, 0x21, 0xCD], np.uint8), "Mono12p", 2, 1).tolist()
    [[427, 3282]]
    """
    channels = channels_of(pixel_format)
    row_codes = width_px * channels
    memory_bits = (PIXEL_FORMAT_VALUES[pixel_format] >> 16 & 0xFF) // channels
    if padding:
        row_bytes = (row_codes * memory_bits + 7) // 8
        rows = memory[: height_px * (row_bytes + padding)].reshape(height_px, -1)[:, :row_bytes]
        codes = np.stack([_unpacked_run(row, pixel_format, memory_bits, row_codes) for row in rows])
    else:
        codes = _unpacked_run(memory, pixel_format, memory_bits, row_codes * height_px)
    shape = (height_px, width_px, 3) if channels == 3 else (height_px, width_px)
    return codes.reshape(shape)


def _unpacked_run(
    memory: NDArray[np.uint8], pixel_format: str, memory_bits: int, count: int
) -> NDArray[np.uint16]:
    memory = memory[: (count * memory_bits + 7) // 8]
    if memory_bits == 8:
        return memory.astype(np.uint16)
    if memory_bits == 16:
        return np.frombuffer(memory.tobytes(), "<u2").astype(np.uint16)
    if pixel_format.endswith("Packed"):
        whole = np.zeros((count + 1) // 2 * 3, np.uint8)
        whole[: memory.size] = memory
        first, low, second = whole.reshape(-1, 3).astype(np.uint16).T
        low_bits = bits_of(pixel_format) - 8
        mask = (1 << low_bits) - 1
        pairs = (first << low_bits | low & mask, second << low_bits | low >> 4 & mask)
        return np.stack(pairs, axis=1).reshape(-1)[:count]
    bits = np.unpackbits(memory, bitorder="little")[: count * memory_bits]
    places = (1 << np.arange(memory_bits)).astype(np.uint16)
    codes: NDArray[np.uint16] = (bits.reshape(count, memory_bits) * places).sum(1, np.uint16)
    return codes
