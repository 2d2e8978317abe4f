"""The fault page: everything that goes wrong in a lab, to be rehearsed on purpose."""

import time
from enum import Enum

import numpy as np

from drivers.virtual.camera.settings import CameraSettings


class Fate(Enum):
    """What becomes of a frame on its way to the client."""

    DELIVERED = "delivered"
    LOST = "lost"
    TORN = "torn"
    CORRUPT = "corrupt"


_COUNTDOWNS = (("FaultLose", Fate.LOST), ("FaultTear", Fate.TORN), ("FaultCorrupt", Fate.CORRUPT))


def draw_fate(settings: CameraSettings, rng: np.random.Generator) -> Fate:
    """The fate of the next frame; faults that hit so many frames count down."""
    for name, fate in _COUNTDOWNS:
        left = int(settings.number(name))
        if left > 0:
            settings.put(name, left - 1)
            return fate
    share = settings.number("FaultLoseShare")
    return Fate.LOST if share > 0 and rng.random() < share else Fate.DELIVERED


class Plug:
    """The device's plug: pulled, the device stays away from the open client for good.

    A client finds it again once it has closed it and ``away_s`` have passed.
    """

    def __init__(self) -> None:
        self._pulled = False
        self._back_at_s = 0.0

    def pull(self, away_s: float) -> None:
        """Take the device away."""
        self._pulled = True
        self._back_at_s = time.monotonic() + away_s

    def put_back(self) -> None:
        """The client let go: the device may return when its time is over."""
        self._pulled = False

    @property
    def is_pulled(self) -> bool:
        """Whether the client that has it open has lost it."""
        return self._pulled

    @property
    def is_away(self) -> bool:
        """Whether no client can find it."""
        return self._pulled or time.monotonic() < self._back_at_s
