"""Device time of the virtual rig."""

import threading
from collections.abc import Hashable
from time import monotonic_ns


class RigClock:
    """This machine's monotonic clock, which can be told to wait.

    In real time a camera loses the frames that are not rendered or fetched in time,
    as a real one does. A clock that ``waits`` stands still meanwhile: no frame is
    lost because the machine is busy. The tests use it.
    """

    def __init__(self) -> None:
        self.waits = False
        self._lock = threading.Lock()
        self._behind_ns = 0
        self._held_at_ns = 0
        self._holders: set[Hashable] = set()

    def now_ns(self) -> int:
        """Device time."""
        with self._lock:
            if self._holders:
                return self._held_at_ns
            return monotonic_ns() - self._behind_ns

    @property
    def is_held(self) -> bool:
        """Whether the clock stands still."""
        return bool(self._holders)

    def hold(self, holder: Hashable) -> None:
        """Stand still until ``holder`` and all others release the clock."""
        with self._lock:
            if not self._holders:
                self._held_at_ns = monotonic_ns() - self._behind_ns
            self._holders.add(holder)

    def release(self, holder: Hashable) -> None:
        """Go on, unless somebody else holds the clock."""
        with self._lock:
            if holder not in self._holders:
                return
            self._holders.remove(holder)
            if not self._holders:
                self._behind_ns = monotonic_ns() - self._held_at_ns


CLOCK = RigClock()
"""The one clock of the rig's cameras."""
