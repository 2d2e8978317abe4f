"""``ngs live`` without a window: stream, restore, count, report."""

import os
import sys
import time
from dataclasses import dataclass, replace

from rich.console import Console
from rich.progress import BarColumn, Progress, TimeRemainingColumn
from rich.table import Table

from app.session import interruption
from app.session.run_statistics import Percentiles, WakeMeter, processor_s
from app.session.session import Session
from app.session.status import PairStatus, SessionState, SessionStatus
from app.session.status_text import (
    CONSOLE,
    WaitingTold,
    count_text,
    duration_text,
    lag_word,
    line_time_text,
    proof_word,
    synchrony_word,
    waiting_text,
)
from app.terminal import TextColumn

_SHOW_EVERY_S = 0.25


def has_display() -> bool:
    """Whether a window can be opened: a display server, or a Qt platform that needs none."""
    if sys.platform != "linux":
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"))


@dataclass(frozen=True, slots=True)
class Usage:
    """Cost of a run: processor cores, and how late its main thread woke (NaN: not measured)."""

    cpu_share: float
    main_thread_wake_ms: Percentiles


class UsageMeter:
    """Measures usage since it was created; ``wakes`` is for a main thread that only waits."""

    def __init__(self) -> None:
        self.wakes = WakeMeter()
        self._wall_before_s = time.monotonic()
        self._cpu_before_s = processor_s()

    @property
    def elapsed_s(self) -> float:
        """Time since the meter was made."""
        return time.monotonic() - self._wall_before_s

    def usage(self) -> Usage:
        """Usage so far."""
        cpu_s = processor_s() - self._cpu_before_s
        return Usage(cpu_s / self.elapsed_s, self.wakes.percentiles())


def stream(session: Session, seconds: float, console: Console) -> tuple[SessionStatus, Usage]:
    """Stream for ``seconds`` or until interrupted or the camera fails.

    Returns the last status and what the run took. Streaming starts here if it
    has not yet.
    """
    session.start()
    meter = UsageMeter()
    with _progress(console) as progress:
        task = progress.add_task("", total=seconds, rate=0.0, lost="0", waiting="")
        shown_s, waiting = 0.0, WaitingTold(console.print)
        try:
            while (elapsed_s := meter.elapsed_s) < seconds:
                if session.state != SessionState.STREAMING:
                    break
                meter.wakes.sleep()
                if elapsed_s - shown_s >= _SHOW_EVERY_S:
                    shown_s = elapsed_s
                    counters = session.camera.counters
                    rate = counters.captured / elapsed_s
                    progress.update(
                        task,
                        completed=elapsed_s,
                        rate=rate,
                        lost=count_text(counters.lost, CONSOLE),
                        waiting=waiting.look(session.status()),
                    )
                    progress.refresh()
        except KeyboardInterrupt:
            interruption.taken()
            console.print("interrupted; finishing in order")
    usage = meter.usage()
    silent_s = session.status().silent_s  # a stopped session is not silent
    session.stop()
    return replace(session.status(), silent_s=silent_s), usage


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("streaming"),
        BarColumn(),
        TextColumn("{task.fields[rate]:.1f} fps, {task.fields[lost]} lost{task.fields[waiting]}"),
        TimeRemainingColumn(),
        console=console,
        auto_refresh=False,
        transient=True,
    )


def print_summary(status: SessionStatus, console: Console) -> None:
    """Print a summary of a run for an operator."""
    counters, latency, restorer = status.counters, status.latency_ms, status.restorer
    lost, overruns = (count_text(n, CONSOLE) for n in (counters.lost, counters.overruns))
    proven = proof_word(status.shutter_proven)
    rate = status.mean_captured_fps
    table = Table.grid(padding=(0, 2))
    for name, value in (
        ("camera", f"{status.identity.maker} {status.identity.model} ({status.address})"),
        ("shutter", f"{status.device_state.shutter_mode.value}, {proven}"),
        ("line time", line_time_text(status.timing, CONSOLE)),
        ("frames", f"{counters.captured} captured at {rate:.1f} fps"),
        (
            "losses",
            f"{lost} lost, {counters.incomplete} incomplete, {overruns} overruns",
        ),
        (
            "restored",
            f"{status.restored} by {restorer.name} on {restorer.device}"
            f"{f' ({restorer.engine})' if restorer.engine else ''}, {status.skipped} skipped"
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
            f"{status.device_state.trigger_source}, jitter p99 "
            f"{duration_text(status.jitter_us_p99, CONSOLE)}",
        ),
        *(_pair_rows(status.pairs) if status.pairs is not None else []),
        *([("fallback", restorer.fallback)] if restorer.fallback else []),
        *([("engine", restorer.engine_note)] if restorer.engine_note else []),
        *(
            [("replaced", f"{restorer.replaced} frames by row gain: the model gave no numbers")]
            if restorer.replaced
            else []
        ),
        *([("waiting", waiting)] if (waiting := waiting_text(status)) else []),
        *(("warning", text) for text in status.device_state.warnings),
    ):
        table.add_row(name, value)
    console.print(table)


def _pair_rows(status: PairStatus) -> list[tuple[str, str]]:
    pairing, (rsgr, gs) = status.pairing, status.pairing.unmatched
    method = "nothing yet" if pairing.method is None else pairing.method.value
    overruns = [count_text(count, CONSOLE) for count in status.overruns]
    lag = status.lag
    return [
        ("wiring", status.wiring_text),
        ("pairs", f"{pairing.pairs} by {method}; unmatched: {rsgr} of the RSGR, {gs} of the GS "
                  f"camera; overruns: {overruns[0]} and {overruns[1]}"),
        ("one trigger", f"{synchrony_word(status.synchronous)}: {pairing.text}"),
        *([] if lag is None else [("pictures", f"{lag_word(lag)}: {lag.text}")]),
    ]  # fmt: skip
