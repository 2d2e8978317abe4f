"""Row means of a still scene at two exposures, and tests of whether it was still."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.radiometric.temporal_noise import (
    LEAST_RESOLVED_VARIANCE_DN2,
    QUANTISATION_VARIANCE_DN2,
)
from calibration.temporal.ramp_fit import ExposurePair
from drivers.errors import InstrumentError
from drivers.pixel_format import Pixels
from drivers.radiometry import Radiometry

Block = Sequence[Pixels]
"""Frames of one exposure taken one after the other."""

_HIGHEST_SHARE = 0.95
"""Share of full scale; brighter pixels clip in some frames, which makes their mean too low."""

_LEAST_PIXEL_SHARE = 0.5
"""Share of its dithered pixels that a row must keep; the few left could be selected by noise."""

_LEAST_PIXELS = 16

_DIM_ROW_SHARE = 0.005
_BRIGHTNESS_CLASSES = 32
_CHANGED = 6.0
"""Least difference of a moving pixel from equally bright ones, in standard errors."""


@dataclass(frozen=True, slots=True)
class StillScene:
    """Row means over the pixels that are unclipped and still in all frames of a scene.

    Pixels with so little noise that rounding biases their mean are left out too.

    ``long_frames_dn`` and ``short_frames_dn`` are row means of every frame, shape
    ``(blocks, frames, rows)``, black level subtracted. The variances, ``(rows,)``,
    are those of the row means by noise. Rows with too few such pixels are NaN.
    ``clipped_share`` is of all pixels, ``moving_share`` of the unclipped ones.
    """

    long_frames_dn: NDArray[np.float64]
    short_frames_dn: NDArray[np.float64]
    long_variance_dn2: NDArray[np.float64]
    short_variance_dn2: NDArray[np.float64]
    clipped_share: float
    moving_share: float

    def pairs(self) -> list[ExposurePair]:
        """Each long block with the short block next to it."""
        frames = self.long_frames_dn.shape[1]
        return [
            ExposurePair(
                long.mean(axis=0),
                short.mean(axis=0),
                self.long_variance_dn2 / frames,
                self.short_variance_dn2 / frames,
            )
            for long, short in zip(self.long_frames_dn, self.short_frames_dn, strict=True)
        ]

    def drift_share(self) -> float:
        """Largest change of the light between blocks of one exposure, as a share."""
        used = np.isfinite(self.long_variance_dn2)
        if not used.any():
            return 0.0
        changes = []
        for frames in (self.long_frames_dn, self.short_frames_dn):
            levels = frames[..., used].mean(axis=(1, 2))
            changes.append(np.ptp(levels) / levels.mean())
        return float(max(changes))


def still_scene(
    long_blocks: Sequence[Block],
    short_blocks: Sequence[Block],
    radiometry: Radiometry,
) -> StillScene:
    """Reduce frames to row means; all blocks have the same number of frames, 2 or more.

    Raises :class:`InstrumentError` if the blocks do not pair, or if all pixels are clipped.
    """
    frames = {len(block) for block in (*long_blocks, *short_blocks)}
    if len(long_blocks) != len(short_blocks) or len(frames) != 1 or min(frames) < 2:
        raise InstrumentError(
            f"{len(long_blocks)} long and {len(short_blocks)} short blocks of {sorted(frames)} "
            "frames do not pair; take equally many of both, 2 frames each at least"
        )
    black_level_dn, full_scale_dn = radiometry.black_level_dn, radiometry.span_dn
    unclipped = np.ones(_flat(long_blocks[0][0]).shape, bool)
    for frame in _each((*long_blocks, *short_blocks)):
        unclipped &= frame < radiometry.saturation_dn
    long_dn, short_dn = _expected_images(long_blocks, short_blocks, unclipped, black_level_dn)
    unclipped &= long_dn <= _HIGHEST_SHARE * full_scale_dn
    if not unclipped.any():
        raise InstrumentError("every pixel is clipped; take less light or a shorter exposure")
    long, short = (
        _Statistics.gather(blocks, expected_dn, unclipped, black_level_dn, full_scale_dn)
        for blocks, expected_dn in ((long_blocks, long_dn), (short_blocks, short_dn))
    )
    moving = (long.moving | short.moving) & unclipped
    valid = unclipped & ~moving & short.dithered
    count = valid.sum(axis=1)
    enough = count >= np.maximum(_LEAST_PIXELS, _LEAST_PIXEL_SHARE * short.dithered.sum(axis=1))
    valid[~enough] = False

    def variance_dn2(statistics: _Statistics) -> NDArray[np.float64]:
        return np.asarray(_mean_over(statistics.variance_dn2, valid) / np.maximum(count, 1))

    return StillScene(
        long_frames_dn=_row_means(long_blocks, valid, black_level_dn),
        short_frames_dn=_row_means(short_blocks, valid, black_level_dn),
        long_variance_dn2=variance_dn2(long),
        short_variance_dn2=variance_dn2(short),
        clipped_share=1.0 - float(unclipped.mean()),
        moving_share=float(moving.sum() / unclipped.sum()),
    )


def _flat(frame: Pixels) -> Pixels:
    """The samples of each row side by side: ``(rows, samples)``."""
    return frame.reshape(frame.shape[0], -1)


def _each(blocks: Sequence[Block]) -> Iterator[Pixels]:
    for block in blocks:
        for frame in block:
            yield _flat(frame)


def _mean_image(blocks: Sequence[Block]) -> NDArray[np.float32]:
    total = np.zeros(_flat(blocks[0][0]).shape, np.float32)
    count = 0
    for frame in _each(blocks):
        total += frame
        count += 1
    return total / np.float32(count)


def _expected_images(
    long_blocks: Sequence[Block],
    short_blocks: Sequence[Block],
    valid: NDArray[np.bool_],
    black_level_dn: float,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean signal of each exposure in DN, estimated from the sum of both.

    Pixels are selected by these. A selection by one exposure alone would prefer pixels
    that noise made bright there, and bias the ratio of the exposures. That ratio is
    independent of the sum.
    """
    black = np.float32(black_level_dn)
    long, short = (_mean_image(blocks) - black for blocks in (long_blocks, short_blocks))
    long_row, short_row = (np.maximum(_row_level(image, valid), 0) for image in (long, short))
    dark = long_row + short_row <= 0
    share = np.where(dark, 0.5, long_row / np.where(dark, 1, long_row + short_row))
    both = long + short
    share_column = share.astype(np.float32)[:, None]
    return both * share_column, both * (1 - share_column)


