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
