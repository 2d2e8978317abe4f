"""A scene made of footage: a video file or a folder of images, in continuous motion.

It is played forward, then backward, and so on, so that there is no cut. Between two
frames the light is stored as its mean over short intervals, in each of which objects
move by about a pixel. An exposure is the weighted sum of the intervals that it
overlaps, so integrals add for any windows.
"""

import os
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice, pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from drivers.camera_settings import Region
from drivers.errors import InstrumentError
from drivers.picture_file import read_picture
from drivers.pixel_format import Pixels
from drivers.srgb import LUMINANCE_WEIGHTS, Image, linear_from_srgb
from drivers.video_file import opened_video
from drivers.virtual.scene.frame_interpolation import Motion

MAXIMUM_FRAMES = 90
"""Most frames read from the start of the footage; later ones are not shown."""

MEMORY_BYTES = 1 << 30
"""Most memory for the prepared light; reading stops when it is used up."""

_MOST_STEPS_PER_FRAME = 8
_IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp"})

_FULL_SCALE = 65535.0
_CHROMA_SCALE = 32767.0


@dataclass(frozen=True, slots=True)
class _Step:
    """Mean light of one interval as codes: luminance, red and blue minus luminance."""

    luminance: NDArray[np.uint16]
    chroma: NDArray[np.int16]

    @classmethod
    def of(cls, rgb: Image) -> "_Step":
        scales = np.array([[_FULL_SCALE], [_CHROMA_SCALE], [_CHROMA_SCALE]], np.float32)
        codes = cv2.transform(rgb, _to_luminance_chroma() * scales)
        np.rint(codes, out=codes)
        return cls(
            np.clip(codes[..., 0], 0, _FULL_SCALE).astype(np.uint16),
            np.clip(codes[..., 1:], -_CHROMA_SCALE, _CHROMA_SCALE).astype(np.int16),
        )

    @property
    def bytes(self) -> int:
        return self.luminance.nbytes + self.chroma.nbytes


def _to_luminance_chroma() -> NDArray[np.float32]:
    weights = np.array(LUMINANCE_WEIGHTS, np.float32)
    return np.stack([weights, [1, 0, 0] - weights, [0, 0, 1] - weights]).astype(np.float32)


class FootageScene:
    """Prepared footage in the middle of the sensor; outside its field it is mirrored."""

    def __init__(
        self, steps: list[_Step], durations_us: list[float], field: Region, summary: str
    ) -> None:
        forward = np.concatenate([[0.0], np.cumsum(durations_us)])
        self._edges_us = np.concatenate([forward, 2 * forward[-1] - forward[-2::-1]])
        self._steps = steps + steps[::-1]
        self._field = field
        self.summary = summary
        """Short text of frames, rate and size."""

    def integrate(
        self,
        region: Region,
        start_us: NDArray[np.float64],
        end_us: NDArray[np.float64],
        *,
        colour: bool,
    ) -> NDArray[np.float32]:
        """See :meth:`drivers.virtual.scene.scene.Scene.integrate`."""
        rows = _mirrored(
            region.offset_y_px - self._field.offset_y_px, region.height_px, self._field.height_px
        )
        columns = _mirrored(
            region.offset_x_px - self._field.offset_x_px, region.width_px, self._field.width_px
        )
        width = self._field.width_px
        luminance = np.zeros((region.height_px, width), np.float32)
        chroma = np.zeros((region.height_px, width * 2 if colour else 0), np.float32)
        for step, seen, weight in self._weighted_steps(start_us, end_us):
            part = rows[seen]
            _add_rows(luminance[seen], step.luminance, part, weight / _FULL_SCALE)
            if colour:
                flat = step.chroma.reshape(len(step.chroma), -1)
                _add_rows(chroma[seen], flat, part, weight / _CHROMA_SCALE)
        if not colour:
            return np.ascontiguousarray(_taken(luminance, columns))
        planes = np.concatenate(
            [luminance[..., None], chroma.reshape(region.height_px, width, 2)], axis=-1
        )
        to_rgb = np.linalg.inv(_to_luminance_chroma().astype(np.float64)).astype(np.float32)
        rgb = cv2.transform(np.ascontiguousarray(_taken(planes, columns)), to_rgb)
        # Rounding of the codes may make black slightly negative.
        return np.asarray(np.maximum(rgb, 0.0), np.float32)

    def _weighted_steps(
        self, start_us: NDArray[np.float64], end_us: NDArray[np.float64]
    ) -> Iterator[tuple[_Step, slice, NDArray[np.float64]]]:
        """The steps that overlap some row's window: step, rows, time of overlap of each row."""
        loop_us = self._edges_us[-1]
        base = np.floor(start_us.min() / loop_us) * loop_us
        start, end = start_us - base, end_us - base
        number = int(np.searchsorted(self._edges_us, start.min(), side="right")) - 1
        last = end.max()
        while True:
            turn, place = divmod(number, len(self._steps))
            low = self._edges_us[place] + turn * loop_us
            if low >= last:
                return
            high = self._edges_us[place + 1] + turn * loop_us
            time = np.minimum(end, high) - np.maximum(start, low)
            (seeing,) = np.nonzero(time > 0)
            if seeing.size:
                rows = slice(int(seeing[0]), int(seeing[-1]) + 1)
                yield self._steps[place], rows, np.maximum(time[rows], 0.0)
            number += 1


def _mirrored(first: int, count: int, size: int) -> NDArray[np.intp]:
    """Indices into ``size`` samples from ``first`` on, reflected at both ends."""
    place = np.arange(first, first + count) % (2 * size)
    return np.where(place < size, place, 2 * size - 1 - place)


