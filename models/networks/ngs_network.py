"""The network ``ngs`` for off-line quality: restores a clip at once, with look-ahead.

The design is that of the paper (Neural Global Shutter, CVPR 2022) as far as its
figure tells: exposure at the input, an encoder that ends in spatial attention,
features that travel through the clip forward and then backward, a window of
three frames brought together by deformable convolutions and channel attention,
a decoder, and a residual on the input.

What it adds is motion, without which a network of this size hardly learns to
undo the shutter. Frames are matched (:mod:`models.networks.matching`); features
are moved along before they meet; and, as in :mod:`models.networks.live_network`, the
picture is sampled along each pixel's blur, and at the same things in the frames
beside it, for the decoder to weigh, and what is changed is scaled by how wrong
row gain can be.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from models.networks.deformable import deformable_convolution
from models.networks.live_network import mixed_change, sample_along
from models.networks.matching import COARSEST, displaced, match
from models.networks.observation import (
    Observation,
    centroid_shift,
    decode,
    encode,
    restrain_highlights,
    row_gain_reach,
)
from models.networks.residual import residual_blocks

_QUARTER = 4
_MULTIPLE = _QUARTER * COARSEST
"""Rows and columns are padded to multiples of this."""
_KERNEL = 9
"""Taps of a deformable convolution, 3 x 3."""
_LONG_BLUR_PX = 8.0
"""Blur that counts as 1 to the network; likewise below."""
_LOUD_NOISE = 0.05


@dataclass(frozen=True, slots=True)
class NgsConfig:
    """Size of the network: by default 0.77 M parameters, 21.7 GMAC a frame of 640 x 480."""

    width: int = 32
    """Channels at half resolution."""
    deep_width: int = 64
    """Channels at a quarter of the resolution, where the clip is brought together."""
    encoder_blocks: tuple[int, int] = (1, 2)
    """Residual blocks at half and at a quarter of the resolution."""
    recurrent_blocks: int = 1
    """Residual blocks of a step from frame to frame, each way."""
    decoder_blocks: tuple[int, int] = (1, 2)
    """Residual blocks at a quarter and at half of the resolution."""
    offset_groups: int = 4
    """Runs of channels whose deformable convolutions move each by itself."""
    taps: tuple[float, ...] = (-0.5, 0.5, 1.0)
    """Where to sample, in blur vectors from the pixel, beside the streak's centroid."""
    motion: bool = True
    """False takes everything to stand still, as the published design does."""


