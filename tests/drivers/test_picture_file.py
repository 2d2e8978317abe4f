"""Pictures: the size they claim is looked at before memory is taken."""

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.diagnostics.fault_selftest.container_mutations import png_chunk
from drivers.errors import InstrumentError
from drivers.picture_file import MOST_PX, read_picture
from drivers.picture_size import claimed_size_px, is_cut_short

SUFFIXES = (".png", ".jpg", ".tif", ".bmp", ".pgm")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_size_is_that_of_the_picture(suffix: str, dtype: type) -> None:
    written, content = cv2.imencode(suffix, np.zeros((7, 300), dtype))
    if written:
        assert claimed_size_px(content.tobytes()) == (300, 7)


@pytest.mark.parametrize("kind", [b"II+\0", b"MM\0+"])
def test_the_size_of_a_big_tiff(kind: bytes) -> None:
    order = "<" if kind.startswith(b"I") else ">"
    tags = struct.pack(f"{order}QHHQQHHQQ", 2, 256, 4, 1, 0, 257, 4, 1, 0)
    head = kind + struct.pack(f"{order}HHQ", 8, 0, 16)
    content = bytearray(head + tags)
    struct.pack_into(f"{order}I", content, 16 + 8 + 12, 70_000)
    struct.pack_into(f"{order}I", content, 16 + 8 + 20 + 12, 80_000)
    assert claimed_size_px(bytes(content)) == (70_000, 80_000)


@given(
    head=st.sampled_from(
        [b"", b"\x89PNG", b"\xff\xd8\xff", b"II*\0", b"MM\0+", b"BM", b"P5 ", b"P7\n"]
    ),
    rest=st.binary(max_size=200),
)
def test_any_content_has_a_size_or_none(head: bytes, rest: bytes) -> None:
    size = claimed_size_px(head + rest)
    assert size is None or min(size) >= 0


def claiming(columns: int, rows: int) -> bytes:
    header = struct.pack(">IIBBBBB", columns, rows, 16, 6, 0, 0, 0)
    data = zlib.compress(bytes(1000))
    chunks = ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*each) for each in chunks)


@pytest.mark.parametrize(
    ("columns", "rows"), [(60_000, 60_000), (32_000, 32_000), (MOST_PX + 1, 1)]
)
def test_a_size_beyond_every_sensor_is_refused(tmp_path: Path, columns: int, rows: int) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(claiming(columns, rows))
    with pytest.raises(InstrumentError, match=rf"bomb\.png claims {columns} x {rows} px"):
        read_picture(path, cv2.IMREAD_UNCHANGED)


def test_parts_that_claim_gigabytes_are_not_asked_for(tmp_path: Path) -> None:
    whole = claiming(8, 8)
    place = whole.index(b"IDAT") - 4
    assert not is_cut_short(whole)
    claims = whole[:place] + struct.pack(">I", 0x7FFF_FFFF) + whole[place + 4 :]
    assert is_cut_short(claims)
    path = tmp_path / "a.png"
    path.write_bytes(claims)
    assert read_picture(path, cv2.IMREAD_UNCHANGED) is None


@pytest.mark.parametrize("content", [b"", b"nonsense", claiming(2_000_000, 1), claiming(0, 1)])
def test_what_opencv_refuses_is_no_picture(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(content)
    assert read_picture(path, cv2.IMREAD_UNCHANGED) is None
