"""Waiting in tests: for a condition, however busy the machine is; and what must be quick."""

import time
from collections.abc import Callable
from time import monotonic, sleep

import pytest

from drivers.virtual.camera import faults
from drivers.virtual.camera.rig_clock import CLOCK

LONGEST_S = 180.0
"""Ends a hang; nothing that works takes as long, on a machine ten times slower either."""
TRIES = 5


def wait_until(condition: Callable[[], object], step_s: float = 0.01) -> None:
    """Return once ``condition`` is true; fail when that never happens."""
    deadline_s = monotonic() + LONGEST_S
    while not condition():
        assert monotonic() < deadline_s, f"not within {LONGEST_S} s"
        sleep(step_s)


def quickest_s(trial: Callable[[], float], limit_s: float) -> float:
    """Return the time of a ``trial`` below ``limit_s``, else that of the quickest.

    A busy machine delays some trials; what is too slow by itself delays all.
    """
    quickest = trial()
    for _ in range(TRIES - 1):
        if quickest < limit_s:
            break
        quickest = min(quickest, trial())
    return quickest


def timed_s(action: Callable[[], object]) -> float:
    """How long an action takes."""
    before_s = monotonic()
    action()
    return monotonic() - before_s


class PowerTime:
    """Time by which an unplugged camera gets its power back: passes when a test says so."""

    def __init__(self) -> None:
        self._now_s = 0.0

    def monotonic(self) -> float:
        """Now."""
        return self._now_s

    def passes(self, seconds: float) -> None:
        """Let time pass."""
        self._now_s += seconds


POWER_TIME = PowerTime()


def use_own_clocks(patch: pytest.MonkeyPatch) -> None:
    """Let the time stamps of the host stand still when the rig's clock does; see PowerTime."""
    patch.setattr(time, "monotonic_ns", CLOCK.now_ns)
    patch.setattr(faults, "time", POWER_TIME)
