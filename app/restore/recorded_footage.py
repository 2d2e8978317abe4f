"""Footage as a recording: reading the frames of one of its cameras."""

import hashlib
from collections.abc import Iterator, Sequence

from app.restore.footage import FootageFormat
from drivers.camera_settings import ShutterMode
from drivers.errors import InstrumentError
from drivers.frame import FrameMetadata
from drivers.pixel_format import Pixels
from drivers.plain_text import utf8
from drivers.recording import RecordedCamera, RecordedStream, Recording
from drivers.recording.frame_index import FrameEntry, Gap, GapCause
from drivers.recording.frame_times import start_times_ns, typical_period_ns
from drivers.recording.zarr_shards import DamagedFrameError

_CONFIRMED = 0.001
"""Share by which a frame rate may differ from the one that was set."""


class RecordedFootage:
    """Keeps the contract of :class:`app.restore.footage.FootageReader`.

    ``numbers`` are the frames to give, of those the recording has. Raises
    :class:`InstrumentError` where the times of one of them are damaged.
    """

    def __init__(
        self, recording: Recording, stream: RecordedStream, numbers: Sequence[int]
    ) -> None:
        self.recording = recording
        self.stream = stream
        self.numbers = numbers
        self.name = utf8(recording.folder.resolve().name)
        self.frames = len(numbers)
        if not numbers:
            raise InstrumentError(f"{recording.folder} holds no frames of {stream.name}")
        self.metadata = tuple(stream.metadata(number) for number in numbers)
        content = (stream.index.frames[number] for number in numbers)
        self.fingerprint = hashlib.sha256(
            f"[{', '.join(map(_named, content))}]".encode()
        ).hexdigest()
        form = stream.camera.frame_format
        interval_us = _interval_us(stream.camera.fps, self.metadata)
        self.format = FootageFormat(
            shape=form.shape,
            dtype=form.pixel_format.dtype,
            pixel_format=form.pixel_format,
            interval_us=interval_us,
            recorded=stream.camera,
            times_ns=tuple(start_times_ns(self.metadata)),
        )

    def codes(self, wanted: range) -> Iterator[Pixels]:
        """See :class:`app.restore.footage.FootageReader`."""
        with self.stream.open() as reader:
            for index in wanted:
                codes = self.stream.empty()
                try:
                    self.stream.read_checked(reader, self.numbers[index], codes)
                except DamagedFrameError as error:
                    raise DamagedFrameError(f"{error}; leave it out with --skip-damaged") from None
                yield codes

    def modified_ns(self, frames: range) -> int:
        """A recording never changes; another one has another fingerprint."""
        return 0

    def gap_before(self, index: int) -> list[Gap]:
        """What is missing between this frame and the one given before it, by cause."""
        if index == 0:
            return []
        before, after = self.metadata[index - 1 : index + 1]
        skipped = range(self.numbers[index - 1] + 1, self.numbers[index] + 1)
        told = [gap for gap in self.stream.gaps if gap.before_frame in skipped]
        missing = after.sequence - before.sequence - 1 - sum(gap.frames for gap in told)
        gaps = [Gap(index, gap.frames, gap.cause) for gap in told]
        return [*gaps, Gap(index, missing, GapCause.DAMAGE)] if missing > 0 else gaps


def _named(entry: FrameEntry | None) -> str:
    """What tells a recorded frame from others.

    In the words of the first version, so that restored recordings which it began can go on.
    """
    if entry is None:
        return "None"
    metadata = entry.metadata
    numbers = ", ".join(
        f"{name}={getattr(metadata, name)}"
        for name in ("sequence", "host_time_ns", "device_time_ns", "trigger_count")
    )
    return f"FrameEntry(metadata=FrameMetadata({numbers}), crc32={entry.crc32})"


def _interval_us(fps: float | None, metadata: Sequence[FrameMetadata]) -> float | None:
    """As set where what was measured confirms it, else as measured: clocks differ a little."""
    measured_ns = typical_period_ns(metadata)
    if fps is None:
        return None if measured_ns is None else measured_ns / 1000
    if measured_ns is None or abs(measured_ns * fps / 1e9 - 1) < _CONFIRMED:
        return 1e6 / fps
    return measured_ns / 1000


def check_restorable(camera: RecordedCamera) -> None:
    """Raise :class:`InstrumentError` where there is no ramp to undo."""
    if camera.shutter_proven is False:
        raise InstrumentError(
            "the images disproved global reset when this was recorded: there is no ramp to undo"
        )
    if camera.shutter_mode in (ShutterMode.ROLLING, ShutterMode.GLOBAL):
        raise InstrumentError(
            f"this was recorded in {camera.shutter_mode.value} shutter: there is no ramp to undo"
        )


def readable(stream: RecordedStream, numbers: range, *, skip_damaged: bool) -> Sequence[int]:
    """Those frames that can be given; all where none is to be skipped, damaged or not.

    With ``skip_damaged`` every one is read once to see, as ``ngs verify`` does.
    """
    if not skip_damaged:
        return numbers
    whole = []
    codes = stream.empty()
    known = {number for number, _ in stream.known_metadata()}
    with stream.open() as reader:
        for number in numbers:
            if number not in known:
                continue
            try:
                stream.read_checked(reader, number, codes)
            except DamagedFrameError:
                continue
            whole.append(number)
    if not whole:
        raise InstrumentError(
            f"none of {len(numbers)} frames of {stream.name} can be read; ngs verify tells more"
        )
    return whole
