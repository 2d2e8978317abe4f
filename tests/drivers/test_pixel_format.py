"""Pixel formats: what a camera packed is what a frame slot holds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.errors import InstrumentError
from drivers.pixel_format import PIXEL_FORMATS, PixelFormat, copy_pixels, pixel_format


def pack(codes: np.ndarray, bits_in_memory: int) -> np.ndarray:
    """Codes as PFNC lays them down: least significant bit first, one after another.

    Written bit by bit from the convention's text, independently of the unpackers.
    """
    bits = (codes.reshape(-1, 1).astype(np.uint32) >> np.arange(bits_in_memory)) & 1
    return np.packbits(bits.astype(np.uint8).reshape(-1), bitorder="little")


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
    buffer = pack(codes, known.bits_in_memory)
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
    lines = [pack(row, known.bits_in_memory) for row in codes]
    rubbish = np.full(padding, 0xAB, np.uint8)
    buffer = np.concatenate([part for line in lines for part in (line, rubbish)])
    into = np.zeros_like(codes)
    copy_pixels(buffer, known, into, padding_bytes=padding)
    np.testing.assert_array_equal(into, codes)


@pytest.mark.parametrize("name", ["Mono8", "Mono12", "Mono12p", "Mono10p", "RGB8"])
def test_a_short_buffer_is_no_picture(name: str) -> None:
    known, codes = frame_of(name, 6, 8, 0)
    buffer = pack(codes, known.bits_in_memory)
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
