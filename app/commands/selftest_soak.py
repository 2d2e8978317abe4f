"""The command ``ngs selftest soak``."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app import terminal
from app.commands.camera_options import takes_cameras
from app.commands.number_options import LONGEST_S, number

if TYPE_CHECKING:
    from app.session.config import SessionConfig


@takes_cameras
def selftest_soak(
    config: "SessionConfig",
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Folder to make; default: soak-DATE-TIME.")
    ] = None,
    seconds: Annotated[
        float | None, number("Run this long; default: 600 s.", 0.001, LONGEST_S, "s")
    ] = None,
    minutes: Annotated[
        float | None, number("The same in minutes.", 0.001, LONGEST_S / 60, "min")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Restorer, or none; default row-gain where it can be.")
    ] = None,
    record: Annotated[
        bool, typer.Option("--record", help="Record too, in pieces that are verified and deleted.")
    ] = False,
    disk_mb: Annotated[
        float, number("Most that --record takes of the disk.", 1.0, 1e9, "MB")
    ] = 1000.0,
    every_s: Annotated[
        float | None,
        number("Time from sample to sample; default: 1/500 of the run.", 0.01, 3600.0, "s"),
    ] = None,
) -> None:
    """Run a session for long: does memory grow, is every frame counted, does it get slower?"""
    from app.commands.progress import progress
    from app.diagnostics.soak.samples import Sample
    from app.diagnostics.soak.soak_run import SoakRequest, run_soak
    from app.diagnostics.verdicts import counts_text
    from app.session import interruption
    from app.session.config import DEFAULT_MODEL
    from drivers.errors import InstrumentError, StoppedByOperatorError

    if seconds is not None and minutes is not None:
        raise typer.BadParameter("give --seconds or --minutes")
    length_s = seconds or 60 * (minutes or 10.0)
    config = replace(config, model={None: DEFAULT_MODEL, "none": None}.get(model, model))
    if config.model is not None:
        from models.restorers.registry import check_model  # torch takes a second to import

        check_model(config.model)
    request = SoakRequest(
        config,
        out or Path(f"soak-{datetime.now():%Y%m%d-%H%M%S}"),
        length_s,
        every_s,
        1e6 * disk_mb if record else None,
    )
    with progress("soaking", "s") as bar, interruption.ending_by(lambda: None):

        def tell(sample: Sample) -> None:
            lost = sum(each.lost or 0 for each in sample.cameras.values())
            bar(
                round(sample.seconds),
                round(length_s),
                f"{sample.all_bytes / 1e6:.0f} MB, {lost} lost, {sample.skipped} skipped",
            )

        report = run_soak(request, lambda: interruption.received() is not None, tell)
    for result in report.results:
        finding = result.finding
        found = "; ".join(each for each in (finding.text, finding.advice) if each)
        terminal.say(f"{finding.outcome.value:17}  {result.step}: {found}")
    counts = counts_text(report.results)
    if report.interrupted:
        raise StoppedByOperatorError(f"interrupted; {counts}; {request.page} written")
    if report.failures:
        named = ", ".join(each.step for each in report.failures)
        raise InstrumentError(f"{counts}: {named}; look at {request.page}")
    terminal.say(f"{counts}; {request.page} written")
