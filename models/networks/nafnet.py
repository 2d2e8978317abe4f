"""NAFNet, a general restoration network, as reference.

Chen et al., Simple Baselines for Image Restoration (ECCV 2022), block by block.
It sees what ``live`` sees of the pictures (newest and previous frame, exposure,
saturation), but neither motion nor noise, and no row: its channel attention
averages over the picture, as published.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from drivers.errors import InstrumentError
from models.networks.observation import Observation, decode, encode


@dataclass(frozen=True, slots=True)
class NafNetConfig:
    """Size of the network; by default the published deblurring one, 16 channels wide.

    21.9 GMAC for 640 x 480 mono, 4.3 M parameters.
    """

    channels: int = 1
    """Colour planes restored together; 1 restores those of a colour picture one by one."""
    width: int = 16
    """Channels at full resolution; doubled with each halving."""
    encoder_blocks: tuple[int, ...] = (1, 1, 1, 28)
    middle_blocks: int = 1
    decoder_blocks: tuple[int, ...] = (1, 1, 1, 1)
    pool_px: int = 240
    """Rows and columns, at full resolution, that channel attention averages over.

    The published average is over the whole picture. Trained on crops, the network
    meets other averages in whole frames and loses by it; an average over 1.5 crops
    at each place, the authors' remedy, leaves the crops as they were. Chu et al.,
    Improving Image Restoration by Revisiting Global Information Aggregation
    (ECCV 2022).
    """


class NafNet(nn.Module):
    """See the module. Raises :class:`InstrumentError` for mono given to a colour network."""

    frames = 2
    frames_given_back = 1

    def __init__(self, config: NafNetConfig = NafNetConfig()) -> None:  # frozen
        super().__init__()
        self.config = config
        width, window = config.width, config.pool_px
        self.intro = nn.Conv2d(2 * config.channels + 2, width, 3, padding=1)
        self.encoders, self.downs = nn.ModuleList(), nn.ModuleList()
        self.decoders, self.ups = nn.ModuleList(), nn.ModuleList()
        for blocks in config.encoder_blocks:
            self.encoders.append(_blocks(blocks, width, window))
            self.downs.append(nn.Conv2d(width, 2 * width, 2, stride=2))
            width, window = 2 * width, window // 2
        self.middle = _blocks(config.middle_blocks, width, window)
        for blocks in config.decoder_blocks:
            self.ups.append(
                nn.Sequential(nn.Conv2d(width, 2 * width, 1, bias=False), nn.PixelShuffle(2))
            )
            width, window = width // 2, window * 2
            self.decoders.append(_blocks(blocks, width, window))
        self.ending = nn.Conv2d(width, config.channels, 3, padding=1)
        nn.init.zeros_(self.ending.weight)
        assert self.ending.bias is not None
        nn.init.zeros_(self.ending.bias)

    def forward(self, observation: Observation) -> Tensor:
        """Light of the newest frame, ``(batch, 1, 1 or 3, rows, columns)``."""
        light = observation.light
        batch, frames, channels, rows, columns = light.shape
        together = self.config.channels
        if channels % together:
            raise InstrumentError(
                f"this nafnet restores {together} colour planes at once, the picture has "
                f"{channels}; take weights trained on mono"
            )
        newest, previous = (
            encode(light[:, index]).reshape(-1, together, rows, columns)
            for index in (-1, max(-2, -frames))
        )
        ratio = observation.exposure_ratio.log()[:, None, :, None]
        known = torch.cat(
            [ratio.expand(-1, -1, -1, columns), observation.saturated[:, -1]], 1
        ).repeat_interleave(channels // together, 0)
        planes = torch.cat([newest, previous, known], 1)
        step = 2 ** len(self.downs)
        padding = (0, -columns % step, 0, -rows % step)
        features = self.intro(F.pad(planes, padding, mode="replicate"))
        skips = []
        for encoder, down in zip(self.encoders, self.downs, strict=True):
            features = encoder(features)
            skips.append(features)
            features = down(features)
        features = self.middle(features)
        for decoder, up in zip(self.decoders, self.ups, strict=True):
            features = decoder(up(features) + skips.pop())
        residual = self.ending(features)[..., :rows, :columns]
        restored = decode(newest + residual)
        return restored.reshape(batch, 1, channels, rows, columns)


def _blocks(blocks: int, width: int, window: int) -> nn.Sequential:
    return nn.Sequential(*(_Block(width, window) for _ in range(blocks)))


class _Block(nn.Module):
    """Figure 3c of the paper: gates instead of activations, around which the features pass twice.

    Attention averages over ``window`` rows and columns.
    """

    def __init__(self, width: int, window: int) -> None:
        super().__init__()
        self._window = window
        self.norm = _LayerNorm(width)
        self.expand = nn.Conv2d(width, 2 * width, 1)
        self.depthwise = nn.Conv2d(2 * width, 2 * width, 3, padding=1, groups=2 * width)
        self.attention = nn.Conv2d(width, width, 1)
        self.project = nn.Conv2d(width, width, 1)
        self.feed_norm = _LayerNorm(width)
        self.feed_expand = nn.Conv2d(width, 2 * width, 1)
        self.feed_project = nn.Conv2d(width, width, 1)
        self.beta = nn.Parameter(torch.zeros(1, width, 1, 1))
        self.gamma = nn.Parameter(torch.zeros(1, width, 1, 1))

    def forward(self, features: Tensor) -> Tensor:
        inner = _gate(self.depthwise(self.expand(self.norm(features))))
        inner = inner * self.attention(local_mean(inner, self._window))
        features = features + self.project(inner) * self.beta
        inner = _gate(self.feed_expand(self.feed_norm(features)))
        passed: Tensor = features + self.feed_project(inner) * self.gamma
        return passed


class _LayerNorm(nn.Module):
    """Normalisation over channels at each pixel; half precision is reduced in float32."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, features: Tensor) -> Tensor:
        # Free of copies where channels lie together in memory (channels_last).
        last = features.permute(0, 2, 3, 1)
        normal = F.layer_norm(last, (len(self.weight),), self.weight, self.bias, eps=1e-6)
        return normal.permute(0, 3, 1, 2)


def _gate(features: Tensor) -> Tensor:
    one, other = features.chunk(2, 1)
    return one * other


def local_mean(planes: Tensor, window: int) -> Tensor:
    """Mean over the ``window`` x ``window`` pixels around each; at the border the nearest such.

    Where the picture is no larger, its mean, ``(batch, channels, 1, 1)``.
    """
    rows, columns = planes.shape[-2:]
    height, width = min(window, rows), min(window, columns)
    if (height, width) == (rows, columns):
        return planes.mean((-2, -1), keepdim=True)
    # Summed areas, in float32: half precision would lose the window in the whole.
    sums = F.pad(planes.float().cumsum(-2).cumsum(-1), (1, 0, 1, 0))
    below, above = sums[..., height:, :], sums[..., :-height, :]
    total = below[..., width:] - below[..., :-width] - above[..., width:] + above[..., :-width]
    top, left = (rows - total.shape[-2]) // 2, (columns - total.shape[-1]) // 2
    around = (left, columns - total.shape[-1] - left, top, rows - total.shape[-2] - top)
    return F.pad(total / (height * width), around, mode="replicate").to(planes.dtype)
