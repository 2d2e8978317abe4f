"""The size that a picture file claims, read from its first bytes, before memory is asked for.

Sources: PNG specification, 11.2.2; JPEG, ITU-T T.81, B.2.2; TIFF 6.0, section 2, and BigTIFF;
BMP, BITMAPINFOHEADER; netpbm, ppm(5).
"""

import re
import struct
from typing import TypeAlias

SizePx: TypeAlias = tuple[int, int]
"""Columns and rows."""

_PNG = b"\x89PNG\r\n\x1a\n"
_WIDTH, _LENGTH = 256, 257
_TIFF_FORMS = {1: "B", 3: "H", 4: "I", 16: "Q"}
_FRAME_MARKERS = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_ALONE = {0x01, *range(0xD0, 0xD9)}
"""JPEG markers without a length."""
_NETPBM = re.compile(rb"P[1-7](?:\s+|#[^\n]*\n)+(\d{1,9})(?:\s+|#[^\n]*\n)+(\d{1,9})\s")
_PAM = re.compile(rb"P7\n(?:.*\n)*?WIDTH (\d{1,9})\n(?:.*\n)*?HEIGHT (\d{1,9})\n")


def claimed_size_px(content: bytes) -> SizePx | None:
    """Columns and rows; None for another format, or where no size is told.

    >>> claimed_size_px(b"P5 640 480 255 ")
    (640, 480)
    """
    try:
        if content.startswith(_PNG):
            columns, rows = struct.unpack_from(">II", content, 16)
            return columns, rows
        if content.startswith(b"\xff\xd8"):
            return _of_jpeg(content)
        if content[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
            return _of_tiff(content)
        if content.startswith(b"BM"):
            columns, rows = struct.unpack_from("<ii", content, 18)
            return abs(columns), abs(rows)
    except (struct.error, OverflowError):
        return None  # cut short, or it leads beyond its end
    match = _PAM.match(content[:1024]) or _NETPBM.match(content[:1024])
    return None if match is None else (int(match[1]), int(match[2]))


def is_cut_short(content: bytes) -> bool:
    """Whether a PNG names parts beyond its end: OpenCV takes memory for all that they claim."""
    place = len(_PNG)
    while content.startswith(_PNG) and place + 8 <= len(content):
        (length,) = struct.unpack_from(">I", content, place)
        place += 12 + length  # with its kind and checksum (PNG specification, 5.3)
        if place > len(content):
            return True
    return False


def _of_jpeg(content: bytes) -> SizePx | None:
    place = 2
    while place + 4 <= len(content):
        if content[place] != 0xFF:
            return None
        marker = content[place + 1]
        if marker in _ALONE or marker == 0xFF:
            place += 1 if marker == 0xFF else 2
        elif marker in _FRAME_MARKERS:
            rows, columns = struct.unpack_from(">HH", content, place + 5)
            return columns, rows
        else:
            place += 2 + struct.unpack_from(">H", content, place + 2)[0]
    return None


def _of_tiff(content: bytes) -> SizePx | None:
    """Of the first page, which is the one that is read."""
    order = "<" if content[:2] == b"II" else ">"
    big = content[2:4] in (b"+\0", b"\0+")
    (first,) = struct.unpack_from(f"{order}{'Q' if big else 'I'}", content, 8 if big else 4)
    (tags,) = struct.unpack_from(f"{order}{'Q' if big else 'H'}", content, first)
    entry, value_at = (20, 12) if big else (12, 8)
    found: dict[int, int] = {}
    for number in range(min(tags, 1000)):
        place = first + (8 if big else 2) + entry * number
        tag, kind = struct.unpack_from(f"{order}HH", content, place)
        if tag in (_WIDTH, _LENGTH) and kind in _TIFF_FORMS:
            (found[tag],) = struct.unpack_from(order + _TIFF_FORMS[kind], content, place + value_at)
    return (found[_WIDTH], found[_LENGTH]) if found.keys() == {_WIDTH, _LENGTH} else None
