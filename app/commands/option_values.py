"""Option types and values that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from drivers.errors import InstrumentError

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
RingMegabytes = Annotated[
    float | None,
    typer.Option(
        "--ring-mb",
        help="Memory for the newest frames of each camera, for --pretrigger-s; default 1074.",
    ),
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


def ring_bytes(ring_mb: float | None) -> int:
    """Bytes of ``--ring-mb``; raises :class:`InstrumentError` where it is no size."""
    from app.session.config import RING_BUDGET_BYTES  # the drivers take a second to import

    if ring_mb is None:
        return RING_BUDGET_BYTES
    if not 1 <= ring_mb < 1e9:
        raise InstrumentError(f"--ring-mb {ring_mb:g} is not from 1 to 1e9")
    return round(1e6 * ring_mb)


def check_pretrigger_s(pretrigger_s: float) -> None:
    """Refuse what is no length of time."""
    if not 0 <= pretrigger_s < 1e6:
        what = "must not be negative" if pretrigger_s < 0 else "is no length of time that fits"
        raise InstrumentError(f"--pretrigger-s {pretrigger_s:g} s {what}")
