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
    page: Annotated[
        Path | None,
        typer.Option(metavar="FILE.html", help="Write a page: counts, and what was broken."),
    ] = None,
) -> None:
    """Cause faults in great number and check what the program promises."""
    import tempfile
    import time
    from contextlib import nullcontext
    from datetime import UTC, datetime

    from app.commands.json_report import write_json
    from app.diagnostics import report_origin
    from app.diagnostics.fault_selftest.defects import Trial, counts_text
    from app.diagnostics.fault_selftest.fault_page import FaultReport, fault_page
    from app.diagnostics.fault_selftest.kinds import KINDS, TrialOrder
    from app.diagnostics.fault_selftest.trial_place import TrialPlace
    from app.session import interruption
    from drivers.atomic_file import check_file, write_file
    from drivers.errors import InstrumentError, StoppedByOperatorError

    check_file(json, page)
    if page is not None and page.suffix.lower() != ".html":
        raise InstrumentError(f"page {page} must end in .html")
    if unknown := [each for each in kind or () if each not in KINDS]:
        raise InstrumentError(f"no kind of faults is called {unknown[0]}: {', '.join(KINDS)}")
    if folder is not None and folder.exists():
        raise InstrumentError(f"{folder} exists; name a new folder")
    console = terminal.console(stderr=True)
    trials: dict[str, list[Trial]] = {}
    began, began_s, interrupted = datetime.now(UTC), time.monotonic(), False
    try:
        with tempfile.TemporaryDirectory() if folder is None else nullcontext(folder) as place:
            for name in kind or KINDS:
                trials[name] = []

                def tell(trial: Trial, of_kind: list[Trial] = trials[name]) -> None:
                    of_kind.append(trial)
                    outcome = ", ".join(trial.defects) or "as promised"
                    console.print(
                        f"{trial.what}: {outcome}; ended in {trial.ended_s:.1f} s: "
                        f"{trial.said or 'silently'}",
                        highlight=False,
                        soft_wrap=True,
                    )

                trial_place = TrialPlace(Path(place) / "faults")
                order = TrialOrder(trial_place, seed, times, tuple(only or ()), tell)
                trials[name] = KINDS[name](order)
    except KeyboardInterrupt:
        interruption.taken()
        interrupted = True
    report = FaultReport(
        started=began,
        program=report_origin.program_text(),
        machine=report_origin.machine_text(),
        versions=report_origin.versions_text(),
        command=report_origin.command_text(),
        seed=seed,
        times=times,
        seconds=time.monotonic() - began_s,
        trials=trials,
        interrupted=interrupted,
    )
    if not report.every and not interrupted:
        raise InstrumentError(f"no trial has {' or '.join(only or ())} in its name")
    if json is not None:
        write_json(report.document(), json)
    if page is not None:
        write_file(page, fault_page(report).encode())
    text = "; ".join(f"{name}: {counts_text(of_kind)}" for name, of_kind in trials.items())
    if interrupted:
        raise StoppedByOperatorError(f"interrupted; before that {text}")
    if report.broken:
        raise InstrumentError(f"{text}; the same seed repeats them, --folder keeps what is left")
    if json != "-":
        terminal.say(text)
