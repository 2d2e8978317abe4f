"""The network ``live``: causal, guided by optical flow, fast enough for a camera's rate.

A row's exposure draws what moves into a streak. Optical flow tells the streak:
the picture is sampled along it, and a small network weighs the samples, pixel
by pixel: a deblurring kernel of a few taps that lie where they are needed. One
of the taps is the centroid warp (:mod:`models.restorers.warp`), and with equal samples,
where nothing moves, the weights have nothing to weigh. What the taps cannot
give, noise above all, a residual does.
All of it is scaled by how wrong row gain can be
(:func:`models.networks.observation.row_gain_reach`).
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from models.networks.observation import (
    Observation,
    centroid_shift,
    decode,
    encode,
    restrain_highlights,
    row_gain_reach,
)
from models.networks.residual import residual_blocks


@dataclass(frozen=True, slots=True)
class LiveConfig:
    """Size of the network: by default 66 thousand parameters, 1.51 GMAC for 640 x 480 mono."""

    taps: tuple[float, ...] = (-0.5, 0.5, 1.0)
    """Where to sample, in blur vectors from the pixel, beside the streak's centroid."""
    width: int = 16
    """Channels at half resolution."""
    deep_width: int = 32
    """Channels at a quarter of the resolution."""
    blocks: int = 3
    """Residual blocks at a quarter of the resolution."""


_CONDITIONS = 7
_LONG_BLUR_PX = 8.0
"""Blur that counts as 1 to the network; likewise the two below."""
_LOUD_NOISE = 0.05


class LiveNetwork(nn.Module):
    """See the module. Planes of a colour picture are restored alike, each by itself.

    Pictures are worked on as four planes of half the size, the corners of each
    2 x 2 pixels (:func:`torch.nn.functional.pixel_unshuffle`).
    """

    frames = 1
    frames_given_back = 1
    """The newest frame; the one before it is seen through its flow."""

    def __init__(self, config: LiveConfig = LiveConfig()) -> None:  # frozen
        super().__init__()
        self.config = config
        width, deep = config.width, config.deep_width
        self._taps = len(config.taps) + 1
        self.begin = nn.Conv2d(4 * (1 + self._taps) + _CONDITIONS, width, 3, padding=1)
        self.down = nn.Conv2d(width, deep, 3, stride=2, padding=1)
        self.body = residual_blocks(config.blocks, deep)
        self.up = nn.ConvTranspose2d(deep, width, 2, stride=2)
        self.head = nn.Conv2d(width, 4 * (1 + self._taps), 1)
        for zero in (self.head.weight, self.head.bias):
            assert zero is not None
            nn.init.zeros_(zero)

    def forward(self, observation: Observation) -> Tensor:
        """Light of the newest frame, ``(batch, 1, 1 or 3, rows, columns)``."""
        light = observation.light[:, -1]
        batch, channels, rows, columns = light.shape
        beyond = (0, -columns % 4, 0, -rows % 4)
        picture = F.pad(encode(light).flatten(0, 1)[:, None], beyond, mode="replicate")
        saturated = F.max_pool2d(F.pad(observation.saturated[:, -1], beyond), 2)
        ratio = F.pad(observation.exposure_ratio[:, None], beyond[2:], mode="replicate")
        ratio = F.avg_pool1d(ratio, 2)[..., None]
        share = observation.exposure_share[:, None, None, None]
        blur_px = _padded(observation.flow_px, saturated.shape[-2:]) * (ratio * share)
        reach = row_gain_reach(ratio, observation.noise[:, None, None, None])
        ahead = centroid_shift(ratio)
        places = torch.cat([ahead, *(torch.full_like(ahead, tap) for tap in self.config.taps)], 1)
        conditions = self._conditions(observation, ratio, blur_px, ahead, saturated)
        if channels > 1:
            blur_px, places, conditions, reach = (
                each.repeat_interleave(channels, 0) for each in (blur_px, places, conditions, reach)
            )
        samples = sample_along(picture, blur_px, places)
        corners = F.pixel_unshuffle(picture, 2)
        mixing = self._mixing(torch.cat([corners, samples, conditions], 1))
        restored = corners + reach * mixed_change(corners, samples, mixing)
        if not self.training:
            restored = restrain_highlights(restored, corners, conditions[:, -1:])
        restored = decode(F.pixel_shuffle(restored, 2)[..., :rows, :columns])
        return restored.reshape(batch, 1, channels, rows, columns)

    def _mixing(self, seen: Tensor) -> Tensor:
        """A residual and the weights of the taps, for each of the four corners."""
        features = self.begin(seen)
        deep = self.body(F.relu(self.down(F.relu(features))))
        mixing: Tensor = self.head(F.relu(features + self.up(deep)))
        return mixing

    @staticmethod
    def _conditions(
        observation: Observation, ratio: Tensor, blur_px: Tensor, ahead: Tensor, saturated: Tensor
    ) -> Tensor:
        """Planes that tell of motion, exposure and noise, all of the size of ``saturated``."""
        length_px = (blur_px[:, :1].square() + blur_px[:, 1:].square()).sqrt()
        still = torch.zeros_like(length_px)
        planes = [
            blur_px / _LONG_BLUR_PX,
            length_px * ahead / _LONG_BLUR_PX,
            ratio.log() + still,
            _padded(observation.confidence, saturated.shape[-2:]),
            observation.noise[:, None, None, None] / _LOUD_NOISE + still,
            saturated,
        ]
        return torch.cat(planes, 1)


