"""A snapshot of the session: raw beside restored, with a caption."""

from pathlib import Path

import cv2

from app.pictures.panes import compose
from app.pictures.screen import RawEncoder
from app.session.session import Session
from app.session.status import SessionStatus
from app.session.status_text import CONSOLE, count_text
from drivers.atomic_file import write_file
from drivers.errors import InstrumentError


def save_snapshot(session: Session, path: Path) -> None:
    """Write raw | restored as PNG, with a caption of camera, exposure and timing.

    Without a restored picture the raw one stands alone. Raises
    :class:`InstrumentError` when no frame has come yet or the file cannot be written.
    """
    restored = session.newest_restored()
    raw = session.frame_of(restored.metadata) if restored else None
    if raw is None:
        raw, restored = session.newest_raw(), None
    if raw is None:
        raise InstrumentError("no frame has come yet; a snapshot needs one")
    status = session.status()
    panes = [(RawEncoder(session.radiometry())(raw.pixels), f"raw  {_shutter(status)}")]
    if restored is not None:
        panes.append((restored.screen, f"restored  {status.restorer.name}"))
    picture = compose(panes, _caption(status))
    encoded, data = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    assert encoded  # PNG takes every 8 bit picture
    write_file(path, data.tobytes())


def _shutter(status: SessionStatus) -> str:
    return status.device_state.shutter_mode.value.replace("_", " ")


def _caption(status: SessionStatus) -> str:
    settings, sensor = status.settings, status.timing.sensor
    parts = [f"{status.identity.maker} {status.identity.model}"]
    if settings.exposure_us is not None:
        parts.append(f"{settings.exposure_us:g} us")
    if sensor is not None:
        parts.append(
            f"line time {sensor.line_time_us:g} us ({status.timing.source.value})"
            f", last row x {sensor.last_exposure_ratio():.2f}"
        )
    lost = count_text(status.counters.lost, CONSOLE)
    parts.append(f"{status.counters.captured} frames, {lost} lost")
    return "  |  ".join(parts)
