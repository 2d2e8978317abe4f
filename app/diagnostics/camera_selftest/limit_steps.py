"""The limits of exposure and rate: as told, as taken, and as held without losses."""

from collections.abc import Callable

from app.calibrate.exposure_series import ExposureSeries
from app.calibrate.frame_acquisition import FrameAcquisition
from app.diagnostics.camera_selftest.camera_under_test import CameraUnderTest
from app.diagnostics.camera_selftest.stream_steps import streamed
from app.diagnostics.verdicts import (
    Figure,
    Finding,
    failed,
    number_text,
    passed,
)
from app.session.session import Session
from app.session.status_text import CONSOLE, count_text
from drivers.camera_contract import NotOfferedError
from drivers.camera_settings import ExposureSettings, NumericControl
from drivers.errors import CameraLostError, SettingRefusedError

_SHORT_FRAMES = 3
_WAITED_FOR_US = 500_000.0
_HALVINGS = 12
_BISECTIONS = 10
_RATE_SHARES = (1.0, 0.8, 0.6, 0.4, 0.2)
_TURN_SHARE = 0.015
_TURN_S = 0.5
_HELD = 0.95
_ENOUGH_FPS = 60.0
"""A camera that holds this rate, or all it takes, is fit for a live view."""


def exposure_limits(tested: CameraUnderTest) -> Finding:
    """The shortest and the longest exposure are set, read back, and frames come at them."""
    with tested.session() as session:
        control = session.camera.controls.exposure_us
        if control is None or session.camera.settings.exposure_us is None:
            raise NotOfferedError("it has no exposure to set")
        session.start()
        series = ExposureSeries(FrameAcquisition(session, tested.budget.check))
        shortest_us = series.expose(control.minimum)
        series.frames(_SHORT_FRAMES)
        longest_us = _highest(
            lambda exposure_us: _expose(series, exposure_us), control.maximum, shortest_us
        )
        if longest_us <= _WAITED_FOR_US:
            series.frames(1)
        waited = "a frame came" if longest_us <= _WAITED_FOR_US else "no frame was waited for"
        figures = (
            Figure("shortest told", control.minimum, "us"),
            Figure("shortest achieved", shortest_us, "us"),
            Figure("longest told", control.maximum, "us"),
            Figure("longest achieved", longest_us, f"us; {waited}"),
        )
    step_us = control.increment or 1.0
    if abs(shortest_us - control.minimum) > max(step_us, 0.01 * control.minimum):
        return failed(
            f"asked for {control.minimum:g} us, its shortest, it took {shortest_us:g} us",
            "use exposures well above the shortest, and look at the value achieved",
            *figures,
        )
    return passed(f"{number_text(shortest_us)} to {number_text(longest_us)} us", *figures)


def _expose(series: ExposureSeries, exposure_us: float) -> float:
    series.make_room(exposure_us, 1)
    return series.expose(exposure_us)


def _highest(take: Callable[[float], float], wanted: float, least: float) -> float:
    """What ``take`` achieved of the highest value it does not refuse, halved from ``wanted``."""
    for halving in range(_HALVINGS):
        try:
            return take(max(least, wanted / 2**halving))
        except CameraLostError:
            raise
        except SettingRefusedError:
            continue
    return take(least)


def rate_limits(tested: CameraUnderTest) -> Finding:
    """The highest rate that is taken at the shortest exposure, and the highest without losses."""
    with tested.session() as session:
        camera = session.camera
        rate = camera.controls.fps
        if rate is None or camera.settings.fps is None:
            raise NotOfferedError("it has no frame rate to set, or a trigger from outside sets it")
        exposure = camera.controls.exposure_us
        if exposure is not None:
            session.configure(ExposureSettings(exposure_us=exposure.minimum))
        taken_fps = _highest_taken(session, rate)
        tried: list[Figure] = []
        held_fps = 0.0
        for share in _RATE_SHARES:
            asked_fps = taken_fps * share
            if asked_fps < rate.minimum:
                break
            tested.budget.check()
            session.configure(ExposureSettings(fps=asked_fps))
            status, fps = streamed(session, max(_TURN_S, tested.budget.share_s(_TURN_SHARE)))
            counters = status.counters
            losses = (counters.lost or 0) + counters.incomplete + (counters.overruns or 0)
            tried.append(
                Figure(
                    f"at {asked_fps:.4g} fps",
                    f"{fps:.4g} fps came, {count_text(counters.lost, CONSOLE)} lost, "
                    f"{counters.incomplete} incomplete, {counters.overruns or 0} overruns",
                )
            )
            if losses == 0 and fps >= _HELD * asked_fps:
                held_fps = asked_fps
                break
    figures = (
        Figure("told", rate.maximum, "fps"),
        Figure("taken", taken_fps, "fps"),
        Figure("held without losses", held_fps or None, "fps"),
        *tried,
    )
    held = f"holds {held_fps:.4g} fps without losses" if held_fps else "holds none that was tried"
    if held_fps < min(_ENOUGH_FPS, 0.99 * taken_fps):
        return failed(
            f"takes {taken_fps:.4g} fps, {held}",
            "ngs doctor names link limits; a smaller region or --link-limit-bytes-per-s may help",
            *figures,
        )
    return passed(f"takes {taken_fps:.4g} fps, {held}", *figures)


def _highest_taken(session: Session, rate: NumericControl) -> float:
    """The highest rate that is not refused; found by halving the distance to the lowest that is."""

    def taken(fps: float) -> float | None:
        try:
            return session.configure(ExposureSettings(fps=fps)).fps
        except SettingRefusedError:
            return None

    # At the shortest exposure the range may be wider than it was.
    now = session.camera.controls.fps or rate
    at_once = taken(now.maximum)
    if at_once is not None:
        return at_once
    low, high = session.camera.settings.fps or now.minimum, now.maximum
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        if taken(middle) is None:
            high = middle
        else:
            low = middle
    return taken(low) or low
