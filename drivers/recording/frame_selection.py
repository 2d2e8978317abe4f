"""Frame ranges as an operator writes them: ``A:B``, counted from 0, without B."""

import re

from drivers.errors import InstrumentError


def frame_range(text: str, frames: int) -> range:
    """The selected ones of ``frames`` frames; ``A:``, ``:B``, ``-N:`` and ``:`` work too.

    Raises :class:`InstrumentError` for a text that is no range, or an empty range.

    >>> frame_range("100:400", 250)
    range(100, 250)
    >>> frame_range("-10:", 250)
    range(240, 250)
    """
    match = re.fullmatch(r"(-?\d*):(-?\d*)", text)
    if match is None or "-" in match.groups():
        raise InstrumentError(
            f"frames {text!r} is no choice of frames; give FIRST:END, counted from 0, such as "
            "100:400"
        )
    first, end = (int(part) if part else None for part in match.groups())
    if not frames:
        raise InstrumentError("the recording holds no frames; ngs info tells how it ended")
    chosen = range(frames)[first:end]
    if not chosen:
        raise InstrumentError(f"frames {text} are none of the {frames} frames there are")
    return chosen