class NgsNetwork(nn.Module):
    """See the module. Planes of a colour picture are restored alike, each by itself.

    Frames of a clip are taken to follow one another at the interval that
    ``exposure_share`` tells. Tensors inside hold clips' frames one after the
    other, ``(clips * frames, channels, rows, columns)``.
    """

    frames = 5
    frames_given_back = 5
    """Any number will do; training sees this many."""

    def __init__(self, config: NgsConfig = NgsConfig()) -> None:  # frozen
        super().__init__()
        self.config = config
        width, deep = config.width, config.deep_width
        self._samples = 1 + len(config.taps) + 2
        self.begin = nn.Conv2d(4 + 3, width, 3, padding=1)
        self.encoder = residual_blocks(config.encoder_blocks[0], width)
        self.down = nn.Conv2d(width, deep, 3, stride=2, padding=1)
        self.deep_encoder = residual_blocks(config.encoder_blocks[1], deep)
        self.attention = _SpatialAttention()
        self.forward_step = _Step(deep, config.recurrent_blocks)
        self.backward_step = _Step(deep, config.recurrent_blocks)
        self.window = _Neighbour(deep, config.offset_groups)
        self.gather = nn.Conv2d(deep, deep, 3, padding=1)
        self.deep_decoder = residual_blocks(config.decoder_blocks[0], deep)
        self.up = nn.ConvTranspose2d(deep, width, 2, stride=2)
        self.merge = nn.Conv2d(2 * width + 4 * self._samples + 5, width, 3, padding=1)
        self.decoder = residual_blocks(config.decoder_blocks[1], width)
        self.head = nn.Conv2d(width, 4 * (1 + self._samples), 1)
        for zero in (self.head.weight, self.head.bias):
            assert zero is not None
            nn.init.zeros_(zero)

    def forward(self, observation: Observation) -> Tensor:
        """Light of every frame, ``(batch, frames, 1 or 3, rows, columns)``."""
        batch, frames, channels, rows, columns = observation.light.shape
        before, after = self._motion(observation.light)

        def planes(of_clips: Tensor) -> Tensor:
            """``(batch, ...)`` -> ``(batch * channels * frames, 1, ...)``."""
            return of_clips.repeat_interleave(channels * frames, 0)[:, None]

        beyond = (0, -columns % _MULTIPLE, 0, -rows % _MULTIPLE)
        picture = encode(observation.light).transpose(1, 2).reshape(-1, 1, rows, columns)
        picture = F.pad(picture, beyond, mode="replicate")
        saturated = observation.saturated.transpose(1, 2).expand(-1, channels, -1, -1, -1)
        saturated = F.max_pool2d(F.pad(saturated.reshape(-1, 1, rows, columns), beyond), 2)
        ratio = F.pad(observation.exposure_ratio[:, None], beyond[2:], mode="replicate")
        ratio = planes(F.avg_pool1d(ratio, 2)[:, 0, :, None])
        noise = planes(observation.noise[:, None, None])
        share = planes(observation.exposure_share[:, None, None])
        loudness = noise / _LOUD_NOISE / ratio.sqrt()
        known = torch.cat([ratio.log(), loudness], 1).expand(-1, -1, -1, saturated.shape[-1])

        corners = F.pixel_unshuffle(picture, 2)
        skip = self.encoder(F.relu(self.begin(torch.cat([corners, saturated, known], 1))))
        deep = self.attention(self.deep_encoder(F.relu(self.down(skip))))
        deep = self.deep_decoder(F.relu(self._aggregate(deep, before, after)))

        blur_px = _velocity_px(before, after) * (ratio * share)
        samples = self._sample(picture, before, after, blur_px, ratio)
        seen = [skip, self.up(deep), samples, blur_px / _LONG_BLUR_PX, known]
        seen.append(torch.linalg.vector_norm(blur_px, dim=1, keepdim=True) / _LONG_BLUR_PX)
        mixing = self.head(self.decoder(F.relu(self.merge(torch.cat(seen, 1)))))
        change = mixed_change(corners, samples, mixing)
        restored = corners + row_gain_reach(ratio, noise) * change
        if not self.training:
            restored = restrain_highlights(restored, corners, saturated)
        restored = decode(F.pixel_shuffle(restored, 2)[..., :rows, :columns])
        return restored.reshape(batch, channels, frames, rows, columns).transpose(1, 2)

    def _motion(self, light: Tensor) -> tuple[Tensor, Tensor]:
        """Displacements from each frame to the one before and after; zero where there is none.

        ``(batch * channels, frames, 2, rows / 4, columns / 4)``, in pixels there.
        Colour planes move together.
        """
        frames, channels, rows, columns = light.shape[1:]
        beyond = (0, -columns % _MULTIPLE, 0, -rows % _MULTIPLE)
        grey = F.pad(encode(light.mean(2)), beyond, mode="replicate")
        small = F.avg_pool2d(grey, _QUARTER)[:, :, None]
        still = torch.zeros_like(small[:, :1]).expand(-1, -1, 2, -1, -1)
        if frames == 1 or not self.config.motion:
            before = after = still.expand(-1, frames, -1, -1, -1)
        else:
            earlier, later = small[:, :-1].flatten(0, 1), small[:, 1:].flatten(0, 1)
            found = match(torch.cat([later, earlier]), torch.cat([earlier, later]))
            before, after = (_clips(each, frames - 1) for each in found.chunk(2))
            before, after = torch.cat([still, before], 1), torch.cat([after, still], 1)
        return before.repeat_interleave(channels, 0), after.repeat_interleave(channels, 0)

    def _aggregate(self, deep: Tensor, before: Tensor, after: Tensor) -> Tensor:
        """Features of each frame with what the clip knows of it; shaped as ``deep``."""
        frames = before.shape[1]
        states = list(_clips(deep, frames).unbind(1))
        past = coming = torch.zeros_like(states[0])
        for index in range(frames):
            states[index] = self.forward_step(states[index], displaced(past, before[:, index]))
            past = states[index]
        for index in reversed(range(frames)):
            states[index] = self.backward_step(states[index], displaced(coming, after[:, index]))
            coming = states[index]
        clips = torch.stack(states, 1)
        centre = clips.flatten(0, 1)
        gathered: Tensor = self.gather(
            centre
            + self.window(_previous(clips), centre, before.flatten(0, 1))
            + self.window(_next(clips), centre, after.flatten(0, 1))
        )
        return gathered

    def _sample(
        self, picture: Tensor, before: Tensor, after: Tensor, blur_px: Tensor, ratio: Tensor
    ) -> Tensor:
        """The picture along its blur, and both frames beside it at the same blur's centroid.

        Four corners of each, ``(clips * frames, 4 samples, rows / 2, columns / 2)``.
        """
        ahead = centroid_shift(ratio)
        places = [ahead, *(torch.full_like(ahead, tap) for tap in self.config.taps)]
        clips = _clips(picture, before.shape[1])
        one = torch.ones_like(ahead)
        samples = [
            sample_along(picture, blur_px, torch.cat(places, 1)),
            sample_along(_previous(clips), _at_half(before) + blur_px * ahead, one),
            sample_along(_next(clips), _at_half(after) + blur_px * ahead, one),
        ]
        return torch.cat(samples, 1)


