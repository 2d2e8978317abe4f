"""Metrics of a restored picture against the global-shutter picture, as pure functions.

Light is linear, 1.0 = the saturated global-shutter signal, ``(rows, columns)``
or ``(rows, columns, 3)``. Errors of the picture are taken on sRGB-encoded
values, as a person sees them; light is clipped to [0, 1] for the metric only.

See docs/physics.md, "Metrics".
"""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

from drivers.timing import SensorTiming

PSNR_CEILING_DB = 100.0
"""PSNR of identical pictures, finite so that a mean over frames stays meaningful."""

_GMSD_C = 170.0 / 255.0**2

_STATIC_CHANGE = 1.0 / 255.0
"""Encoded change between two frames below which a place counts as static: one screen level."""
_STATIC_SURROUND_PX = 16
"""Distance kept from everything that changes: late rows see more motion than GS shows."""


def psnr_db(mean_squared_error: float) -> float:
    """Peak signal-to-noise ratio of values in [0, 1], at most :data:`PSNR_CEILING_DB`.

    >>> psnr_db(0.01)
    20.0
    >>> psnr_db(0.0)
    100.0
    """
    if mean_squared_error <= 10 ** (-PSNR_CEILING_DB / 10):
        return PSNR_CEILING_DB
    return -10.0 * math.log10(mean_squared_error)


def mean_psnr_db(mean_squared_errors: Sequence[float]) -> float:
    """Mean of the frames' PSNR: every frame counts the same, however good.

    >>> mean_psnr_db([0.1, 0.001])
    20.0
    """
    return sum(psnr_db(error) for error in mean_squared_errors) / len(mean_squared_errors)


def pooled_psnr_db(mean_squared_errors: Sequence[float]) -> float:
    """PSNR of the mean squared error over all frames: the worst frames weigh most.

    >>> round(pooled_psnr_db([0.1, 0.001]), 2)
    12.97
    """
    return psnr_db(sum(mean_squared_errors) / len(mean_squared_errors))


def squared_error(picture: Tensor, target: Tensor) -> Tensor:
    """Squared error of every pixel, the mean over colours; ``(rows, columns)``, float64.

    >>> squared_error(torch.tensor([[0.5, 1.0]]), torch.tensor([[0.0, 1.0]]))
    tensor([[0.2500, 0.0000]], dtype=torch.float64)
    """
    error = (picture.double() - target.double()).square()
    return error.mean(dim=2) if error.ndim == 3 else error


def ssim(picture: Tensor, target: Tensor) -> float:
    """Structural similarity of encoded pictures in [0, 1] (Wang et al., IEEE TIP 13(4), 2004).

    Gaussian window of 11 x 11, sigma 1.5, K1 = 0.01, K2 = 0.03, data range 1;
    colour: the mean over channels. At least 11 rows and columns.
    """
    index = structural_similarity_index_measure(
        _planes(picture),
        _planes(target),
        gaussian_kernel=True,
        sigma=1.5,
        kernel_size=11,
        data_range=1.0,
    )
    assert isinstance(index, Tensor)  # a tuple only when full images are asked for
    return float(index)


def gmsd(picture: Tensor, target: Tensor) -> float:
    """Gradient magnitude similarity deviation of encoded pictures in [0, 1]; 0: equal edges.

    W. Xue et al., IEEE TIP 23(2), 2014: Prewitt gradients at half size, c = 170 at 8 bit,
    the standard deviation of their similarity. It grows where edges are blurred, doubled or
    invented in one place and right in another. Colour: the mean over channels first.

    >>> gmsd(torch.eye(8), torch.eye(8))
    0.0
    """
    edges, true_edges = (_gradient_magnitude(values) for values in (picture, target))
    similarity = (2 * edges * true_edges + _GMSD_C) / (
        edges.square() + true_edges.square() + _GMSD_C
    )
    return float(similarity.std(correction=0))


def _gradient_magnitude(values: Tensor) -> Tensor:
    """Prewitt gradient magnitude at half the size, the border left out."""
    grey = _planes(values).mean(dim=1, keepdim=True)
    half = torch.nn.functional.avg_pool2d(grey, 2)
    rise = torch.tensor([1.0, 0.0, -1.0], device=half.device).expand(3, 3) / 3.0
    gradients = torch.nn.functional.conv2d(half, torch.stack((rise, rise.T))[:, None])
    return gradients.square().sum(dim=1).sqrt()


