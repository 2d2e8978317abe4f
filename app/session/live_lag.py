"""Looks now and then whether the newest pairs show the same instant, while a session runs."""

import threading
from collections import deque
from collections.abc import Callable, Sequence

from app.pairs.motion_samples import REACH, lag_sample
from app.pairs.pair_view import PairView, ViewedCamera
from app.session.stoppable_thread import StoppableThread
from calibration.rig_calibration import RigCalibration
from calibration.temporal.frame_lag import FrameLag, MovingTiles, lag_of
from drivers.errors import InstrumentError
from drivers.pixel_format import Pixels
from drivers.rig.pairing import FramePair
from drivers.rig.wiring import Wiring
from drivers.ring import FrameRing

_SAMPLES = 8
_SOON_S = 2.0
_LATER_S = 10.0
"""Time between two looks, until as many samples with motion are there as are kept, and then.

A look at 1440 x 1080 takes 0.7 s of processor time.
"""

_MAP_ERROR_PX = 0.25
"""How far a map with a good verdict may be off, at other distances too."""


class LiveLag:
    """A thread that compares the pictures of pairs under the calibration.

    ``rings`` are those of the RSGR and the GS camera, ``recent`` tells the newest pairs. Call
    :meth:`use_cameras` before the start and after every change of settings.
    """

    def __init__(
        self,
        calibration: RigCalibration,
        wiring: Wiring | None,
        rings: tuple[FrameRing, FrameRing],
        recent: Callable[[], Sequence[FramePair]],
        on_failure: Callable[[Exception], None],
    ) -> None:
        self._calibration, self._wiring = calibration, wiring
        self._rings = rings
        self._recent = recent
        self._cameras: tuple[ViewedCamera, ViewedCamera] | None = None
        self._period_us = 0.0
        self._looked_at: deque[MovingTiles] = deque(maxlen=_SAMPLES)
        self._last: FramePair | None = None
        self.found: FrameLag | None = None
        """What the pictures tell; None before the first look, and where they cannot be compared."""

        self._thread = StoppableThread("pair lag", self._run, on_failure)

    def use_cameras(self, rsgr: ViewedCamera, gs: ViewedCamera, period_us: float) -> None:
        """Look at pictures taken in this way from now on."""
        self._cameras, self._period_us = (rsgr, gs), period_us

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread and wait for it."""
        self._thread.stop()

    def _run(self, stopping: threading.Event) -> None:
        view, viewed = None, None
        while not stopping.wait(self._pause_s):
            cameras = self._cameras
            if cameras is None:
                continue
            if cameras != viewed:
                viewed = cameras
                view = self._view(*cameras)
                self._looked_at.clear()
                self.found = None
            if view is not None:
                self._look(view)

    @property
    def _pause_s(self) -> float:
        moving = sum(each.enough for each in self._looked_at)
        return _LATER_S if moving == _SAMPLES else _SOON_S

    def _view(self, rsgr: ViewedCamera, gs: ViewedCamera) -> PairView | None:
        try:
            return PairView(self._calibration, rsgr, gs, self._wiring)
        except InstrumentError:
            return None  # the calibration does not hold for these settings, as is told elsewhere

    def _look(self, view: PairView) -> None:
        for pair in reversed(self._recent()):
            if self._last is not None and pair.rsgr.sequence <= self._last.rsgr.sequence:
                return
            codes = self._codes(pair)
            if codes is not None:
                break
        else:
            return
        self._last = pair
        rsgr, gs = codes
        sample = lag_sample(view, rsgr, gs)
        tiles = MovingTiles.of(sample, view.middles_apart_us, self._period_us, _MAP_ERROR_PX)
        self._looked_at.append(tiles)
        self.found = lag_of(self._looked_at)

    def _codes(self, pair: FramePair) -> tuple[Pixels, list[Pixels]] | None:
        """Codes of the RSGR frame and of the GS frames around its partner, if all are there."""
        rsgr = self._rings[0].find(pair.rsgr.sequence)
        numbers = range(pair.gs.sequence - REACH, pair.gs.sequence + REACH + 1)
        gs = [self._rings[1].find(number) for number in numbers]
        if rsgr is None or not all(gs):
            return None
        return rsgr.pixels, [each.pixels for each in gs if each is not None]
