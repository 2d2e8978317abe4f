"""Material of synthetic scenes: stills, objects cut out of video, cards with markers.

Files are divided among the splits by their names; no source is in two splits.
"""

import glob
import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from drivers.errors import InstrumentError
from drivers.picture_file import read_picture
from drivers.srgb import Image, linear_from_srgb
from drivers.virtual.scene.drawing import PAPER, WHITE, Canvas
from models.dataset.layout import TEST, TRAIN, VALIDATION
from models.synthesis.layered_scene import Texture

_IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp"})
_VIDEO_SUFFIXES = frozenset({".mp4", ".mov", ".mkv", ".avi", ".webm"})

# Frozen with benchmark-v1: another salt would move its held-out sources into training.
_SALT = "ngs-sources-49:"

_LINEAR = linear_from_srgb(np.arange(256) / 255.0)

_CUT_OUT_TRIALS = 10
_CUT_OUT_PAD_PX = 6
_EDGE_SIGMA_PX = 0.8
_SMALLEST_OBJECT_PX = 40


@dataclass(frozen=True, slots=True)
class SplitFractions:
    """Shares of the sources held out for validation and for testing; the rest trains."""

    validation: float
    test: float

    def __post_init__(self) -> None:
        if min(self.validation, self.test) < 0 or self.validation + self.test > 1:
            raise InstrumentError(
                f"split fractions {self.validation:g} validation and {self.test:g} test must not "
                "be negative nor exceed 1 together; e.g. 0.1 and 0.15"
            )

    def split_of(self, name: str) -> str:
        """The split a source belongs to, by a hash of its name: adding files moves no other.

        A larger test share takes in all sources of a smaller one.
        """
        digest = hashlib.sha256(os.fsencode(_SALT + name)).digest()
        place = int.from_bytes(digest[:8], "big") / 2**64
        if place < self.test:
            return TEST
        return VALIDATION if place < self.test + self.validation else TRAIN


@dataclass(frozen=True, slots=True)
class Sources:
    """The files one split may use; ``objects`` are folders with ``frames`` and ``masks``."""

    stills: tuple[Path, ...]
    objects: tuple[Path, ...] = ()
    videos: tuple[Path, ...] = ()

    @classmethod
    def find(
        cls, stills: Path, objects: Path | None = None, video: Path | None = None
    ) -> "Sources":
        """All sources in the folders; raises :class:`InstrumentError` where one holds none."""
        return cls(
            _found(stills, "stills", (path for path in _listed(stills) if _is_image(path))),
            _found(
                objects,
                "objects (folders with frames/ and masks/)",
                (path for path in _listed(objects) if (path / "masks").is_dir()),
            ),
            _found(video, "videos", (path for path in _listed(video) if _is_video(path))),
        )

    def of_split(self, split: str, fractions: SplitFractions) -> "Sources":
        """The part of the sources that belongs to a split."""

        def kept(paths: tuple[Path, ...]) -> tuple[Path, ...]:
            return tuple(path for path in paths if fractions.split_of(path.stem) == split)

        return Sources(kept(self.stills), kept(self.objects), kept(self.videos))


def _listed(folder: Path | None) -> list[Path]:
    return sorted(folder.iterdir()) if folder is not None and folder.is_dir() else []


def _found(folder: Path | None, kind: str, paths: Iterable[Path]) -> tuple[Path, ...]:
    found = tuple(paths)
    if folder is not None and not found:
        raise InstrumentError(f"{folder} holds no {kind}; give a folder that does")
    return found


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in _IMAGE_SUFFIXES


def _is_video(path: Path) -> bool:
    return path.suffix.lower() in _VIDEO_SUFFIXES


def read_still(path: Path) -> Image:
    """A picture file as linear RGB, ``(rows, columns, 3)``; InstrumentError if unreadable."""
    picture = read_picture(path, cv2.IMREAD_COLOR)
    if picture is None:
        raise InstrumentError(f"image {path} cannot be read; remove it or convert it")
    return np.asarray(_LINEAR[picture[..., ::-1]])


def fitted_background(light: Image, columns: int, rows: int, scale: float) -> Image:
    """A still resized by ``scale``, or by as much more as it takes to cover the frame."""
    scale = max(scale, columns / light.shape[1], rows / light.shape[0])
    return _resized(light, scale)


def _resized(picture: Image, scale: float) -> Image:
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    return np.maximum(np.asarray(cv2.resize(picture, size, interpolation=method)), 0.0)


def cut_out(folder: Path, rng: np.random.Generator, height_px: float) -> Texture | None:
    """An object cut out of one frame of a video with masks, at most ``height_px`` high.

    Of some frames drawn at random the sharpest is taken in which the object is
    whole, not cut off by the picture's border; None where there is none.
    """
    masks = sorted((folder / "masks").glob("*.png"))
    drawn = rng.permutation(len(masks))[:_CUT_OUT_TRIALS]
    best: tuple[float, Image, NDArray[np.uint8]] | None = None
    for number in drawn:
        mask = _whole_object(masks[int(number)])
        if mask is None:
            continue
        light = read_still(_frame_of(masks[int(number)]))
        sharpness = _sharpness(light, mask)
        if best is None or sharpness > best[0]:
            best = sharpness, light, mask
    return None if best is None else _soft_edged(best[1], best[2], height_px)


