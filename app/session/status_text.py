"""What the facts of a status are called: one function a fact, for window, console and files."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from app.session.status import RecordingStatus, SessionStatus, TimingInUse
from calibration.temporal.frame_lag import FrameLag, LagState
from drivers.camera_settings import TriggerSource, is_signal


@dataclass(frozen=True, slots=True)
class Style:
    """How a place writes: on a console in plain letters, on the screen short and with symbols.

    Where ``long_in_ms``, times of a millisecond and more are told in ms. ``source`` frames who
    says something.
    """

    unknown: str
    micro: str
    long_in_ms: bool
    source: str


CONSOLE = Style(unknown="unknown", micro="us", long_in_ms=False, source="({})")
SCREEN = Style(unknown="–", micro="µs", long_in_ms=True, source="{}")


def proof_word(proven: bool | None) -> str:
    """What the images proved of global reset.

    >>> proof_word(None)
    'not tested'
    """
    return {True: "proven", False: "disproved", None: "not tested"}[proven]


def lag_word(lag: FrameLag | None) -> str:
    """What the pictures tell of the newest pairs, in a word or two."""
    if lag is None:
        return "not compared"
    if lag.state is LagState.APART and lag.lag is not None:
        return f"{abs(lag.lag)} off"
    return {
        LagState.TOGETHER: "one instant",
        LagState.APART: "some off",
        LagState.UNLIKE: "unlike",
        LagState.REPEATING: "repeating",
        LagState.STILL: "no motion",
    }[lag.state]


def synchrony_word(synchronous: bool | None) -> str:
    """Whether the frames of two cameras start together."""
    return {True: "yes", False: "no", None: "not proven"}[synchronous]


def count_text(count: int | None, style: Style) -> str:
    """A count that some cameras cannot tell, such as that of overruns.

    >>> count_text(None, CONSOLE), count_text(3, SCREEN)
    ('unknown', '3')
    """
    return style.unknown if count is None else f"{count}"


def number_text(value: float, decimals: int, style: Style) -> str:
    """A number that is NaN before anything was measured."""
    return style.unknown if math.isnan(value) else f"{value:.{decimals}f}"


def duration_text(value_us: float | None, style: Style) -> str:
    """A short time, such as jitter.

    >>> duration_text(1500.0, CONSOLE), duration_text(1500.0, SCREEN)
    ('1500 us', '1.5 ms')
    """
    if value_us is None:
        return style.unknown
    if style.long_in_ms and value_us >= 1000:
        return f"{value_us / 1000:.1f} ms"
    return f"{value_us:.0f} {style.micro}"


def line_time_text(timing: TimingInUse, style: Style) -> str:
    """The line time in use and who says so."""
    if timing.sensor is None:
        return style.unknown
    source = style.source.format(timing.source.value)
    return f"{timing.sensor.line_time_us:g} {style.micro} {source}"


_SILENT_S = 2.0
_SILENT_PERIODS = 3.0
_SELF_TIMED = {
    TriggerSource.INTERNAL: "the camera triggers itself",
    TriggerSource.OFF: "the camera runs freely",
    TriggerSource.SOFTWARE: "triggers are sent",
}


def waiting_text(status: SessionStatus) -> str:
    """What is waited for while no frame comes; empty while frames come as they should."""
    period_s = 1.0 / status.settings.fps if status.settings.fps else 0.0
    if status.silent_s < max(_SILENT_S, _SILENT_PERIODS * period_s):
        return ""
    counters, source = status.counters, status.device_state.trigger_source
    came = f"{counters.captured} frames so far"
    if counters.incomplete:
        came += f", {counters.incomplete} arrived damaged"
    if is_signal(source) and counters.silent_pulses:
        return (
            f"no frame for {status.silent_s:.0f} s although {counters.silent_pulses} pulses "
            f"came on {source}; {came}; look at the trigger's edge, the exposure and the rate of "
            "the pulses"
        )
    if is_signal(source):
        counted = "" if counters.silent_pulses is None else "; 0 pulses counted"
        return (
            f"no trigger on {source} for {status.silent_s:.0f} s{counted}; {came}; start the signal"
        )
    return (
        f"no frame for {status.silent_s:.0f} s although {_SELF_TIMED[TriggerSource(source)]}, and "
        f"the camera answers; {came}; look at its link, its trigger and its exposure"
    )


class WaitingTold:
    """Tells, once for each silence, what is waited for; progress lines have it all the while."""

    def __init__(self, tell: Callable[[str], object]) -> None:
        self._tell = tell
        self._told = False

    def look(self, status: SessionStatus) -> str:
        """The end of a progress line; empty while frames come as they should."""
        waiting = waiting_text(status)
        if waiting and not self._told:
            self._tell(waiting)
        self._told = bool(waiting)
        return f"; {waiting}" if waiting else ""


def room_text(recording: RecordingStatus) -> str:
    """How long the disk lasts; empty while that is not known."""
    left = recording.minutes_left
    return "" if left is None else f"room for {left:.0f} min"


def recording_length(recording: RecordingStatus) -> str:
    """Length, frames and losses, short enough for a toolbar."""
    minutes, seconds = divmod(int(recording.seconds), 60)
    frames = " + ".join(f"{count}" for count in recording.frames.values())
    return f"{minutes}:{seconds:02d}, {frames} frames, {_losses_text(recording)}"


def recording_progress(recording: RecordingStatus) -> str:
    """Frames by camera, losses, rate and room, while it runs."""
    counts = ", ".join(f"{name} {count}" for name, count in recording.frames.items())
    room = room_text(recording)
    return (
        f"{counts}, {_losses_text(recording)}, {recording.mb_per_s:.0f} MB/s"
        f"{f', {room}' if room else ''}"
    )


def recording_outcome(recording: RecordingStatus) -> str:
    """What was recorded and why it ended."""
    counts = ", ".join(f"{count} frames of {name}" for name, count in recording.frames.items())
    disk = f" ({recording.lost_to_disk} by a slow disk)" if recording.lost_to_disk else ""
    return (
        f"{recording.folder}: {counts} in {recording.seconds:.1f} s, "
        f"{_losses_text(recording, disk)}, {recording.bytes_written / 1e6:.0f} MB; "
        f"{recording.message}"
    )


def _losses_text(recording: RecordingStatus, by_disk: str = "") -> str:
    damaged = recording.damaged_frames
    told = f", {damaged} arrived damaged" if damaged else ""
    return f"{recording.lost_frames} lost{by_disk}{told}"
