"""The command ``ngs export``."""

from pathlib import Path
from typing import Annotated

import typer

from app.commands.option_values import RecordingArgument
from app.commands.progress import progress
from app.recordings.export_formats import ExportFormat


def export(
    recording: RecordingArgument,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="What to write; must not exist.")],
    format: Annotated[
        ExportFormat,
        typer.Option(
            help="png: a folder of pictures; tiff: one BigTIFF stack; both have the codes as "
            "recorded. mp4: raw beside restored, to look at. dataset: aligned pairs of both "
            "cameras to train on, added to OUT."
        ),
    ],
    camera: Annotated[
        str | None, typer.Option(help="rsgr or gs; default: the first there is.")
    ] = None,
    frames: Annotated[
        str | None, typer.Option(metavar="FIRST:END", help="Only these, counted from 0.")
    ] = None,
    bits: Annotated[
        int | None, typer.Option(help="8 leaves out the lowest bits of deeper codes; or 16.")
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
) -> None:
    """Write a recording in a format of others, whole or not at all."""
    from app.recordings.export_formats import ExportRequest
    from app.recordings.export_recording import export as run

    request = ExportRequest(
        recording, out, format, camera, frames, bits, model, skip_damaged, split, rig
    )
    with progress("exporting", "frames") as on_progress:
        summary = run(request, on_progress)
        for note in summary.notes:
            on_progress.say(note)
    print(summary.line)
