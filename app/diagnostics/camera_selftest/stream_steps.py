"""Streaming for a while: what came, and what did not."""

import time
from collections.abc import Callable
from typing import NamedTuple

import cv2

from app.diagnostics.camera_selftest.camera_under_test import CameraUnderTest
from app.diagnostics.verdicts import (
    Figure,
    Finding,
    failed,
    not_possible,
    passed,
)
from app.session.session import Session
from app.session.status import SessionState, SessionStatus
from app.session.status_text import waiting_text
from drivers.camera import CaptureCounters
from drivers.errors import InstrumentError
from drivers.frame import Frame

_LOOK_S = 0.05
_SHARE = 0.15
"""Of the whole time; two cameras and their wiring leave two fifths for all other steps."""


class Streamed(NamedTuple):
    """The status at the end of a stream, and its rate from the first frame on."""

    status: SessionStatus
    fps: float


def streamed(
    session: Session,
    seconds: float,
    longest_s: float = 0.0,
    enough: Callable[[SessionStatus], bool] = lambda status: True,
) -> Streamed:
    """Stream that long, and until it is ``enough`` or ``longest_s`` are over.

    Raises what ended the stream before.
    """
    session.start()
    first: tuple[float, int] | None = None
    captured = 0
    now_s = time.monotonic()
    ends_s, latest_s = now_s + seconds, now_s + longest_s
    try:
        while session.state is SessionState.STREAMING and (
            now_s < ends_s or (now_s < latest_s and not enough(session.status()))
        ):
            time.sleep(_LOOK_S)
            now_s, captured = time.monotonic(), session.camera.counters.captured
            if first is None and captured:
                first = now_s, captured
    finally:
        # Where it was lost, stopping keeps that state.
        session.stop()
    status = session.status()
    if status.state in (SessionState.LOST, SessionState.FAILED):
        raise session.failure or InstrumentError(status.message)
    since_s, before = first or (now_s, captured)
    return Streamed(status, (captured - before) / (now_s - since_s) if now_s > since_s else 0.0)


def loss_figures(counters: CaptureCounters) -> tuple[Figure, ...]:
    """The counts of a stream."""
    return (
        Figure("captured", counters.captured, "frames"),
        Figure("lost", counters.lost, "frames" if counters.lost is not None else ""),
        Figure("incomplete", counters.incomplete, "frames"),
        Figure("overruns", counters.overruns, "triggers" if counters.overruns is not None else ""),
    )


def loses_nothing(tested: CameraUnderTest) -> Finding:
    """At the rate of a live view every frame comes, whole."""
    with tested.session() as session:
        status, fps = streamed(session, tested.budget.share_s(_SHARE))
        newest = session.newest_raw()
    if tested.pictures and newest is not None:
        tested.files[f"{tested.name}/picture.png"] = _png(newest)
    counters, asked_fps = status.counters, status.settings.fps
    figures = (
        *loss_figures(counters),
        Figure("streamed", status.streamed_s, "s"),
        Figure("rate asked", asked_fps, "fps"),
        Figure("rate captured", fps, "fps"),
        Figure("trigger jitter p99", status.jitter_us_p99, "us"),
        Figure("trigger", str(status.device_state.trigger_source)),
    )
    if counters.captured == 0:
        waiting = waiting_text(status)
        return failed(
            waiting or f"no frame came in {status.streamed_s:.1f} s",
            "look at trigger, link and exposure",
            *figures,
        )
    overruns = counters.overruns or 0
    if counters.lost or counters.incomplete or overruns:
        return failed(
            f"{counters.lost} lost, {counters.incomplete} incomplete, {overruns} overruns beside "
            f"{counters.captured} captured",
            "ngs doctor names link limits; overruns: lower the rate"
            if overruns
            else "ngs doctor names network and USB limits; close what keeps the computer busy",
            *figures,
        )
    if counters.lost is None:
        return not_possible(
            f"{counters.captured} frames in {status.streamed_s:.1f} s; the camera's numbers do not "
            "tell losses",
            "compare the rate captured with the rate asked",
            *figures,
        )
    return passed(f"{counters.captured} frames in {status.streamed_s:.1f} s, none lost", *figures)


def _png(frame: Frame) -> bytes:
    """The codes as they are, deep ones in the low bits of 16."""
    pixels = frame.pixels[..., ::-1] if frame.pixels.ndim == 3 else frame.pixels
    _, png = cv2.imencode(".png", pixels)
    return png.tobytes()
