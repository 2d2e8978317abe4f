"""The command line, ``ngs``.

Exit status: 0 done, 1 failed with one clear line, 2 usage. Heavy imports
(torch, Qt, Harvesters) happen inside the commands that need them, so that
``ngs --help`` answers at once.
"""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Annotated, NoReturn

import typer

from app.commands.bench_capture import bench_capture
from app.commands.bench_live import bench_live
from app.commands.bench_record import bench_record
from app.commands.calibrate import calibrate_app
from app.commands.cameras import cameras
from app.commands.doctor import doctor
from app.commands.evaluate import evaluate
from app.commands.export import export
from app.commands.export_model import export_model
from app.commands.info import info
from app.commands.live import live
from app.commands.models import models
from app.commands.record import record
from app.commands.restore import restore
from app.commands.synthesize import synthesize
from app.commands.train import train
from app.commands.verify import verify
from drivers.errors import InstrumentError

app = typer.Typer(
    name="ngs",
    help="Live global-shutter video from rolling-shutter cameras in global reset.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in (
    synthesize,
    train,
    evaluate,
    models,
    export_model,
    record,
    info,
    verify,
    export,
    restore,
    cameras,
    live,
    doctor,
):
    app.command()(command)
app.add_typer(calibrate_app, name="calibrate")
bench_app = typer.Typer(help="Measure this machine.", no_args_is_help=True)
bench_app.command("capture")(bench_capture)
bench_app.command("live")(bench_live)
bench_app.command("record")(bench_record)
app.add_typer(bench_app, name="bench")

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
    with _interruption() as interrupted:
        try:
            app()
        except InstrumentError as error:
            if _debug:
                raise
            _fail(str(error))
        except Exception as error:
            if _debug:
                raise
            # A library that is interrupted while it is imported may make another error of it.
            what = "interrupted, and then" if interrupted.is_set() else "unexpected"
            _fail(f"{what} {type(error).__name__}: {error}; run ngs --debug to see where")
    raise AssertionError("typer ends the program itself")


@contextmanager
def _interruption() -> Iterator[threading.Event]:
    """Python's own handling of Ctrl-C, which also sets the event; not where SIGINT is ignored."""
    interrupted = threading.Event()
    former = signal.getsignal(signal.SIGINT)

    def interrupt(number: int, frame: FrameType | None) -> None:
        interrupted.set()
        signal.default_int_handler(number, frame)

    if former is not signal.default_int_handler:
        yield interrupted
        return
    signal.signal(signal.SIGINT, interrupt)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, former)


def _fail(line: str) -> NoReturn:
    print(f"ngs: {line}", file=sys.stderr)
    sys.exit(1)
