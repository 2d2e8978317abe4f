"""The command ``ngs bench capture``."""

from typing import Annotated

import typer

from app import terminal
from app.commands.number_options import LONGEST_PX, LONGEST_S, number
from app.commands.option_values import FiguresFile
from drivers.atomic_file import check_file


def bench_capture(
    camera: Annotated[
        str | None, typer.Option(help="Camera address; default: viky.cti of the genicam wheel.")
    ] = None,
    fps: Annotated[float, number("Frame rate asked for.", 0.001, 1e6, "fps")] = 200.0,
    width: Annotated[int, number("Width in pixels.", 1, LONGEST_PX, "px")] = 800,
    height: Annotated[int, number("Height in pixels.", 1, LONGEST_PX, "px")] = 800,
    seconds: Annotated[
        float, number("How long each of the two runs lasts.", 0.001, LONGEST_S, "s")
    ] = 30.0,
    json: FiguresFile = None,
) -> None:
    """Compare capture with a bare Harvesters fetch-and-copy loop on the same camera."""
    from app.commands.json_report import write_json
    from app.diagnostics.capture_bench import bench_capture as run
    from app.diagnostics.capture_bench import print_capture_bench

    check_file(json)
    result = run(camera, fps, (width, height), seconds, terminal.console(stderr=True))
    if json is not None:
        write_json(result.as_dict(), json)
    else:
        print_capture_bench(result, terminal.console())
