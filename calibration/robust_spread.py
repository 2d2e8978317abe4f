"""Spread of values of which some are outliers."""

import numpy as np
from numpy.typing import ArrayLike

_DEVIATIONS_PER_MEDIAN = 1.4826
"""Standard deviation of a normal distribution over the median of its absolute deviations."""


def robust_spread(deviations: ArrayLike) -> float:
    """Standard deviation told from the median of ``deviations`` from the middle, in their unit.

    Hampel, The influence curve and its role in robust estimation, JASA 69, 1974. Of lengths in two
    or three dimensions it is larger than the deviation along one axis.
    """
    return _DEVIATIONS_PER_MEDIAN * float(np.median(np.abs(deviations)))
