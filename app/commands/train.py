"""``ngs train``: a network trained on a dataset, watched from a terminal."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic_core import from_json

from app import terminal
from app.commands.conditions_options import takes_conditions
from app.commands.number_options import (
    LARGEST_SEED,
    LONGEST_PX,
    MOST_PROCESSES,
    Number,
    number,
)
from app.commands.option_values import GsEncoding
from app.commands.progress import progress
from app.commands.training_progress import shown_training, typed_command
from drivers.atomic_file import check_folder

if TYPE_CHECKING:
    from drivers.given_conditions import GivenConditions


@takes_conditions
def train(
    dataset: Annotated[Path, typer.Argument(help="Folder of a dataset with train and val.")],
    model: Annotated[str, typer.Option(help="live, nafnet or ngs.")],
    out: Annotated[Path, typer.Option(help="Folder of the run; one that stopped goes on.")],
    steps: Annotated[int | None, number("Steps in all.", 1, 10**9)] = None,
    batch: Annotated[int | None, number("Crops in a step, over all processes.", 1, 65536)] = None,
    crop: Annotated[
        int | None, number("Side of a crop.", 1, LONGEST_PX, "px", metavar="PX")
    ] = None,
    frames: Annotated[int | None, number("Frames of a clip.", 1, 1000)] = None,
    learning_rate: Annotated[float | None, number("At the end of warm-up.", 1e-12, 1.0)] = None,
    precision: Annotated[str | None, typer.Option(help="fp32 or bf16.")] = None,
    seed: Annotated[int | None, number("Same seed, same crops.", 0, LARGEST_SEED)] = None,
    validate_every: Annotated[
        int | None, number("Steps between validations and checkpoints.", 1, 10**9)
    ] = None,
    faults: Annotated[
        str | None,
        typer.Option(
            metavar="A,W,O", help="Shares of crops with absent, wrong and older flow, e.g. 1,0,0."
        ),
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Option of the network; repeatable."),
    ] = None,
    init: Annotated[
        str | None,
        typer.Option(
            metavar="WEIGHTS",
            help="Fine-tune weights of the same network: live, ngs, or a file; a shorter, gentler "
            "schedule unless options say otherwise.",
        ),
    ] = None,
    general: Annotated[
        Path | None,
        typer.Option(
            metavar="DATASET",
            help="Dataset of other scenes that weights have to stay good on: mixed in.",
        ),
    ] = None,
    general_share: Annotated[float, number("Share of clips from --general.", 0.01, 0.99)] = 0.5,
    device: Annotated[str | None, typer.Option(help="cpu or cuda; default: best.")] = None,
    threads: Annotated[
        int | None, number("CPU threads of this process.", 1, MOST_PROCESSES)
    ] = None,
    workers: Annotated[int, number("Processes that read ahead.", 0, MOST_PROCESSES)] = 0,
    *,
    given: "GivenConditions",
    gs_encoding: GsEncoding = None,
) -> None:
    """Train a network on RSGR / GS pairs; a run that was stopped goes on to the same end.

    On several GPUs: torchrun --nproc-per-node N -m ngs train ...
    """
    from models.training.material import TrainingMaterial
    from models.training.schedule import schedule_named
    from models.training.training_run import train as run
    from models.weights.shipped import weights_named
    from models.weights.weights_file import read_header

    check_folder(out)
    start = None if init is None else weights_named(init)
    options = _options(option or []) or None
    if start is not None and options is None:
        options = read_header(start).config
    schedule = schedule_named(
        model,
        fine=start is not None,
        options=options,
        steps=steps,
        batch=batch,
        crop_px=crop,
        frames=frames,
        learning_rate=learning_rate,
        precision=precision,
        seed=seed,
        validate_every=validate_every,
        faults=None if faults is None else _faults(faults),
    )
    material = TrainingMaterial.open(
        dataset, given=given, gs_encoding=gs_encoding, general=general, general_share=general_share
    )
    with progress("training", "steps") as bar:
        weights = run(
            material,
            schedule,
            out,
            command=typed_command(),
            device=device,
            threads=threads,
            workers=workers,
            start=start,
            on_progress=shown_training(bar),
        )
    terminal.say(f"{weights} restores with ngs live --model {weights}")


def _faults(text: str) -> Any:
    from models.training.clips import FlowFaults

    try:
        absent, wrong, older = map(Number(0.0, 1.0), text.split(","))
    except (ValueError, typer.BadParameter):
        raise typer.BadParameter(
            f"{text!r} is not three shares from 0 to 1, such as 0.05,0.05,0.15"
        ) from None
    return FlowFaults(absent, wrong, older)


def _options(texts: list[str]) -> dict[str, Any]:
    """``width=32`` and ``taps=[0.5,1.0]`` as values."""
    options = {}
    for text in texts:
        name, equals, value = text.partition("=")
        try:
            options[name] = from_json(value, allow_inf_nan=False)
        except ValueError:
            equals = ""
        if not equals or not name:
            raise typer.BadParameter(f"{text!r} is not NAME=VALUE, such as width=32")
    return options
