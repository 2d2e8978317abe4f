"""Footage as a scene: continuous motion, no cut in the loop, and errors that teach."""

from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from drivers.camera_settings import Region
from drivers.errors import InstrumentError
from drivers.srgb import linear_from_srgb, luminance
from drivers.virtual.scene.footage_scene import FootageScene, open_footage
from drivers.virtual.scene.frame_interpolation import Motion
from tests.footage import Footage

FIELD = Region(40, 30, 240, 180)
PERIOD_US = 1e6 / 60
SHIFT_PX = 10


def picture(shift_px: float) -> NDArray[np.uint8]:
    """A bright textured square over a dark textured ground, moved to the right."""
    rng = np.random.default_rng(4)
    ground = 40 + 30 * cv2.GaussianBlur(rng.standard_normal((180, 240), np.float32), (0, 0), 1.5)
    square = 190 + 60 * cv2.GaussianBlur(rng.standard_normal((80, 80), np.float32), (0, 0), 1.5)
    fine = np.full((180, 240), -1.0, np.float32)
    fine[50:130, 60:140] = square
    move = np.array([[1, 0, shift_px], [0, 1, 0]], np.float32)
    inside = cv2.warpAffine((fine >= 0).astype(np.float32), move, (240, 180))
    moved = cv2.warpAffine(np.maximum(fine, 0), move, (240, 180))
    return np.clip(ground * (1 - inside) + moved, 0, 255).astype(np.uint8)


def linear(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.repeat(linear_from_srgb(grey / 255.0)[..., None], 3, axis=2)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(4):
        cv2.imwrite(str(tmp_path / f"{number:03d}.png"), picture(SHIFT_PX * number))
    return tmp_path


@pytest.fixture
def footage(folder: Path) -> FootageScene:
    return open_footage(folder, FIELD.width_px, FIELD.height_px, 320, 240)


def mean_light(
    scene: FootageScene, start_us: float, exposure_us: float, *, colour: bool = False
) -> NDArray[np.float32]:
    start = np.full(FIELD.height_px, start_us)
    light = scene.integrate(FIELD, start, start + exposure_us, colour=colour)
    return light / np.float32(exposure_us)


def test_half_way_between_frames_a_moving_edge_stays_sharp() -> None:
    before, after, middle = (linear(picture(shift)) for shift in (0, SHIFT_PX, SHIFT_PX / 2))
    between = Motion.between(before, after).at(0.5)
    cross_faded = (before + after) / 2

    def error(image: NDArray[np.float32]) -> float:
        return float(np.mean((image - middle) ** 2))

    assert error(between) < 0.25 * error(cross_faded)
    rows = slice(65, 115)
    left_edge = between[rows, 55:80, 0].mean(axis=0)
    rise = np.interp([0.2, 0.8], left_edge / left_edge[-5:].mean(), np.arange(left_edge.size))
    # A cross-fade takes the whole shift of 10 px to rise.
    assert rise[1] - rise[0] < 3.0


def test_the_square_moves_evenly_through_the_interval(footage: FootageScene) -> None:
    places = []
    for share in np.linspace(0.1, 0.9, 5):
        light = mean_light(footage, share * PERIOD_US, 100.0)[65:115]
        profile = light.mean(axis=0)
        places.append(float(np.interp(0.25, profile[50:90], np.arange(50, 90))))
    steps = np.diff(places)
    assert np.sum(steps) == pytest.approx(0.8 * SHIFT_PX, abs=2.0)
    assert steps.min() > 0.0


@pytest.mark.parametrize("colour", [False, True])
def test_integrals_add(footage: FootageScene, colour: bool) -> None:
    region = Region(30, 20, 270, 200)
    start = np.full(region.height_px, 12_345.0)
    end = start + 9000.0 + 6.0 * np.arange(region.height_px)
    cut = start + 4321.0
    whole = footage.integrate(region, start, end, colour=colour)
    parts = footage.integrate(region, start, cut, colour=colour) + footage.integrate(
        region, cut, end, colour=colour
    )
    np.testing.assert_allclose(parts, whole, rtol=1e-5, atol=1e-2)


def test_rows_that_look_longer_collect_more(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "still.png"), np.full((180, 240), 188, np.uint8))
    still = open_footage(tmp_path, FIELD.width_px, FIELD.height_px, 320, 240)
    start = np.zeros(FIELD.height_px)
    end = 5000.0 + 6.0 * np.arange(FIELD.height_px)
    light = still.integrate(FIELD, start, end, colour=False)
    radiance = float(linear_from_srgb(np.array([188 / 255]))[0])
    np.testing.assert_allclose(light, radiance * end[:, None] * np.ones(FIELD.width_px), rtol=1e-4)


