"""The command ``ngs bench capture``."""

from typing import Annotated

import typer

from app import terminal
from app.commands.option_values import FiguresFile
from drivers.atomic_file import check_file


def bench_capture(
    camera: Annotated[
        str | None, typer.Option(help="Camera address; default: viky.cti of the genicam wheel.")
    ] = None,
    fps: Annotated[float, typer.Option(help="Frame rate asked for.")] = 200.0,
    width: Annotated[int, typer.Option(help="Width in pixels.")] = 800,
    height: Annotated[int, typer.Option(help="Height in pixels.")] = 800,
    seconds: Annotated[float, typer.Option(help="How long each of the two runs lasts.")] = 30.0,
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
