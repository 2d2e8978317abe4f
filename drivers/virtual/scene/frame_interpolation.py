"""Frame interpolation between two video frames, by motion compensation in linear light.

Dense flow comes from DIS (Kroeger et al., "Fast optical flow using dense
inverse search", ECCV 2016). A point of the picture in between is followed back
along the flow to both frames. If forward and backward flow disagree, the point is
hidden in one frame, and the other frame is used.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from drivers.srgb import Image

_FOLLOWING_STEPS = 2
_CONSISTENCY_PX = 1.0
_FLOW_SCALE = 2
"""Flow has half the picture's resolution: it has no finer detail, and costs a quarter."""


@dataclass(frozen=True, slots=True)
class _Moving:
    """A frame in linear RGB, its flow to the other frame, and the trust in that flow."""

    light: Image
    flow_px: Image
    trust: Image

    @classmethod
    def build(cls, light: Image, there_px: Image, back_px: Image) -> "_Moving":
        """Trust is near 1 where both flows together return to the start, else near 0."""
        returned = there_px + _displaced(back_px, there_px, -1.0)
        error_squared = np.sum(returned**2, axis=-1) / _CONSISTENCY_PX**2
        return cls(light, there_px, (1.0 / (1.0 + error_squared**2) + 1e-3).astype(np.float32))

    def after(self, share: float) -> tuple[Image, Image]:
        """The frame's light and trust once ``share`` of the interval to the other has passed.

        The flow is given at a point's position in this frame. Its value at the
        position of arrival is found by following it back repeatedly.
        """
        arriving = self.flow_px
        for _ in range(_FOLLOWING_STEPS):
            arriving = _displaced(self.flow_px, arriving, share)
        rows, columns = self.light.shape[:2]
        fine = np.asarray(cv2.resize(arriving, (columns, rows)), np.float32) * _FLOW_SCALE
        trust = cv2.resize(_displaced(self.trust, arriving, share), (columns, rows))
        return _displaced(self.light, fine, share), np.asarray(trust)


@dataclass(frozen=True, slots=True)
class Motion:
    """Two frames and the motion between them."""

    before: _Moving
    after: _Moving

    @classmethod
    def between(cls, before: Image, after: Image) -> "Motion":
        """Estimate the motion between two frames, linear RGB ``(rows, columns, 3)``."""
        dense = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        grey = [_grey(frame) for frame in (before, after)]
        flow_px = np.zeros((*grey[0].shape, 2), np.float32)
        forward = _reduced(dense.calc(grey[0], grey[1], flow_px.copy()))
        backward = _reduced(dense.calc(grey[1], grey[0], flow_px))
        return cls(
            _Moving.build(before, forward, backward), _Moving.build(after, backward, forward)
        )

    def travel_px(self) -> float:
        """99th percentile of the motion in the picture, in pixels per frame."""
        speed = np.linalg.norm(self.before.flow_px[::2, ::2], axis=-1)
        return float(np.percentile(speed, 99)) * _FLOW_SCALE

    def at(self, share: float) -> Image:
        """The picture when ``share`` of the interval has passed, 0 to 1."""
        earlier, trust_earlier = self.before.after(share)
        later, trust_later = self.after.after(1.0 - share)
        return np.asarray(
            cv2.blendLinear(earlier, later, trust_earlier * (1.0 - share), trust_later * share)
        )


def _grey(linear: Image) -> NDArray[np.uint8]:
    """Luma with roughly perceptual steps, for which flow estimation is tuned."""
    luma = cv2.sqrt(cv2.cvtColor(linear, cv2.COLOR_RGB2GRAY))
    return np.asarray(np.clip(255 * luma, 0, 255), np.uint8)


def _reduced(flow_px: cv2.typing.MatLike) -> Image:
    rows, columns = flow_px.shape[:2]
    size = (max(1, columns // _FLOW_SCALE), max(1, rows // _FLOW_SCALE))
    smaller = cv2.resize(flow_px, size, interpolation=cv2.INTER_AREA)
    return np.asarray(smaller / _FLOW_SCALE, np.float32)


@lru_cache(maxsize=2)
def _grid(rows: int, columns: int) -> Image:
    x, y = np.meshgrid(np.arange(columns, dtype=np.float32), np.arange(rows, dtype=np.float32))
    return np.stack([x, y], axis=-1)


def _displaced(picture: Image, flow_px: Image, share: float) -> Image:
    """``picture`` at each point minus ``share`` of the flow there."""
    places = cv2.scaleAdd(flow_px, -share, _grid(*flow_px.shape[:2]))
    seen = cv2.remap(
        picture,
        places,
        None,  # type: ignore[call-overload]  # the stubs know no joint map
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(seen, np.float32)
