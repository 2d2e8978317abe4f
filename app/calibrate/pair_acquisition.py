"""Frame pairs of two running cameras, for calibration steps that look at both."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.calibrate.frame_acquisition import FRAMES_TO_SETTLE, FrameAcquisition
from app.session.live_pairs import delivery_us
from drivers.errors import InstrumentError
from drivers.frame import Frame
from drivers.pixel_format import Pixels
from drivers.rig.pairing import GS, RSGR, FramePair, Pairer
from drivers.rig.wiring import Wiring
from drivers.ring import RingReader

_FRAME_WAIT_S = 1.0
_FIRST_WAIT_S = 5.0
"""Pairing learns from the first frames how the cameras' counts and clocks relate."""

_KEPT_FRAMES = 64
_WEIGHED_EVERY_S = 0.1
"""Weighing all frames anew takes some 20 ms, longer than a frame lasts."""


@dataclass(frozen=True)
class AcquiredPair:
    """Two frames of one instant."""

    rsgr: Frame
    gs: Frame


def codes_of(shots: Sequence[AcquiredPair]) -> tuple[list[Pixels], list[Pixels]]:
    """Codes of the RSGR and of the GS camera."""
    return [shot.rsgr.pixels for shot in shots], [shot.gs.pixels for shot in shots]


class PairAcquisition:
    """Pairs from a acquisition of two cameras, as long as that lasts.

    Raises :class:`InstrumentError` for one camera, and for two that share no trigger.
    """

    def __init__(self, acquisition: FrameAcquisition) -> None:
        session = acquisition.session
        if session.camera_count < 2:
            raise InstrumentError("this step looks at both cameras; give the second one with --gs")
        rig = session.rig
        assert rig is not None  # two cameras are one
        if rig.wiring is Wiring.SOFTWARE:
            raise InstrumentError(
                "software triggers do not expose both cameras at one time; wire one trigger to "
                "both and give --wiring external or master"
            )
        self._session = session
        self._pairer = Pairer(rig.wiring, delivery_us(rig, session.config))
        self._readers: list[RingReader] = [session.reader(camera=each) for each in (RSGR, GS)]
        self._frames: tuple[dict[int, Frame], dict[int, Frame]] = ({}, {})
        self._read = [0, 0]
        self._patience_s = _FIRST_WAIT_S

    def take(
        self, count: int, *, settle: int = FRAMES_TO_SETTLE, every: int = 1
    ) -> list[AcquiredPair]:
        """``count`` pairs in order, of every ``every``-th RSGR frame after ``settle`` more.

        Raises :class:`InstrumentError` when they do not come.
        """
        # Frames that waited since the last call only serve to relate counts and clocks.
        for camera in (RSGR, GS):
            while self._take_frame(camera, 0.0):
                pass
        first = self._read[RSGR] + settle
        taken: list[AcquiredPair] = []
        deadline_s = time.monotonic() + self._patience_s + _FRAME_WAIT_S * (settle + count * every)
        came, weigh_at_s = 0, 0.0
        while len(taken) < count:
            came += sum(self._take_frame(camera, 0.01) for camera in (RSGR, GS))
            pairs: list[FramePair] = []
            if came >= _KEPT_FRAMES // 2 or (came and time.monotonic() >= weigh_at_s):
                pairs = self._pairer.settle()
                came, weigh_at_s = 0, time.monotonic() + _WEIGHED_EVERY_S
            for pair in pairs:
                if pair.rsgr_index < first or (pair.rsgr_index - first) % every:
                    continue
                frames = (
                    self._frames[RSGR].get(pair.rsgr_index),
                    self._frames[GS].get(pair.gs_index),
                )
                if frames[0] and frames[1]:
                    taken.append(AcquiredPair(frames[0], frames[1]))
            if self._session.status().message or time.monotonic() > deadline_s:
                raise InstrumentError(
                    self._session.status().message
                    or f"no frames of the two cameras belong together "
                    f"({self._pairer.report().text}); check the trigger wire (--wiring)"
                )
        self._patience_s = 0.0
        return taken[:count]

    def _take_frame(self, camera: int, timeout_s: float) -> bool:
        """Read the next frame of a camera; False where none came."""
        form = self._session.camera_at(camera).frame_format
        codes = np.empty(form.shape, form.pixel_format.dtype)
        metadata = self._readers[camera].next(codes, timeout_s)
        if metadata is None:
            return False
        number = self._read[camera]
        self._frames[camera][number] = Frame(codes, metadata)
        self._frames[camera].pop(number - _KEPT_FRAMES, None)
        self._read[camera] = number + 1
        self._pairer.add(camera, metadata)
        return True
