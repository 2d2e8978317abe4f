"""Device time of the virtual rig."""

import threading
from collections.abc import Hashable
from time import monotonic_ns

_SLACK_NS = 4_000_000
"""How late an event may be in device time where the clock waits: below half a frame interval."""


class RigClock:
    """This machine's monotonic clock, which can be told to wait.

    In real time a camera loses the frames that are not rendered or fetched in time,
    as a real one does. A clock that ``waits`` passes no event before the event is
    done: no frame is lost or late because the machine is busy. The tests use it.
    """

    def __init__(self) -> None:
        self.waits = False
        self._lock = threading.Lock()
        self._behind_ns = 0
        self._last_ns = 0
        self._undone_ns: dict[Hashable, int] = {}

    def now_ns(self) -> int:
        """Device time."""
        with self._lock:
            now_ns = monotonic_ns() - self._behind_ns
            if self._undone_ns:
                latest_ns = max(self._last_ns, min(self._undone_ns.values()) + _SLACK_NS)
                if now_ns > latest_ns:
                    self._behind_ns += now_ns - latest_ns
                    now_ns = latest_ns
            self._last_ns = now_ns
            return now_ns

    def wait_for(self, who: Hashable, event_ns: int | None) -> None:
        """Name the next event of ``who``, which replaces the former; None: there is none.

        Does nothing in real time.
        """
        now_ns = self.now_ns()
        with self._lock:
            if event_ns is None or not self.waits:
                self._undone_ns.pop(who, None)
            else:
                self._undone_ns[who] = max(event_ns, now_ns - _SLACK_NS)


CLOCK = RigClock()
"""The one clock of the rig's cameras."""
