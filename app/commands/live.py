"""The command ``ngs live``."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app import terminal
from app.commands.camera_options import opened, takes_cameras
from app.commands.number_options import LONGEST_PAST_S, LONGEST_S, number
from app.commands.option_values import Engine, ReportFile, RingMegabytes, ring_bytes
from app.session import interruption
from drivers.atomic_file import check_file, check_folder
from drivers.errors import InstrumentError, StoppedByOperatorError

if TYPE_CHECKING:
    from app.session.config import SessionConfig
    from app.session.session import Session

_HEADLESS_SECONDS = 10.0


@takes_cameras
def live(
    config: "SessionConfig",
    model: Annotated[
        str | None, typer.Option(help="Restorer, or none; default row-gain where it can be.")
    ] = None,
    engine: Engine = None,
    headless: Annotated[bool, typer.Option("--headless", help="No window.")] = False,
    seconds: Annotated[
        float | None,
        number("Stream this long; without a window 10 s if not given.", 0.001, LONGEST_S, "s"),
    ] = None,
    json: ReportFile = None,
    snapshot: Annotated[
        Path | None, typer.Option(metavar="FILE.png", help="Write raw | restored at the end.")
    ] = None,
    pretrigger_s: Annotated[
        float,
        number("Seconds from before the button in a recording.", 0.0, LONGEST_PAST_S, "s"),
    ] = 0.0,
    ring_mb: RingMegabytes = None,
    recordings: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Where Record puts recordings; default: your films."),
    ] = None,
    prove_shutter: Annotated[
        bool, typer.Option("--prove-shutter", help="Prove global reset from images first.")
    ] = False,
) -> None:
    """Stream a camera, restore it live and show raw beside restored."""
    from app.session.config import DEFAULT_MODEL

    config = replace(
        config,
        model={None: DEFAULT_MODEL, "none": None}.get(model, model),
        engine=engine,
        pretrigger_s=pretrigger_s,
        ring_budget_bytes=ring_bytes(ring_mb),
        recordings=recordings,
    )
    _check_model(config.model, engine)
    _check_targets(config, json, snapshot, recordings)
    with opened(config) as session:
        if model not in (None, "none") and session.why_not_restoring():
            raise InstrumentError(f"{model} cannot restore: {session.why_not_restoring()}")
        session.check_pretrigger()
        _live(session, headless, seconds, json, snapshot, prove_shutter)


def _live(
    session: "Session",
    headless: bool,
    seconds: float | None,
    json: str | None,
    snapshot: Path | None,
    prove: bool,
) -> None:
    from app.commands.json_report import live_report, write_json
    from app.session import headless as headless_session

    console = terminal.console(stderr=True)
    if prove:
        from app.calibrate.shutter_proof import prove_shutter

        console.print(prove_shutter(session).text)
    if not headless and not headless_session.has_display():
        console.print("no display (DISPLAY is not set): running headless")
        headless = True
    elif not headless and (why_not := why_no_window()):
        console.print(f"{why_not}: running headless")
        headless = True
    if headless:
        status, usage = headless_session.stream(session, seconds or _HEADLESS_SECONDS, console)
    else:
        from app.gui import run

        meter = headless_session.UsageMeter()
        run(session, seconds)
        status, usage = session.status(), meter.usage()
    if snapshot is not None:
        from app.session.snapshot import save_snapshot

        save_snapshot(session, snapshot)
    if json is not None:
        write_json(live_report(status, usage), json)
    elif headless:
        headless_session.print_summary(status, terminal.console())
    if session.failure is not None:
        raise session.failure
    if headless and status.message:
        raise InstrumentError(status.message)
    if interruption.received() is not None and (headless or seconds is not None):
        wanted_s = seconds or _HEADLESS_SECONDS
        raise StoppedByOperatorError(
            f"interrupted after {status.streamed_s:.1f} of {wanted_s:g} s; stopped in order"
        )


def why_no_window() -> str:
    """Why Qt would abort the process instead of opening a window, with advice; else empty."""
    from app.diagnostics import qt_libraries

    lacking = qt_libraries.missing(qt_libraries.wanted_here())
    return (
        f"no window, Qt lacks {', '.join(lacking)} ({qt_libraries.advice(lacking)})"
        if (lacking)
        else ""
    )


def _check_model(model: str | None, engine: str | None) -> None:
    """Refuse an unknown model or engine before a camera is touched."""
    if model is not None:
        from models.restorers.registry import check_model

        check_model(model)
    if engine is not None:
        from models.engines.device import best_device
        from models.engines.engine_choice import engine_named

        engine_named(engine, best_device())


def _check_targets(
    config: "SessionConfig", json: str | None, snapshot: Path | None, recordings: Path | None
) -> None:
    """Refuse files and folders that cannot be written before a camera is touched."""
    if snapshot is not None and snapshot.suffix.lower() != ".png":
        raise InstrumentError(f"snapshot {snapshot} must end in .png")
    check_file(snapshot, json, spares=config.inputs)
    if recordings is not None:
        check_folder(recordings)
