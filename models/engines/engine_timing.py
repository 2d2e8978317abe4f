"""Times engines in turns, so that a busy spell of the machine hits all of them alike."""

import statistics
from collections.abc import Callable, Iterable, Mapping

from pydantic import BaseModel, ConfigDict

CERTAIN_WITHIN = 1.15
"""A choice is certain where no rival's lower quartile is better than ours by more than this."""

_ROUNDS = 15
_FEWEST_ROUNDS = 5
_LONGEST_S = 2.5
"""After this long no round is begun beyond the fewest; slow networks take longer."""
_HOPELESS = 2.0
"""A rival whose fastest call took this many times the slowest of the leader gets no more turns."""


class Spread(BaseModel):
    """Median time of a call, and its quartiles."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    low_ms: float
    median_ms: float
    high_ms: float

    @classmethod
    def of(cls, times_ms: list[float]) -> "Spread":
        """Of two or more times.

        >>> Spread.of([1.0, 2.0, 3.0, 4.0, 9.0])
        Spread(low_ms=2.0, median_ms=3.0, high_ms=4.0)
        """
        low, median, high = statistics.quantiles(times_ms, n=4, method="inclusive")
        return cls(low_ms=low, median_ms=median, high_ms=high)


def time_in_turns(
    calls: Mapping[str, Callable[[], object]], clock: Callable[[], float]
) -> dict[str, Spread]:
    """Times of calls that take turns: A B C A B C ...; each has been called before.

    ``clock`` tells seconds. Calls far slower than the fastest drop out after two rounds.
    """
    times_ms: dict[str, list[float]] = {name: [] for name in calls}
    running = list(calls)
    started_s = clock()
    for number in range(_ROUNDS):
        if number >= _FEWEST_ROUNDS and clock() - started_s > _LONGEST_S:
            break
        for name in running:
            before_s = clock()
            calls[name]()
            times_ms[name].append((clock() - before_s) * 1e3)
        if number > 0:
            leader = min(running, key=lambda name: statistics.median(times_ms[name]))
            limit_ms = _HOPELESS * max(times_ms[leader])
            running = [name for name in running if min(times_ms[name]) <= limit_ms]
    return {name: Spread.of(times) for name, times in times_ms.items()}


def is_certain(best: Spread, rivals: Iterable[Spread]) -> bool:
    """Whether measuring again would hardly find a faster one: the spreads are far enough apart.

    >>> fast = Spread(low_ms=9, median_ms=10, high_ms=11)
    >>> is_certain(fast, [Spread(low_ms=10, median_ms=15, high_ms=20)])
    True
    >>> is_certain(fast, [Spread(low_ms=8, median_ms=15, high_ms=20)])
    False
    """
    return all(best.high_ms <= CERTAIN_WITHIN * rival.low_ms for rival in rivals)
