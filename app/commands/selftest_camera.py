"""The command ``ngs selftest camera``."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app import terminal
from app.commands.camera_options import takes_cameras
from app.commands.number_options import LONGEST_S, number

if TYPE_CHECKING:
    from app.session.config import SessionConfig


def _selftest_camera(
    config: "SessionConfig",
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="NAME", help="Writes NAME.html and NAME.zip; default: selftest-DATE-TIME."
        ),
    ] = None,
    seconds: Annotated[
        float, number("Longest time, without waiting for the operator.", 1.0, LONGEST_S, "s")
    ] = 120.0,
    no_unplug: Annotated[
        bool, typer.Option("--no-unplug", help="Ask nothing of the operator.")
    ] = False,
    pictures: Annotated[
        bool, typer.Option("--pictures", help="A picture may go into page and zip.")
    ] = False,
    serial_numbers: Annotated[
        bool,
        typer.Option(
            "--serial-numbers", help="Serial numbers and network addresses may go in too."
        ),
    ] = False,
) -> None:
    """Test a camera from opening to unplugging: one page of verdicts, one zip for questions."""
    from app.diagnostics.camera_selftest.operator import ConsoleOperator, Nobody
    from app.diagnostics.camera_selftest.selftest import SelftestRequest, run_selftest
    from app.diagnostics.verdicts import StepResult, counts_text
    from drivers.errors import InstrumentError, StoppedByOperatorError

    console = terminal.console(stderr=True)
    name = out or Path(f"selftest-{datetime.now():%Y%m%d-%H%M%S}")
    request = SelftestRequest(config, name, seconds, private=serial_numbers, pictures=pictures)

    def tell(result: StepResult) -> None:
        finding = result.finding
        found = "; ".join(each for each in (finding.text, finding.advice) if each)
        console.print(
            f"{finding.outcome.value:17}  {result.subject:4}  {result.step}: {found}",
            highlight=False,
            soft_wrap=True,
        )

    report = run_selftest(request, Nobody() if no_unplug else ConsoleOperator(console), tell)
    written = f"{request.page} and {request.zip} written"
    if report.interrupted:
        raise StoppedByOperatorError(f"interrupted; {written}, with what was done before")
    counts = counts_text(report.results)
    if report.failures:
        named = ", ".join(f"{each.step} ({each.subject})" for each in report.failures[:3])
        raise InstrumentError(f"{counts}: {named}; {written}: look at the page, send the zip")
    terminal.say(f"{counts}; {written}")


selftest_camera = takes_cameras(_selftest_camera, as_argument=True)
