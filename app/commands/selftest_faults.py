"""The command ``ngs selftest faults``."""

from pathlib import Path
from typing import Annotated

import typer

from app import terminal
from app.commands.number_options import LARGEST_SEED, number

_MOST_TIMES = 10_000


def selftest_faults(
    kind: Annotated[
        list[str] | None,
        typer.Option(metavar="KIND", help="Only this kind of faults; repeatable."),
    ] = None,
    times: Annotated[
        int, number("As many trials as this times the quick number.", 1, _MOST_TIMES)
    ] = 1,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="TEXT", help="Only trials with TEXT in their name; repeatable."),
    ] = None,
    seed: Annotated[int, number("Same seed, same trials.", 0, LARGEST_SEED)] = 0,
    folder: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Work there and leave it; default: a temporary one."),
    ] = None,
    json: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write every trial; - for stdout.")
    ] = None,
) -> None:
    """Cause faults in great number, and see that what is promised holds."""
    import tempfile
    from contextlib import nullcontext
    from dataclasses import asdict

    from app.commands.json_report import write_json
    from app.diagnostics.fault_selftest.defects import Trial, counts_text
    from app.diagnostics.fault_selftest.kinds import KINDS, TrialOrder
    from app.diagnostics.fault_selftest.trial_place import TrialPlace
    from drivers.atomic_file import check_file
    from drivers.errors import InstrumentError

    check_file(json)
    if unknown := [each for each in kind or () if each not in KINDS]:
        raise InstrumentError(f"no kind of faults is called {unknown[0]}: {', '.join(KINDS)}")
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

    trials: dict[str, list[Trial]] = {}
    with tempfile.TemporaryDirectory() if folder is None else nullcontext(folder) as place:
        order = TrialOrder(TrialPlace(Path(place) / "faults"), seed, times, tuple(only or ()), tell)
        for name in kind or KINDS:
            trials[name] = KINDS[name](order)
    every = [trial for of_kind in trials.values() for trial in of_kind]
    if not every:
        raise InstrumentError(f"no trial has {' or '.join(only or ())} in its name")
    if json is not None:
        told = {name: [asdict(trial) for trial in of_kind] for name, of_kind in trials.items()}
        write_json({"seed": seed, "times": times, "trials": told}, json)
    text = "; ".join(f"{name}: {counts_text(of_kind)}" for name, of_kind in trials.items())
    if any(trial.defects for trial in every):
        raise InstrumentError(f"{text}; the same seed repeats them, --folder keeps what is left")
    if json != "-":
        terminal.say(text)
