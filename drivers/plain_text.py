"""Text from outside, such as names and notes, made safe for a terminal and for files in UTF-8.

Characters that a terminal obeys, that turn the direction of text, or that are no text at all
are written as escapes: one sees what is there, and nothing acts.
"""

import re

_UNDECODABLE = "\ud800-\udfff"
"""What Python makes of bytes in file names that are not UTF-8."""
_DIRECTIONS = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"

_NOT_IN_A_LINE = re.compile(f"[\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029{_DIRECTIONS}{_UNDECODABLE}]")
_NOT_IN_LINES = re.compile(
    f"[\\x00-\\x09\\x0b-\\x1f\\x7f-\\x9f\\u2028\\u2029{_DIRECTIONS}{_UNDECODABLE}]"
)
_NOT_IN_UTF8 = re.compile(f"[{_UNDECODABLE}]")

_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def one_line(text: object) -> str:
    r"""``text`` as one line that is printed as it is.

    >>> print(one_line("dark\n\x1b[31mred\udcff"))
    dark\n\x1b[31mred\xff
    """
    return _NOT_IN_A_LINE.sub(_escape, str(text))


def lines(text: object) -> str:
    r"""As :func:`one_line`, but line breaks stay.

    >>> print(lines("one\ntwo\r"))
    one
    two\r
    """
    return _NOT_IN_LINES.sub(_escape, str(text))


def utf8(text: object) -> str:
    r"""``text`` with only that escaped which UTF-8 cannot hold.

    >>> utf8("caf\udce9\n")
    'caf\\xe9\n'
    """
    return _NOT_IN_UTF8.sub(_escape, str(text))


def json_escapes(document: str) -> str:
    r"""A JSON document, the same to programs, in which a terminal finds nothing to obey.

    >>> print(json_escapes('"\x9b31m"'))
    "\u009b31m"
    """
    return _NOT_IN_LINES.sub(lambda found: f"\\u{ord(found.group()):04x}", document)


def _escape(found: re.Match[str]) -> str:
    character = found.group()
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        code -= 0xDC00  # the byte that it stands for
    return _NAMED.get(character) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")
