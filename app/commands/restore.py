"""The command ``ngs restore``."""

from pathlib import Path
from typing import Annotated

import typer

from app import terminal
from app.commands.number_options import number
from app.commands.option_values import Engine, ReportFile
from app.commands.progress import progress
from app.restore.code_encoding import Encoding
from drivers.atomic_file import check_file
from drivers.timing import ReadoutDirection


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
    exposure_us: Annotated[
        float | None, number("Exposure of the first row.", 0.001, 1e9, "us")
    ] = None,
    line_time_us: Annotated[float | None, number("Line time.", 0.0, 1e6, "us")] = None,
    fps: Annotated[
        float | None,
        number("Frame rate; a video tells its own if it is even.", 0.001, 1e6, "fps"),
    ] = None,
    readout: Annotated[
        ReadoutDirection | None, typer.Option(help="Order in which rows were read.")
    ] = None,
    pixel_format: Annotated[
        str | None,
        typer.Option(
            help="PFNC name of the codes, e.g. Mono12, BayerRG8; 8 bit tells its own. "
            "Mono8 takes the luma of a colour video: H.264 of a grey camera is one."
        ),
    ] = None,
    black_level_dn: Annotated[
        float | None, number("Black level of the codes.", 0.0, 65535.0, "DN")
    ] = None,
    saturation_dn: Annotated[
        float | None, number("Code of saturation; default: the largest code.", 1.0, 65535.0, "DN")
    ] = None,
    input_encoding: Annotated[
        Encoding,
        typer.Option(
            help="linear: codes as a camera with gamma 1 gives them, whatever the file; "
            "srgb: a video or pictures made for viewing."
        ),
    ] = Encoding.LINEAR,
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
    from app.restore.imaging_conditions import GivenConditions, interval_of
    from app.restore.restore_footage import Request
    from app.restore.restore_footage import restore as run

    check_file(json, spares=(source, target))
    request = Request(
        source,
        target,
        model,
        GivenConditions(
            exposure_us=exposure_us,
            line_time_us=line_time_us,
            interval_us=None if fps is None else interval_of(fps),
            direction=readout,
            pixel_format=pixel_format,
            black_level_dn=black_level_dn,
            saturation_dn=saturation_dn,
            encoding=input_encoding,
        ),
        encoding,
        bits,
        crf,
        engine,
        skip_damaged,
    )
    with progress("restoring", "frames") as on_progress:
        summary = run(request, on_progress)
    if json is not None:
        write_json(summary.document(), json)
    if json != "-":
        terminal.say(summary.line())
