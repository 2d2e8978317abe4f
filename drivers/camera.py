"""The interface of every camera, and what it tells of itself and of its frames.

A camera fills memory that the caller gives. One thread calls :meth:`Camera.grab`;
any other thread may call the remaining methods at any time.
"""

from dataclasses import dataclass
from typing import Protocol

from drivers.camera_link import UNKNOWN_LINK, Link
from drivers.camera_settings import CameraControls, ExposureSettings, ShutterMode, Trigger
from drivers.frame import FrameMetadata
from drivers.pixel_format import PixelFormat, Pixels
from drivers.timing import FRAME_OVERHEAD_US, ReadoutDirection, SensorTiming, TimingSource


@dataclass(frozen=True, slots=True)
class CameraIdentity:
    """Identity as the camera reports it; empty text if it does not."""

    maker: str
    model: str
    serial: str
    firmware: str = ""


@dataclass(frozen=True, slots=True)
class FrameFormat:
    """Shape and coding of the frames a camera delivers after :meth:`Camera.configure`."""

    rows: int
    columns: int
    pixel_format: PixelFormat

    @property
    def shape(self) -> tuple[int, ...]:
        """Array shape of one frame: ``(rows, columns)`` or ``(rows, columns, 3)``."""
        if self.pixel_format.channels == 1:
            return (self.rows, self.columns)
        return (self.rows, self.columns, self.pixel_format.channels)


@dataclass(frozen=True, slots=True)
class RowTiming:
    """Row timing as the camera itself reports it.

    ``line_time_us`` is None where nothing is known. A maker's node is a start
    value, never a proof. ``depends_on`` are the nodes beside the pixel format that
    change the line time (binning, throughput, sensor mode), and their values.
    ``overhead_us`` is what a frame takes beside exposure and rows.
    """

    line_time_us: float | None
    source: TimingSource
    direction: ReadoutDirection = ReadoutDirection.TOP_DOWN
    depends_on: tuple[tuple[str, str], ...] = ()
    overhead_us: float = FRAME_OVERHEAD_US

    def of(self, exposure_us: float | None, rows: int) -> SensorTiming | None:
        """Timing of ``rows`` at this exposure of the first; None where something is unknown."""
        if exposure_us is None or self.line_time_us is None:
            return None
        return SensorTiming(exposure_us, self.line_time_us, rows, self.direction, self.overhead_us)


_MANY_INCOMPLETE = 3


