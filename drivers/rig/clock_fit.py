"""How two clocks go against each other, by a fit robust against outliers."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

_BLOCK = 192
"""Pairs over which clocks drift evenly."""
_DRIFT_FROM = 24
"""Least pairs for a fit of the slope; with fewer it is noise."""

Nanoseconds: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class ClockFit:
    """``residuals_ns``: how much later each second time is than the fit expects.

    ``offset_us`` is how far the second clock is ahead at the last instant, ``drift_ppm`` how
    much faster it runs then.
    """

    residuals_ns: NDArray[np.float64]
    offset_us: float
    drift_ppm: float


def fit_clocks(first_ns: Nanoseconds, second_ns: Nanoseconds, *, drifts: bool) -> ClockFit:
    """Fit the times of instants by two clocks, in order; at least one.

    ``drifts`` False fits an offset only: both times are of one clock.
    """
    # Integers first: nanoseconds since 1970 do not fit into a float.
    elapsed_ns = (first_ns - first_ns[0]).astype(np.float64)
    offset_ns = int(second_ns[0] - first_ns[0])
    ahead_ns = (second_ns - first_ns - offset_ns).astype(np.float64)
    residuals_ns = np.empty_like(ahead_ns)
    slope = intercept_ns = 0.0
    blocks = max(1, len(ahead_ns) // _BLOCK)
    for block in np.array_split(np.arange(len(ahead_ns)), blocks):
        x_ns, y_ns = elapsed_ns[block], ahead_ns[block]
        slope = slope_by_thirds(x_ns, y_ns) if drifts and len(block) >= _DRIFT_FROM else 0.0
        intercept_ns = float(np.median(y_ns - slope * x_ns))
        residuals_ns[block] = y_ns - slope * x_ns - intercept_ns
    last_ns = intercept_ns + slope * float(elapsed_ns[-1])
    return ClockFit(residuals_ns, (offset_ns + last_ns) / 1e3, slope * 1e6)


def slope_by_thirds(x_ns: NDArray[np.float64], y_ns: NDArray[np.float64]) -> float:
    """Slope of the line through the medians of the first and the last third; 0 without a run."""
    third = len(x_ns) // 3
    run_ns = float(np.median(x_ns[-third:]) - np.median(x_ns[:third]))
    return float(np.median(y_ns[-third:]) - np.median(y_ns[:third])) / run_ns if run_ns > 0 else 0.0