_CORNERS = ((0, 0), (0, 1), (1, 0), (1, 1))
"""Of 2 x 2 pixels, (row, column), in the order of ``pixel_unshuffle``."""


def _padded(planes: Tensor, size: torch.Size) -> Tensor:
    rows, columns = planes.shape[-2:]
    return F.pad(planes, (0, size[1] - columns, 0, size[0] - rows), mode="replicate")


def mixed_change(corners: Tensor, samples: Tensor, mixing: Tensor) -> Tensor:
    """The change of the four ``corners``: a residual plus weighted differences to samples.

    ``samples`` holds four planes of each sample, ``mixing`` four of the residual
    and then as many weights.
    """
    count = samples.shape[1] // 4
    change, *weights = mixing.chunk(1 + count, 1)
    for weight, sample in zip(weights, samples.chunk(count, 1), strict=True):
        change = change + weight * (sample - corners)
    return change


def sample_along(picture: Tensor, vector_px: Tensor, places: Tensor) -> Tensor:
    """The picture at x + place * vector, for each of several places; edges continued.

    ``picture`` is ``(batch, 1, rows, columns)``; ``vector_px`` ``(batch, 2, rows
    / 2, columns / 2)``, x then y, serves 2 x 2 pixels together, and ``places``
    ``(batch, taps, rows / 2, 1)`` a row of them. The result, ``(batch, 4 taps,
    rows / 2, columns / 2)``, has the four corners of each tap.
    """
    rows, columns = picture.shape[-2:]
    # Neighbours of what is sampled, as channels, need no grid of their own. They
    # begin a pixel early: a corner may lie inside where the first one does not.
    neighbours = torch.cat(
        [
            F.pad(picture, (1 - right, right, 1 - down, down), mode="replicate")
            for down, right in _CORNERS
        ],
        1,
    )
    # grid_sample counts from -1 to 1 between the outer edges of the outermost pixels.
    # Filled in place: a copy from the host could not be captured in a CUDA graph.
    unit = torch.cat(
        [torch.full((1,), 2 / (size + 1), device=picture.device) for size in (columns, rows)]
    )
    x = torch.arange(1.5, columns + 1, 2, device=picture.device).expand(rows // 2, -1)
    y = torch.arange(1.5, rows + 1, 2, device=picture.device)[:, None].expand(-1, columns // 2)
    pixels = torch.stack([x, y], -1) * unit - 1
    vector = vector_px.movedim(1, -1) * unit
    # Tap by tap: what one needs stays in a CPU's cache.
    samples = [
        F.grid_sample(
            neighbours,
            vector * place[..., None] + pixels,
            padding_mode="border",
            align_corners=False,
        )
        for place in places.unbind(1)
    ]
    return torch.cat(samples, 1)
