"""Option types and values that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

ReportFile = Annotated[
    str | None, typer.Option(metavar="FILE", help="Write a report; - for stdout.")
]
FiguresFile = Annotated[
    str | None, typer.Option(metavar="FILE", help="Write the figures; - for stdout.")
]
PrintJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Engine = Annotated[
    str | None, typer.Option(help="What computes a network; default: the fastest here.")
]
RecordingArgument = Annotated[
    Path, typer.Argument(metavar="RECORDING", help="Folder ngs record made.")
]


def size_option(text: str) -> tuple[int, int]:
    """Columns and rows of ``WxH``; raises :class:`typer.BadParameter` for anything else."""
    width, _, height = text.lower().partition("x")
    if not (width.isdigit() and height.isdigit()):
        raise typer.BadParameter(f"{text!r} is not WxH, such as 640x480")
    return int(width), int(height)
