"""Small recordings of one or two cameras, written at once."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from drivers.camera_settings import ShutterMode
from drivers.frame import FrameMetadata
from drivers.pixel_format import Pixels
from drivers.recording import RecordedCamera, RecordingInfo
from drivers.recording.compression import Compression
from drivers.recording.frame_index import Gap, GapCause
from drivers.recording.writer import RecordingWriter
from drivers.timing import ReadoutDirection, TimingSource

ROWS, COLUMNS = 24, 32
PERIOD_NS = 10_000_000
TRIGGERS_BEFORE = 5


def camera(pixel_format: str = "Mono8", **changes: object) -> RecordedCamera:
    """A camera in global reset at 100 frames a second, everything known."""
    known: dict[str, object] = {
        "address": "virtual:rsgr",
        "maker": "maker",
        "model": "model",
        "serial": "12",
        "firmware": "1.0",
        "rows": ROWS,
        "columns": COLUMNS,
        "pixel_format": pixel_format,
        "exposure_us": 1000.0,
        "gain_db": 3.0,
        "black_level_dn": 8.0,
        "fps": 1e9 / PERIOD_NS,
        "trigger_source": "internal",
        "shutter_mode": ShutterMode.GLOBAL_RESET,
        "line_time_us": 20.0,
        "timing_source": TimingSource.NODE,
        "direction": ReadoutDirection.TOP_DOWN,
    }
    return RecordedCamera.model_validate(known | changes)


def info(
    cameras: Mapping[str, RecordedCamera],
    compression: Compression = Compression.NONE,
    **changes: object,
) -> RecordingInfo:
    """What describes a recording of these cameras."""
    return RecordingInfo.model_validate(
        {
            "started": datetime(2026, 5, 4, 12, 0, tzinfo=UTC),
            "started_host_time_ns": 0,
            "cameras": cameras,
            "compression": compression,
            **changes,
        }
    )


def codes(frame: int, form: RecordedCamera) -> Pixels:
    """Noise around a level that tells the frame, in codes that use all bits."""
    shape, coding = form.frame_format.shape, form.frame_format.pixel_format
    level = (0.2 + 0.01 * (frame % 40)) * coding.maximum_dn
    noisy = np.random.default_rng(frame).normal(level, 0.01 * coding.maximum_dn, shape)
    return np.clip(np.rint(noisy), 0, coding.maximum_dn).astype(coding.dtype)


def metadata(tick: int, *, device: bool = True) -> FrameMetadata:
    """Of the frame of the trigger number ``tick``, an even rhythm."""
    time_ns = tick * PERIOD_NS
    return FrameMetadata(
        sequence=tick,
        host_time_ns=7_000_000 + time_ns,
        device_time_ns=time_ns if device else None,
        trigger_count=tick + TRIGGERS_BEFORE if device else None,
    )


def write(
    folder: Path,
    ticks: Mapping[str, Iterable[int]],
    described: RecordingInfo | None = None,
    *,
    device: bool = True,
) -> Path:
    """A recording of the frames of these triggers, by camera; what is left out is a gap."""
    described = described or info({name: camera() for name in ticks})
    writer = RecordingWriter(folder, described)
    for name, wanted in ticks.items():
        before: int | None = None
        for number, tick in enumerate(wanted):
            if before is not None and tick > before + 1:
                writer.gap(name, Gap(number, tick - before - 1, GapCause.CAMERA))
            before = tick
            writer.append(name, codes(tick, described.cameras[name]), metadata(tick, device=device))
    writer.finish("stopped")
    return folder


def snapshot(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file and folder below: its time of change, and its bytes or where a link leads."""
    return {
        str(path.relative_to(folder.parent)): (path.lstat().st_mtime_ns, _content(path))
        for path in (folder, *sorted(folder.rglob("*")))
    }


def _content(path: Path) -> bytes:
    if path.is_symlink():
        return str(path.readlink()).encode()
    return path.read_bytes() if path.is_file() else b""
