"""A dataset as others publish theirs: 8 bit RGB pictures, numbers without zeros, nothing told.

Written with numpy and OpenCV alone: a picture that slides to the left while rows are read.
"""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

ROWS, COLUMNS, FRAMES = 96, 128, 12
EXPOSURE_US, LINE_TIME_US, FPS = 2000.0, 60.0, 100.0
OPTIONS = (
    *("--exposure-us", str(EXPOSURE_US), "--line-time-us", str(LINE_TIME_US)),
    *("--fps", str(FPS), "--input-encoding", "srgb"),
)
"""How it was taken, in the words of the command line."""

_PX_PER_US = 4.0 / 5000.0
_STEP_US = 250.0


def written(folder: Path, splits: tuple[str, ...] = ("train", "validate", "test")) -> Path:
    """``<split>/<sequence>/{RSGR,GS}/PNG/<n>.png`` with RAW beside, as in GRR_real."""
    for number, split in enumerate(splits):
        write_sequence(folder / split / "3", seed=number)
    return folder


def write_sequence(
    place: Path, seed: int, pictures: str = "PNG", numbers: list[int] | None = None
) -> None:
    """One sequence; ``pictures`` is the folder of the files."""
    scene = _scene(seed)
    for kind in ("RSGR", "GS"):
        (place / kind / pictures).mkdir(parents=True)
        (place / kind / "RAW").mkdir()
    for number in numbers if numbers is not None else range(FRAMES):
        start_us = number * 1e6 / FPS
        rows_us = EXPOSURE_US + LINE_TIME_US * np.arange(ROWS)
        light = _exposed(scene, start_us, rows_us)
        gs = _exposed(scene, start_us, np.full(ROWS, EXPOSURE_US))
        for kind, picture in (("RSGR", light), ("GS", gs)):
            cv2.imwrite(str(place / kind / pictures / f"{number}.png"), srgb(picture)[..., ::-1])
            (place / kind / "RAW" / f"{number}.dng").write_bytes(b"of another program")


def srgb(light: NDArray[np.float64]) -> NDArray[np.uint8]:
    """8 bit codes by IEC 61966-2-1."""
    light = np.clip(light, 0.0, 1.0)
    encoded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.rint(255.0 * encoded).astype(np.uint8)


def _scene(seed: int) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    coarse = rng.random((ROWS // 8, 64, 3)).astype(np.float32)
    wide = cv2.resize(coarse, (512, ROWS), interpolation=cv2.INTER_CUBIC)
    return np.clip(0.05 + 0.25 * wide, 0.01, 0.3).astype(np.float64)


def _exposed(
    scene: NDArray[np.float64], start_us: float, rows_us: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Light of each row, collected for its own time; 1.0 saturates the first one."""
    light = np.zeros((ROWS, COLUMNS, 3))
    for middle_us in np.arange(_STEP_US / 2, rows_us.max(), _STEP_US):
        share = np.clip((rows_us - (middle_us - _STEP_US / 2)) / _STEP_US, 0.0, 1.0)
        place = _PX_PER_US * (start_us + middle_us)
        whole, rest = int(place), place % 1.0
        seen = (1 - rest) * scene[:, whole : whole + COLUMNS]
        seen = seen + rest * scene[:, whole + 1 : whole + 1 + COLUMNS]
        light += (share * _STEP_US / EXPOSURE_US)[:, None, None] * seen
    return light
