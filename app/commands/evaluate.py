"""Commands on datasets and models: ``ngs synthesize``, ``ngs evaluate``, ``ngs models``."""

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from app.progress import progress
from drivers.errors import InstrumentError


def synthesize(
    out: Annotated[Path, typer.Argument(help="Folder of the dataset.")],
    stills: Annotated[Path, typer.Option(help="Folder of sharp images.")],
    objects: Annotated[
        Path | None, typer.Option(help="Folder of sequences with frames/ and masks/.")
    ] = None,
    video: Annotated[Path | None, typer.Option(help="Folder of sharp videos.")] = None,
    preset: Annotated[str, typer.Option(help="mono, colour or benchmark-v1.")] = "mono",
    sequences: Annotated[int | None, typer.Option(help="How many, over all splits.")] = None,
    frames: Annotated[int | None, typer.Option(help="Frames of each sequence.")] = None,
    size: Annotated[str | None, typer.Option(metavar="WxH", help="e.g. 640x480.")] = None,
    seed: Annotated[int | None, typer.Option(help="Same seed, same dataset.")] = None,
    val_share: Annotated[
        float | None, typer.Option(help="Share of sources to validate on.")
    ] = None,
    test_share: Annotated[float | None, typer.Option(help="Share of sources to test on.")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes; default: one per core.")] = None,
) -> None:
    """Synthesise RSGR / GS pairs from stills, objects and videos; resumes."""
    from models.synthesis.recipes import DEFAULT_FRACTIONS, recipe_named
    from models.synthesis.sources import SplitFractions
    from models.synthesis.synthesize import synthesize as make

    fractions = None
    if val_share is not None or test_share is not None:
        fractions = SplitFractions(
            validation=DEFAULT_FRACTIONS.validation if val_share is None else val_share,
            test=DEFAULT_FRACTIONS.test if test_share is None else test_share,
        )
    recipe = recipe_named(
        preset,
        sequences=sequences,
        frames=frames,
        size=None if size is None else size_option(size),
        seed=seed,
        fractions=fractions,
    )
    with progress("synthesising", "sequences") as on_progress:
        make(
            out,
            recipe,
            stills=stills,
            objects=objects,
            video=video,
            workers=workers or os.cpu_count() or 1,
            on_progress=on_progress,
        )


def size_option(text: str) -> tuple[int, int]:
    width, _, height = text.lower().partition("x")
    if not (width.isdigit() and height.isdigit()):
        raise typer.BadParameter(f"{text!r} is not WxH, such as 640x480")
    return int(width), int(height)


def evaluate(
    dataset: Annotated[Path, typer.Argument(help="Folder of a dataset.")],
    model: Annotated[
        list[str] | None, typer.Option(help="Restorer beside raw and row-gain; repeatable.")
    ] = None,
    split: Annotated[str, typer.Option(help="train, val or test.")] = "test",
    offline: Annotated[
        bool, typer.Option("--offline", help="Look for motion as ngs restore does.")
    ] = False,
    json: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write the figures; - for stdout.")
    ] = None,
    table: Annotated[
        Path | None, typer.Option(metavar="FILE.md", help="Write the table as Markdown.")
    ] = None,
    figure: Annotated[
        Path | None, typer.Option(metavar="FILE.png", help="Write crops a person can judge.")
    ] = None,
) -> None:
    """Compare restorers on a dataset: quality, markers, cost; raw and row-gain always join."""
    import cv2

    from app.report import write_json
    from drivers.whole_file import write_file
    from models.data import open_dataset
    from models.evaluation.evaluate import evaluate as run
    from models.evaluation.figures import comparison_figure
    from models.evaluation.tables import markdown_report
    from models.restorer import best_device, open_restorer, restorer_names

    device = best_device()
    names = restorer_names() if model is None else model
    restorers = {
        _label(name): open_restorer(name, device, offline=offline)
        for name in names
        if name != "row-gain"
    }
    if figure is not None and figure.suffix.lower() != ".png":
        raise InstrumentError(f"figure {figure} must end in .png")
    sequences = open_dataset(dataset, split)
    with progress("evaluating", "frames") as on_progress:
        evaluation = run(sequences, restorers, device, on_progress)
    text = markdown_report(evaluation)
    if json is not None:
        write_json(evaluation.document(), json)
    if table is not None:
        write_file(table, text.encode())
    if figure is not None:
        _, png = cv2.imencode(".png", comparison_figure(evaluation)[..., ::-1])
        write_file(figure, png.tobytes())
    if json != "-":
        print(text)


def _label(model: str) -> str:
    """A model's name in tables; of a weights file, its folder's and its own."""
    path = Path(model)
    return f"{path.parent.name}/{path.stem}" if path.suffix else model


def models() -> None:
    """List the restorers that --model takes, with the quality and cost measured on benchmark-v1."""
    from rich.table import Table

    from models.restorer import restorer_names, summary_of
    from models.weights import measured

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("model", "over row gain", "last third", "parameters", "GMAC/Mpx", "ms"):
        table.add_column(heading, justify="left" if heading == "model" else "right")
    found = measured()
    baseline = found.get("row-gain")
    for name in restorer_names():
        row = ["", "", "", "", ""]
        result = found.get(name)
        if result is not None and baseline is not None:
            params, macs = result["params"], result["macs_per_megapixel"]
            row = [
                f"{result['delta_db']:+.2f} dB",
                f"{result['psnr_db_bottom'] - baseline['psnr_db_bottom']:+.2f} dB",
                "" if params is None else f"{params:,}",
                "" if macs is None else f"{macs / 1e9:.1f}",
                f"{result['ms_per_frame']:.1f}",
            ]
        table.add_row(name, *row)
    Console().print(table)
    print()
    for name in restorer_names():
        print(f"{name:9} {summary_of(name)}")
    if baseline is not None:
        print(
            "\nMeasured by ngs evaluate on benchmark-v1 (synthetic): mean PSNR over row gain's "
            f"{baseline['psnr_db']:.2f} dB, its gain in the rows read last,\nand the time of a "
            f"640 x 480 frame on {baseline['device']}."
        )
