"""Scene of a calibration board that is held in one pose after the other.

The ChArUco board is larger than the field, so that every pose has corners up to the edges.
Each pose is held for 0.8 s; the move to the next one takes 0.2 s and blurs the pictures,
as with a board held by hand.
"""

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from drivers.camera_settings import Region
from drivers.srgb import Image

SQUARES = (26, 20)
"""Columns and rows of squares."""
SQUARE_PX = 64
"""Side of a square in scene pixels when the board is held upright and not tilted."""
MARKER_SHARE = 0.72
"""Side of a marker over that of its square."""
DICTIONARY = "DICT_5X5_1000"

HELD_US = 800_000.0
MOVED_US = 200_000.0
POSES = 16

_INK, _PAPER, _BACKGROUND = 0.04, 0.8, 0.22
_MARGIN_PX = 96
_OVERSAMPLED = 3
_MOVING_SAMPLES = 5

_Homography = NDArray[np.float64]


class BoardScene:
    """A board in a fixed sequence of poses, see the module."""

    def __init__(self, sensor_columns: int, sensor_rows: int) -> None:
        self._size = (sensor_columns, sensor_rows)

    def integrate(
        self,
        region: Region,
        start_us: NDArray[np.float64],
        end_us: NDArray[np.float64],
        *,
        colour: bool,
    ) -> Image:
        """See :meth:`drivers.virtual.scene.scene.Scene.integrate`.

        Exact while the board is held; while it moves, the sum over a few times.
        """
        light = np.zeros((region.height_px, region.width_px), np.float32)
        for first_us, last_us in _spans(float(start_us.min()), float(end_us.max())):
            seen = np.minimum(end_us, last_us) - np.maximum(start_us, first_us)
            weight = np.maximum(seen, 0.0).astype(np.float32)
            picture = self._picture((first_us + last_us) / 2, region)
            light += picture * weight[:, None]
        return np.repeat(light[..., None], 3, axis=2) if colour else light

    def _picture(self, at_us: float, region: Region) -> Image:
        cycle, phase_us = divmod(at_us, HELD_US + MOVED_US)
        pose, following = (int(cycle + step) % POSES for step in (0, 1))
        if phase_us < HELD_US:
            picture = _held(self._size, pose)
        else:
            share = (phase_us - HELD_US) / MOVED_US
            share = share * share * (3 - 2 * share)
            between = (1 - share) * _pose(self._size, pose) + share * _pose(self._size, following)
            picture = _drawn(self._size, between, oversampled=1)
        top, left = region.offset_y_px + _MARGIN_PX, region.offset_x_px + _MARGIN_PX
        bottom, right = top + region.height_px, left + region.width_px
        if min(top, left) < 0 or bottom > picture.shape[0] or right > picture.shape[1]:
            raise ValueError(f"{region} reaches beyond the scene")
        return picture[top:bottom, left:right]


def _spans(start_us: float, end_us: float) -> list[tuple[float, float]]:
    """Parts of a window that are each represented by one picture."""
    spans: list[tuple[float, float]] = []
    at_us = start_us
    while at_us < end_us:
        cycle, phase_us = divmod(at_us, HELD_US + MOVED_US)
        begin_us = cycle * (HELD_US + MOVED_US)
        held = phase_us < HELD_US
        last_us = min(end_us, begin_us + (HELD_US if held else HELD_US + MOVED_US))
        if last_us <= at_us:  # by rounding, exactly at an edge
            break
        edges = np.linspace(at_us, last_us, 2 if held else _MOVING_SAMPLES + 1)
        spans += zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
        at_us = last_us
    return spans


@lru_cache(maxsize=1)
def _texture() -> Image:
    """Light of the board from the front, ``_OVERSAMPLED`` samples per scene pixel and side."""
    dictionary = cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, DICTIONARY))
    board = cv2.aruco.CharucoBoard(SQUARES, 1.0, MARKER_SHARE, dictionary)
    side = SQUARE_PX * _OVERSAMPLED
    drawn = board.generateImage((SQUARES[0] * side, SQUARES[1] * side), marginSize=0)
    return np.where(drawn > 127, np.float32(_PAPER), np.float32(_INK))


@lru_cache(maxsize=POSES)
def _pose(size: tuple[int, int], number: int) -> _Homography:
    """Homography from board to scene pixels: tilted up to 30 degrees, turned, scaled."""
    rng = np.random.default_rng([26, number])
    columns, rows = size
    tilt_x, tilt_y = np.radians(rng.uniform(-24, 24, 2))
    turn = np.radians(rng.uniform(-12, 12))
    distance_px = 3.0 * columns
    nearer = rng.uniform(0.85, 1.1)
    shift = rng.uniform(-1, 1, 2) * (0.06 * columns, 0.06 * rows)
    about_x, _ = cv2.Rodrigues(np.array([tilt_x, 0.0, 0.0]))
    about_y, _ = cv2.Rodrigues(np.array([0.0, tilt_y, 0.0]))
    about_z, _ = cv2.Rodrigues(np.array([0.0, 0.0, turn]))
    rotation = about_x @ about_y @ about_z
    to_middle = np.eye(3)
    to_middle[:2, 2] = -SQUARES[0] * SQUARE_PX / 2, -SQUARES[1] * SQUARE_PX / 2
    plane = np.column_stack([rotation[:, 0], rotation[:, 1], [0, 0, distance_px / nearer]])
    lens = np.array([[distance_px, 0, columns / 2], [0, distance_px, rows / 2], [0, 0, 1.0]])
    moved = np.eye(3)
    moved[:2, 2] = shift
    homography = moved @ lens @ plane @ to_middle
    return np.asarray(homography / homography[2, 2])


@lru_cache(maxsize=POSES)
def _held(size: tuple[int, int], number: int) -> Image:
    picture = _drawn(size, _pose(size, number), oversampled=_OVERSAMPLED)
    picture.flags.writeable = False
    return picture


def _drawn(size: tuple[int, int], pose: _Homography, *, oversampled: int) -> Image:
    """Picture of the board in a pose, with a margin around the sensor; pixels are area means."""
    columns, rows = (side + 2 * _MARGIN_PX for side in size)
    # Pixel centres are at whole coordinates: sample s of n is at (s + 0.5) / n - 0.5.
    to_samples = np.diag([oversampled, oversampled, 1.0])
    to_samples[:2, 2] = oversampled * (_MARGIN_PX + 0.5) - 0.5
    of_texture = np.diag([1 / _OVERSAMPLED, 1 / _OVERSAMPLED, 1.0])
    of_texture[:2, 2] = 0.5 / _OVERSAMPLED - 0.5
    drawn = cv2.warpPerspective(
        _texture(),
        to_samples @ pose @ of_texture,
        (columns * oversampled, rows * oversampled),
        flags=cv2.INTER_LINEAR,
        borderValue=_BACKGROUND,
    )
    if oversampled > 1:
        drawn = cv2.resize(drawn, (columns, rows), interpolation=cv2.INTER_AREA)
    return np.asarray(drawn, np.float32)
