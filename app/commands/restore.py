"""The command ``ngs restore``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app import terminal
from app.commands.conditions_options import takes_conditions
from app.commands.number_options import number
from app.commands.option_values import Engine, ReportFile
from app.commands.progress import progress
from drivers.atomic_file import check_file
from drivers.code_encoding import Encoding

if TYPE_CHECKING:
    from drivers.given_conditions import GivenConditions


@takes_conditions
def restore(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="IN", help="Recording, folder of pictures, sequence of a dataset, or video."
        ),
    ],
    target: Annotated[
        Path,
        typer.Argument(
            metavar="OUT",
            help="Folder, or for a video .mp4 (H.264) or .mkv (FFV1, lossless), which a recording "
            "can become too.",
        ),
    ],
    model: Annotated[str, typer.Option(help="Restorer; ngs models lists them.")] = "live",
    *,
    given: "GivenConditions",
    encoding: Annotated[
        Encoding | None,
        typer.Option(help="srgb to look at (default), linear to measure in; recordings: linear."),
    ] = None,
    bits: Annotated[
        int | None, number("8 or 16; default: 8 where the input has 8, else 16.", 8, 16, "bit")
    ] = None,
    crf: Annotated[
        int | None, number("Rate factor of .mp4: 0 best, 51 smallest; default 12.", 0, 51)
    ] = None,
    skip_damaged: Annotated[
        bool, typer.Option("--skip-damaged", help="Leave out what cannot be read of a recording.")
    ] = False,
    engine: Engine = None,
    json: ReportFile = None,
) -> None:
    """Restore footage of a camera in global reset; interrupted, the same command goes on.

    How it was taken comes from options, else from the recording, or the sequence.json
    in, beside or above the pictures. Codes of OUT: the largest is the saturated
    global-shutter signal.
    """
    from app.commands.json_report import write_json
    from app.restore.restore_footage import Request
    from app.restore.restore_footage import restore as run

    check_file(json, spares=(source, target))
    request = Request(source, target, model, given, encoding, bits, crf, engine, skip_damaged)
    with progress("restoring", "frames") as on_progress:
        summary = run(request, on_progress)
    if json != "-":
        terminal.say(summary.line())
    if json is not None:
        write_json(summary.document(), json)
