"""Simulated faults of a virtual camera: bad frames, and an unplugged device."""

import time
from enum import Enum

import numpy as np

from drivers.virtual.camera.settings import CameraSettings


class Fate(Enum):
    """What happens to a frame on its way to the client."""

    DELIVERED = "delivered"
    LOST = "lost"
    TORN = "torn"
    CORRUPT = "corrupt"


_COUNTDOWNS = (("FaultLose", Fate.LOST), ("FaultTear", Fate.TORN), ("FaultCorrupt", Fate.CORRUPT))


def draw_fate(settings: CameraSettings, rng: np.random.Generator) -> Fate:
    """The fate of the next frame; faults set for a number of frames count down."""
    for name, fate in _COUNTDOWNS:
        left = int(settings.number(name))
        if left > 0:
            settings.put(name, left - 1)
            return fate
    share = settings.number("FaultLoseShare")
    return Fate.LOST if share > 0 and rng.random() < share else Fate.DELIVERED


class Plug:
    """The plug of the device. Once pulled, the device is lost for the client that has it open.

    Clients find the device again after that client has closed it and ``away_s`` have passed.
    """

    def __init__(self) -> None:
        self._pulled = False
        self._back_at_s = 0.0

    def pull(self, away_s: float) -> None:
        """Unplug the device for ``away_s``."""
        self._pulled = True
        self._back_at_s = time.monotonic() + away_s

    def put_back(self) -> None:
        """Note that the client closed the device: it returns after its time."""
        self._pulled = False

    @property
    def is_pulled(self) -> bool:
        """Whether the device is lost for the client that has it open."""
        return self._pulled

    @property
    def is_away(self) -> bool:
        """Whether no client can find the device now."""
        return self._pulled or time.monotonic() < self._back_at_s
