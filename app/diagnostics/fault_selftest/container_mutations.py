"""Damage to files made of parts with lengths, where only a part that fits is looked into.

As :mod:`app.diagnostics.fault_selftest.mutations`; lengths and checksums are made to fit again,
so that what is damaged comes to be read.
"""

import io
import json
import random
import re
import struct
import zipfile
import zlib

from app.diagnostics.fault_selftest.mutations import (
    Mutation,
    json_lines_mutation,
    json_mutation,
    safetensors_mutation,
)

_LARGE = (1, 2, 255, 4096, 60_000, 65_535, 1 << 20, (1 << 31) - 1, 1 << 31, (1 << 32) - 1)
_BOMB_BYTES = 3 << 30
_PNG_SIGNATURE = 8


def png_chunk(kind: bytes, content: bytes) -> bytes:
    """A chunk with its length and checksum (PNG specification, section 5.3)."""
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def deflate_bomb(size: int) -> bytes:
    """A zlib stream that claims nothing and unpacks to ``size`` zeros, at a thousandth."""
    block = 1 << 20
    packer = zlib.compressobj(9)
    head = packer.compress(bytes(block)) + packer.flush(zlib.Z_FULL_FLUSH)
    again = packer.compress(bytes(block)) + packer.flush(zlib.Z_FULL_FLUSH)
    return head + again * (size // block - 1) + packer.flush()


def png_mutation(content: bytes, rng: random.Random) -> tuple[str, bytes]:
    """A chunk changed, doubled, lost or moved; often the size that the header claims."""
    chunks = _png_chunks(content)
    number = rng.randrange(len(chunks))
    kind, data = chunks[number]
    match rng.randrange(8):
        case 0 | 1:
            columns, rows = rng.choice(_LARGE), rng.choice(_LARGE)
            chunks[0] = (b"IHDR", struct.pack(">II", columns, rows) + chunks[0][1][8:])
            name = f"claims {columns} x {rows} px"
        case 2:
            place = rng.randrange(8, 13)
            changed = bytearray(chunks[0][1])
            changed[place] = rng.choice((0, 1, 2, 3, 4, 6, 8, 16, 255))
            chunks[0] = (b"IHDR", bytes(changed))
            name = f"byte {place} of its header {changed[place]}"
        case 3:
            side = rng.choice((20_000, 32_000))
            bits = rng.choice((8, 16))
            header = struct.pack(">IIBBBBB", side, side, bits, rng.choice((0, 2, 6)), 0, 0, 0)
            chunks = [(b"IHDR", header), (b"IDAT", deflate_bomb(_BOMB_BYTES)), (b"IEND", b"")]
            name = f"really {side} x {side} px"
        case 4:
            chunks.insert(1, (b"zTXt", b"Comment\0\0" + deflate_bomb(_BOMB_BYTES)))
            name = "a comment of 3 GB"
        case 5:
            del chunks[number]
            name = f"{kind!r} left out"
        case 6:
            chunks.insert(rng.randrange(len(chunks)), (kind, data))
            name = f"{kind!r} twice"
        case _:
            changed = bytearray(data or b"\0")
            changed[rng.randrange(len(changed))] = rng.randrange(256)
            chunks[number] = (kind, bytes(changed))
            name = f"a byte of {kind!r} changed"
    return name, content[:_PNG_SIGNATURE] + b"".join(png_chunk(*each) for each in chunks)


def _png_chunks(content: bytes) -> list[tuple[bytes, bytes]]:
    place, chunks = _PNG_SIGNATURE, []
    while place + 8 <= len(content):
        (size,) = struct.unpack_from(">I", content, place)
        chunks.append((content[place + 4 : place + 8], content[place + 8 : place + 8 + size]))
        place += 12 + size
    return chunks


def tiff_mutation(content: bytes, rng: random.Random) -> tuple[str, bytes]:
    """Type, count or value of one tag changed (TIFF 6.0, section 2)."""
    order = "<" if content[:2] == b"II" else ">"
    (first,) = struct.unpack_from(f"{order}I", content, 4)
    (count,) = struct.unpack_from(f"{order}H", content, first)
    number = rng.randrange(count)
    place = first + 2 + 12 * number
    (tag,) = struct.unpack_from(f"{order}H", content, place)
    part, offset, form = rng.choice((("type", 2, "H"), ("count", 4, "I"), ("value", 8, "I")))
    value = rng.choice((*_LARGE, 0, 3, 8, 16, 32, 64)) & (0xFFFF if form == "H" else 0xFFFF_FFFF)
    if part == "value" and rng.random() < 0.5:
        form, value = "H", value & 0xFFFF
    changed = bytearray(content)
    struct.pack_into(f"{order}{form}", changed, place + offset, value)
    return f"{part} of tag {tag} is {value}", bytes(changed)


def boxes_mutation(content: bytes, rng: random.Random) -> tuple[str, bytes]:
    """Length or a number of one box changed (ISO 14496-12, section 4.2)."""
    found = [match.start() - 4 for match in re.finditer(rb"[a-z][a-z0-9]{3}", content)]
    known = (b"mvhd", b"tkhd", b"mdhd", b"stsd", b"stts", b"stsc", b"stsz", b"stco", b"trak")
    boxes = [place for place in found if place >= 0 and content[place + 4 : place + 8] in known]
    place = rng.choice(boxes or [0])
    kind = content[place + 4 : place + 8]
    offset = 0 if rng.random() < 0.3 else 8 + 4 * rng.randrange(24)
    value = rng.choice((*_LARGE, 0, 16, 24))
    changed = bytearray(content)
    if place + offset + 4 <= len(changed):
        struct.pack_into(">I", changed, place + offset, value)
    return f"{value} at byte {offset} of {kind!r}", bytes(changed)


def zip_mutation(content: bytes, rng: random.Random) -> tuple[str, bytes]:
    """A member changed, renamed, lost, doubled, or grown to 3 GB of zeros."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
        packing = archive.infolist()[0].compress_type
    names = list(members)
    chosen = rng.choice(names)
    match rng.randrange(5):
        case 0:
            packed = _with_bomb(members, chosen)
            return f"{chosen} has 3 GB", packed
        case 1:
            strange = rng.choice(("../../outside", "/tmp/outside", "a\nb", "\x1b[2J", "x" * 60_000))
            members[strange] = members.pop(chosen)
            name = f"{chosen} is called {strange!r:.20}"
        case 2:
            del members[chosen]
            name = f"{chosen} left out"
        case 3:
            members[chosen] = rng.choice((b"", b"\xff\xfe", b"[" * 1_000_000, b"{}", b"null"))
            name = f"{chosen} is {members[chosen][:8]!r}"
        case _:
            data = members[chosen]
            place = rng.randrange(max(1, len(data)))
            members[chosen] = data[:place] + rng.randbytes(3) + data[place + 3 :]
            name = f"3 bytes of {chosen} changed at {place}"
    packed_to = io.BytesIO()
    with zipfile.ZipFile(packed_to, "w", packing) as archive:
        for each, data in members.items():
            archive.writestr(each, data)
    return name, packed_to.getvalue()


def _with_bomb(members: dict[str, bytes], chosen: str) -> bytes:
    """A zip in which one member unpacks to gigabytes, made without unpacking them."""
    packed_to = io.BytesIO()
    with zipfile.ZipFile(packed_to, "w", zipfile.ZIP_DEFLATED) as archive:
        for each, data in members.items():
            if each != chosen:
                archive.writestr(each, data)
    zlib_stream = deflate_bomb(_BOMB_BYTES)
    raw = zlib_stream[2:]
    name = chosen.encode()
    rest = packed_to.getvalue()
    end = rest.rindex(b"PK\5\6")
    directory_size, directory_at = struct.unpack_from("<II", rest, end + 12)
    (count,) = struct.unpack_from("<H", rest, end + 10)
    fields = struct.pack(
        "<HHHHHIIIHH", 20, 0, zipfile.ZIP_DEFLATED, 0, 0, 0, len(raw), _BOMB_BYTES, len(name), 0
    )
    local = b"PK\3\4" + fields + name + raw
    central = (
        b"PK\1\2"
        + struct.pack("<H", 20)
        + fields
        + struct.pack("<HHHII", 0, 0, 0, 0, directory_at)
        + name
    )
    directory = rest[directory_at : directory_at + directory_size] + central
    tail = b"PK\5\6" + struct.pack(
        *("<HHHHIIH", 0, 0, count + 1, count + 1, len(directory), directory_at + len(local), 0)
    )
    return rest[:directory_at] + local + directory + tail


def xml_mutation(content: bytes, rng: random.Random) -> tuple[str, bytes]:
    """An element lost, doubled, nested or left open, a text or an attribute changed."""
    text = content.decode()
    spans = [match.span() for match in re.finditer(r"<(\w+)[^<>]*>[^<>]*</\1>", text)]
    values = [match.span(1) for match in re.finditer(r'(?:>|=")([^<>"]+)(?=<|")', text)]
    first, last = rng.choice(spans or [(0, len(text))])
    begin, end = rng.choice(values or [(0, len(text))])
    match rng.randrange(8):
        case 0:
            return f"{text[first:last]!r:.40} left out", (text[:first] + text[last:]).encode()
        case 1:
            doubled = text[:last] + text[first:last] * rng.choice((1, 3000)) + text[last:]
            return f"{text[first:last]!r:.40} repeated", doubled.encode()
        case 2:
            deep = rng.choice((1000, 100_000))
            nested = '<Group Comment="x">' * deep + "</Group>" * deep
            return f"groups {deep} deep", (text[:first] + nested + text[first:]).encode()
        case 3:
            entities = '<!ENTITY e0 "aaaaaaaaaa">' + "".join(
                f'<!ENTITY e{number} "{f"&e{number - 1};" * 10}">' for number in range(1, 10)
            )
            head = f"<!DOCTYPE x [{entities}]>"
            place = text.find("<", 2 if text.startswith("<?") else 0)
            bomb = text[:place] + head + text[place:begin] + "&e9;" + text[end:]
            return "entities that grow a thousand million times", bomb.encode()
        case 4:
            outside = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///dev/zero">]>'
            place = text.find("<", 2 if text.startswith("<?") else 0)
            return "an entity outside", (
                text[:place] + outside + text[place:begin] + "&e;" + text[end:]
            ).encode()
        case 5:
            other = rng.choice(values or [(0, 0)])
            swapped = text[:begin] + text[slice(*other)] + text[end:]
            return f"{text[slice(*other)]!r:.20} for {text[begin:end]!r:.20}", swapped.encode()
        case _:
            strange = rng.choice(
                ("", "-1", "9" * 400, "0xFFFFFFFFFFFFFFFF", "NaN", "(1/0)", "x" * 50_000, "&#10;")
            )
            changed = text[:begin] + strange + text[end:]
            return f"{strange!r:.20} for {text[begin:end]!r:.20}", changed.encode()


def meanings_of(content: bytes) -> tuple[Mutation, ...]:
    """The damage that fits what a file is, by its content; none for what is not known."""
    if content.startswith(b"\x89PNG"):
        return (png_mutation,)
    if content[:4] in (b"II*\0", b"MM\0*"):
        return (tiff_mutation,)
    if content.startswith(b"PK\3\4"):
        return (zip_mutation,)
    if content[4:8] == b"ftyp":
        return (boxes_mutation,)
    if content.startswith(b"<?xml"):
        return (xml_mutation,)
    if content[8:9] == b"{" and _is_json(content[8 : 8 + int.from_bytes(content[:8], "little")]):
        return (safetensors_mutation,)
    if _is_json(content):
        return (json_mutation,)
    lines = content.splitlines()
    return (json_lines_mutation,) if all(map(_is_json, lines)) and lines else ()


def _is_json(content: bytes) -> bool:
    try:
        return isinstance(json.loads(content), dict)
    except ValueError:
        return False
