"""``ngs train``: a network trained on a dataset, watched from a terminal."""

import json
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from app import terminal
from app.commands.progress import progress
from drivers.atomic_file import check_folder


def train(
    dataset: Annotated[Path, typer.Argument(help="Folder of a dataset with train and val.")],
    model: Annotated[str, typer.Option(help="live, nafnet or ngs.")],
    out: Annotated[Path, typer.Option(help="Folder of the run; one that stopped goes on.")],
    steps: Annotated[int | None, typer.Option(help="Steps in all.")] = None,
    batch: Annotated[int | None, typer.Option(help="Crops in a step, over all processes.")] = None,
    crop: Annotated[int | None, typer.Option(metavar="PX", help="Side of a crop.")] = None,
    frames: Annotated[int | None, typer.Option(help="Frames of a clip.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="At the end of warm-up.")] = None,
    precision: Annotated[str | None, typer.Option(help="fp32 or bf16.")] = None,
    seed: Annotated[int | None, typer.Option(help="Same seed, same crops.")] = None,
    validate_every: Annotated[
        int | None, typer.Option(help="Steps between validations and checkpoints.")
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
    device: Annotated[str | None, typer.Option(help="cpu or cuda; default: best.")] = None,
    threads: Annotated[int | None, typer.Option(help="CPU threads of this process.")] = None,
    workers: Annotated[int, typer.Option(help="Processes that read ahead.")] = 0,
) -> None:
    """Train a network on RSGR / GS pairs; a run that was stopped goes on to the same end.

    On several GPUs: torchrun --nproc-per-node N -m ngs train ...
    """
    from models.training.training_run import Progress as TrainingProgress
    from models.training.training_run import schedule_named
    from models.training.training_run import train as run

    check_folder(out)
    schedule = schedule_named(
        model,
        options=_options(option or []) or None,
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
    with progress("training", "steps") as bar:
        shown = None

        def on_progress(state: TrainingProgress) -> None:
            nonlocal shown
            bar(state.step, state.steps, f"loss {state.loss:.4f}")
            point = state.newest
            if point is not None and point is not shown:
                shown = point
                first, middle, last = point.psnr_db_thirds
                bar.say(
                    f"step {point.step}: {point.psnr_db:.2f} dB (row gain "
                    f"{point.row_gain_psnr_db:.2f}); rows read first {first:.2f}, next "
                    f"{middle:.2f}, last {last:.2f}; {point.hours * 60:.0f} min"
                )

        weights = run(
            dataset,
            schedule,
            out,
            command=_command(),
            device=device,
            threads=threads,
            workers=workers,
            on_progress=on_progress,
        )
    terminal.say(f"{weights} restores with ngs live --model {weights}")


def _faults(text: str) -> Any:
    from models.training.clips import FlowFaults

    try:
        absent, wrong, older = (float(share) for share in text.split(","))
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not three shares, such as 0.05,0.05,0.15") from None
    return FlowFaults(absent, wrong, older)


def _options(texts: list[str]) -> dict[str, Any]:
    """``width=32`` and ``taps=[0.5,1.0]`` as values."""
    options = {}
    for text in texts:
        name, equals, value = text.partition("=")
        try:
            options[name] = json.loads(value)
        except ValueError:
            equals = ""
        if not equals or not name:
            raise typer.BadParameter(f"{text!r} is not NAME=VALUE, such as width=32")
    return options


def _command() -> str:
    """The command as typed, folders by their last name: weights travel, paths do not."""
    return shlex.join(["ngs", *(Path(word).name or word for word in sys.argv[1:])])
