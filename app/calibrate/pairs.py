"""Frame pairs of two running cameras, for calibration steps that look at both."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.calibrate.shooting import FRAMES_TO_SETTLE, Shooting
from drivers.errors import InstrumentError
from drivers.frame import Frame
from drivers.pairing import pair_frames
from drivers.wiring import Wiring

_SPARE_FRAMES = 4
"""One camera may be some frames ahead of the other."""

_FRAME_WAIT_S = 1.0


@dataclass(frozen=True)
class ShotPair:
    """Two frames of one instant."""

    rsgr: Frame
    gs: Frame


def shoot_pairs(
    shoot: Shooting, count: int, *, settle: int = FRAMES_TO_SETTLE
) -> Sequence[ShotPair]:
    """The next ``count`` pairs or a few less, in order, after ``settle`` frames are let go.

    Raises :class:`InstrumentError` when no pairs come, or the cameras share no trigger.
    """
    session = shoot.session
    if session.camera_count < 2:
        raise InstrumentError("this step looks at both cameras; give the second one with --gs")
    pairs_status = session.status().pairs
    wiring = None if pairs_status is None else pairs_status.wiring
    if wiring is Wiring.SOFTWARE:
        raise InstrumentError(
            "software triggers do not expose both cameras at one time; wire one trigger to both "
            "and give --wiring external or master"
        )
    readers = [session.reader(camera=camera) for camera in (0, 1)]
    formats = [session.camera_at(camera).frame_format for camera in (0, 1)]
    frames: tuple[list[Frame], list[Frame]] = ([], [])
    wanted = settle + count + _SPARE_FRAMES
    deadline_s = time.monotonic() + _FRAME_WAIT_S * wanted
    while min(map(len, frames)) < wanted:
        for reader, form, taken in zip(readers, formats, frames, strict=True):
            codes = np.empty(form.shape, form.pixel_format.dtype)
            metadata = reader.next(codes, 0.01)
            if metadata is not None:
                taken.append(Frame(codes, metadata))
        if session.status().message or time.monotonic() > deadline_s:
            raise InstrumentError(
                session.status().message
                or "one of the cameras sends no frames; check the trigger wire (--wiring)"
            )
    paired = pair_frames([f.metadata for f in frames[0]], [f.metadata for f in frames[1]], wiring)
    pairs = [
        ShotPair(frames[0][pair.rsgr_index], frames[1][pair.gs_index])
        for pair in paired.pairs
        if pair.rsgr_index >= settle
    ]
    if not pairs:
        raise InstrumentError(
            f"no frames of the two cameras belong together ({paired.report.text}); check the "
            "trigger wire"
        )
    return pairs[:count]