def test_the_loop_runs_back_without_a_cut(footage: FootageScene) -> None:
    length_us = 3 * PERIOD_US
    moment_us = 500.0
    for turn_us in (length_us, 2 * length_us, 200 * length_us):
        before = mean_light(footage, turn_us - moment_us, moment_us)
        after = mean_light(footage, turn_us, moment_us)
        np.testing.assert_allclose(after, before, atol=1e-5)
    one, two = (mean_light(footage, 1000.0 + n * 2 * length_us, 700.0) for n in (0, 50_000))
    np.testing.assert_allclose(one, two, atol=1e-4)


def test_light_is_linear_and_mono_is_its_luminance(tmp_path: Path) -> None:
    colours = np.zeros((180, 240, 3), np.uint8)
    colours[:, :80], colours[:, 80:160], colours[:, 160:] = (40, 60, 200), (90, 180, 30), (220,) * 3
    cv2.imwrite(str(tmp_path / "patches.tif"), colours[..., ::-1])
    scene = open_footage(tmp_path, FIELD.width_px, FIELD.height_px, 320, 240)
    rgb = mean_light(scene, 0.0, 1000.0, colour=True)
    expected = linear_from_srgb(colours / 255.0)
    np.testing.assert_allclose(rgb, expected, atol=1e-4)
    np.testing.assert_allclose(mean_light(scene, 0.0, 1000.0), luminance(expected), atol=1e-4)


def test_footage_covers_its_field_and_is_mirrored_beyond(folder: Path) -> None:
    scene = open_footage(folder, 120, 60, 320, 240)
    whole = Region(0, 0, 320, 240)
    light = scene.integrate(whole, np.zeros(240), np.full(240, 100.0), colour=False)
    top, left = 90, 100
    np.testing.assert_allclose(light[top - 1], light[top], atol=1e-3)
    np.testing.assert_allclose(light[:, left - 2], light[:, left + 1], atol=1e-3)
    assert light.min() >= 0.0


def test_a_video_plays_at_its_own_rate(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 240, 180, "yuv420p"
        for number in range(4):
            grey = np.repeat(picture(SHIFT_PX * number)[..., None], 3, axis=2)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        container.mux(stream.encode())
    scene = open_footage(path, FIELD.width_px, FIELD.height_px, 320, 240)
    assert isinstance(scene, FootageScene)
    assert "4 frames at 25 fps" in scene.summary
    last = mean_light(scene, 3 * 40_000.0 - 200.0, 200.0)
    truth = linear(picture(3 * SHIFT_PX))[..., 0]
    assert float(np.mean(np.abs(last - truth))) < 0.03


def nothing(path: Path) -> Path:
    return path / "missing.mp4"


def empty_folder(path: Path) -> Path:
    return path


def text_file(path: Path) -> Path:
    (path / "notes.mp4").write_text("not a video\n")
    return path / "notes.mp4"


def sound_only(path: Path) -> Path:
    with av.open(str(path / "tone.wav"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        tone = np.zeros((1, 800), np.int16)
        frame = av.AudioFrame.from_ndarray(tone, format="s16", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path / "tone.wav"


def broken_image(path: Path) -> Path:
    (path / "000.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    return path


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (nothing, "does not exist"),
        (empty_folder, "no images"),
        (text_file, "cannot be read as video"),
        (sound_only, "is no video"),
        (broken_image, "cannot be read"),
    ],
)
def test_what_is_no_footage_is_refused_in_one_line(
    tmp_path: Path, make: Callable[[Path], Path], words: str
) -> None:
    path = make(tmp_path)
    with pytest.raises(InstrumentError, match=words) as refusal:
        open_footage(path, 240, 180, 320, 240)
    assert "\n" not in str(refusal.value)
    assert str(path) in str(refusal.value)


def test_a_clip_opens(some_footage: Footage) -> None:
    scene = open_footage(some_footage.clip, 160, 120, 320, 240)
    region = Region(80, 60, 160, 120)
    light = scene.integrate(region, np.zeros(120), np.full(120, 4000.0), colour=True)
    assert light.shape == (120, 160, 3)
    assert light.std() > 100.0
