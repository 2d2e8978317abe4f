"""Option types and values that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from app.commands.number_options import number
from drivers.code_encoding import Encoding

ReportFile = Annotated[
    str | None, typer.Option(metavar="FILE", help="Write a report; - for stdout.")
]
FiguresFile = Annotated[
    str | None, typer.Option(metavar="FILE", help="Write the figures; - for stdout.")
]
PrintJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
GsEncoding = Annotated[
    Encoding | None,
    typer.Option(
        help="How GS pictures encode light; default: srgb where they have 8 bit, linear in 16."
    ),
]
Engine = Annotated[
    str | None, typer.Option(help="What computes a network; default: the fastest here.")
]
Accept = Annotated[
    bool, typer.Option("--accept", help="Go on although something should be done again.")
]
RingMegabytes = Annotated[
    float | None,
    number(
        "Memory for the newest frames of each camera, for --pretrigger-s; default 1074.",
        1.0,
        1e9,
        "MB",
    ),
]
RecordingArgument = Annotated[
    Path, typer.Argument(metavar="RECORDING", help="Folder ngs record made.")
]


def ring_bytes(ring_mb: float | None) -> int:
    """Bytes of ``--ring-mb``, by default those of every session."""
    from app.session.config import RING_BUDGET_BYTES  # the drivers take a second to import

    return RING_BUDGET_BYTES if ring_mb is None else round(1e6 * ring_mb)