@dataclass(frozen=True, slots=True)
class CaptureCounters:
    """Frames since :meth:`Camera.start`; every frame sent is in exactly one of the first three.

    ``lost`` are gaps in the camera's frame numbers (None where it gives none that count),
    ``incomplete`` buffers that arrived damaged, ``overruns`` triggers the sensor ignored
    because it was still exposing or reading (None where the camera cannot tell).
    ``discarded`` are buffers of a frame that had come before, or came after a later one; the
    latter count as lost. At ``number_breaks`` places the numbers do not tell what was lost.
    ``silent_pulses`` are the triggers that came since frames stay away; None while frames come,
    and of a camera that cannot tell.
    """

    captured: int = 0
    lost: int | None = 0
    incomplete: int = 0
    overruns: int | None = None
    discarded: int = 0
    number_breaks: int = 0
    silent_pulses: int | None = None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What an operator must know of the counts.

        >>> CaptureCounters(captured=5, number_breaks=1).warnings
        ('the frame numbers jumped 1 time: what was lost there is not known',)
        >>> CaptureCounters(incomplete=9).warnings[0][:34]
        'none of 9 frames arrived whole: ch'
        """
        lines = []
        if self.lost is None:
            lines.append(
                "the frame numbers do not count frames: losses are not known; compare the "
                "number of frames with the time"
            )
        elif self.number_breaks:
            lines.append(
                f"the frame numbers jumped {times_text(self.number_breaks)}: what was lost there "
                "is not known"
            )
        if self.incomplete >= _MANY_INCOMPLETE and not self.captured:
            lines.append(
                f"none of {self.incomplete} frames arrived whole: check cable, switch and network "
                "card; where a GigE camera's packets are larger than one of them passes, "
                "--set GevSCPSPacketSize=1500"
            )
        if self.discarded:
            lines.append(
                f"a frame came twice or after a later one {times_text(self.discarded)}, and was "
                "left out"
            )
        return tuple(lines)


def times_text(count: int) -> str:
    """How often.

    >>> times_text(1), times_text(2)
    ('1 time', '2 times')
    """
    return "1 time" if count == 1 else f"{count} times"


@dataclass(frozen=True, slots=True)
class DeviceState:
    """What the driver found when it read back the camera's state.

    ``shutter_mode`` is what the mode node says, which is a claim and no proof.
    ``warnings`` name what could not be switched off or set. ``runs_free`` is whether no
    trigger started the exposures, as far as that is known: a replay of pictures does not know.
    ``link`` is what carries its frames.
    """

    shutter_mode: ShutterMode
    trigger_source: Trigger
    warnings: tuple[str, ...] = ()
    runs_free: bool = False
    link: Link = UNKNOWN_LINK


@dataclass(frozen=True, slots=True)
class FrameSlots:
    """Memory of a camera's own, ``(slots, *frame shape)``, that frames get into without a copy.

    Frames have to be asked for in the order of the slots, from the first on, round and round.
    The camera may already be writing ``ahead`` slots beyond the one that was asked for.
    """

    pixels: Pixels
    ahead: int


class Camera(Protocol):
    """A camera, or a replay: it fills memory that the caller gives.

    Life: opened by :func:`drivers.addresses.open_camera`, then any number of
    ``configure`` / ``start`` / ``grab`` ... / ``stop``, then ``close``.
    ``close`` is safe in any state and more than once.
    """

    @property
    def address(self) -> str:
        """The address the camera was opened by."""

    @property
    def identity(self) -> CameraIdentity:
        """Maker, model, serial number and firmware."""

    @property
    def controls(self) -> CameraControls:
        """Ranges and choices as the device states them now."""

    @property
    def settings(self) -> ExposureSettings:
        """Present settings, read back from the device."""

    @property
    def frame_format(self) -> FrameFormat:
        """Shape and coding of the frames to come; changes only in ``configure``."""

    @property
    def row_timing(self) -> RowTiming:
        """Line time and readout direction as the camera reports them."""

    @property
    def state(self) -> DeviceState:
        """Shutter mode, trigger and warnings as last read back."""

    @property
    def counters(self) -> CaptureCounters:
        """Counts since the last ``start``."""

    def configure(self, request: ExposureSettings) -> ExposureSettings:
        """Apply all fields that are not None and return the settings read back.

        What :func:`needs_stopped_camera` may not change while frames flow. Raises
        :class:`SettingRefusedError` (limits in the text), leaving the former
        settings in force, and :class:`CameraLostError`.
        """

    def frame_slots(self, slots: int) -> FrameSlots | None:
        """Memory for the frames of the next run that spares a copy; None: any is as good.

        It has at least ``slots``, and stays readable as long as anyone keeps its pixels.
        """

    def start(self) -> None:
        """Begin to deliver frames; counters start at zero."""

    def grab(self, into: Pixels, timeout_s: float) -> FrameMetadata | None:
        """Fill ``into`` with the next frame; None when none came in time.

        ``into`` is C-contiguous, of ``frame_format.shape`` and dtype. Returns
        within ``timeout_s`` and soon after ``stop`` from another thread.
        Raises :class:`CameraLostError` when the camera no longer answers.
        """

    def send_software_trigger(self) -> None:
        """Start one exposure; only where ``trigger_source`` is software."""

    def stop(self) -> None:
        """Stop delivering; returns within a second even if no frame ever came."""

    def close(self) -> None:
        """Stop and release the device."""
