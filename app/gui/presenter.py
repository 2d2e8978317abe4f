"""Texts and levels of a status for the screen: pure functions, no widgets."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from app.gui.theme import Level
from app.session.status import PairStatus, SessionState, SessionStatus
from app.session.status_text import (
    SCREEN,
    count_text,
    duration_text,
    lag_word,
    line_time_text,
    number_text,
    proof_word,
    recording_length,
    room_text,
    waiting_text,
)
from calibration.temporal.frame_lag import FrameLag, LagState
from drivers.camera_settings import (
    NUMBER_SETTINGS,
    CameraControls,
    ExposureSettings,
    NumericControl,
    Region,
    ShutterMode,
    Trigger,
    TriggerSource,
)
from drivers.errors import InstrumentError
from drivers.timing import highest_fps

_LITTLE_ROOM_MIN = 2.0

SHUTTER_NAMES = {
    ShutterMode.GLOBAL_RESET: "global reset",
    ShutterMode.ROLLING: "rolling",
    ShutterMode.GLOBAL: "global",
    ShutterMode.UNKNOWN: "unknown shutter",
}

TRIGGER_NAMES: dict[Trigger, str] = {
    TriggerSource.INTERNAL: "internal timer",
    TriggerSource.SOFTWARE: "software, paced",
    TriggerSource.OFF: "free-running",
}
"""Names of the driver's own trigger sources; a line keeps the device's name."""

_SHORT_NAMES = {"white_balance_red": "red balance", "white_balance_blue": "blue balance"}
"""Where the name is too long for a field of the panel."""
_UNITS = {"us": "µs"}

SETTING_NAMES = {
    name: (_SHORT_NAMES.get(name, setting.name), _UNITS.get(setting.unit, setting.unit))
    for name, setting in NUMBER_SETTINGS.items()
}
"""Name and unit on screen of every setting that is one number, by its field."""

_SATURATED_WARNING = 0.001
_LOSS_ALARM = 0.01


@dataclass(frozen=True, slots=True)
class Cell:
    """One counter: name, value, level, and tooltip."""

    name: str
    value: str
    level: Level = Level.NORMAL
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class Badge:
    """A state in a word, and its tooltip."""

    text: str
    level: Level
    meaning: str


@dataclass(frozen=True, slots=True)
class Banner:
    """A failure, and whether reopening the cameras may cure it."""

    text: str
    can_reopen: bool


def counter_groups(status: SessionStatus, shown: int) -> list[list[Cell]]:
    """The counters strip, left to right; ``shown`` are raw pictures painted."""
    counters, latency = status.counters, status.latency_ms
    saturated = status.saturated_share
    groups = [
        [
            Cell("captured", f"{counters.captured}", meaning="complete frames from the camera"),
            Cell("restored", f"{status.restored}", meaning="frames restored"),
            Cell("shown", f"{shown}", meaning="raw frames this window has painted"),
            Cell(
                "skipped",
                f"{status.skipped}",
                Level.QUIET,
                "frames the restorer passed over to stay with the newest",
            ),
        ],
        [
            _loss("lost", counters.lost, status, "gaps in the camera's frame numbers"),
            _loss("incomplete", counters.incomplete, status, "buffers that arrived damaged"),
            _loss(
                "overruns",
                counters.overruns,
                status,
                "triggers the sensor ignored: still exposing or reading",
            ),
        ],
        [
            Cell("fps captured", f"{status.captured_fps:.1f}", meaning="over the last second"),
            Cell("fps restored", f"{status.restored_fps:.1f}", meaning="over the last second"),
            Cell(
                "latency p50 / p95",
                f"{number_text(latency.p50, 1, SCREEN)} / {number_text(latency.p95, 1, SCREEN)} ms",
                meaning="from the delivery of a buffer to its restored picture",
            ),
        ],
        [
            Cell(
                "trigger",
                trigger_name(status.device_state.trigger_source),
                meaning="what starts an exposure",
            ),
            Cell(
                "jitter p99",
                duration_text(status.jitter_us_p99, SCREEN),
                meaning="how far frame intervals are from their median",
            ),
            Cell(
                "line time",
                line_time_text(status.timing, SCREEN),
                Level.WARNING if status.timing.sensor is None else Level.NORMAL,
                "time between the readout of two rows, and who says so",
            ),
        ],
        [
            Cell(
                "saturated",
                SCREEN.unknown if saturated is None else f"{100 * saturated:.2f} %",
                Level.WARNING if (saturated or 0.0) > _SATURATED_WARNING else Level.NORMAL,
                "share of clipped pixels: they carry no ramp and cannot be restored; "
                "lower the exposure or the gain",
            ),
            Cell(
                "ring",
                f"{status.ring_seconds:.1f} s  {status.ring_bytes / 1e6:.0f} MB",
                Level.QUIET,
                "frames kept for slow readers, and the memory they take",
            ),
        ],
    ]
    if status.restorer.replaced:
        groups[0].append(
            Cell(
                "replaced",
                f"{status.restorer.replaced}",
                Level.WARNING,
                "frames shown by row gain: the model gave values that are no numbers",
            )
        )
    if status.gs_counters is not None:
        gs = status.gs_counters
        groups[1].append(_loss("GS lost", gs.lost, status, "gaps in the GS camera's numbers"))
    if status.pairs is not None:
        groups.insert(2, _pair_cells(status.pairs, status))
    return groups


def _pair_cells(pairs: PairStatus, status: SessionStatus) -> list[Cell]:
    """Counters of the pairing: number of pairs, and whether they are proven."""
    report = pairs.pairing
    trusted = Level.NORMAL if pairs.synchronous is not False else Level.ALARM
    return [
        Cell("pairs", f"{report.pairs}", trusted, f"{pairs.wiring_text}; {report.text}"),
        _loss(
            "unpaired",
            sum(report.unmatched),
            status,
            f"frames without a partner: RSGR {report.unmatched[0]}, GS {report.unmatched[1]}",
        ),
        Cell("pictures", lag_word(pairs.lag), _lag_level(pairs.lag), _lag_meaning(pairs.lag)),
    ]


def _lag_level(lag: FrameLag | None) -> Level:
    if lag is None:
        return Level.QUIET
    return {
        LagState.TOGETHER: Level.GOOD,
        LagState.APART: Level.ALARM,
        LagState.UNLIKE: Level.ALARM,
    }.get(lag.state, Level.QUIET)


def _lag_meaning(lag: FrameLag | None) -> str:
    if lag is None:
        return (
            "whether the pictures of pairs show the same instant; compared where the rig is "
            "calibrated (--rig)"
        )
    return lag.text


def _loss(name: str, count: int | None, status: SessionStatus, meaning: str) -> Cell:
    if count is None:
        return Cell(
            name, count_text(count, SCREEN), Level.QUIET, f"{meaning}; this camera cannot tell"
        )
    if count == 0:
        return Cell(name, "0", Level.QUIET, meaning)
    much = count > _LOSS_ALARM * max(1, status.counters.captured)
    return Cell(name, f"{count}", Level.ALARM if much else Level.WARNING, meaning)


def trigger_name(source: Trigger) -> str:
    """Name of a trigger source for operators."""
    return TRIGGER_NAMES.get(source, source)


def state_badge(status: SessionStatus) -> Badge:
    """The state of the session in one word."""
    level = {
        SessionState.STREAMING: Level.GOOD,
        SessionState.LOST: Level.ALARM,
        SessionState.FAILED: Level.ALARM,
    }.get(status.state, Level.QUIET)
    return Badge(status.state.value, level, status.message)


def proof_badge(status: SessionStatus) -> Badge:
    """Whether the images proved global reset."""
    level, meaning = {
        True: (Level.GOOD, "the images show the ramp of global reset"),
        False: (Level.ALARM, "the mode node says one thing, the images another"),
        None: (Level.QUIET, "the mode node is a claim; Prove looks at the images"),
    }[status.shutter_proven]
    return Badge(proof_word(status.shutter_proven), level, meaning)


def banner(status: SessionStatus, failure: Exception | None) -> Banner | None:
    """The failure to show, None if there is none.

    An unexpected exception has ended the session for good; anything else can be
    cured by opening the cameras again.
    """
    if status.state == SessionState.LOST:
        return Banner(status.message, can_reopen=True)
    if status.state == SessionState.FAILED:
        expected = failure is None or isinstance(failure, InstrumentError)
        return Banner(status.message, can_reopen=expected)
    return None


def restored_note(status: SessionStatus) -> str:
    """Text in the restored pane if there is no picture; else empty."""
    if not status.restoring_note:
        return ""
    return f"not restoring\n{status.restoring_note}"


def restored_by(status: SessionStatus) -> str:
    """What computes the restored picture, or why it is another model or slower than expected."""
    if note := status.restorer.fallback or status.restorer.engine_note:
        return note
    engine = f", {status.restorer.engine}" if status.restorer.engine else ""
    return f"on {status.restorer.device}{engine}" if status.restorer.device else ""


def raw_note(status: SessionStatus) -> str:
    """Text over the raw picture while no frames come; else empty."""
    return waiting_text(status).replace("; ", "\n")


def rate_limit_fps(status: SessionStatus) -> float | None:
    """The highest rate at present settings; None when nothing limits it or nothing is known."""
    sensor, control = status.timing.sensor, status.controls.fps
    limits = [] if control is None else [control.maximum]
    if sensor is not None and status.device_state.shutter_mode == ShutterMode.GLOBAL_RESET:
        limits.append(highest_fps(sensor))
    return min(limits, default=None)


def ramp_text(status: SessionStatus) -> str:
    """How much longer the last row is exposed than the first, T_r / T0."""
    sensor = status.timing.sensor
    if sensor is None or status.device_state.shutter_mode != ShutterMode.GLOBAL_RESET:
        return ""
    return f"last row × {sensor.last_exposure_ratio():.2f}"


def differences(asked: ExposureSettings, achieved: ExposureSettings) -> str:
    """Settings whose achieved value differs from the requested one, in one line; else empty."""

    def lines() -> Iterator[str]:
        for name, (label, unit) in SETTING_NAMES.items():
            wanted, got = getattr(asked, name), getattr(achieved, name)
            # Fields show no digits below a thousandth.
            if None not in (wanted, got) and abs(wanted - got) > 1e-3 * max(1.0, abs(wanted)):
                yield f"{label}: asked {wanted:g} {unit}, achieved {got:g} {unit}".rstrip()

    return "; ".join(lines())


def recording_badge(status: SessionStatus) -> Badge:
    """State of the recording; without text if there is none."""
    recording = status.recording
    if recording is None or not recording.recording:
        return Badge("", Level.QUIET, "")
    left = recording.minutes_left
    room = "" if left is None else f"   {room_text(recording)}"
    level = Level.ALARM if recording.lost_frames or recording.damaged_frames else Level.GOOD
    if left is not None and left < _LITTLE_ROOM_MIN:
        level = Level.WARNING if level is Level.GOOD else level
    return Badge(f"● REC {recording_length(recording)}{room}", level, f"to {recording.folder}")


def new_recording(folder: Path) -> Path:
    """A folder for a new recording, named by date and time; not made yet."""
    return folder / datetime.now().strftime("%Y-%m-%d_%H-%M-%S")


def snapshot_name(status: SessionStatus) -> str:
    """A file name for a picture of what is seen now."""
    camera = "".join(c if c.isalnum() else "-" for c in status.identity.model or status.address)
    return f"{camera.strip('-').lower()}-{status.counters.captured:06d}.png"


def snapped_region(wanted: Region, controls: CameraControls) -> Region:
    """``wanted``, in sensor pixels, moved inwards onto the increments of the device.

    Its maxima are not looked at: on most cameras they follow from the other
    side of the present region. A region beyond the sensor is clipped to it.
    """
    columns, rows = controls.sensor_size_px or (
        wanted.offset_x_px + wanted.width_px,
        wanted.offset_y_px + wanted.height_px,
    )
    left, width = _snapped_span(
        wanted.offset_x_px, wanted.width_px, columns, controls.offset_x_px, controls.width_px
    )
    top, height = _snapped_span(
        wanted.offset_y_px, wanted.height_px, rows, controls.offset_y_px, controls.height_px
    )
    return Region(left, top, width, height)


def _snapped_span(
    offset: int, size: int, full: int, offsets: NumericControl | None, sizes: NumericControl | None
) -> tuple[int, int]:
    offset_step = max(1, int(offsets.increment)) if offsets else 1
    size_step = max(1, int(sizes.increment)) if sizes else 1
    smallest = int(sizes.minimum) if sizes else size_step
    end = min(full, offset + size)
    offset = min(max(0, offset), max(0, full - smallest))
    offset = -(-offset // offset_step) * offset_step
    if offset > full - smallest:
        offset -= offset_step
    steps = max(0, end - offset - smallest) // size_step
    return offset, smallest + steps * size_step
