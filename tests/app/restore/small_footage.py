"""Small footage of a scene in motion, as an RSGR camera would have seen it."""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from drivers.given_conditions import GivenConditions
from drivers.pixel_format import Pixels
from drivers.timing import SensorTiming
from models.encoding import to_screen

ROWS, COLUMNS = 48, 64
TIMING = SensorTiming(exposure_us=1000.0, line_time_us=20.0, rows=ROWS)
BLACK_LEVEL_DN = 8.0

GIVEN = GivenConditions(
    exposure_us=TIMING.exposure_us,
    line_time_us=TIMING.line_time_us,
    interval_us=1e6 / 60,
    black_level_dn=BLACK_LEVEL_DN,
)
OPTIONS = ["--exposure-us", "1000", "--line-time-us", "20", "--black-level-dn", "8"]


def light(count: int, *, colour: bool = False) -> list[NDArray[np.float64]]:
    """Linear light of a texture that moves 2 px from frame to frame."""
    channels = 3 if colour else 1
    rng = np.random.default_rng(5)
    texture = cv2.GaussianBlur(rng.random((ROWS, COLUMNS + 2 * count, channels)), (0, 0), 2)
    texture = cv2.normalize(texture, np.empty(0), 0.05, 0.4, cv2.NORM_MINMAX)
    texture = texture.reshape(ROWS, -1, channels)
    return [np.squeeze(texture[:, 2 * n : 2 * n + COLUMNS]) for n in range(count)]


def frames(count: int, *, colour: bool = False, bits: int = 8) -> list[Pixels]:
    """Codes of :func:`light`, brighter from row to row as in global reset."""
    ramp = TIMING.exposure_ratio()
    maximum_dn = (1 << bits) - 1
    made = []
    for picture in light(count, colour=colour):
        exposed = (picture.T * ramp).T
        codes = BLACK_LEVEL_DN + exposed * (maximum_dn - BLACK_LEVEL_DN)
        rounded = np.clip(np.rint(codes), 0, maximum_dn)
        made.append(rounded.astype(np.uint8 if bits == 8 else np.uint16))
    return made


def write_pictures(folder: Path, pictures: list[Pixels], suffix: str = ".png") -> Path:
    """``frame_1`` ... in a folder that is made."""
    folder.mkdir(parents=True)
    for number, codes in enumerate(pictures, 1):
        stored = codes[..., ::-1] if codes.ndim == 3 else codes
        assert cv2.imwrite(str(folder / f"frame_{number}{suffix}"), stored)
    return folder


def write_video(
    path: Path,
    pictures: list[Pixels],
    form: str,
    fps: int = 60,
    skipped: frozenset[int] = frozenset(),
) -> Path:
    """A lossless video; ``form`` is FFmpeg's name of the format of the codes."""
    with av.open(str(path), "w") as video:
        stream = video.add_stream("ffv1", rate=fps)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "bgr0" if form == "rgb24" else form
        for index, codes in enumerate(pictures):
            if index in skipped:
                continue
            frame = av.VideoFrame.from_ndarray(codes, format=form).reformat(format=stream.pix_fmt)
            frame.pts, frame.time_base = index, Fraction(1, fps)
            video.mux(stream.encode(frame))
        video.mux(stream.encode(None))
    return path


def read_video(path: Path, form: str) -> list[Pixels]:
    """Every frame of a video."""
    with av.open(str(path)) as video:
        return [frame.to_ndarray(format=form) for frame in video.decode(video=0)]


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """The video stream of a file."""
    with av.open(str(path)) as video:
        yield video.streams.video[0]


def srgb_codes(light: NDArray[np.float64]) -> Pixels:
    """8 bit codes of linear light in [0, 1], as made for viewing."""
    return np.asarray(to_screen(torch.from_numpy(light)))
