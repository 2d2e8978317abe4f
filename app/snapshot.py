"""A picture of what the session sees: raw beside restored, with a caption."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from app.screen import RawEncoder
from app.session import Session
from app.status import SessionStatus
from drivers.errors import InstrumentError
from drivers.whole_file import write_file

_GAP_PX = 8
_CAPTION_PX = 34
_PAPER = 24
_INK = (225, 225, 225)


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
        panes.append((restored.screen, f"restored  {status.running_model}"))
    picture = _compose(panes, _caption(status))
    encoded, data = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    assert encoded  # PNG takes every 8 bit picture
    write_file(path, data.tobytes())


def _compose(panes: list[tuple[NDArray[np.uint8], str]], caption: str) -> NDArray[np.uint8]:
    rows, columns = panes[0][0].shape[:2]
    width = len(panes) * columns + (len(panes) + 1) * _GAP_PX
    height = rows + 2 * _CAPTION_PX
    paper = np.full((height, width, 3), _PAPER, np.uint8)
    for position, (pixels, title) in enumerate(panes):
        left = _GAP_PX + position * (columns + _GAP_PX)
        colour = pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)
        paper[_CAPTION_PX : _CAPTION_PX + rows, left : left + columns] = colour
        _write(paper, title, left, _CAPTION_PX - 12)
    _write(paper, caption, _GAP_PX, height - 12)
    return paper


def _write(paper: NDArray[np.uint8], text: str, left_px: int, baseline_px: int) -> None:
    """One line of text, made smaller where it would run off the paper."""
    scale = 0.5
    (width, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
    scale *= min(1.0, (paper.shape[1] - left_px - _GAP_PX) / max(1, width))
    cv2.putText(
        paper, text, (left_px, baseline_px), cv2.FONT_HERSHEY_SIMPLEX, scale, _INK, 1, cv2.LINE_AA
    )


def _shutter(status: SessionStatus) -> str:
    return status.device_state.shutter_mode.value.replace("_", " ")


def _caption(status: SessionStatus) -> str:
    settings, sensor = status.settings, status.timing.sensor
    parts = [f"{status.identity.maker} {status.identity.model}"]
    if settings.exposure_us is not None:
        parts.append(f"{settings.exposure_us:g} us")
    if sensor is not None:
        ramp = sensor.row_exposure_us().max() / sensor.exposure_us
        parts.append(
            f"line time {sensor.line_time_us:g} us ({status.timing.source.value})"
            f", last row x {ramp:.2f}"
        )
    parts.append(f"{status.counters.captured} frames, {status.counters.lost} lost")
    return "  |  ".join(parts)