def _taken(array: NDArray[np.float32], columns: NDArray[np.intp]) -> NDArray[np.float32]:
    if columns[-1] - columns[0] == len(columns) - 1:
        return array[:, columns[0] : columns[-1] + 1]
    return array.take(columns, axis=1)


def _add_rows(
    total: NDArray[np.float32],
    codes: NDArray[np.uint16] | NDArray[np.int16],
    rows: NDArray[np.intp],
    weight: NDArray[np.float64],
) -> None:
    contiguous = rows[-1] - rows[0] == len(rows) - 1
    seen = codes[rows[0] : rows[-1] + 1] if contiguous else codes[rows]
    total += seen * weight.astype(np.float32)[:, None]


def open_footage(
    path: Path,
    field_columns: int,
    field_rows: int,
    sensor_columns: int,
    sensor_rows: int,
    image_fps: float = 60.0,
) -> FootageScene:
    """Read and prepare footage, fitted to cover the field in the middle of the sensor.

    At most :data:`MAXIMUM_FRAMES` frames and :data:`MEMORY_BYTES` of prepared
    light; takes some seconds for 640 x 480. Images of a folder are played in the
    order of their names at ``image_fps``. Raises :class:`InstrumentError` if nothing
    can be read.
    """
    if not path.exists():
        raise InstrumentError(f"scene {path} does not exist; give a video or a folder of images")
    fps, frames = (image_fps, _images(path)) if path.is_dir() else (_frame_rate(path), _video(path))
    field = Region(
        (sensor_columns - field_columns) // 2,
        (sensor_rows - field_rows) // 2,
        field_columns,
        field_rows,
    )
    fitted = (_fitted(frame, field_columns, field_rows) for frame in islice(frames, MAXIMUM_FRAMES))
    with closing(frames):
        steps, durations_us, used = _prepared(fitted, 1e6 / fps)
    summary = f"{path.name}: {used} frames at {fps:g} fps, forward and backward"
    return FootageScene(steps, durations_us, field, summary)


def _prepared(frames: Iterator[Image], period_us: float) -> tuple[list[_Step], list[float], int]:
    """Divide the time between frames into steps; returns steps, their durations, frames used."""
    first = next(frames)
    still = _Step.of(first)
    affordable = MEMORY_BYTES // still.bytes
    most = min(max(affordable // MAXIMUM_FRAMES, 2), _MOST_STEPS_PER_FRAME)
    steps: list[_Step] = []
    durations_us: list[float] = []
    used = 1
    pairs = pairwise(chain([first], frames))
    workers = min(4, os.cpu_count() or 1)
    with ThreadPoolExecutor(workers, thread_name_prefix="footage") as pool:
        # A few pairs at a time, because decoded frames need much memory.
        while batch := list(islice(pairs, workers)):
            for interval in pool.map(partial(_interval, most=most), batch):
                if len(steps) + len(interval) > affordable:
                    return steps, durations_us, used
                steps += interval
                durations_us += [period_us / len(interval)] * len(interval)
                used += 1
    if not steps:
        return [still], [period_us], 1
    return steps, durations_us, used


def _interval(pair: tuple[Image, Image], most: int) -> list[_Step]:
    """The steps between two frames, one for each pixel of the fastest motion, at most ``most``."""
    motion = Motion.between(*pair)
    travel = motion.travel_px()
    count = min(max(round(travel), 1), most)
    samples = max(1, round(travel / count))
    steps = []
    for step in range(count):
        shares = (step + (np.arange(samples) + 0.5) / samples) / count
        light = motion.at(float(shares[0]))
        for share in shares[1:]:
            light += motion.at(float(share))
        steps.append(_Step.of(light / np.float32(samples)))
    return steps


def _fitted(frame: Pixels, columns: int, rows: int) -> Image:
    """Crop to the field's shape, make light linear, and scale; ``(rows, columns, 3)``."""
    height, width = frame.shape[:2]
    scale = max(columns / width, rows / height)
    used_width, used_height = min(width, round(columns / scale)), min(height, round(rows / scale))
    left, top = (width - used_width) // 2, (height - used_height) // 2
    cropped = frame[top : top + used_height, left : left + used_width]
    full_scale = np.iinfo(frame.dtype).max
    linear = linear_from_srgb(np.arange(full_scale + 1) / full_scale)[cropped]
    if scale == 1.0:
        return np.ascontiguousarray(linear)
    method = cv2.INTER_AREA if scale < 1.0 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(linear, (columns, rows), interpolation=method))


def _images(folder: Path) -> Generator[Pixels, None, None]:
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in _IMAGE_SUFFIXES)
    if not paths:
        kinds = ", ".join(sorted(_IMAGE_SUFFIXES))
        raise InstrumentError(f"folder {folder} holds no images; give one with {kinds} files")
    for path in paths:
        picture = read_picture(path, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
        if picture is None or picture.dtype not in (np.uint8, np.uint16):
            raise InstrumentError(
                f"image {path} cannot be read as 8 or 16 bit; remove it or convert it"
            )
        codes: Pixels = picture.astype(np.uint8 if picture.dtype == np.uint8 else np.uint16)
        yield codes[..., ::-1]


def _frame_rate(path: Path) -> float:
    with opened_video(path) as (_, stream):
        return float(stream.average_rate or stream.guessed_rate or 60)


def _video(path: Path) -> Generator[Pixels, None, None]:
    shown = 0
    with opened_video(path) as (container, stream):
        stream.thread_type = "AUTO"
        for frame in container.decode(stream):
            shown += 1
            yield frame.to_ndarray(format="rgb24")
    if not shown:
        raise InstrumentError(f"scene {path} holds no frame; give another video file")
