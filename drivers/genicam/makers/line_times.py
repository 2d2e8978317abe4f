"""Line times that makers print in their manuals, by model and pixel format.

The figures, each with its source, are in ``line_times.json`` beside this module. They hold
for the whole picture, every row read by itself: not with binning or decimation.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_ROWS_SKIPPED_OR_MERGED = ("BinningVertical", "DecimationVertical")


@dataclass(frozen=True, slots=True)
class PrintedLineTime:
    """What a manual says of some models.

    ``models`` and the keys of ``line_time_us`` are patterns of a model's name and of a PFNC
    pixel format. ``overhead_us`` is the time that readout takes beside that of the rows in
    global reset, None where the manual leaves it open. ``source`` is the manual and the place.
    """

    models: str
    line_time_us: Mapping[str, float]
    overhead_us: float | None
    source: str

    def of(self, model: str, pixel_format: str) -> float | None:
        """The line time in microseconds; None for another model or format."""
        if re.fullmatch(self.models, model) is None:
            return None
        return next(
            (
                each_us
                for formats, each_us in self.line_time_us.items()
                if re.fullmatch(formats, pixel_format)
            ),
            None,
        )


@cache
def printed_line_times() -> tuple[PrintedLineTime, ...]:
    """The whole table."""
    text = files(__package__).joinpath("line_times.json").read_text(encoding="utf-8")
    return tuple(PrintedLineTime(**each) for each in json.loads(text))


def printed_line_time(
    model: str, pixel_format: str, modes: Mapping[str, str]
) -> tuple[float, float | None] | None:
    """Line time and readout overhead in microseconds by the manual; None where it has none.

    ``modes`` are the values of the nodes that the line time depends on.
    """
    if any(modes.get(node, "1") != "1" for node in _ROWS_SKIPPED_OR_MERGED):
        return None
    for each in printed_line_times():
        line_time_us = each.of(model, pixel_format)
        if line_time_us is not None:
            return line_time_us, each.overhead_us
    return None
