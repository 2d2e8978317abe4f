"""The command ``ngs evaluate``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app import terminal
from app.commands.conditions_options import takes_conditions
from app.commands.option_values import FiguresFile, GsEncoding
from app.commands.progress import progress
from drivers.errors import InstrumentError
from models.evaluation.protocol import Protocol

if TYPE_CHECKING:
    from drivers.given_conditions import GivenConditions


@takes_conditions
def evaluate(
    dataset: Annotated[Path, typer.Argument(help="Folder of a dataset.")],
    model: Annotated[
        list[str] | None, typer.Option(help="Restorer beside raw and row-gain; repeatable.")
    ] = None,
    split: Annotated[str, typer.Option(help="train, val or test.")] = "test",
    offline: Annotated[
        bool, typer.Option("--offline", help="Look for motion as ngs restore does.")
    ] = False,
    *,
    given: "GivenConditions",
    gs_encoding: GsEncoding = None,
    protocol: Annotated[
        Protocol | None,
        typer.Option(help="Score as published work does, too: rsst, PSNR of 8 bit codes."),
    ] = None,
    json: FiguresFile = None,
    table: Annotated[
        Path | None, typer.Option(metavar="FILE.md", help="Write the table as Markdown.")
    ] = None,
    figure: Annotated[
        Path | None, typer.Option(metavar="FILE.png", help="Write crops a person can judge.")
    ] = None,
) -> None:
    """Compare restorers on a dataset: quality, markers, cost; raw and row-gain always join."""
    import cv2

    from app.commands.json_report import write_json
    from drivers.atomic_file import check_file, write_file
    from models.dataset.sequences import open_dataset
    from models.engines.device import best_device
    from models.evaluation.comparison import evaluate as run
    from models.evaluation.figures import comparison_figure
    from models.evaluation.tables import markdown_report
    from models.restorers.registry import open_restorer, restorer_names

    if figure is not None and figure.suffix.lower() != ".png":
        raise InstrumentError(f"figure {figure} must end in .png")
    check_file(json, table, figure)
    sequences = open_dataset(dataset, split, given=given, gs_encoding=gs_encoding)
    device = best_device()
    names = restorer_names() if model is None else model
    restorers = {
        _label(name): open_restorer(name, device, offline=offline)
        for name in names
        if name != "row-gain"
    }
    with progress("evaluating", "frames") as on_progress:
        evaluation = run(sequences, restorers, device, on_progress, protocol)
    text = markdown_report(evaluation)
    # First what cannot fail: a full disk takes no figures with it.
    if json != "-":
        terminal.say(text)
    if json is not None:
        write_json(evaluation.document(), json)
    if table is not None:
        write_file(table, text.encode())
    if figure is not None:
        _, png = cv2.imencode(".png", comparison_figure(evaluation)[..., ::-1])
        write_file(figure, png.tobytes())


def _label(model: str) -> str:
    """A model's name in tables; of a weights file, its folder's and its own."""
    path = Path(model)
    return f"{path.parent.name}/{path.stem}" if path.suffix else model
