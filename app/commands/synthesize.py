"""The command ``ngs synthesize``."""

import os
from pathlib import Path
from typing import Annotated

import typer

from app.commands.option_values import size_option
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
