"""Pairs frames of a running session as they arrive."""

import threading
import time
from collections import deque
from collections.abc import Callable

from app.session.config import SessionConfig
from app.session.restoring_conditions import timing_in_use
from app.session.status import PairStatus
from drivers.frame import FrameMetadata
from drivers.rig.pairing import Pairer, PairingReport, known_delivery_us
from drivers.rig.rig import Rig

_WEIGH_S = 1.0
"""Weighing all frames again takes 20 ms."""
_MOST_UNWEIGHED = 8192


def delivery_us(rig: Rig, config: SessionConfig) -> tuple[float, float]:
    """Time from the start of an exposure to the delivery of the (RSGR, GS) camera, where known."""
    return known_delivery_us(timing_in_use(rig.rsgr, config).sensor, rig.gs_timing())


class LivePairs:
    """Pairs the frames that the capturing threads report; keeps no pixels.

    Those threads only leave their frames here: they wait for nobody who weighs them.
    """

    def __init__(self, rig: Rig, config: SessionConfig) -> None:
        self._rig = rig
        self._lock = threading.Lock()
        self._came: tuple[deque[FrameMetadata], deque[FrameMetadata]] = (deque(), deque())
        self._weigh_due_s = 0.0
        self._pairer = Pairer(rig.wiring, delivery_us(rig, config))
        self._report = self._pairer.report()

    def listener(self, camera: int) -> Callable[[FrameMetadata], None]:
        """What the capturing thread of the RSGR (0) or GS (1) camera calls for each frame."""

        def note(metadata: FrameMetadata) -> None:
            self._came[camera].append(metadata)
            if len(self._came[camera]) > _MOST_UNWEIGHED:  # nobody asks for the status
                with self._lock:
                    self._weigh()

        return note

    def status(self) -> PairStatus:
        """How pairing went so far; a moment old at the most."""
        with self._lock:
            now_s = time.monotonic()
            if now_s >= self._weigh_due_s:
                self._report = self._weigh()
                self._weigh_due_s = now_s + _WEIGH_S
        return PairStatus(self._rig.wiring, self._rig.text, self._rig.overruns, self._report)

    def _weigh(self) -> PairingReport:
        for camera, came in enumerate(self._came):
            for _ in range(len(came)):
                self._pairer.add(camera, came.popleft())
        self._pairer.settle()
        return self._pairer.report()
