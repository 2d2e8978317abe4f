"""Footage drawn for tests: stills, objects with masks, a clip of pictures and a film.

Pictures are sums of waves and squares of noise, made by numpy alone and stored without
loss: between machines they differ by rounding at most.
"""

from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from models.dataset.layout import TEST, TRAIN
from models.synthesis.recipes import BENCHMARK_V1

STILLS = 8
OBJECTS = 8
FILM_FRAMES = 24
FILM_HZ = 60


@dataclass(frozen=True, slots=True)
class Footage:
    """Folders of footage; ``objects`` hold ``frames`` and ``masks``, ``clip`` is one's frames."""

    stills: Path
    objects: Path
    films: Path
    clip: Path


def real_footage(shared_folder: Path) -> Footage:
    """The photographs and films that lie beside the checkout."""
    folder = shared_folder / "footage"
    objects = folder / "davis"
    return Footage(
        folder / "stills", objects, folder / "people60", objects / "scooter-black" / "frames"
    )


def drawn_footage(folder: Path) -> Footage:
    """Footage drawn into ``folder``: enough held out for the benchmark, and some to train on."""
    footage = Footage(
        folder / "stills", folder / "objects", folder / "films", folder / "objects/clip/frames"
    )
    for place in (footage.stills, footage.films):
        place.mkdir(parents=True)
    for number, name in enumerate((*_named("still", STILLS, TEST), *_named("still", 1, TRAIN))):
        _write(footage.stills / f"{name}.png", _texture(number, 520, 700))
    for number, name in enumerate(_named("object", OBJECTS, TEST)):
        _draw_object(footage.objects / name, number, frames=2)
    _draw_object(footage.objects / "clip", 99, frames=4)
    _draw_film(footage.films / f"{_named('film', 1, TRAIN)[0]}.mp4")
    return footage


def _named(kind: str, count: int, split: str) -> list[str]:
    """The first ``count`` names of a kind that belong to a split of the benchmark."""
    names = (f"{kind}{number:03d}" for number in range(1000))
    split_of = BENCHMARK_V1.fractions.split_of
    return [name for name in names if split_of(name) == split][:count]


def _texture(seed: int, rows: int, columns: int) -> NDArray[np.uint8]:
    """Waves of several lengths and directions, each colour its own, with a grain of squares."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    light = np.full((rows, columns, 3), 110.0, np.float32)
    for length_px in (300.0, 120.0, 45.0, 17.0):
        for channel in range(3):
            heading, phase = rng.uniform(0, 2 * np.pi, 2).tolist()
            along = x * float(np.cos(heading)) + y * float(np.sin(heading))
            light[..., channel] += 18.0 * np.sin(along * (2 * np.pi / length_px) + phase)
    for side_px in (40, 10, 3):
        coarse = rng.uniform(-14.0, 14.0, (rows // side_px + 1, columns // side_px + 1, 1))
        light += coarse.repeat(side_px, axis=0).repeat(side_px, axis=1)[:rows, :columns]
    return np.clip(np.rint(light), 0, 255).astype(np.uint8)


def _draw_object(folder: Path, seed: int, frames: int) -> None:
    """An ellipse with a bite, of a texture of its own, that crosses a still ground."""
    rng = np.random.default_rng(seed + 1000)
    rows, columns = 240, 320
    ground, skin = _texture(seed + 2000, rows, columns), _texture(seed + 3000, rows, columns)
    height, width = rng.uniform(50, 90), rng.uniform(40, 80)
    shade = rng.uniform(0.5, 1.6)
    y, x = np.mgrid[:rows, :columns]
    for number in range(frames):
        step_px = 6 * number
        across, down = (x - 120 - step_px) / width, (y - 120) / height
        inside = across**2 + down**2 < 1
        inside &= (across - 0.8) ** 2 + (down + 0.6) ** 2 > 0.15
        moved = np.roll(skin, step_px, axis=1)
        picture = np.where(inside[..., None], np.clip(moved * shade, 0, 255), ground)
        _write(folder / "frames" / f"{number:05d}.png", picture.astype(np.uint8))
        _write(folder / "masks" / f"{number:05d}.png", inside.astype(np.uint8) * 255)


def _draw_film(path: Path) -> None:
    """A texture that a camera pans over by two pixels a frame."""
    rows, columns = 96, 160
    wide = _texture(7, rows, columns + 2 * FILM_FRAMES)
    with av.open(str(path), "w") as film:
        stream = film.add_stream("mpeg4", rate=FILM_HZ)
        stream.width, stream.height, stream.pix_fmt = columns, rows, "yuv420p"
        stream.bit_rate = 4_000_000
        for number in range(FILM_FRAMES):
            picture = np.ascontiguousarray(wide[:, 2 * number : 2 * number + columns])
            film.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        film.mux(stream.encode())


def _write(path: Path, picture: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture), path
