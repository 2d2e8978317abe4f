"""The command ``ngs selftest faults``."""

from pathlib import Path
from typing import Annotated

import typer

from app import terminal
from app.commands.number_options import LARGEST_SEED, number

_MOST_INSTANTS = 10_000


def selftest_faults(
    instants: Annotated[
        int, number("Instants at which each command gets each signal.", 1, _MOST_INSTANTS)
    ] = 2,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="TEXT", help="Only commands with TEXT in their name; repeatable."),
    ] = None,
    seed: Annotated[int, number("Same seed, same instants.", 0, LARGEST_SEED)] = 0,
    folder: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Work there and leave it; default: a temporary one."),
    ] = None,
    json: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write every trial; - for stdout.")
    ] = None,
) -> None:
    """Kill commands at random instants, and see that they keep what they promise."""
    import tempfile
    from contextlib import nullcontext
    from dataclasses import asdict

    from app.commands.json_report import write_json
    from app.diagnostics.fault_selftest.commands_under_test import COMMANDS
    from app.diagnostics.fault_selftest.defects import Trial, counts_text
    from app.diagnostics.fault_selftest.kill_matrix import KillMatrix
    from drivers.atomic_file import check_file
    from drivers.errors import InstrumentError

    check_file(json)
    wanted = [each for each in COMMANDS if not only or any(text in each.name for text in only)]
    if not wanted:
        names = ", ".join(each.name for each in COMMANDS)
        raise InstrumentError(f"no command has {' or '.join(only or ())} in its name: {names}")
    if folder is not None and folder.exists():
        raise InstrumentError(f"{folder} exists; name a new folder")
    console = terminal.console(stderr=True)

    def tell(trial: Trial) -> None:
        outcome = ", ".join(trial.defects) or "as promised"
        console.print(
            f"{trial.what}: {outcome}; ended in {trial.ended_s:.1f} s: {trial.said or 'silently'}",
            highlight=False,
            soft_wrap=True,
        )

    with tempfile.TemporaryDirectory() if folder is None else nullcontext(folder) as place:
        trials = KillMatrix(Path(place) / "faults", seed).run(wanted, instants, tell)
    if json is not None:
        write_json({"seed": seed, "trials": [asdict(trial) for trial in trials]}, json)
    text = counts_text(trials)
    if any(trial.defects for trial in trials):
        raise InstrumentError(f"{text}; the same seed repeats them, --folder keeps what is left")
    if json != "-":
        terminal.say(text)
