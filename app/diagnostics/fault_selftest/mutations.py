"""Damage to the content of a file: to its bytes, or to what they mean.

Each function takes content and a generator of random numbers and gives the name of what was
done, and the content after. The same generator gives the same.
"""

import json
import random
import struct
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

Mutation: TypeAlias = Callable[[bytes, random.Random], tuple[str, bytes]]

_INTERESTING = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF)
_WIDE = (*_INTERESTING, 1 << 40, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)
_NESTED = (100, 3000, 1_000_000)
_MOST_GROWTH = 4


def _flipped(content: bytes, rng: random.Random) -> tuple[str, bytes]:
    changed = bytearray(content)
    bits = rng.sample(range(8 * len(content)), min(rng.choice((1, 1, 3, 40)), 8 * len(content)))
    for bit in bits:
        changed[bit // 8] ^= 1 << bit % 8
    return f"{len(bits)} bits flipped, first in byte {bits[0] // 8}", bytes(changed)


def _cut(content: bytes, rng: random.Random) -> tuple[str, bytes]:
    end = rng.choice((0, 1, rng.randrange(len(content)), rng.randrange(len(content))))
    return f"cut after {end} bytes", content[:end]


def _block(content: bytes, rng: random.Random) -> tuple[int, int]:
    first = rng.randrange(len(content))
    return first, min(len(content), first + rng.choice((1, 4, 16, 200, len(content))))


def _removed(content: bytes, rng: random.Random) -> tuple[str, bytes]:
    first, last = _block(content, rng)
    return f"bytes {first} to {last} removed", content[:first] + content[last:]


def _doubled(content: bytes, rng: random.Random) -> tuple[str, bytes]:
    first, last = _block(content, rng)
    times = rng.choice((1, 2, _MOST_GROWTH))
    block = content[first:last] * times
    return f"bytes {first} to {last} repeated {times} times", content[:first] + block + content[
        first:
    ]


def _overwritten(content: bytes, rng: random.Random) -> tuple[str, bytes]:
    first, last = _block(content, rng)
    name, block = rng.choice(
        (
            ("zeros", bytes(last - first)),
            ("ones", b"\xff" * (last - first)),
            ("noise", rng.randbytes(last - first)),
        )
    )
    return f"{name} in bytes {first} to {last}", content[:first] + block + content[last:]


def _inserted(content: bytes, rng: random.Random) -> tuple[str, bytes]:
    place, count = rng.randrange(len(content) + 1), rng.choice((1, 4, 100, 5000))
    return (
        f"{count} bytes inserted before byte {place}",
        content[:place] + rng.randbytes(count) + content[place:],
    )


def _number_put(content: bytes, rng: random.Random) -> tuple[str, bytes]:
    """A number that programs trip over, most often near the head, where lengths lie."""
    size = rng.choice((1, 2, 4, 8))
    ends = max(1, len(content) - size)
    place = rng.randrange(min(ends, rng.choice((64, 256, ends))))
    order = rng.choice(("little", "big"))
    value = rng.choice(_WIDE) & ((1 << 8 * size) - 1)
    put = value.to_bytes(size, "little" if order == "little" else "big")
    return (
        f"{value} in {size} bytes, {order} endian, at byte {place}",
        content[:place] + put + content[place + size :],
    )


def _emptied(content: bytes, rng: random.Random) -> tuple[str, bytes]:
    return "empty", b""


def _not_utf8(content: bytes, rng: random.Random) -> tuple[str, bytes]:
    place = rng.randrange(len(content))
    strange = rng.choice((b"\xff\xfe", b"\x00", b"\xed\xa0\x80", b"\x1b[31m", b"\r\n", b"\xc3"))
    return f"{strange!r} at byte {place}", content[:place] + strange + content[place + 1 :]


def _utf16(content: bytes, rng: random.Random) -> tuple[str, bytes]:
    return "in UTF-16", content.decode("latin-1").encode("utf-16")


BYTES: tuple[Mutation, ...] = (
    *(_flipped, _flipped, _cut, _removed, _doubled, _overwritten, _inserted),
    *(_number_put, _number_put, _emptied, _not_utf8, _utf16),
)
"""For any file."""


class _Verbatim(float):
    """A number that is written to JSON as this text."""

    def __new__(cls, text: str) -> "_Verbatim":
        made = super().__new__(cls, 0.5)
        made.text = text
        return made

    text: str

    def __repr__(self) -> str:
        return self.text


def _strange_value(rng: random.Random) -> Any:
    return rng.choice(
        (
            *(None, True, False, 0, -1, 1, 2, 1 << 31, 1 << 63, 1 << 64, 10**18, -(10**18), 0.5),
            *(1e-308, 1e308, -1e308),
            *(_Verbatim(text) for text in ("NaN", "Infinity", "-Infinity", "1e999", "-0.0")),
            *(_Verbatim("9" * digits) for digits in (40, 5000)),
            *(
                "",
                "x",
                "..",
                "../../outside",
                "/etc/passwd",
                "/dev/zero",
                "\0",
                "a\nb",
                "\x1b[31mred",
            ),
            *("\ud800", "\u202egnp", "x" * 100_000, "1", "true", "Mono8", "RGB16", "BayerRG12p"),
            *([], {}, [[]], {"x": 1}, [0] * 5, list(range(300))),
        )
    )


def _places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if at:
        yield at
    if isinstance(value, dict | list):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _places(part, (*at, key))


def _json_changed(value: Any, rng: random.Random) -> tuple[str, str]:
    """Text of the value with one part of it changed; where there is none, of another value."""
    places = list(_places(value))
    if not places:
        return "another value", json.dumps(_strange_value(rng))
    where = rng.choice(places)
    holder = value
    for key in where[:-1]:
        holder = holder[key]
    last = where[-1]
    name = ".".join(str(key) for key in where)
    match rng.randrange(9):
        case 0 | 1 | 2 | 3:
            holder[last] = _strange_value(rng)
            return f"{name} = {holder[last]!r:.40}", json.dumps(value)
        case 4:
            del holder[last]
            return f"{name} left out", json.dumps(value)
        case 5:
            if isinstance(holder, dict):
                strange = rng.choice(("\x1b[2J", "a\nb", "..", "/etc", "x" * 70_000, "__class__"))
                holder[strange] = holder.pop(last) if rng.random() < 0.5 else holder[last]
                return f"{name} also as {strange!r:.20}", json.dumps(value)
            holder.extend(holder * 300)
            return f"what holds {name} 301 times as long", json.dumps(value)
        case 6:
            other = rng.choice(places)
            at = value
            for key in other:
                at = at[key]
            copied = json.loads(json.dumps(at))
            holder[last] = copied
            return f"{name} as another part", json.dumps(value)
        case 7:
            deep = rng.choice(_NESTED)
            begin, end = rng.choice((("[", "]"), ('{"a":', "}")))
            holder[last] = "\ue000"
            nested = begin * deep + "0" + end * deep
            return f"{name} nested {deep} times", json.dumps(value).replace('"\\ue000"', nested)
        case _:
            number = holder[last]
            if isinstance(number, int | float) and not isinstance(number, bool):
                factor = rng.choice((-1, 0, 2, 1000, 10**6, 10**12))
                holder[last] = number * factor
                return f"{name} times {factor}", json.dumps(value)
            holder[last] = [number]
            return f"{name} in a list", json.dumps(value)


def json_mutation(content: bytes, rng: random.Random) -> tuple[str, bytes]:
    """One part of a JSON document changed."""
    name, text = _json_changed(json.loads(content), rng)
    return name, text.encode()


def json_lines_mutation(content: bytes, rng: random.Random) -> tuple[str, bytes]:
    """One line of JSON lines changed, lost, doubled or moved."""
    lines = content.splitlines(keepends=True)
    number, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    match rng.randrange(6):
        case 0:
            lines.insert(other, lines[number])
            name = f"line {number + 1} again before line {other + 1}"
        case 1:
            lines[number], lines[other] = lines[other], lines[number]
            name = f"lines {number + 1} and {other + 1} exchanged"
        case 2:
            del lines[number]
            name = f"line {number + 1} left out"
        case _:
            told, text = _json_changed(json.loads(lines[number]), rng)
            lines[number] = text.encode() + b"\n"
            name = f"line {number + 1}: {told}"
    return name, b"".join(lines)


def safetensors_mutation(content: bytes, rng: random.Random) -> tuple[str, bytes]:
    """The header of a safetensors file changed, its length with it; or the length alone."""
    (size,) = struct.unpack("<Q", content[:8])
    if rng.random() < 0.15:
        told = rng.choice(_WIDE)
        return f"header of {told} bytes", struct.pack("<Q", told) + content[8:]
    header = json.loads(content[8 : 8 + size])
    inner = header.get("__metadata__", {}).get("ngs")
    if inner is not None and rng.random() < 0.6:
        name, header["__metadata__"]["ngs"] = _json_changed(json.loads(inner), rng)
        text = json.dumps(header)
    else:
        name, text = _json_changed(header, rng)
    encoded = text.encode()
    return f"header: {name}", struct.pack("<Q", len(encoded)) + encoded + content[8 + size :]