def _frame_of(mask: Path) -> Path:
    frames = mask.parent.parent / "frames"
    for path in sorted(frames.glob(f"{glob.escape(mask.stem)}.*")):
        if _is_image(path):
            return path
    raise InstrumentError(f"mask {mask} has no frame {mask.stem} in {frames}; add or remove it")


def _whole_object(path: Path) -> NDArray[np.uint8] | None:
    """The largest part of a mask, 0 or 1, or None where it is small or touches the border."""
    mask = read_picture(path, cv2.IMREAD_GRAYSCALE)
    if mask is None:
        raise InstrumentError(f"mask {path} cannot be read; remove it or convert it")
    count, labels, boxes, _ = cv2.connectedComponentsWithStats((mask > 127).astype(np.uint8))
    if count < 2:
        return None
    largest = 1 + int(np.argmax(boxes[1:, cv2.CC_STAT_AREA]))
    left, top, width, height, _ = boxes[largest]
    if min(width, height) < _SMALLEST_OBJECT_PX:
        return None
    rows, columns = mask.shape
    if left < 2 or top < 2 or left + width > columns - 2 or top + height > rows - 2:
        return None
    return np.asarray(labels == largest, np.uint8)


def _sharpness(light: Image, mask: NDArray[np.uint8]) -> float:
    """Gradient energy inside the object against its contrast."""
    grey = cv2.sqrt(cv2.cvtColor(light, cv2.COLOR_RGB2GRAY))
    inside = cv2.erode(mask, np.ones((7, 7), np.uint8)) > 0
    if not inside.any():
        return 0.0
    second = cv2.Laplacian(grey, cv2.CV_32F)[inside]
    return float(np.mean(second**2) / (np.var(grey[inside]) + 1e-6))


def _soft_edged(light: Image, mask: NDArray[np.uint8], height_px: float) -> Texture:
    """Crop to the object and give it a soft edge that shows no trace of its old background."""
    x, y, width, height = cv2.boundingRect(mask)
    pad = _CUT_OUT_PAD_PX
    crop = (slice(max(0, y - pad), y + height + pad), slice(max(0, x - pad), x + width + pad))
    kernel = np.ones((3, 3), np.uint8)
    # Border pixels are mixed with the old background: replace them by colours from the inside.
    inside = cv2.erode(mask[crop], kernel, iterations=2).astype(np.float32)
    grown, weight = light[crop] * inside[..., None], inside.copy()
    for sigma in (1.0, 2.0, 4.0):
        colour = cv2.GaussianBlur(light[crop] * inside[..., None], (0, 0), sigma)
        share = cv2.GaussianBlur(inside, (0, 0), sigma)
        missing = (weight <= 0) & (share > 1e-3)
        grown[missing] = colour[missing] / share[missing, None]
        weight[missing] = 1.0
    alpha = cv2.erode(mask[crop], kernel).astype(np.float32) * (weight > 0)
    alpha = np.asarray(cv2.GaussianBlur(alpha, (0, 0), _EDGE_SIGMA_PX), np.float32)
    scale = min(1.0, height_px / height)
    premultiplied = _resized(np.ascontiguousarray(grown * alpha[..., None]), scale)
    return Texture(premultiplied, np.clip(_resized(alpha, scale), 0.0, 1.0))


def mirrored(texture: Texture) -> Texture:
    """The texture with left and right exchanged."""
    alpha = None if texture.alpha is None else np.ascontiguousarray(texture.alpha[:, ::-1])
    return Texture(np.ascontiguousarray(texture.light[:, ::-1]), alpha)


def marker_card(numbers: list[int], module_px: float, rng: np.random.Generator) -> Texture:
    """A card with a row of markers, seen a little from the side, evenly soft at its edges."""
    side = 8 * module_px
    gap = module_px
    columns = round(len(numbers) * (side + gap) + gap)
    rows = round(side + 2 * gap)
    card = Canvas(columns, rows, PAPER if rng.random() < 0.5 else WHITE)
    for place, number in enumerate(numbers):
        card.marker(number, gap + place * (side + gap), gap, module_px)
    pad = max(3, round(0.12 * rows))
    source = np.array([[0, 0], [columns, 0], [columns, rows], [0, rows]], np.float32) - 0.5
    tilt = rng.uniform(-0.08, 0.08, (4, 2)) * rows
    target = (source + pad + tilt).astype(np.float32)
    size = (columns + 2 * pad, rows + 2 * pad)
    to_place = cv2.getPerspectiveTransform(source, target)
    brightness = np.float32(rng.uniform(0.6, 1.0))
    light = cv2.warpPerspective(card.finish() * brightness, to_place, size)
    alpha = cv2.warpPerspective(np.ones((rows, columns), np.float32), to_place, size)
    return Texture(np.asarray(light, np.float32), np.asarray(alpha, np.float32))


def laid_on(background: Image, card: Texture, left_px: int, top_px: int) -> None:
    """Lay a card, as far as it fits, on a background picture, in place."""
    if card.alpha is None:
        raise ValueError("a background cannot be laid on another")
    part = background[top_px : top_px + len(card.light), left_px : left_px + card.light.shape[1]]
    rows, columns = part.shape[:2]
    part *= 1.0 - card.alpha[:rows, :columns, None]
    part += card.light[:rows, :columns]
