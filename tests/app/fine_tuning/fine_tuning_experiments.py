"""What fine-tuning on own pairs is worth, on scenes of our own making that no weights have seen::

    python -m tests.app.fine_tuning.fine_tuning_experiments FOLDER --general DATASET

Four scenes (a printed page, parts on a belt, cloth, drops) are drawn as footage, four clips each
from other random numbers, recorded by the virtual rig's cameras under its true calibration, and
given to ``ngs finetune``: two clips to train on, one to validate on, one to judge by. The table
has the gain over the shipped weights on the clip that was held out and on the general dataset's
test split. Synthetic all of it.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from drivers.camera_settings import Region
from drivers.virtual.scene.footage_scene import open_footage
from tests.calibration.pair_frames import PairOfCameras
from tests.paired_recording import SENSOR, write

COLUMNS, ROWS = 480, 360
CLIPS = ("train-1", "train-2", "validate", "judge")

_IMAGES, _IMAGE_FPS = 90, 120.0
_MARGIN = 900
_EXPOSURE_US, _PERIOD_US = 1200.0, 1e6 / 60
_FRAMES = 90

Canvas = NDArray[np.uint8]
Drawing = Callable[[np.random.Generator], Canvas]


def printed_page(rng: np.random.Generator) -> Canvas:
    """Lines of letters in several faces and sizes."""
    canvas = _canvas(235)
    for top in range(20, canvas.shape[0], 34):
        text = "".join(rng.choice(list("abcdefghij klmnop qrstuv 0123456789.,-"), 120))
        face, size = int(rng.integers(0, 6)), float(rng.uniform(0.5, 1.1))
        cv2.putText(canvas, text, (10, top), face, size, (30,) * 3, 1, cv2.LINE_AA)
    return canvas


def parts_on_a_belt(rng: np.random.Generator) -> Canvas:
    """Nuts, washers and plates, bright on a dark belt with scratches."""
    canvas = _canvas(45)
    _scratches(canvas, rng, 400, 70)
    for _ in range(140):
        centre = _place(rng, canvas)
        radius = int(rng.integers(14, 46))
        shade = tuple(int(each) for each in rng.integers(110, 240, 3))
        corners = int(rng.choice([4, 6, 40]))
        angles = np.linspace(0, 2 * np.pi, corners, endpoint=False) + rng.uniform(0, 1)
        outline = np.stack([np.cos(angles), np.sin(angles)], 1) * radius + centre
        cv2.fillPoly(canvas, [outline.astype(np.int32)], shade, cv2.LINE_AA)
        cv2.circle(canvas, centre, radius // 3, (40, 40, 40), -1, cv2.LINE_AA)
        cv2.polylines(canvas, [outline.astype(np.int32)], True, (250,) * 3, 1, cv2.LINE_AA)
    return canvas


def cloth(rng: np.random.Generator) -> Canvas:
    """A weave of uneven threads, dyed in blotches."""
    canvas = _canvas(0)
    rows, columns = canvas.shape[:2]
    warp = np.convolve(rng.normal(0, 1, columns), np.ones(3) / 3, "same")
    weft = np.convolve(rng.normal(0, 1, rows), np.ones(3) / 3, "same")
    dye = cv2.resize(rng.random((12, 16, 3)).astype(np.float32), (columns, rows), None, 0, 0, 2)
    weave = 0.5 + 0.22 * warp[None, :] + 0.22 * weft[:, None]
    return np.clip(40 + 150 * weave[..., None] * (0.5 + dye), 5, 250).astype(np.uint8)


def drops(rng: np.random.Generator) -> Canvas:
    """Bright drops of all sizes before a lit ground."""
    canvas = _canvas(0)
    ground = cv2.resize(rng.uniform(40, 110, (4, 5, 3)).astype(np.float32), canvas.shape[1::-1])
    canvas[:] = ground.astype(np.uint8)
    for _ in range(900):
        radius = int(1 + 14 * rng.random() ** 3)
        cv2.circle(canvas, _place(rng, canvas), radius + 1, (25, 25, 25), 1, cv2.LINE_AA)
        shade = (int(rng.integers(150, 245)),) * 3
        cv2.circle(canvas, _place(rng, canvas), radius, shade, -1, cv2.LINE_AA)
    return canvas


SCENES: dict[str, Drawing] = {
    "printed page": printed_page,
    "parts on a belt": parts_on_a_belt,
    "cloth": cloth,
    "drops": drops,
}


def draw_footage(folder: Path, drawing: Drawing, seed: int) -> None:
    """Images of a camera that glides over the drawing, faster and slower, and turns a little."""
    rng = np.random.default_rng(seed)
    canvas = drawing(rng)
    folder.mkdir(parents=True)
    seconds = np.arange(_IMAGES) / _IMAGE_FPS
    heading = rng.uniform(0, 2 * np.pi)
    speed = rng.uniform(500, 1100)
    beat, turn = rng.uniform(1.0, 2.5), rng.uniform(-0.12, 0.12)
    along = speed * (seconds + 0.25 / (2 * np.pi * beat) * np.sin(2 * np.pi * beat * seconds))
    along -= along.mean()
    for number in range(_IMAGES):
        angle = turn * seconds[number]
        matrix = np.array(
            [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0]], np.float64
        )
        middle = np.array(canvas.shape[1::-1]) / 2
        middle = middle + along[number] * np.array([np.cos(heading), np.sin(heading)])
        matrix[:, 2] = middle - matrix[:, :2] @ np.array([COLUMNS / 2, ROWS / 2])
        image = cv2.warpAffine(
            canvas, matrix, (COLUMNS, ROWS), flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        )
        cv2.imwrite(str(folder / f"{number:03d}.png"), image)


def record(folder: Path, footage: Path, seed: int) -> None:
    """Pairs of the virtual rig's sensors before the footage, with their true calibration."""
    scene = open_footage(footage, COLUMNS, ROWS, *SENSOR, image_fps=_IMAGE_FPS)
    region = Region((SENSOR[0] - COLUMNS) // 2, (SENSOR[1] - ROWS) // 2, COLUMNS, ROWS)
    rig = PairOfCameras(
        scene,
        region=region,
        exposure_us=_EXPOSURE_US,
        period_us=_PERIOD_US,
        rng=np.random.default_rng(seed),
    )
    write(folder, rig, _FRAMES)


def tuned(folder: Path, general: Path | None, options: list[str]) -> dict[str, object]:
    """The figures of ``ngs finetune`` and its minutes."""
    command = [sys.executable, "-m", "ngs", "finetune", *(str(folder / clip) for clip in CLIPS)]
    command += ["--out", str(folder / "out"), "--json", str(folder / "figures.json"), *options]
    if general is not None:
        command += ["--general", str(general)]
    began_s = time.monotonic()
    subprocess.run(command, check=True)
    minutes = (time.monotonic() - began_s) / 60
    return {**json.loads((folder / "figures.json").read_bytes()), "minutes": minutes}


def main() -> None:
    """Draw, record, tune; prints a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--general", type=Path)
    parser.add_argument("--only", choices=SCENES, action="append")
    asked, options = parser.parse_known_args()
    print("| scene | row gain | warp | live | tuned | gain | on other scenes | minutes |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    for number, (name, drawing) in enumerate(SCENES.items()):
        if asked.only and name not in asked.only:
            continue
        folder = asked.folder / name.replace(" ", "-")
        for clip, title in enumerate(CLIPS):
            seed = 1000 * number + clip
            if not (folder / title).exists():
                draw_footage(folder / "footage" / title, drawing, seed)
                record(folder / title, folder / "footage" / title, seed)
        told = tuned(folder, asked.general, options)
        scores = {each["restorer"]: each["psnr_db"] for each in told["own"]["results"]}  # type: ignore[index]
        others = told["general_gain_db"]
        print(
            f"| {name} | {scores['row-gain']:.2f} | {scores['warp']:.2f} | {scores['live']:.2f} "
            f"| {scores['tuned']:.2f} | {told['gain_db']:+.2f} "
            f"| {'-' if others is None else format(others, '+.2f')} | {told['minutes']:.1f} |",
            flush=True,
        )


def _canvas(shade: int) -> Canvas:
    return np.full((ROWS + _MARGIN, COLUMNS + _MARGIN, 3), shade, np.uint8)


def _place(rng: np.random.Generator, canvas: Canvas) -> tuple[int, int]:
    return int(rng.integers(0, canvas.shape[1])), int(rng.integers(0, canvas.shape[0]))


def _scratches(canvas: Canvas, rng: np.random.Generator, count: int, shade: int) -> None:
    for _ in range(count):
        begin = np.array(_place(rng, canvas))
        end = begin + rng.integers(-60, 60, 2)
        cv2.line(canvas, begin.tolist(), end.tolist(), (shade,) * 3, 1, cv2.LINE_AA)


if __name__ == "__main__":
    main()
