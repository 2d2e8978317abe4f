"""The command ``ngs synthesize``."""

import os
from pathlib import Path
from typing import Annotated

import typer

from app.commands.number_options import LARGEST_SEED, MOST_PROCESSES, number, picture_size
from app.commands.progress import progress
from drivers.atomic_file import check_folder


def synthesize(
    out: Annotated[Path, typer.Argument(help="Folder of the dataset.")],
    stills: Annotated[Path, typer.Option(help="Folder of sharp images.")],
    objects: Annotated[
        Path | None, typer.Option(help="Folder of sequences with frames/ and masks/.")
    ] = None,
    video: Annotated[Path | None, typer.Option(help="Folder of sharp videos.")] = None,
    preset: Annotated[str, typer.Option(help="mono, colour or benchmark-v1.")] = "mono",
    sequences: Annotated[int | None, number("How many, over all splits.", 1, 10**6)] = None,
    frames: Annotated[int | None, number("Frames of each sequence.", 1, 10**5)] = None,
    size: Annotated[str | None, typer.Option(metavar="WxH", help="e.g. 640x480.")] = None,
    seed: Annotated[int | None, number("Same seed, same dataset.", 0, LARGEST_SEED)] = None,
    val_share: Annotated[float | None, number("Share of sources to validate on.", 0.0, 1.0)] = None,
    test_share: Annotated[float | None, number("Share of sources to test on.", 0.0, 1.0)] = None,
    workers: Annotated[
        int | None, number("Processes; default: one per core.", 1, MOST_PROCESSES)
    ] = None,
) -> None:
    """Synthesise RSGR / GS pairs from stills, objects and videos; resumes."""
    from models.synthesis.dataset_synthesis import synthesize as make
    from models.synthesis.recipes import DEFAULT_FRACTIONS, recipe_named
    from models.synthesis.scene_sources import SplitFractions

    check_folder(out)
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
        size=None if size is None else picture_size(size),
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
