"""What a network sees of a clip, and the encoding it works in; the same for every network.

See docs/physics.md, "Encodings".
"""

import math
from typing import NamedTuple

from torch import Tensor

LOWEST_LIGHT, HIGHEST_LIGHT = -0.05, 1.5
"""Light is kept within these: noise around black and a little beyond white, no further."""

_TOE = 0.0625
"""Light at which the encoding turns from nearly linear to a square root; above -LOWEST_LIGHT."""


class Observation(NamedTuple):
    """Consecutive frames of one camera, the newest last, and all that is known of them.

    Float32. Rows and columns may be a crop's: ``exposure_ratio`` goes by the
    sensor's rows the crop was taken from, so that a network knows where it is.
    Where there is no usable frame before the newest, ``flow_px``, ``confidence``
    and ``exposure_share`` are zero.
    """

    light: Tensor
    """Row-gained linear light, ``(batch, frames, 1 or 3, rows, columns)``."""
    saturated: Tensor
    """1 where a raw code was clipped, else 0: ``(batch, frames, 1, rows, columns)``."""
    exposure_ratio: Tensor
    """T_r / T0 of each row, ``(batch, rows)``."""
    exposure_share: Tensor
    """T0 over the time between the starts of the last two frames, ``(batch,)``."""
    noise: Tensor
    """Standard deviation of the noise of a row exposed for T0, encoded, ``(batch,)``."""
    flow_px: Tensor
    """Motion from the frame before to the newest, :class:`models.flow.Flow`,
    ``(batch, 2, rows / 2, columns / 2)``, rounded up."""
    confidence: Tensor
    """How far to trust the flow, 0 to 1, ``(batch, 1, rows / 2, columns / 2)``."""


def planes_of(picture: Tensor) -> Tensor:
    """``(rows, columns[, 3])`` -> ``(1 or 3, rows, columns)``."""
    return picture.movedim(-1, 0) if picture.ndim == 3 else picture[None]


def saturation_mask(saturated: Tensor) -> Tensor:
    """1 where any colour is clipped, else 0: ``(rows, columns[, 3])`` -> ``(1, rows, columns)``."""
    return (saturated.any(-1) if saturated.ndim == 3 else saturated)[None].float()


def encode(light: Tensor) -> Tensor:
    """Linear light as networks see it: a square root, nearly linear around zero.

    Equal steps are about equally visible, and shot noise is as strong in the
    dark as in the bright. 0 stays 0, 1 stays 1.

    >>> import torch
    >>> encode(torch.tensor([0.0, 0.25, 1.0]))
    tensor([0.0000, 0.3958, 1.0000])
    """
    root = (light.clamp(LOWEST_LIGHT, HIGHEST_LIGHT) + _TOE).sqrt()
    return (root - math.sqrt(_TOE)) / _SPAN


def decode(encoded: Tensor) -> Tensor:
    """Linear light of encoded values; the inverse of :func:`encode`."""
    return (encoded * _SPAN + math.sqrt(_TOE)).square() - _TOE


_SPAN = math.sqrt(1 + _TOE) - math.sqrt(_TOE)

_NOISE_REACH = 8.0
"""What noise adds to the reach, in its standard deviations."""


def row_gain_reach(exposure_ratio: Tensor, noise: Tensor) -> Tensor:
    """How wrong row gain can be, as a share of the light: what networks change is scaled by it.

    Of a row exposed for T_r, row gain gives the mean of G, the light of T0, and
    of X, that of the rest: (T0 / T_r) G + (1 - T0 / T_r) X. It misses G by
    (1 - T0 / T_r) (G - X), and by its noise, so that a picture which was nearly
    right stays so. ``noise`` is that of :attr:`Observation.noise`, the shapes such
    as go together.
    """
    return 1 - 1 / exposure_ratio + _NOISE_REACH * noise


def centroid_shift(exposure_ratio: Tensor) -> Tensor:
    """How far a row's exposure centroid lies behind that of T0, as a share of its exposure.

    ``(T_r / 2 - T0 / 2) / T_r`` with ``exposure_ratio = T_r / T0`` (docs/physics.md, "Motion").
    """
    return (1 - 1 / exposure_ratio) / 2


_HIGHLIGHT_SHARE = 0.375
"""The largest share, in eighths, with which ``live`` makes no frame of the training data's
validation split worse than row gain by 0.3 dB (docs/training.md)."""


def restrain_highlights(restored: Tensor, row_gained: Tensor, saturated: Tensor) -> Tensor:
    """Clipped places made brighter by a share of what a network guesses; for restoring.

    A clipped code tells the least light that was there; how much more is a guess,
    and a wrong one costs more than a right one gains. The pictures are encoded,
    ``saturated`` is 1 where they are clipped.
    """
    lifted = (restored - row_gained).clamp(min=0) * saturated
    return restored - (1 - _HIGHLIGHT_SHARE) * lifted


_NOISE_CELL = 8
_QUIET_SHARE = 0.3
"""Share of the cells taken for free of texture; their noise is the picture's."""
_QUIET_DEVIATIONS = 0.385
"""Standard deviations that this share of a normal distribution stays within."""


def noise_level(light: Tensor, exposure_ratio: Tensor) -> Tensor:
    """Noise of one frame as :attr:`Observation.noise` counts it, from the picture alone.

    ``light`` is row-gained, ``(batch, channels, rows, columns)``,
    ``exposure_ratio`` ``(batch, rows)``. Differences across diagonals of 2 x 2
    pixels cancel the picture's slopes; those of the quietest cells are noise. A
    row exposed longer by a factor is quieter by its root.
    """
    corners = [
        encode(row[..., columns])
        for row in (light[..., :-1:_NOISE_CELL, :], light[..., 1::_NOISE_CELL, :])
        for columns in (slice(None, -1, _NOISE_CELL), slice(1, None, _NOISE_CELL))
    ]
    cross = (corners[0] - corners[1] - corners[2] + corners[3]) / 2
    scaled = cross * exposure_ratio[:, None, :-1:_NOISE_CELL, None].sqrt()
    sizes = scaled.abs().flatten(1)
    # Seven times faster than a quantile, which sorts them all.
    quiet = sizes.kthvalue(max(1, round(_QUIET_SHARE * sizes.shape[1])), dim=1).values
    return quiet / _QUIET_DEVIATIONS
