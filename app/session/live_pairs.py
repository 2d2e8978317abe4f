"""Pairs frames of a running session as they arrive."""

import threading
from collections.abc import Callable

from app.session.config import SessionConfig
from app.session.restoring_conditions import timing_in_use
from app.session.status import PairStatus
from drivers.frame import FrameMetadata
from drivers.rig.pairing import Pairer
from drivers.rig.rig import Rig


class LivePairs:
    """Pairs the frames that the capturing threads report; keeps no pixels."""

    def __init__(self, rig: Rig, config: SessionConfig) -> None:
        self._rig = rig
        self._lock = threading.Lock()
        timings = timing_in_use(rig.rsgr, config).sensor, rig.gs_timing()
        periods_us = [timing.shortest_period_us() for timing in timings if timing is not None]
        # Only the difference of two cameras matters.
        delivery_us = (periods_us[0], periods_us[1]) if len(periods_us) == 2 else (0.0, 0.0)
        self._pairer = Pairer(rig.wiring, delivery_us)

    def listener(self, camera: int) -> Callable[[FrameMetadata], None]:
        """What the capturing thread of the RSGR (0) or GS (1) camera calls for each frame."""

        def note(metadata: FrameMetadata) -> None:
            with self._lock:
                self._pairer.add(camera, metadata)

        return note

    def status(self) -> PairStatus:
        """How pairing went so far."""
        with self._lock:
            report = self._pairer.report()
        return PairStatus(self._rig.wiring, self._rig.text, self._rig.overruns, report)
