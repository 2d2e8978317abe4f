"""The command line, ``ngs``.

Exit status: 0 done, 1 failed with one clear line, 2 usage. Heavy imports
(torch, Qt, Harvesters) happen inside the commands that need them, so that
``ngs --help`` answers at once.
"""

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console

from app import export_command, model_commands
from app.calibrate.command import calibrate_app
from app.camera_options import takes_cameras
from app.record_command import record
from app.recordings import command as recordings
from app.restore.command import restore
from app.train_command import train
from drivers.compression import Compression
from drivers.errors import InstrumentError
from drivers.whole_file import check_folder

if TYPE_CHECKING:
    from app.config import SessionConfig
    from app.session import Session

app = typer.Typer(
    name="ngs",
    help="Live global-shutter video from rolling-shutter cameras in global reset.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(model_commands.synthesize)
app.command()(train)
app.command()(model_commands.evaluate)
app.command()(model_commands.models)
app.command()(export_command.export_model)
app.command()(record)
app.command()(recordings.info)
app.command()(recordings.verify)
app.command()(recordings.export)
app.command()(restore)
app.add_typer(calibrate_app, name="calibrate")
bench_app = typer.Typer(help="Measure this machine.", no_args_is_help=True)
app.add_typer(bench_app, name="bench")

_HEADLESS_SECONDS = 10.0
_debug = False


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    global _debug
    _debug = debug


def main() -> NoReturn:
    """Run ``ngs``; every failure is one line on standard error and exit status 1."""
    # A thread that computes in Python may keep the interpreter this long from the
    # capturing one; Python's own 5 ms is a whole frame at 200 fps.
    sys.setswitchinterval(0.001)
    try:
        app()
    except InstrumentError as error:
        if _debug:
            raise
        _fail(str(error))
    except Exception as error:
        if _debug:
            raise
        _fail(f"unexpected {type(error).__name__}: {error}; run ngs --debug to see where")
    raise AssertionError("typer ends the program itself")


def _fail(line: str) -> NoReturn:
    print(f"ngs: {line}", file=sys.stderr)
    sys.exit(1)


@app.command()
def cameras(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the cameras that can be opened, and the shutter modes they offer."""
    from app import cameras as listing
    from app.report import to_json

    found, problems = listing.list_cameras()
    if as_json:
        print(to_json({"cameras": found, "problems": problems}))
        return
    listing.print_cameras(found, problems, Console())


@app.command()
@takes_cameras
def live(
    config: "SessionConfig",
    model: Annotated[
        str | None, typer.Option(help="Restorer, or none; default row-gain where it can be.")
    ] = None,
    engine: Annotated[
        str | None, typer.Option(help="What computes a network; default: the fastest here.")
    ] = None,
    headless: Annotated[bool, typer.Option("--headless", help="No window.")] = False,
    seconds: Annotated[
        float | None, typer.Option(help="Stream this long; without a window 10 s if not given.")
    ] = None,
    json: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write a report; - for stdout.")
    ] = None,
    snapshot: Annotated[
        Path | None, typer.Option(metavar="FILE.png", help="Write raw | restored at the end.")
    ] = None,
    pretrigger_s: Annotated[
        float,
        typer.Option("--pretrigger-s", help="Seconds from before the button in a recording."),
    ] = 0.0,
    recordings: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Where Record puts recordings; default: your films."),
    ] = None,
    prove_shutter: Annotated[
        bool, typer.Option("--prove-shutter", help="Prove global reset from images first.")
    ] = False,
) -> None:
    """Stream a camera, restore it live and show raw beside restored."""
    from app.config import DEFAULT_MODEL
    from app.session import Session

    config = replace(
        config,
        model={None: DEFAULT_MODEL, "none": None}.get(model, model),
        engine=engine,
        pretrigger_s=pretrigger_s,
        recordings=recordings,
    )
    _check_model(config.model, engine)
    _check_targets(json, snapshot)
    with Session(config) as session:
        if model not in (None, "none") and session.why_not_restoring():
            raise InstrumentError(f"{model} cannot restore: {session.why_not_restoring()}")
        _live(session, headless, seconds, json, snapshot, prove_shutter)


def _live(
    session: "Session",
    headless: bool,
    seconds: float | None,
    json: str | None,
    snapshot: Path | None,
    prove: bool,
) -> None:
    from app import live as headless_live
    from app.report import live_report, write_json

    console = Console(stderr=True)
    if prove:
        from app.shutter_proof import prove_shutter

        console.print(prove_shutter(session).text)
    if not headless and not headless_live.has_display():
        console.print("no display (DISPLAY is not set): running headless")
        headless = True
    if headless:
        status, usage = headless_live.stream(session, seconds or _HEADLESS_SECONDS, console)
    else:
        from app.gui import run

        meter = headless_live.UsageMeter()
        run(session, seconds)
        status, usage = session.status(), meter.usage()
    if snapshot is not None:
        from app.snapshot import save_snapshot

        save_snapshot(session, snapshot)
    if json is not None:
        write_json(live_report(status, usage), json)
    elif headless:
        headless_live.print_summary(status, Console())
    if session.failure is not None:
        raise session.failure
    if headless and status.message:
        raise InstrumentError(status.message)


def _check_model(model: str | None, engine: str | None) -> None:
    """Refuse an unknown model or engine before a camera is touched."""
    if model is not None:
        from models.restorer import check_model

        check_model(model)
    if engine is not None:
        from models.engines.choice import engine_named
        from models.restorer import best_device

        engine_named(engine, best_device())


def _check_targets(json: str | None, snapshot: Path | None) -> None:
    """Refuse files that cannot be written before a camera is touched."""
    if snapshot is not None and snapshot.suffix.lower() != ".png":
        raise InstrumentError(f"snapshot {snapshot} must end in .png")
    check_folder(snapshot, json)


@app.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Look at this machine: versions, producers, compiler, GPU, display, network limits."""
    from app import doctor as examination
    from app.report import to_json

    findings = examination.examine()
    if as_json:
        print(to_json([finding.as_dict() for finding in findings]))
        return
    examination.print_findings(findings, Console())


@bench_app.command("capture")
def bench_capture(
    camera: Annotated[
        str | None, typer.Option(help="Camera address; default: viky.cti of the genicam wheel.")
    ] = None,
    fps: Annotated[float, typer.Option(help="Frame rate asked for.")] = 200.0,
    width: Annotated[int, typer.Option(help="Width in pixels.")] = 800,
    height: Annotated[int, typer.Option(help="Height in pixels.")] = 800,
    seconds: Annotated[float, typer.Option(help="How long each of the two runs lasts.")] = 30.0,
    json: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write the figures; - for stdout.")
    ] = None,
) -> None:
    """Compare capture with a bare Harvesters fetch-and-copy loop on the same camera."""
    from app.bench import bench_capture, print_capture_bench
    from app.report import write_json

    result = bench_capture(camera, fps, (width, height), seconds, Console(stderr=True))
    if json is not None:
        write_json(result.as_dict(), json)
    else:
        print_capture_bench(result, Console())


@bench_app.command("live")
def bench_live(
    model: Annotated[str, typer.Option(help="Restorer, or a weights file.")] = "live",
    size: Annotated[
        list[str] | None,
        typer.Option(metavar="WxH", help="Repeatable; default: 640x480 and 1440x1080."),
    ] = None,
    compiled: Annotated[
        bool, typer.Option("--compiled", help="torch.compile too, a minute each.")
    ] = False,
    json: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write the figures; - for stdout.")
    ] = None,
) -> None:
    """Time restoring, codes in to screen picture out, by every engine this machine has."""
    from app.bench_live import SIZES_PX, bench_live
    from app.report import write_json

    sizes = [model_commands.size_option(each) for each in size] if size else SIZES_PX
    figures = bench_live(model, sizes, Console(stderr=json == "-"), compiled=compiled)
    if json is not None:
        write_json(figures, json)


@bench_app.command("record")
def bench_record(
    folder: Annotated[Path, typer.Argument(help="A folder on the disk to measure.")] = Path("."),
    size: Annotated[str, typer.Option(metavar="WxH", help="Frame size.")] = "1440x1080",
    megabytes: Annotated[float, typer.Option(help="Pixels written per turn.")] = 2000.0,
    compression: Annotated[
        Compression, typer.Option(help="Lossless compression of the recording.")
    ] = Compression.NONE,
    json: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write the figures; - for stdout.")
    ] = None,
) -> None:
    """Compare recording two cameras with a raw, durable write to the same disk."""
    from app.bench_record import bench_record, print_record_bench
    from app.report import write_json

    size_px = model_commands.size_option(size)
    result = bench_record(folder, size_px, megabytes, compression, Console(stderr=True))
    if json is not None:
        write_json(result.as_dict(), json)
    else:
        print_record_bench(result, Console())
