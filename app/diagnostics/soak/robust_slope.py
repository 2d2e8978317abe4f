"""The slope of a noisy figure over time, with its spread, that single outliers do not move."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

FEWEST_BLOCKS = 8
"""With fewer the interval of the slope says nothing."""

_NORMAL_95 = 1.96


@dataclass(frozen=True, slots=True)
class RobustSlope:
    """A slope, and the ends of its 95 % interval, in units of y per unit of x."""

    value: float
    low: float
    high: float

    def times(self, factor: float) -> "RobustSlope":
        """The same in other units; ``factor`` is positive."""
        return RobustSlope(self.value * factor, self.low * factor, self.high * factor)


def robust_slope(x: ArrayLike, y: ArrayLike, blocks: int = 24) -> RobustSlope | None:
    """Theil-Sen slope of the medians of up to so many blocks of ``x``; None with fewer than 8.

    The median of the slopes of all pairs, with the interval of Sen, J. Am. Stat. Assoc. 63 (1968)
    1379, from the variance of Kendall's statistic. Blocks, because neighbouring samples are alike
    and no evidence each.

    >>> robust_slope(range(240), [3.0 * x + (x % 5) for x in range(240)])
    RobustSlope(value=3.0, low=3.0, high=3.0)
    """
    times, values = _block_medians(np.asarray(x, float), np.asarray(y, float), blocks)
    count = len(times)
    if count < FEWEST_BLOCKS:
        return None
    first, second = np.triu_indices(count, 1)
    slopes = np.sort((values[second] - values[first]) / (times[second] - times[first]))
    pairs = len(slopes)
    kendall = np.sqrt(count * (count - 1) * (2 * count + 5) / 18)
    margin = _NORMAL_95 * kendall
    low = max(0, int(np.floor((pairs - margin) / 2)))
    high = min(pairs - 1, int(np.ceil((pairs + margin) / 2)))
    return RobustSlope(float(np.median(slopes)), float(slopes[low]), float(slopes[high]))


def _block_medians(
    x: NDArray[np.float64], y: NDArray[np.float64], blocks: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Medians of blocks of equal length in ``x``; those without a value are left out."""
    if len(x) == 0 or x[0] == x[-1]:
        return x[:1], y[:1]
    blocks = min(blocks, len(x))
    number = np.minimum(((x - x[0]) / (x[-1] - x[0]) * blocks).astype(int), blocks - 1)
    filled = np.unique(number)
    return (
        np.array([np.median(x[number == each]) for each in filled]),
        np.array([np.median(y[number == each]) for each in filled]),
    )
