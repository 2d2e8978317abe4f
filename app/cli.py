"""The command line, ``ngs``.

Exit status: 0 done, 1 failed with one clear line, 2 usage; 130, 143 or 129 where Ctrl-C, SIGTERM
or SIGHUP ended it. Ctrl-C is the normal end of what has no limit: 0 then. Heavy imports
(torch, Qt, Harvesters) happen inside the commands that need them, so that
``ngs --help`` answers at once.
"""

import io
import signal
import sys
from typing import Annotated, Any, NoReturn

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
from app.commands.finetune import finetune
from app.commands.info import info
from app.commands.live import live
from app.commands.models import models
from app.commands.record import record
from app.commands.repair import repair
from app.commands.restore import restore
from app.commands.selftest_camera import selftest_camera
from app.commands.selftest_faults import selftest_faults
from app.commands.selftest_soak import selftest_soak
from app.commands.synthesize import synthesize
from app.commands.train import train
from app.commands.verify import verify
from app.session import interruption
from app.terminal import say_error
from drivers.atomic_file import waiting_told_by
from drivers.errors import InstrumentError, StoppedByOperatorError
from drivers.plain_text import utf8
from drivers.system_limits import limit_text

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
    finetune,
    evaluate,
    models,
    export_model,
    record,
    info,
    verify,
    repair,
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
selftest_app = typer.Typer(help="Test what is at hand, with a verdict.", no_args_is_help=True)
selftest_app.command("camera")(selftest_camera)
selftest_app.command("faults")(selftest_faults)
selftest_app.command("soak")(selftest_soak)
app.add_typer(selftest_app, name="selftest")

_UsageError: Any = typer.BadParameter.__base__
"""What cannot be understood of a command line; typer has no name of its own for it."""

_debug = False


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    global _debug
    _debug = debug


def main() -> NoReturn:
    """Run ``ngs``; every failure is one line on standard error."""
    # A thread that computes in Python may keep the interpreter this long from the
    # capturing one; Python's own 5 ms is a whole frame at 200 fps.
    sys.setswitchinterval(0.001)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Of a terminal that is not of UTF-8, letters it lacks are shown as escapes.
        sys.stdout.reconfigure(errors="backslashreplace")
    with interruption.heard(), waiting_told_by(say_error):
        try:
            _check_words(sys.argv[1:])
            command = typer.main.get_command(app)
            try:
                sys.exit(command.main(prog_name="ngs", standalone_mode=False))
            finally:
                interruption.taken()
        except _UsageError as error:
            _end_usage(error)
        except StoppedByOperatorError as error:
            if _debug:
                raise
            _end(str(error), interruption.exit_status())
        except InstrumentError as error:
            if _debug:
                raise
            _end(str(error), 1)
        except typer.Abort:
            _end("standard input ended where an answer was asked for; run it in a terminal", 1)
        except KeyboardInterrupt:
            _end("interrupted", interruption.exit_status())
        except SystemExit as ended:
            _check_interrupted(ended)
            raise
        except Exception as error:
            if _debug:
                raise
            # A library that is interrupted while it is imported may make another error of it.
            stopped = interruption.received() is not None
            if not stopped and (limit := limit_text(error)):
                _end(limit, 1)
            _end(
                f"{'interrupted, and then' if stopped else 'unexpected'} "
                f"{type(error).__name__}: {error}; run ngs --debug to see where",
                interruption.exit_status() if stopped else 1,
            )
    raise AssertionError("every way out ends the program")


def _check_words(words: list[str]) -> None:
    """Refuse what is not UTF-8: libraries and files cannot take such names."""
    for word in words:
        if utf8(word) != word:
            _end(f"{word} is not UTF-8; rename it, or make a link to it that is", 2)


def _end_usage(error: Any) -> NoReturn:
    if type(error).__name__ == "NoArgsIsHelpError":
        error.show()
        sys.exit(2)
    command = "ngs" if error.ctx is None else error.ctx.command_path
    _end(f"{error.format_message().rstrip('.')}; {command} --help tells more", 2)


def _check_interrupted(ended: SystemExit) -> None:
    """Another status where a signal ended the command; Ctrl-C may be its normal end."""
    stopped_by = interruption.received()
    if stopped_by is None:
        return
    # What typer makes of an interruption that no command caught.
    if ended.code == 128 + signal.SIGINT:
        _end("interrupted", interruption.exit_status())
    if ended.code in (None, 0) and stopped_by is not signal.SIGINT:
        sys.exit(interruption.exit_status())


def _end(line: str, status: int) -> NoReturn:
    say_error(f"ngs: {line}")
    sys.exit(status)
