"""Which GS frame shows the same instant as an RSGR frame, from the pictures alone.

Where something moves, an RSGR frame resembles the GS frame of its own instant more than those
before and after. Only rows are compared whose RSGR exposure is centred near that of the GS
camera: the first ones read, where both cameras see the same. Nothing is assumed about the
motion, but that it is larger than the error of the geometric map: a map that is off by as much as
things move from frame to frame makes a neighbour look right.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from calibration.radiometric.temporal_noise import FINE_SHARE

Picture = NDArray[np.float32]
Numbers = NDArray[np.float64]

LAGS = (-2, -1, 0, 1, 2)
"""How many frames later than its partner a GS frame is that the RSGR frame is compared with."""

LEAST_SAMPLES = 4

_TILES = (9, 12)
_LEAST_TILES = 2
_LEAST_OF_TILE = 0.3
"""Share of a tile's pixels that can be compared."""

_SMOOTHING_PX = 2.0
_EVERY_PX = 2
_THINNED = (slice(None, None, _EVERY_PX), slice(None, None, _EVERY_PX))
_BORDER_PX = 7

_APART = 0.05
_MOST_APART = 0.3
"""Distance of the middles of both exposures, in periods and less that of the best row, at which
a row counts half, and beyond which it does not count."""

_CHANGE_NOISES = 6.0
"""Least energy of a tile's change from one GS frame to the next, over that of noise."""

_GAIN = (0.5, 2.0)
"""Brightness may change by this between the cameras: light that flickers is no motion."""

_MOST_UNLIKE = 8.0
_LEAST_TRAVEL_PX = 1.0
_MAP_ERRORS = 4.0
"""Least travel from frame to frame, over the error of the map: a map off by half the travel
would deceive."""

_CERTAIN = 5.0
_ALONE_CERTAIN = 6.0
"""Least distance of the best lag from any other, in standard errors: of a stretch, and of a
single sample, whose tiles resemble each other."""

_DISTINCT = 0.08
_LEAST_ERROR = 0.01
"""Least distance, and least error of it, as a share of the unlikeness of both."""

_LEAST_CHANGE = 0.15
"""Least distance in units of the change from one frame to the next: blur makes some."""

_SAME = 0.3
_OTHER = 0.5
"""Most unlikeness of a sample that shows the same, and least mean one of other pictures."""

_CHANGED_SAMPLES = 2
"""Samples that have to agree on another lag than the others do."""

_UNLIKE = 0.75
"""Least unlikeness over the mean of all lags, beyond which no frame shows the same."""


class LagState(StrEnum):
    """What the pictures say of the pairs."""

    TOGETHER = "together"
    APART = "apart"
    UNLIKE = "unlike"
    REPEATING = "repeating"
    STILL = "still"


@dataclass(frozen=True)
class LagSample:
    """An RSGR frame and the GS frames around its partner, one for each of :data:`LAGS`.

    Light ``(rows, columns)`` on the RSGR camera's pixels, ``rsgr`` with row gain applied.
    ``usable`` is True inside the GS camera's view where nothing is saturated; ``noise`` is the
    standard deviation to be expected of the difference of both cameras.
    """

    rsgr: Picture
    gs: tuple[Picture, ...]
    usable: NDArray[np.bool_]
    noise: Picture


