"""Two cameras on one trigger: both come, and their frames belong together."""

from app.diagnostics.camera_selftest.camera_under_test import CameraUnderTest
from app.diagnostics.camera_selftest.stream_steps import streamed
from app.diagnostics.verdicts import Figure, Finding, failed, not_possible, passed
from app.session.status import SessionStatus

_SHARE = 0.15
_FEWEST_S = 2.0
_LONGER = 5.0
"""How much longer it may take until enough frames came on time, as on a busy computer."""

_PAIRED_SHARE = 0.9
_ENOUGH_FRAMES = 100
"""Before so many frames, those at the ends weigh too much for a verdict."""


def _is_decided(status: SessionStatus) -> bool:
    return status.pairs is not None and status.pairs.pairing.synchronous is not None


def pairs_are_true(tested: CameraUnderTest) -> Finding:
    """Both cameras are triggered, and their pairs began at the same instant.

    The configuration of ``tested`` has both cameras.
    """
    with tested.session() as session:
        seconds = max(_FEWEST_S, tested.budget.share_s(_SHARE))
        status, _ = streamed(session, seconds, _LONGER * seconds, _is_decided)
    pairs, gs = status.pairs, status.gs_counters
    assert pairs is not None  # there are two cameras
    assert gs is not None
    report, rsgr = pairs.pairing, status.counters
    method = "nothing" if report.method is None else report.method.value
    figures = (
        Figure("wiring", pairs.wiring_text),
        Figure("frames", f"{rsgr.captured} RSGR, {gs.captured} GS"),
        Figure("pairs", f"{report.pairs} by {method}"),
        Figure("without partner", f"{report.unmatched[0]} RSGR, {report.unmatched[1]} GS"),
        Figure("times agree, median", report.residual_us_p50, "us"),
        Figure("times agree, p99", report.residual_us_p99, "us"),
        *(Figure("warning", warning) for warning in status.device_state.warnings),
    )
    fewest = min(rsgr.captured, gs.captured)
    if fewest == 0:
        silent = "RSGR" if rsgr.captured == 0 else "GS"
        return failed(
            f"no frame of the {silent} camera came",
            "look at the wire, the line and its edge: --wiring, --gs-line, --gs-activation",
            *figures,
        )
    enough = fewest >= _ENOUGH_FRAMES
    if report.synchronous is False or (enough and report.pairs < _PAIRED_SHARE * fewest):
        return failed(
            f"{report.pairs} pairs of {fewest} frames: {report.text}",
            "both cameras need one trigger: see docs/pairs.md, and choose --wiring",
            *figures,
        )
    if report.synchronous is None:
        return not_possible(
            f"{report.pairs} pairs, not proven synchronous: {report.text}",
            "a wire from an output line of the RSGR camera to the GS camera proves it; give more "
            "time with --seconds where pairs are few",
            *figures,
        )
    return passed(f"{report.pairs} pairs of {fewest} frames: {report.text}", *figures)