def _mean_over(image: NDArray[Any], valid: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Mean of each row's valid pixels; NaN where there are none."""
    count = valid.sum(axis=1)
    sums = np.einsum("rc,rc->r", image, valid, dtype=np.float64)
    means: NDArray[np.float64] = sums / np.maximum(count, 1)
    return np.where(count > 0, means, np.nan)


def _row_means(
    blocks: Sequence[Block], valid: NDArray[np.bool_], black_level_dn: float
) -> NDArray[np.float64]:
    return np.array(
        [[_mean_over(_flat(frame), valid) - black_level_dn for frame in block] for block in blocks]
    )


@dataclass(frozen=True, slots=True)
class _Statistics:
    """Per pixel of one exposure: temporal variance, whether it moved, whether it is dithered.

    A pixel is dithered if equally bright pixels have noise over several codes.
    """

    variance_dn2: NDArray[np.float32]
    moving: NDArray[np.bool_]
    dithered: NDArray[np.bool_]

    @classmethod
    def gather(
        cls,
        blocks: Sequence[Block],
        expected_dn: NDArray[np.float32],
        unclipped: NDArray[np.bool_],
        black_level_dn: float,
        full_scale_dn: float,
    ) -> "_Statistics":
        """Compare successive frames, and the first block with the last.

        All frames are scaled to the same row means first, so that light that flickers
        or drifts does not count as motion.
        """
        target = _row_level(_mean_image(blocks) - np.float32(black_level_dn), unclipped)
        steps = np.zeros(expected_dn.shape, np.float32)
        images = []
        for block in blocks:
            levelled = [
                _levelled(_flat(frame), target, unclipped, black_level_dn, full_scale_dn)
                for frame in block
            ]
            for former, latter in pairwise(levelled):
                steps += (latter - former) ** 2
            images.append(np.mean(levelled, axis=0))
        frames = len(blocks[0])
        count = len(blocks) * (frames - 1)
        variance = (steps / np.float32(2 * count)).astype(np.float32)
        # Pixels that are not dithered may have no variance: add that of rounding.
        typical, largest = _quantiles_of_variance(count)
        usual = _usual_variance(variance, expected_dn, unclipped) / np.float32(typical)
        floor = usual + np.float32(QUANTISATION_VARIANCE_DN2)
        changed = (images[-1] - images[0]) ** 2
        moving = (variance > largest * floor) | (changed > _CHANGED**2 * 2 / frames * floor)
        return cls(variance, moving, usual > LEAST_RESOLVED_VARIANCE_DN2)


def _row_level(image: NDArray[np.float32], valid: NDArray[np.bool_]) -> NDArray[np.float64]:
    sums = np.einsum("rc,rc->r", image, valid, dtype=np.float64)
    level: NDArray[np.float64] = sums / np.maximum(valid.sum(axis=1), 1)
    return level


def _levelled(
    frame: Pixels,
    target_dn: NDArray[np.float64],
    valid: NDArray[np.bool_],
    black_level_dn: float,
    full_scale_dn: float,
) -> NDArray[np.float32]:
    """A frame with each row scaled to its mean over all frames; dim rows are not scaled."""
    signal = frame.astype(np.float32) - np.float32(black_level_dn)
    level = _row_level(signal, valid)
    bright = np.minimum(level, target_dn) > _DIM_ROW_SHARE * full_scale_dn
    factor = np.where(bright, target_dn / np.where(bright, level, 1.0), 1.0)
    signal *= factor.astype(np.float32)[:, None]
    return signal


def _quantiles_of_variance(count: int) -> tuple[float, float]:
    """Median and largest credible estimate of a variance from ``count`` squares, relative to it.

    Chi-square distribution by Wilson and Hilferty's cube root.
    """
    part = 2 / (9 * count)
    return (1 - part) ** 3, float((1 - part + _CHANGED * np.sqrt(part)) ** 3)


def _usual_variance(
    variance_dn2: NDArray[np.float32], mean_dn: NDArray[np.float32], valid: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Usual variance at each pixel's brightness: the median of its brightness class."""
    edges = np.unique(np.quantile(mean_dn[valid], np.linspace(0, 1, _BRIGHTNESS_CLASSES + 1)[1:-1]))
    place = np.digitize(mean_dn, edges)
    medians = np.zeros(edges.size + 1, np.float32)
    for item in range(medians.size):
        members = variance_dn2[valid & (place == item)]
        medians[item] = np.median(members) if members.size else 0.0
    return medians[place]
