"""The commands ``ngs info``, ``ngs verify`` and ``ngs export``."""

from pathlib import Path
from typing import Annotated

import typer

from app.progress import progress
from app.recordings.formats import ExportFormat
from drivers.errors import InstrumentError

_Recording = Annotated[Path, typer.Argument(metavar="RECORDING", help="Folder ngs record made.")]


def info(
    recording: _Recording,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Tell what a recording holds: cameras, settings, timing, frames, gaps, how it ended."""
    from rich.console import Console

    from app.recordings.info import print_recording, recording_document
    from app.report import to_json
    from drivers.recording import open_recording

    opened = open_recording(recording)
    if as_json:
        print(to_json(recording_document(opened)))
        return
    print_recording(opened, Console())


def verify(
    recording: _Recording,
    json: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write a report; - for stdout.")
    ] = None,
) -> None:
    """Read all of a recording: every frame there and as written, every gap explained."""
    from rich.console import Console

    from app.recordings.verify import print_verification, verify_recording
    from app.report import write_json

    if json not in (None, "-") and not Path(json or "").absolute().parent.is_dir():
        raise InstrumentError(f"{json} cannot be written: its folder does not exist")
    with progress("verifying", "frames") as on_progress:
        result = verify_recording(recording, on_progress)
    if json is not None:
        write_json(result.document(), json)
    if json != "-":
        print_verification(result, Console())
    if not result.ok:
        raise InstrumentError(result.failure())


def export(
    recording: _Recording,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="What to write; must not exist.")],
    format: Annotated[
        ExportFormat,
        typer.Option(
            help="png: a folder of pictures; tiff: one BigTIFF stack; both have the codes as "
            "recorded. mp4: raw beside restored, to look at."
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
) -> None:
    """Write a recording in a format of others, whole or not at all."""
    from app.recordings.export import ExportRequest
    from app.recordings.export import export as run

    request = ExportRequest(recording, out, format, camera, frames, bits, model, skip_damaged)
    with progress("exporting", "frames") as on_progress:
        summary = run(request, on_progress)
        for note in summary.notes:
            on_progress.say(note)
    print(summary.line)
