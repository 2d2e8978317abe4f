"""``ngs finetune``: from recorded pairs to weights for the own rig."""

from pathlib import Path
from typing import Annotated

import typer

from app import terminal
from app.commands.number_options import LARGEST_SEED, MOST_PROCESSES, number
from app.commands.option_values import Accept, ReportFile
from app.commands.progress import progress
from app.commands.training_progress import shown_training, typed_command
from drivers.atomic_file import check_file, check_folder, write_file


def finetune(
    recordings: Annotated[
        list[Path],
        typer.Argument(metavar="RECORDING...", help="Recordings of both cameras, by ngs record."),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the run; one that stopped goes on.")],
    rig: Annotated[
        Path | None,
        typer.Option(metavar="rig.json", help="Calibration; default: the one in each recording."),
    ] = None,
    init: Annotated[
        str, typer.Option(metavar="WEIGHTS", help="What to start from: live, ngs, or a file.")
    ] = "live",
    general: Annotated[
        Path | None,
        typer.Option(
            metavar="DATASET",
            help="Dataset of other scenes, by ngs synthesize: mixed in, so that weights stay good "
            "there, and measured too.",
        ),
    ] = None,
    general_share: Annotated[float, number("Share of clips from --general.", 0.01, 0.99)] = 0.5,
    steps: Annotated[int | None, number("Steps in all.", 1, 10**9)] = None,
    crop: Annotated[int | None, number("Side of a crop.", 1, 65536, "px", metavar="PX")] = None,
    learning_rate: Annotated[float | None, number("At the end of warm-up.", 1e-12, 1.0)] = None,
    validate_every: Annotated[
        int | None, number("Steps between validations and checkpoints.", 1, 10**9)
    ] = None,
    seed: Annotated[int | None, number("Same seed, same crops.", 0, LARGEST_SEED)] = None,
    device: Annotated[str | None, typer.Option(help="cpu or cuda; default: best.")] = None,
    threads: Annotated[
        int | None, number("CPU threads of this process.", 1, MOST_PROCESSES)
    ] = None,
    workers: Annotated[int, number("Processes that read ahead.", 0, MOST_PROCESSES)] = 0,
    accept: Accept = False,
    json: ReportFile = None,
) -> None:
    """Fine-tune a network on own pairs, and judge it by pairs that were held out.

    Pairs are exported, divided by recording or by time with a gap, trained on, and what was held
    out is restored by row gain, warp, the start and the new weights. OUT holds the pairs, the run,
    the weights, and report.md.
    """
    from app.commands.json_report import write_json
    from app.fine_tuning import own_pairs
    from app.fine_tuning.judgement import judge
    from models.dataset.layout import SPLITS
    from models.dataset.sequences import open_dataset
    from models.training.material import TrainingMaterial
    from models.training.schedule import schedule_named
    from models.training.training_run import fastest_precision, train
    from models.weights.shipped import weights_named
    from models.weights.weights_file import read_header

    check_folder(out)
    check_file(json, spares=(*recordings, out, rig, general))
    start = weights_named(init)
    header = read_header(start)
    schedule = schedule_named(
        header.network,
        fine=True,
        options=header.config,
        steps=steps,
        crop_px=crop,
        precision=fastest_precision(device),
        seed=seed,
        learning_rate=learning_rate,
        validate_every=validate_every,
    )
    if general is not None:
        for split in SPLITS:
            open_dataset(general, split)  # refused now, not after minutes
    with (
        progress("comparing pairs", "recordings") as comparing,
        progress("writing pairs", "pairs") as writing,
    ):
        pairs = own_pairs.prepared(
            recordings, rig, out, accept=accept, on_comparing=comparing, on_writing=writing
        )
    for note in pairs.notes:
        terminal.say(note)
    material = TrainingMaterial.open(pairs.dataset, general=general, general_share=general_share)
    with progress("training", "steps") as bar:
        weights = train(
            material,
            schedule,
            out / "run",
            command=typed_command(),
            device=device,
            threads=threads,
            workers=workers,
            start=start,
            on_progress=shown_training(bar),
        )
    with progress("judging", "frames") as on_progress:
        judgement = judge(pairs.dataset, general, init, weights, on_progress)
    kept = out / weights.name
    if json != "-":
        terminal.say(pairs.division)
        terminal.say(judgement.text())
    write_file(kept, weights.read_bytes())
    write_file(out / "report.md", f"{judgement.report()}\n{pairs.division}\n".encode())
    if json is not None:
        told = {"weights": str(kept), "division": pairs.division, "notes": list(pairs.notes)}
        write_json({**told, **judgement.document()}, json)
    if json != "-":
        terminal.say(
            f"{kept} restores with ngs live --model {kept}; figures in {out / 'report.md'}"
        )
