"""The command ``ngs bench live``."""

from typing import Annotated

import typer

from app import terminal
from app.commands.number_options import picture_size
from app.commands.option_values import FiguresFile
from drivers.atomic_file import check_file


def bench_live(
    model: Annotated[str, typer.Option(help="Restorer, or a weights file.")] = "live",
    size: Annotated[
        list[str] | None,
        typer.Option(metavar="WxH", help="Repeatable; default: 640x480 and 1440x1080."),
    ] = None,
    compiled: Annotated[
        bool, typer.Option("--compiled", help="torch.compile too, a minute each.")
    ] = False,
    json: FiguresFile = None,
) -> None:
    """Time restoring, codes in to screen picture out, by every engine this machine has."""
    from app.commands.json_report import write_json
    from app.diagnostics.restoring_bench import SIZES_PX
    from app.diagnostics.restoring_bench import bench_live as run

    check_file(json)
    sizes = [picture_size(each) for each in size] if size else SIZES_PX
    figures = run(model, sizes, terminal.console(stderr=json == "-"), compiled=compiled)
    if json is not None:
        write_json(figures, json)
