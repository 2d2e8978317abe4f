"""Pixel formats: what a camera packed is what a frame slot holds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.errors import InstrumentError
from drivers.pixel_format import PIXEL_FORMATS, PixelFormat, copy_pixels, pixel_format


def pack(codes: np.ndarray, known: PixelFormat) -> np.ndarray:
    """Codes as a camera sends them.

    Written bit by bit from the conventions' texts, independently of the unpackers.
    """
    if known.name == "BGR8":
        codes = codes[..., ::-1]
    if known.name.endswith("Packed"):
        return pack_as_gige_vision(codes.reshape(-1), known.bits)
    bits = (codes.reshape(-1, 1).astype(np.uint32) >> np.arange(known.bits_in_memory)) & 1
    return np.packbits(bits.astype(np.uint8).reshape(-1), bitorder="little")


def pack_as_gige_vision(codes: np.ndarray, bits: int) -> np.ndarray:
    """Bits of each pair: A's upper eight, then A's rest and B's rest, then B's upper eight."""
    sent = []
    for number in range(0, len(codes), 2):
        pair = [*codes[number : number + 2].tolist(), 0][:2]
        upper = [f"{code:0{bits}b}"[:8] for code in pair]
        rest = [f"{code:0{bits}b}"[8:].rjust(4, "0") for code in pair]
        sent += [int(upper[0], 2), int(rest[1] + rest[0], 2), int(upper[1], 2)]
    return np.array(sent, np.uint8)[: (len(codes) * 12 + 7) // 8]


def frame_of(name: str, rows: int, columns: int, seed: int) -> tuple[PixelFormat, np.ndarray]:
    known = PIXEL_FORMATS[name]
    shape = (rows, columns) if known.channels == 1 else (rows, columns, 3)
    codes = np.random.default_rng(seed).integers(0, known.maximum_dn + 1, shape)
    return known, codes.astype(known.dtype)


formats = st.sampled_from(sorted(PIXEL_FORMATS))
sizes = st.integers(1, 23)


@given(name=formats, rows=sizes, columns=sizes, seed=st.integers(0, 9))
@settings(deadline=None)
def test_round_trip_of_every_format_and_size(name: str, rows: int, columns: int, seed: int) -> None:
    known, codes = frame_of(name, rows, columns, seed)
    buffer = pack(codes, known)
    assert buffer.size == known.frame_bytes(columns, rows)
    into = np.zeros_like(codes)
    copy_pixels(np.concatenate([buffer, np.full(64, 0xEE, np.uint8)]), known, into)
    np.testing.assert_array_equal(into, codes)


@given(name=formats, rows=sizes, columns=sizes, padding=st.integers(1, 17), seed=st.integers(0, 9))
@settings(deadline=None)
def test_line_padding_is_dropped(
    name: str, rows: int, columns: int, padding: int, seed: int
) -> None:
    known, codes = frame_of(name, rows, columns, seed)
    lines = [pack(row, known) for row in codes]
    rubbish = np.full(padding, 0xAB, np.uint8)
    buffer = np.concatenate([part for line in lines for part in (line, rubbish)])
    into = np.zeros_like(codes)
    copy_pixels(buffer, known, into, padding_bytes=padding)
    np.testing.assert_array_equal(into, codes)


@pytest.mark.parametrize(
    "name", ["Mono8", "Mono12", "Mono12p", "Mono10p", "Mono10Packed", "RGB8", "BGR8"]
)
def test_a_short_buffer_is_no_picture(name: str) -> None:
    known, codes = frame_of(name, 6, 8, 0)
    buffer = pack(codes, known)
    with pytest.raises(ValueError, match="shorter"):
        copy_pixels(buffer[:-1], known, np.zeros_like(codes))


def test_unknown_format_names_the_known_ones() -> None:
    with pytest.raises(InstrumentError, match=r"Mono99 cannot be read.*Mono12p"):
        pixel_format("Mono99")


def test_codes_fit_their_bits() -> None:
    assert PIXEL_FORMATS["Mono12"].maximum_dn == 4095
    assert PIXEL_FORMATS["Mono12"].dtype == np.uint16
    assert PIXEL_FORMATS["BayerRG8"].is_colour
    assert PIXEL_FORMATS["Mono10p"].is_packed
    assert not PIXEL_FORMATS["Mono16"].is_packed


def test_packed_codes_of_gige_vision_lie_as_its_text_shows_them() -> None:
    """The example of the standard: upper bits first, the rest of both between them."""
    sent = np.array([0xAB, 0xDC, 0xEF], np.uint8)
    into = np.zeros((1, 2), np.uint16)
    copy_pixels(sent, PIXEL_FORMATS["Mono12Packed"], into)
    assert [hex(code) for code in into[0]] == ["0xabc", "0xefd"]
    copy_pixels(np.array([0xFF, 0b0001_0010, 0x00], np.uint8), PIXEL_FORMATS["Mono10Packed"], into)
    assert into[0].tolist() == [0b11_1111_1110, 0b01]


def test_blue_first_becomes_red_first() -> None:
    into = np.zeros((1, 1, 3), np.uint8)
    copy_pixels(np.array([3, 2, 1], np.uint8), PIXEL_FORMATS["BGR8"], into)
    assert into[0, 0].tolist() == [1, 2, 3]