def _clips(flat: Tensor, frames: int) -> Tensor:
    """``(clips * frames, ...)`` -> ``(clips, frames, ...)``."""
    return flat.reshape(-1, frames, *flat.shape[1:])


def _previous(clips: Tensor) -> Tensor:
    """For each frame of ``(clips, frames, ...)`` the one before, itself where there is none."""
    return torch.cat([clips[:, :1], clips[:, :-1]], 1).flatten(0, 1)


def _next(clips: Tensor) -> Tensor:
    return torch.cat([clips[:, 1:], clips[:, -1:]], 1).flatten(0, 1)


def _velocity_px(before: Tensor, after: Tensor) -> Tensor:
    """Motion from frame to frame, in pixels of the frame, at half resolution.

    The mean of what the frames on either side tell; at the ends there is but one.
    """
    motion = after - before
    # A clip of one frame has no second end.
    motion = torch.cat([motion[:, :1], motion[:, 1:-1] / 2, motion[:, 1:][:, -1:]], 1)
    return _at_half(motion)


def _at_half(displacement_px: Tensor) -> Tensor:
    """From pixels at a quarter of the resolution to the frame's, on every other of those."""
    flat = displacement_px.flatten(0, 1)
    return _QUARTER * F.interpolate(flat, scale_factor=2, mode="bilinear")


class _SpatialAttention(nn.Module):
    """Weights each place by the mean and the maximum of its features.

    Woo et al., CBAM (ECCV 2018), section 3.
    """

    def __init__(self) -> None:
        super().__init__()
        self.weigh = nn.Conv2d(2, 1, 7, padding=3)

    def forward(self, features: Tensor) -> Tensor:
        summary = torch.cat([features.mean(1, keepdim=True), features.amax(1, keepdim=True)], 1)
        weighed: Tensor = features * self.weigh(summary).sigmoid()
        return weighed


class _Step(nn.Module):
    """One step of the recurrence: combines features with the state of the neighbouring frame."""

    def __init__(self, width: int, blocks: int) -> None:
        super().__init__()
        self.join = nn.Conv2d(2 * width, width, 3, padding=1)
        self.body = residual_blocks(blocks, width)

    def forward(self, features: Tensor, state: Tensor) -> Tensor:
        joined = F.relu(self.join(torch.cat([features, state], 1)))
        stepped: Tensor = self.body(features + joined)
        return stepped


class _Neighbour(nn.Module):
    """Features of a neighbouring frame: deformable convolution, then channel attention.

    Offsets begin at the matched motion. Attention averages over bands of nine
    rows, as wide as the picture: blur and noise go by the row.
    """

    def __init__(self, width: int, groups: int) -> None:
        super().__init__()
        self._groups = groups
        self.compare = nn.Conv2d(2 * width, width // 2, 3, padding=1)
        self.place = nn.Conv2d(width // 2, 3 * _KERNEL * groups, 3, padding=1)
        # Untrained, taps lie on their grid; half of each counts.
        for zero in (self.place.weight, self.place.bias):
            assert zero is not None
            nn.init.zeros_(zero)
        self.weight = nn.Parameter(
            nn.init.kaiming_uniform_(torch.empty(width, width, 3, 3), 5**0.5)
        )
        self.bias = nn.Parameter(torch.zeros(width))
        self.squeeze = nn.Conv2d(width, width // 4, 1)
        self.excite = nn.Conv2d(width // 4, width, 1)

    def forward(self, neighbour: Tensor, centre: Tensor, motion_px: Tensor) -> Tensor:
        beside = displaced(neighbour, motion_px)
        placed = self.place(F.relu(self.compare(torch.cat([beside, centre], 1)))).float()
        taps = placed.reshape(len(placed), self._groups, _KERNEL, 3, *placed.shape[-2:])
        offsets_px = taps[:, :, :, :2] + motion_px[:, None, None]
        told = deformable_convolution(
            neighbour, offsets_px, taps[:, :, :, 2].sigmoid(), self.weight, self.bias
        )
        bands = F.avg_pool2d(
            told.mean(-1, keepdim=True), (9, 1), 1, (4, 0), count_include_pad=False
        )
        weighed: Tensor = told * self.excite(F.relu(self.squeeze(bands))).sigmoid()
        return weighed
