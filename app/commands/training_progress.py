"""What a terminal shows of a training run, and how the run was asked for."""

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from app.commands.progress import Bar

if TYPE_CHECKING:
    from models.training.curve import Point
    from models.training.training_run import Progress


def shown_training(bar: Bar) -> "Callable[[Progress], None]":
    """Shows each step in a bar, and each validation in a line that stays."""
    shown: Point | None = None

    def on_progress(state: "Progress") -> None:
        nonlocal shown
        bar(state.step, state.steps, f"loss {state.loss:.4f}")
        point = state.newest
        if point is not None and point is not shown:
            shown = point
            first, middle, last = point.psnr_db_thirds
            others_db = point.general_psnr_db
            general = "" if others_db is None else f"; general {others_db:.2f}"
            bar.say(
                f"step {point.step}: {point.psnr_db:.2f} dB (row gain "
                f"{point.row_gain_psnr_db:.2f}); rows read first {first:.2f}, next "
                f"{middle:.2f}, last {last:.2f}{general}; {point.hours * 60:.0f} min"
            )

    return on_progress


def typed_command() -> str:
    """The command as typed, folders by their last name: weights travel, paths do not."""
    return shlex.join(["ngs", *(Path(word).name or word for word in sys.argv[1:])])
