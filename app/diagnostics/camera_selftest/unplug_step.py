"""The operator unplugs the camera and plugs it in again: what is told, how soon, and after."""

import time
from collections.abc import Callable

from app.diagnostics.camera_selftest.camera_under_test import CameraUnderTest
from app.diagnostics.verdicts import Figure, Finding, failed, passed, skipped
from app.session.session import Session
from app.session.status import SessionState
from drivers.errors import InstrumentError

_LONGEST_S = 60.0
_LOOK_S = 0.05
_AGAIN_S = 1.0
_FRAMES_AFTER = 10


def survives_unplugging(tested: CameraUnderTest) -> Finding:
    """A lost camera is told as lost, and opens again with its settings once it is back."""
    operator = tested.operator
    if not operator.present:
        return skipped("nobody there to unplug it", "run it in a terminal, without --no-unplug")
    with tested.budget.standing_still(), tested.session() as session:
        session.start()
        before = session.camera.settings
        if not operator.agrees(f"streaming; be ready to unplug the {tested.name} camera"):
            return skipped("skipped by the operator")
        operator.tell(f"unplug the {tested.name} camera now (within {_LONGEST_S:.0f} s)")
        lost_s = _seconds_until(lambda: session.state is not SessionState.STREAMING)
        if lost_s is None:
            return failed(
                f"no loss was noticed within {_LONGEST_S:.0f} s of being asked to unplug",
                "was it unplugged? then its producer keeps silent: send the zip",
            )
        told = session.status().message
        if session.state is not SessionState.LOST:
            return failed(f"the session failed: {told}", "send the zip with a question")
        operator.tell(f"lost, as it should be: {told}")
        operator.tell(f"plug it in again (within {_LONGEST_S:.0f} s)")
        back_s = _seconds_until(lambda: _is_back(session), _AGAIN_S)
        figures = (
            Figure("loss told", lost_s, "s after the request"),
            Figure("open again", back_s, "s after the request"),
        )
        if back_s is None:
            return failed(
                f"it did not open again within {_LONGEST_S:.0f} s",
                "some cameras need longer to start; else its producer must be loaded anew",
                *figures,
            )
        frames_s = _seconds_until(lambda: session.camera.counters.captured >= _FRAMES_AFTER)
        after = session.camera.settings
    if frames_s is None:
        return failed("it opened again, and no frames came", "look at its trigger", *figures)
    if after != before:
        return failed(f"its settings changed: {after}, before {before}", "set them anew", *figures)
    return passed(
        f"loss told {lost_s:.1f} s after the request, streaming again with the same settings",
        *figures,
    )


def _is_back(session: Session) -> bool:
    try:
        session.reconnect()
    except InstrumentError:
        return False
    return True


def _seconds_until(condition: Callable[[], bool], step_s: float = _LOOK_S) -> float | None:
    """How long it took; None where it took too long."""
    before_s = time.monotonic()
    while not condition():
        if time.monotonic() - before_s > _LONGEST_S:
            return None
        time.sleep(step_s)
    return time.monotonic() - before_s