@dataclass(frozen=True, slots=True)
class FrameMetric:
    """A figure of one restored picture, reported as the mean over frames.

    ``of`` takes the restored and the GS picture, sRGB-encoded in [0, 1]. ``title`` heads its
    column, with ``decimals``; ``meaning`` is a clause for the caption, which tells of PSNR and
    SSIM already.
    """

    title: str
    decimals: int
    of: Callable[[Tensor, Tensor], float]
    meaning: str = ""


FRAME_METRICS: Mapping[str, FrameMetric] = {
    "ssim": FrameMetric("SSIM", 4, ssim),
    "gmsd": FrameMetric(
        "GMSD", 4, gmsd, "gradient magnitude similarity deviation, 0 where all edges are GS's"
    ),
}
"""By their keys in the JSON of ``ngs evaluate``."""


def _planes(values: Tensor) -> Tensor:
    """``(1, channels, rows, columns)``, as torchmetrics wants pictures."""
    return (values if values.ndim == 3 else values[..., None]).permute(2, 0, 1)[None].float()


def readout_third(timing: SensorTiming) -> NDArray[np.intp]:
    """Third of the readout each image row belongs to: 0 read first, 2 last; ``(rows,)``.

    Reports call the thirds top, middle and bottom, as they lie in a sensor read top-down.

    >>> readout_third(SensorTiming(1000.0, 10.0, rows=6))
    array([0, 0, 1, 1, 2, 2])
    """
    index = timing.readout_index()
    return index * 3 // (int(index.max()) + 1)


def blur_length_px(
    target: NDArray[np.uint8],
    neighbour: NDArray[np.uint8],
    interval_us: float,
    timing: SensorTiming,
) -> NDArray[np.float32]:
    """Length of the RSGR blur vector at every pixel, |v| * T_r; ``(rows, columns)``.

    Motion is dense optical flow between a GS picture and its neighbour in time,
    ``interval_us`` apart, both 8 bit grey, sRGB-encoded: the restorers never see
    it, and it serves recorded pairs as it serves synthetic ones.
    """
    estimator = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow_px = estimator.calc(target, neighbour, np.zeros((*target.shape, 2), np.float32))
    length_px = np.hypot(flow_px[..., 0], flow_px[..., 1])
    exposures_per_interval = timing.row_exposure_us() / abs(interval_us)
    return np.asarray(length_px * exposures_per_interval[:, None], np.float32)


def static_region(target: NDArray[np.float32], neighbour: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Where, and around where, GS hardly changes between neighbouring frames.

    Pictures are sRGB-encoded; the mask is ``(rows, columns)``. Changes are
    averaged over 5 x 5 pixels, so the noise of recorded targets is no motion.
    """
    change = np.abs(cv2.blur(target - neighbour, (5, 5)))
    if change.ndim == 3:
        change = change.max(axis=2)
    moving = (change > _STATIC_CHANGE).astype(np.uint8)
    side = 2 * _STATIC_SURROUND_PX + 1
    surround = cv2.dilate(moving, np.ones((side, side), np.uint8))
    return np.asarray(surround == 0)


def flicker_levels(changes_squared_sum: float, samples: int) -> float | None:
    """Temporal standard deviation in 8 bit screen levels, None without static samples.

    ``changes_squared_sum`` sums (restored change - GS change)^2 between
    neighbouring frames over static samples, on encoded values. The difference
    of two frames carries the noise of both, hence the root of 2.

    >>> round(flicker_levels(2 * 100 * (3 / 255) ** 2, 100), 6)
    3.0
    """
    if samples == 0:
        return None
    return 255.0 * math.sqrt(changes_squared_sum / samples / 2.0)


def standard_error(groups: Sequence[Sequence[float]]) -> float | None:
    """Standard error of the mean over groups; None for fewer than two.

    Frames of one sequence resemble each other, so a sequence counts once.

    >>> standard_error([[1.0, 1.0, 1.0], [3.0]])
    1.0
    """
    if len(groups) < 2:
        return None
    means = [sum(group) / len(group) for group in groups]
    return statistics.stdev(means) / math.sqrt(len(means))


def host_array(values: Tensor) -> NDArray[np.float32]:
    """Values on the host, float32."""
    return values.detach().to("cpu", torch.float32).numpy()
