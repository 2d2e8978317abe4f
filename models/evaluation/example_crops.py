"""Crops for visual comparison, chosen by the motion in GS only, not by results."""

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from drivers.timing import SensorTiming
from models.evaluation.scoring import Picture, Truth
from models.metrics import psnr_db, squared_error

CROP_PX = 144


@dataclass(frozen=True, slots=True)
class Spot:
    """A square of the picture and its weight: the sum of blur length times contrast."""

    top: int
    left: int
    side: int
    interest: float

    @property
    def place(self) -> tuple[slice, slice]:
        """Rows and columns of the square."""
        return slice(self.top, self.top + self.side), slice(self.left, self.left + self.side)


@dataclass(frozen=True, slots=True)
class Example:
    """One place in one frame under every restorer; all pictures 8 bit, sRGB-encoded.

    ``whole`` is the GS frame, ``target`` its crop; ``crops`` and their
    ``psnr_db`` go by restorer. ``blur_px`` is the mean blur length over the
    crop, ``row_exposure_ratio`` T_r / T0 of its middle row.
    """

    sequence: str
    frame: str
    spot: Spot
    blur_px: float
    row_exposure_ratio: float
    whole: NDArray[np.uint8]
    target: NDArray[np.uint8]
    crops: dict[str, NDArray[np.uint8]] = field(default_factory=dict)
    psnr_db: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(
        cls, sequence: str, frame: str, spot: Spot, truth: Truth, timing: SensorTiming
    ) -> "Example":
        """The place before any restorer has shown it."""
        assert truth.blur_px is not None  # it was found by its motion
        whole = truth.picture.screen()
        middle = spot.top + spot.side // 2
        return cls(
            sequence,
            frame,
            spot,
            blur_px=float(truth.blur_px[spot.place].mean()),
            row_exposure_ratio=float(timing.exposure_ratio()[middle]),
            whole=whole,
            target=whole[spot.place],
        )

    def add(self, restorer: str, restored: Picture, truth: Truth) -> None:
        """Add the crop of a restorer."""
        place = self.spot.place
        error = squared_error(restored.encoded[place], truth.picture.encoded[place])
        self.crops[restorer] = restored.screen()[place].copy()
        self.psnr_db[restorer] = psnr_db(float(error.mean()))


def find_spot(truth: Truth) -> Spot | None:
    """The square with most motion across contrast, None for a frame without known motion.

    Saturated pixels do not count: no restorer can bring them back.
    """
    if truth.blur_px is None:
        return None
    grey = truth.picture.grey.astype(np.float32)
    contrast = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    interest = contrast * truth.blur_px * truth.unsaturated.cpu().numpy()
    side = min(CROP_PX, *grey.shape)
    sums = cv2.integral(interest)
    squares = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    top, left = np.unravel_index(int(squares.argmax()), squares.shape)
    return Spot(int(top), int(left), side, float(squares[top, left]))
