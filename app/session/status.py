"""The status of a session: one immutable value, taken at one moment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from app.session.run_statistics import Percentiles
from calibration.temporal.frame_lag import FrameLag, LagState
from drivers.camera import CameraIdentity, CaptureCounters, DeviceState, FrameFormat
from drivers.camera_settings import CameraControls, ExposureSettings
from drivers.rig.pairing import PairingReport
from drivers.rig.wiring import Wiring
from drivers.timing import SensorTiming, TimingSource
from models.restorers.restorer_state import RestorerState


class SessionState(StrEnum):
    """State of the session."""

    CLOSED = "closed"
    STOPPED = "stopped"
    STREAMING = "streaming"
    LOST = "camera lost"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class TimingInUse:
    """Row timing the restorer works with, and where it came from.

    ``sensor`` is None while the line time or the exposure is unknown.
    """

    sensor: SensorTiming | None
    source: TimingSource


@dataclass(frozen=True, slots=True)
class RecordingStatus:
    """One look at a recording, for the window and the JSON.

    ``recording`` is False once it has ended; ``message`` then says why, and ``as_asked``
    whether that was the operator's wish rather than the disk's or the camera's. ``note`` is what
    is not as asked and no reason to end, such as a pre-trigger of fewer seconds. ``lost`` are gaps
    of any cause, ``lost_to_disk`` those of a disk too slow. ``damaged`` are frames that arrived
    damaged since it began: those between recorded frames are in a gap too, others in none.
    ``waiting`` frames are in memory and still to be written, of the camera that has most.
    ``minutes_left`` is how long the free space lasts at the present rate, None while that is not
    known.
    """

    folder: Path
    recording: bool
    message: str
    note: str
    as_asked: bool
    frames: Mapping[str, int]
    lost: Mapping[str, int]
    lost_to_disk: int
    damaged: Mapping[str, int]
    waiting: int
    seconds: float
    bytes_written: int
    minutes_left: float | None
    pretrigger_s: float
    pretrigger_asked_s: float

    @property
    def lost_frames(self) -> int:
        """Gaps of all cameras."""
        return sum(self.lost.values())

    @property
    def damaged_frames(self) -> int:
        """Frames of all cameras that arrived damaged."""
        return sum(self.damaged.values())

    @property
    def mb_per_s(self) -> float:
        """Mean rate of what was written, in 10^6 bytes."""
        return self.bytes_written / self.seconds / 1e6 if self.seconds else 0.0


@dataclass(frozen=True, slots=True)
class PairStatus:
    """Two cameras on one trigger: how they are wired and paired.

    ``wiring`` None: nothing here triggers them. ``wiring_text`` is for people.
    ``overruns`` are triggers the (RSGR, GS) camera ignored, None where it cannot tell. ``lag`` is
    what the pictures tell of the newest pairs, None where they cannot be compared.
    """

    wiring: Wiring | None
    wiring_text: str
    overruns: tuple[int | None, int | None]
    pairing: PairingReport
    lag: FrameLag | None = None

    @property
    def synchronous(self) -> bool | None:
        """What the pictures, clocks, counters and deliveries say together; None: not proven."""
        state = None if self.lag is None else self.lag.state
        if state in (LagState.APART, LagState.UNLIKE):
            return False
        if self.pairing.synchronous is None and state is LagState.TOGETHER:
            return True
        return self.pairing.synchronous

    @property
    def text(self) -> str:
        """Why, for people."""
        return self.pairing.text if self.lag is None else f"{self.pairing.text}; {self.lag.text}"


@dataclass(frozen=True, slots=True)
class SessionStatus:
    """One look at a session, for the window and the JSON.

    ``message`` is the one line an operator should read now, empty when all is
    well. ``restoring_note`` says why nothing is restored and what to do.
    ``shutter_proven`` is what the images proved of global reset, None = not
    tested. ``model`` is what was asked for, ``restorer`` what runs; while nothing is
    restored its ``device`` is empty and its name that of ``model``. ``latency_ms`` runs
    from a buffer's delivery to its restored picture; ``in_work`` are frames being restored or
    waiting for it. ``silent_s`` is how long no frame
    has come, 0 while none is to come. ``clock_steps`` are, by camera, the steps of its clock.
    """

    state: SessionState
    message: str
    address: str
    identity: CameraIdentity
    settings: ExposureSettings
    controls: CameraControls
    device_state: DeviceState
    frame_format: FrameFormat
    shutter_proven: bool | None
    timing: TimingInUse
    restoring: bool
    restoring_note: str
    model: str | None
    restorer: RestorerState
    counters: CaptureCounters
    gs_counters: CaptureCounters | None
    pairs: PairStatus | None
    restored: int
    skipped: int
    in_work: int
    streamed_s: float
    silent_s: float
    captured_fps: float
    restored_fps: float
    latency_ms: Percentiles
    jitter_us_p99: float | None
    saturated_share: float | None
    recording: RecordingStatus | None
    ring_seconds: float
    ring_bytes: int
    clock_steps: Mapping[str, int] = field(default_factory=dict)

    @property
    def mean_captured_fps(self) -> float:
        """Captured frames a second over the whole stream."""
        return self.counters.captured / self.streamed_s if self.streamed_s else 0.0

    @property
    def mean_restored_fps(self) -> float:
        """Restored frames a second over the whole stream."""
        return self.restored / self.streamed_s if self.streamed_s else 0.0