class FrameLag(BaseModel):
    """Result of :func:`frame_lag`.

    ``lag`` is how many frames later the GS frames are that show what the RSGR frames show; None
    unless the pictures tell. ``samples`` are those in which enough moves. ``unlikeness`` is the
    mean difference by lag, in units of the change from one GS frame to the next: 0 is the same
    picture, about 1 a neighbour; empty if nothing moves.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    state: LagState
    lag: int | None
    samples: int
    looked_at: int
    unlikeness: tuple[float, ...]

    @property
    def text(self) -> str:
        """What was found, for the operator."""
        match self.state:
            case LagState.TOGETHER:
                return f"the pictures of {self.samples} pairs with motion show the same instant"
            case LagState.APART if self.lag is None:
                return (
                    "some pairs show the same instant and some do not: frames were lost or "
                    "triggers missed without being counted"
                )
            case LagState.APART:
                assert self.lag is not None
                frames = "frame" if abs(self.lag) == 1 else "frames"
                more = " or more" if abs(self.lag) == max(LAGS) else ""
                which = "before" if self.lag > 0 else "after"
                return (
                    f"the GS frames are from {abs(self.lag)} {frames}{more} {which} the RSGR "
                    "frames they are paired with"
                )
            case LagState.UNLIKE:
                return (
                    f"no GS frame within {max(LAGS)} of its partner shows what the RSGR frame "
                    "shows: wrong pairs, or a wrong map"
                )
            case LagState.REPEATING:
                return (
                    "neighbouring frames look alike in both cameras, so the pictures do not tell "
                    "which belong together: let something move that does not repeat itself"
                )
            case LagState.STILL:
                return "nothing moves enough to tell from the pictures which frames belong together"


def frame_lag(
    samples: Sequence[LagSample], apart_us: Numbers, period_us: float, map_error_px: float
) -> FrameLag:
    """Find the lag of a stretch of pairs; its samples lie some frames apart.

    ``apart_us``, ``(rows,)``, is how far the middles of both exposures lie apart in each row.
    ``period_us`` is the time from frame to frame, ``map_error_px`` how far the GS picture may lie
    beside the RSGR picture.
    """
    return lag_of([MovingTiles.of(each, apart_us, period_us, map_error_px) for each in samples])


def lag_of(looked_at: Sequence["MovingTiles"]) -> FrameLag:
    """As :func:`frame_lag`, of samples that were looked at before."""
    moving = [tiles for tiles in looked_at if tiles.enough]
    if len(moving) < LEAST_SAMPLES:
        return FrameLag(
            state=LagState.STILL,
            lag=None,
            samples=len(moving),
            looked_at=len(looked_at),
            unlikeness=(),
        )
    means = np.array([tiles.mean for tiles in moving])
    unlikeness = means.mean(axis=0)
    alone = Counter(lag for tiles in moving if (lag := tiles.lag) is not None)
    changed = sorted(alone.values())[:-1]
    lag = _only_match(means)
    if lag is None:
        lag = _distinct_lag(means, np.ones(len(means)), _CERTAIN)
    if changed and changed[-1] >= _CHANGED_SAMPLES:
        state, lag = LagState.APART, None
    elif lag is not None:
        state = LagState.APART if lag else LagState.TOGETHER
    elif unlikeness.min() > max(_UNLIKE * unlikeness.mean(), _OTHER):
        state = LagState.UNLIKE
    else:
        state = LagState.REPEATING
    return FrameLag(
        state=state,
        lag=lag,
        samples=len(moving),
        looked_at=len(looked_at),
        unlikeness=tuple(unlikeness.tolist()),
    )


@dataclass(frozen=True)
class MovingTiles:
    """Parts of a sample in which enough moves: ``unlikeness``, ``(tiles, lags)``, and weights."""

    unlikeness: Numbers
    weights: Numbers

    @classmethod
    def of(
        cls, sample: LagSample, apart_us: Numbers, period_us: float, map_error_px: float
    ) -> "MovingTiles":
        """Look at a sample; arguments as for :func:`frame_lag`."""
        if any(
            side < 2 * _EVERY_PX * tiles
            for side, tiles in zip(sample.rsgr.shape, _TILES, strict=True)
        ):
            return cls(np.empty((0, len(LAGS))), np.empty(0))  # too small to be divided
        apart = np.abs(apart_us) / period_us
        apart = apart - apart.min()
        least_px = max(_LEAST_TRAVEL_PX, _MAP_ERRORS * map_error_px)
        inside = cv2.erode(sample.usable.astype(np.uint8), np.ones((_BORDER_PX,) * 2, np.uint8))
        closeness = np.where(apart <= _MOST_APART, 1.0 / (1.0 + (apart / _APART) ** 2), 0.0)
        weight = np.asarray(closeness[:, None] * inside, np.float64)[_THINNED]
        rsgr, *gs = (
            cv2.GaussianBlur(each, (0, 0), _SMOOTHING_PX)[_THINNED].astype(np.float64)
            for each in (sample.rsgr, *sample.gs)
        )
        own = gs[LAGS.index(0)]
        left_of_noise = 1.0 / (4 * np.pi * _SMOOTHING_PX**2)
        before, after = (_unlike(weight, gs[LAGS.index(lag)], own) for lag in (-1, 1))
        change = (before + after) / 2
        by_noise = left_of_noise * np.maximum(
            _tile_sums(weight * sample.noise[_THINNED].astype(np.float64) ** 2),
            _tile_sums(weight * _seen_noise(sample)[_THINNED]),
        )
        down, right = np.gradient(own, _EVERY_PX)
        slopes = _tile_sums(weight * (down**2 + right**2))
        travel_px = np.sqrt(np.maximum(change - by_noise, 0.0) / np.maximum(slopes, 1e-12))
        share = _tile_sums((weight > 0).astype(np.float64)) / _tile_sums(np.ones_like(weight))
        moving = (
            (share >= _LEAST_OF_TILE)
            & (change > _CHANGE_NOISES * by_noise)
            & (travel_px >= least_px)
        )
        unlikeness = [
            (_unlike(weight, rsgr, other) / np.maximum(change, 1e-12))[moving] for other in gs
        ]
        return cls(
            np.clip(np.stack(unlikeness, axis=1), 0.0, _MOST_UNLIKE), _tile_sums(weight)[moving]
        )

    @property
    def enough(self) -> bool:
        """Whether enough moves for the sample to count."""
        return len(self.weights) >= _LEAST_TILES

    @property
    def mean(self) -> Numbers:
        """Unlikeness by lag."""
        return np.asarray(np.average(self.unlikeness, axis=0, weights=self.weights))

    @property
    def lag(self) -> int | None:
        """The lag that this frame alone tells."""
        return _distinct_lag(self.unlikeness, self.weights, _ALONE_CERTAIN)


def _seen_noise(sample: LagSample) -> Numbers:
    """Variance of the GS pictures' noise, from the finest detail of their change.

    Motion adds to it, where it is in detail as fine, and makes the measure less sensitive. The
    expected noise is too small where a camera's system gain is not known.
    """
    change = sample.gs[LAGS.index(1)] - sample.gs[LAGS.index(0)]
    fine = change - cv2.GaussianBlur(change, (0, 0), 1.0)
    return np.asarray(fine.astype(np.float64) ** 2 / (2 * FINE_SHARE))


def _unlike(weight: Numbers, picture: Numbers, other: Numbers) -> Numbers:
    """Energy of the difference of two pictures by tile, but for a difference in brightness."""
    product, power = _tile_sums(weight * picture * other), _tile_sums(weight * other**2)
    gain = np.clip(product / np.maximum(power, 1e-12), *_GAIN)
    left = _tile_sums(weight * picture**2) - 2 * gain * product + gain**2 * power
    return np.asarray(np.maximum(left, 0.0))


def _tile_sums(values: Numbers) -> Numbers:
    """Sums over the tiles of a picture."""
    starts = [
        np.linspace(0, size, count, endpoint=False).astype(int)
        for size, count in zip(values.shape, _TILES, strict=True)
    ]
    return np.asarray(np.add.reduceat(np.add.reduceat(values, starts[0], 0), starts[1], 1))


def _only_match(unlikeness: Numbers) -> int | None:
    """The lag at which every sample shows the same, as they do at no other lag."""
    mean = unlikeness.mean(axis=0)
    best = int(mean.argmin())
    others = np.delete(mean, best)
    same = unlikeness[:, best].max() <= _SAME
    return LAGS[best] if same and others.min() >= _OTHER else None


def _distinct_lag(unlikeness: Numbers, weights: Numbers, certain: float) -> int | None:
    """The lag that is clearly less unlike than all others; ``unlikeness`` is (items, lags)."""
    share = weights / weights.sum()
    best = int((share @ unlikeness).argmin())
    own = unlikeness[:, best : best + 1]
    # As a share of both, so that no item counts more because more moves in it.
    further = (unlikeness - own) / np.maximum(unlikeness + own, 1e-12)
    mean = share @ further
    error = np.sqrt(share**2 @ (further - mean) ** 2) + _LEAST_ERROR
    distinct = (mean > _DISTINCT) & (mean > certain * error)
    distinct &= share @ (unlikeness - own) > _LEAST_CHANGE
    distinct[best] = True
    return LAGS[best] if distinct.all() else None
