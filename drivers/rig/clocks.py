"""Offset and drift between two clocks, by a fit robust against outliers."""

from collections import deque
from statistics import median

from drivers.clock_steps import LARGEST_DRIFT_PPM

_WINDOW = 192
_DRIFT_FROM = 24
"""Least pairs for a fit of the slope; with fewer it is noise."""

_STEEP_FROM = 96
"""Least pairs that can prove that two clocks are unrelated; fewer jitter too much."""

_REFIT_EVERY = 8


class ClockRelation:
    """How far the second clock is ahead of the first, fitted to pairs of their times.

    ``drifts`` False fits an offset only: both times are of one clock.
    """

    def __init__(self, first_ns: int, second_ns: int, *, drifts: bool) -> None:
        # Subtract integers first: nanoseconds since 1970 do not fit into a float.
        self._origin_ns = first_ns
        self._offset_ns = second_ns - first_ns
        self._drifts = drifts
        self._points: deque[tuple[float, float]] = deque(maxlen=_WINDOW)
        self._noted = 0
        self._slope = 0.0
        self._intercept_ns = 0.0
        self._spread_ns: float | None = None
        self._runs_away = False

    def note(self, first_ns: int, second_ns: int) -> None:
        """Add the times of one instant by both clocks to the fit."""
        self._points.append(self._point(first_ns, second_ns))
        self._noted += 1
        if self._noted < 2 * _DRIFT_FROM or self._noted % _REFIT_EVERY == 0:
            self._fit()

    def residual_ns(self, first_ns: int, second_ns: int) -> float:
        """How much later the second time is than the fit expects."""
        elapsed_ns, ahead_ns = self._point(first_ns, second_ns)
        return ahead_ns - self._slope * elapsed_ns - self._intercept_ns

    @property
    def offset_us(self) -> float:
        """How far the second clock is ahead at the newest instant."""
        elapsed_ns = self._points[-1][0] if self._points else 0.0
        ahead_ns = self._intercept_ns + self._slope * elapsed_ns
        return (self._offset_ns + ahead_ns) / 1e3

    @property
    def drift_ppm(self) -> float:
        """How much faster the second clock runs."""
        return self._slope * 1e6

    @property
    def spread_ns(self) -> float | None:
        """Median distance of the times from the fit; None for too few pairs."""
        return self._spread_ns

    @property
    def runs_away(self) -> bool:
        """Whether the drift is larger than clocks have: the times are of different instants."""
        return self._runs_away

    def _point(self, first_ns: int, second_ns: int) -> tuple[float, float]:
        return float(first_ns - self._origin_ns), float(second_ns - first_ns - self._offset_ns)

    def _fit(self) -> None:
        """Fit a line through the medians of the first and last third, robust against outliers."""
        points = list(self._points)
        # A larger fitted drift is jitter.
        slope, steepest = 0.0, LARGEST_DRIFT_PPM * 1e-6
        if self._drifts and len(points) >= _DRIFT_FROM:
            third = len(points) // 3
            (x1, y1), (x2, y2) = _centre(points[:third]), _centre(points[-third:])
            slope = (y2 - y1) / (x2 - x1) if x2 > x1 else 0.0
        self._runs_away = abs(slope) > steepest and len(points) >= _STEEP_FROM
        self._slope = min(max(slope, -steepest), steepest)
        self._intercept_ns = median(ahead - self._slope * elapsed for elapsed, ahead in points)
        if len(points) >= _DRIFT_FROM:
            self._spread_ns = median(
                abs(ahead - self._slope * elapsed - self._intercept_ns) for elapsed, ahead in points
            )


def _centre(points: list[tuple[float, float]]) -> tuple[float, float]:
    return median(x for x, _ in points), median(y for _, y in points)
