"""How much from before the start a recording can have: what the ring holds of it."""

import math

import psutil

from app.session.camera_set import CameraSet
from app.session.config import CATCH_UP_S, DEFAULT_FPS, SessionConfig
from drivers.errors import InstrumentError
from drivers.ring import bytes_per_frame, slots_of_duration

_NAMES = ("rsgr", "gs")


def usable_frames(slots: int, fps: float) -> int:
    """Frames of a ring's past that are written before they are overwritten."""
    return max(0, slots - 2 - math.ceil(CATCH_UP_S * fps))


def check_pretrigger(cameras: CameraSet, config: SessionConfig) -> None:
    """Refuse a pre-trigger that is longer than a ring holds, or a ring beyond the free memory.

    Raises :class:`InstrumentError` with the length that is possible and how to have more.
    """
    wanted_s, total = config.pretrigger_s, 0
    if not wanted_s:
        return
    for camera, name in zip(cameras, _NAMES, strict=False):
        form, fps = camera.frame_format, camera.settings.fps or DEFAULT_FPS
        seconds, size = config.ring_seconds + wanted_s, bytes_per_frame(form)
        slots = slots_of_duration(form, fps, seconds, config.ring_budget_bytes)
        total += slots * size
        possible_s = math.floor(10 * usable_frames(slots, fps) / fps) / 10
        if wanted_s > possible_s:
            needed_mb = math.ceil((math.ceil(fps * seconds) + 2) * size / 1e6)
            raise InstrumentError(
                f"--pretrigger-s {wanted_s:g}: the {config.ring_budget_bytes / 1e6:.0f} MB ring of "
                f"{name} holds {possible_s:g} s of {form.columns} x {form.rows} "
                f"{form.pixel_format.name} at {fps:g} fps; ask for less, or give --ring-mb "
                f"{needed_mb}"
            )
    free = psutil.virtual_memory().available
    if total > free:
        raise InstrumentError(
            f"--pretrigger-s {wanted_s:g} needs {total / 1e6:.0f} MB of memory, "
            f"{free / 1e6:.0f} MB are free; ask for less, or record fewer pixels or frames a second"
        )
