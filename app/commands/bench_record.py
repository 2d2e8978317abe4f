"""The command ``ngs bench record``."""

from pathlib import Path
from typing import Annotated

import typer

from app import terminal
from app.commands.number_options import number, picture_size
from app.commands.option_values import FiguresFile
from drivers.atomic_file import check_file
from drivers.recording.compression import Compression


def bench_record(
    folder: Annotated[Path, typer.Argument(help="A folder on the disk to measure.")] = Path("."),
    size: Annotated[str, typer.Option(metavar="WxH", help="Frame size.")] = "1440x1080",
    megabytes: Annotated[float, number("Pixels written per turn.", 1.0, 1e6, "MB")] = 2000.0,
    compression: Annotated[
        Compression, typer.Option(help="Lossless compression of the recording.")
    ] = Compression.NONE,
    json: FiguresFile = None,
) -> None:
    """Compare recording two cameras with a raw, durable write to the same disk."""
    from app.commands.json_report import write_json
    from app.diagnostics.recording_bench import bench_record as run
    from app.diagnostics.recording_bench import print_record_bench

    check_file(json)
    size_px = picture_size(size)
    result = run(folder, size_px, megabytes, compression, terminal.console(stderr=True))
    if json is not None:
        write_json(result.as_dict(), json)
    else:
        print_record_bench(result, terminal.console())
