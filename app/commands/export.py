"""The command ``ngs export``."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app import terminal
from app.commands.number_options import number
from app.commands.option_values import Accept, RecordingArgument
from app.commands.progress import progress
from app.recordings.export_formats import FORMATS_HELP, SUFFIXES

if TYPE_CHECKING:
    ExportFormat = str
else:
    # typer makes a choice of an enumeration; the formats are those of one table.
    ExportFormat = StrEnum("ExportFormat", {name.upper(): name for name in SUFFIXES})


def export(
    recording: RecordingArgument,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="What to write; must not exist.")],
    format: Annotated[ExportFormat, typer.Option(help=FORMATS_HELP)],
    camera: Annotated[
        str | None, typer.Option(help="rsgr or gs; default: the first there is.")
    ] = None,
    frames: Annotated[
        str | None, typer.Option(metavar="FIRST:END", help="Only these, counted from 0.")
    ] = None,
    bits: Annotated[
        int | None, number("8 leaves out the lowest bits of deeper codes; or 16.", 8, 16, "bit")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="What restores for mp4, or none; default live.")
    ] = None,
    skip_damaged: Annotated[
        bool, typer.Option("--skip-damaged", help="Leave out frames that cannot be read.")
    ] = False,
    split: Annotated[
        str | None,
        typer.Option(help="Part of the dataset the recording is for: train, val or test."),
    ] = None,
    rig: Annotated[
        Path | None,
        typer.Option(metavar="rig.json", help="Calibration; default: the one in the recording."),
    ] = None,
    accept: Accept = False,
) -> None:
    """Write a recording in a format of others, whole or not at all."""
    from app.recordings.export_formats import ExportRequest
    from app.recordings.export_recording import export as run

    request = ExportRequest(
        recording, out, str(format), camera, frames, bits, model, skip_damaged, split, rig, accept
    )
    with progress("exporting", "frames") as on_progress:
        summary = run(request, on_progress)
        for note in summary.notes:
            on_progress.say(note)
    terminal.say(summary.line)
