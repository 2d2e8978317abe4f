"""The command ``ngs record``."""

import math
import time
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app import terminal
from app.commands.camera_options import opened, takes_cameras
from app.commands.number_options import LONGEST_PAST_S, LONGEST_S, number
from app.commands.option_values import ReportFile, RingMegabytes, ring_bytes
from app.session import interruption
from drivers.atomic_file import check_file, check_folder
from drivers.camera_settings import is_signal
from drivers.errors import InstrumentError, StoppedByOperatorError
from drivers.recording.compression import Compression

if TYPE_CHECKING:
    from rich.progress import Progress

    from app.session.config import SessionConfig
    from app.session.session import Session
    from app.session.status import RecordingStatus, SessionStatus

_LOOK_EVERY_S = 0.1


class Start(StrEnum):
    """Event that starts the recording."""

    NOW = "now"
    ENTER = "enter"
    TRIGGER = "trigger"


@takes_cameras
def record(
    config: "SessionConfig",
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to make.")],
    seconds: Annotated[
        float | None, number("Stop at this length, --pretrigger-s included.", 0.001, LONGEST_S, "s")
    ] = None,
    frames: Annotated[
        int | None, number("Stop after so many frames of each camera.", 1, 10**9, "frames")
    ] = None,
    pretrigger_s: Annotated[
        float, number("Seconds to keep from before the start.", 0.0, LONGEST_PAST_S, "s")
    ] = 0.0,
    start: Annotated[
        Start,
        typer.Option(
            help="now; enter: when Enter is pressed; trigger: with the first frame that the "
            "hardware line of --trigger starts."
        ),
    ] = Start.NOW,
    compression: Annotated[
        Compression, typer.Option(help="Lossless; lz4 is fast, zstd smaller.")
    ] = Compression.NONE,
    note: Annotated[str, typer.Option(help="Text to keep with the recording.")] = "",
    ring_mb: RingMegabytes = None,
    json: ReportFile = None,
) -> None:
    """Record every frame of one or two cameras, raw and without loss, until Ctrl-C.

    A recording survives the death of the program: it can be read and lacks the last moments
    only. It ends in order before the disk is full.
    """

    from app.commands.json_report import write_json
    from app.session.recorder import RecordingRequest
    from app.session.status_text import recording_outcome

    _check_targets(config, out, json)
    request = RecordingRequest(out, compression, pretrigger_s, frames, seconds, note)
    console = terminal.console(stderr=True)
    config = replace(
        config, model=None, pretrigger_s=pretrigger_s, ring_budget_bytes=ring_bytes(ring_mb)
    )
    interrupted = False
    with opened(config) as session:
        if start is Start.TRIGGER:
            _check_hardware_trigger(session)
        session.check_pretrigger()
        session.start()
        try:
            _wait_for(start, pretrigger_s, session, console)
            session.start_recording(request)
            _tell_note(session, console)
            _watch(session, console, seconds, frames)
        except KeyboardInterrupt:
            interruption.taken()
            interrupted = True
            console.print("interrupted; finishing in order")
        session.stop()
        status = session.status()
        if session.failure is not None:
            raise session.failure
    recording = status.recording
    if recording is None:
        raise StoppedByOperatorError("interrupted before the recording began; nothing was written")
    if json != "-":
        terminal.say(recording_outcome(recording))
    if json is not None:
        write_json(record_report(status, recording), json)
    if not recording.as_asked:
        raise InstrumentError(status.message or recording.message)
    if interrupted and (frames, seconds) != (None, None):
        limit = f"--frames {frames}" if frames is not None else f"--seconds {seconds:g}"
        raise StoppedByOperatorError(f"interrupted before {limit}; {out} is complete up to then")


def _check_targets(config: "SessionConfig", out: Path, json: str | None) -> None:
    """Refuse what cannot be written before a camera is opened."""
    check_folder(out)
    if out.exists():
        raise InstrumentError(f"{out} exists; recordings are never overwritten: name another OUT")
    check_file(json, makes=out, spares=(out, *config.inputs))


def _check_hardware_trigger(session: "Session") -> None:
    source = session.camera.state.trigger_source
    if not is_signal(source):
        lines = [name for name in session.camera.controls.trigger_sources if is_signal(name)]
        raise InstrumentError(
            f"--start trigger needs a hardware line, the trigger is '{source}'; give --trigger "
            f"{' or '.join(lines) or 'a line (this camera offers none)'}"
        )


def _wait_for(start: Start, pretrigger_s: float, session: "Session", console: Any) -> None:
    """Return when the recording shall start; raises when the session ends before."""
    reader = session.reader()
    match start:
        case Start.ENTER:
            terminal.ask(console, "streaming; press Enter to record (Ctrl-C ends): ")
        case Start.TRIGGER:
            console.print("armed: waiting for the first trigger (Ctrl-C ends)")
            while reader.counters.waiting == 0:
                _sleep(session)
        case Start.NOW:
            fps = session.camera.settings.fps
            longest_s = pretrigger_s if fps is None else 2 * pretrigger_s
            until_ns = time.monotonic_ns() + round(1e9 * longest_s)
            # Two more, since the past reaches from frame to frame. A camera that waits for its
            # trigger has nothing from before the start.
            wanted = math.inf if fps is None else pretrigger_s * fps + 2
            while reader.counters.waiting < wanted and time.monotonic_ns() < until_ns:
                _sleep(session)


def _tell_note(session: "Session", console: Any) -> None:
    recording = session.status().recording
    if recording is not None and recording.note:
        console.print(recording.note)


def _sleep(session: "Session") -> None:

    time.sleep(_LOOK_EVERY_S)
    status = session.status()
    if status.message:
        raise InstrumentError(status.message)


def _watch(session: "Session", console: Any, seconds: float | None, frames: int | None) -> None:
    """Show the progress until the recording ends."""

    from app.session.status_text import WaitingTold, recording_progress

    waiting = WaitingTold(console.print)
    with _progress(console) as progress:
        task = progress.add_task("", total=seconds or frames, told="")
        while (recording := (status := session.status()).recording) and recording.recording:
            done = recording.seconds if seconds else max(recording.frames.values())
            told = f"{recording_progress(recording)}{waiting.look(status)}"
            progress.update(task, completed=done, told=told)
            time.sleep(_LOOK_EVERY_S)


def _progress(console: Any) -> "Progress":
    from rich.progress import BarColumn, Progress, TimeElapsedColumn

    return Progress(
        terminal.TextColumn("recording"),
        BarColumn(),
        TimeElapsedColumn(),
        terminal.TextColumn("{task.fields[told]}"),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def record_report(status: "SessionStatus", recording: "RecordingStatus") -> dict[str, Any]:
    """The report of ``--json``; stable names."""
    from dataclasses import asdict

    captured = {"rsgr": asdict(status.counters)}
    if status.gs_counters is not None:
        captured["gs"] = asdict(status.gs_counters)
    return {
        "recording": str(recording.folder),
        "as_asked": recording.as_asked,
        "reason": recording.message,
        "seconds": recording.seconds,
        "frames": dict(recording.frames),
        "lost": dict(recording.lost),
        "lost_to_disk": recording.lost_to_disk,
        "damaged": dict(recording.damaged),
        "captured": captured,
        "bytes": recording.bytes_written,
        "mb_per_s": recording.mb_per_s,
        "minutes_left": recording.minutes_left,
        "pretrigger_s": recording.pretrigger_s,
        "pretrigger_asked_s": recording.pretrigger_asked_s,
        "note": recording.note,
    }
