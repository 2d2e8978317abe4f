"""Pairs frames of a running session as they arrive."""

import threading
import time
from collections import deque
from collections.abc import Callable

from app.pairs.pair_view import ViewedCamera
from app.session.config import DEFAULT_FPS, SessionConfig
from app.session.live_lag import LiveLag
from app.session.restoring_conditions import timing_in_use
from app.session.status import PairStatus
from drivers.frame import FrameMetadata
from drivers.rig.pairing import FramePair, Pairer, PairingReport, known_delivery_us
from drivers.rig.rig import Rig
from drivers.ring import FrameRing

_WEIGH_S = 1.0
"""Weighing all frames again takes 20 ms."""
_MOST_UNWEIGHED = 8192
_RECENT = 64


def delivery_us(rig: Rig, config: SessionConfig) -> tuple[float, float]:
    """Time from the start of an exposure to the delivery of the (RSGR, GS) camera, where known."""
    return known_delivery_us(timing_in_use(rig.rsgr, config).sensor, rig.gs_timing())


class LivePairs:
    """Pairs the frames that the capturing threads report; keeps no pixels.

    Those threads only leave their frames here: they wait for nobody who weighs them. What the
    pictures of pairs tell is found by a thread of its own, :class:`LiveLag`.
    """

    def __init__(self, rig: Rig, config: SessionConfig) -> None:
        self._rig = rig
        self._config = config
        self._lag: LiveLag | None = None
        self._lock = threading.Lock()
        self._came: tuple[deque[FrameMetadata], deque[FrameMetadata]] = (deque(), deque())
        self._weigh_due_s = 0.0
        self._pairer = Pairer(rig.wiring, delivery_us(rig, config))
        self._report = self._pairer.report()
        self._recent: tuple[FramePair, ...] = ()

    def listener(self, camera: int) -> Callable[[FrameMetadata], None]:
        """What the capturing thread of the RSGR (0) or GS (1) camera calls for each frame."""

        def note(metadata: FrameMetadata) -> None:
            self._came[camera].append(metadata)
            if len(self._came[camera]) > _MOST_UNWEIGHED:  # nobody asks for the status
                with self._lock:
                    self._weigh()

        return note

    def start_comparing(
        self, rings: tuple[FrameRing, FrameRing], on_failure: Callable[[Exception], None]
    ) -> None:
        """Compare the pictures of pairs now and then, where the calibration tells how."""
        calibration = self._config.rig
        if calibration is None or calibration.colour is None:
            return
        self._lag = LiveLag(calibration, self._rig.wiring, rings, self.recent, on_failure)
        self.use_settings()
        self._lag.start()

    def use_settings(self) -> None:
        """Compare pictures taken with the settings that the cameras have now."""
        if self._lag is not None:
            period_us = 1e6 / (self._rig.rsgr.settings.fps or DEFAULT_FPS)
            rsgr, gs = ViewedCamera.open(self._rig.rsgr), ViewedCamera.open(self._rig.gs)
            self._lag.use_cameras(rsgr, gs, period_us)

    def stop_comparing(self) -> None:
        """End the thread that compares."""
        if self._lag is not None:
            self._lag.stop()

    def status(self) -> PairStatus:
        """How pairing went so far; a moment old at the most."""
        with self._lock:
            now_s = time.monotonic()
            if now_s >= self._weigh_due_s:
                self._report = self._weigh()
                self._weigh_due_s = now_s + _WEIGH_S
        lag = None if self._lag is None else self._lag.found
        return PairStatus(self._rig.wiring, self._rig.text, self._rig.overruns, self._report, lag)

    def recent(self) -> tuple[FramePair, ...]:
        """The newest pairs, in order; a moment old at the most."""
        self.status()
        return self._recent

    def _weigh(self) -> PairingReport:
        for camera, came in enumerate(self._came):
            for _ in range(len(came)):
                self._pairer.add(camera, came.popleft())
        newest = self._pairer.settle()[-_RECENT:]
        self._recent = (*self._recent, *newest)[-_RECENT:]
        return self._pairer.report()
