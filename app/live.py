"""``ngs live`` without a window: stream, restore, count, report."""

import os
import sys
import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from app.session import Session
from app.statistics import Percentiles, WakeMeter
from app.status import SessionState, SessionStatus

_SHOW_EVERY_S = 0.25


def has_display() -> bool:
    """Whether a window can be opened: a display server, or a Qt platform that needs none."""
    if sys.platform != "linux":
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"))


def stream(
    session: Session, seconds: float, console: Console
) -> tuple[SessionStatus, float, Percentiles]:
    """Stream for ``seconds`` or until interrupted or the camera fails.

    Returns the last status, the processor cores used and how the main thread
    woke meanwhile. Streaming starts here if it has not yet.
    """
    session.start()
    wakes = WakeMeter()
    wall_before, cpu_before = time.monotonic(), time.process_time()
    with _progress(console) as progress:
        task = progress.add_task("", total=seconds, rate=0.0, lost=0)
        shown_s = 0.0
        try:
            while (elapsed_s := time.monotonic() - wall_before) < seconds:
                if session.state != SessionState.STREAMING:
                    break
                wakes.sleep()
                if elapsed_s - shown_s >= _SHOW_EVERY_S:
                    shown_s = elapsed_s
                    counters = session.camera.counters
                    rate = counters.captured / elapsed_s
                    progress.update(task, completed=elapsed_s, rate=rate, lost=counters.lost)
                    progress.refresh()
        except KeyboardInterrupt:
            console.print("interrupted; finishing in order")
    cpu_share = (time.process_time() - cpu_before) / (time.monotonic() - wall_before)
    session.stop()
    return session.status(), cpu_share, wakes.percentiles()


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("streaming"),
        BarColumn(),
        TextColumn("{task.fields[rate]:.1f} fps, {task.fields[lost]} lost"),
        TimeRemainingColumn(),
        console=console,
        auto_refresh=False,
        transient=True,
    )


def print_summary(status: SessionStatus, console: Console) -> None:
    """What a person wants to know of a run, in a dozen lines."""
    counters, latency, sensor = status.counters, status.latency_ms, status.timing.sensor
    overruns = "unknown" if counters.overruns is None else f"{counters.overruns}"
    rate = counters.captured / status.streamed_s if status.streamed_s else 0.0
    proven = {True: "proven", False: "disproved", None: "not tested"}[status.shutter_proven]
    table = Table.grid(padding=(0, 2))
    for name, value in (
        ("camera", f"{status.identity.maker} {status.identity.model} ({status.address})"),
        ("shutter", f"{status.device_state.shutter_mode.value}, {proven}"),
        (
            "line time",
            "unknown"
            if sensor is None
            else f"{sensor.line_time_us:g} us ({status.timing.source.value})",
        ),
        ("frames", f"{counters.captured} captured at {rate:.1f} fps"),
        (
            "losses",
            f"{counters.lost} lost, {counters.incomplete} incomplete, {overruns} overruns",
        ),
        (
            "restored",
            f"{status.restored} by {status.model} on {status.device}, {status.skipped} skipped"
            if status.restored
            else f"none: {status.restoring_note}",
        ),
        *(
            [("latency", f"{latency.p50:.1f} ms median, {latency.p95:.1f} ms p95")]
            if status.restored
            else []
        ),
        (
            "trigger",
            f"{status.device_state.trigger_source}, jitter p99 {_us(status.jitter_us_p99)}",
        ),
        *(("warning", text) for text in status.device_state.warnings),
    ):
        table.add_row(name, value)
    console.print(table)


def _us(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.0f} us"
