"""Layered scenes by the identities of the physics and by their true motion."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.camera_settings import Region, ShutterMode
from drivers.timing import SensorTiming
from drivers.virtual.scene.optics import View
from drivers.virtual.scene.sensor import expose
from models.synthesis.layered_scene import Layer, LayeredScene, Texture
from models.synthesis.trajectory import Swing, Trajectory

ROWS, COLUMNS = 60, 96
FRAME = Region(0, 0, COLUMNS, ROWS)
MIDDLE = ((COLUMNS - 1) / 2, (ROWS - 1) / 2)
T0_US, LAST_US = 1000.0, 4000.0
TIMING = SensorTiming(T0_US, (LAST_US - T0_US) / (ROWS - 1), ROWS)


def smooth_texture(seed: int, shape: tuple[int, int]) -> np.ndarray:
    noise = np.random.default_rng(seed).uniform(0, 1, (*shape, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 3.0)
    return (smooth - smooth.min()) / np.ptp(smooth)


def disc(radius_px: int) -> Texture:
    side = 2 * radius_px + 9
    alpha = np.zeros((side, side), np.float32)
    cv2.circle(alpha, (side // 2, side // 2), radius_px, 1.0, cv2.FILLED)
    alpha = cv2.GaussianBlur(alpha, (0, 0), 1.0)
    return Texture(np.repeat(alpha[..., None], 3, axis=-1), alpha)


def scene(speed_px_per_us: float = 0.003, instants_us: list[float] | None = None) -> LayeredScene:
    turning = Swing(0.03 if speed_px_per_us else 0.0, 30_000.0, 0.3)
    background = Layer(
        Texture(smooth_texture(1, (100, 130))),
        Trajectory(MIDDLE, (-speed_px_per_us, speed_px_per_us / 2), turn=turning, zoom=turning),
    )
    front = Layer(disc(12), Trajectory((30.0, 30.0), (2 * speed_px_per_us, 0.0)))
    return LayeredScene([background, front], FRAME, instants_us or [0.0, T0_US, LAST_US])


def exposed(of: LayeredScene, shutter: ShutterMode, timing: SensorTiming = TIMING) -> np.ndarray:
    return expose(of, View.identity(COLUMNS, ROWS), FRAME, shutter, timing, 0.0, colour=False)


@given(st.lists(st.floats(0.0, LAST_US), min_size=3, max_size=3).map(sorted))
@settings(deadline=None, max_examples=15)
def test_integrals_add(times_us: list[float]) -> None:
    first, cut, last = (np.full(ROWS, time) for time in times_us)
    view = scene()
    parts = view.integrate(FRAME, first, cut, colour=False) + view.integrate(
        FRAME, cut, last, colour=False
    )
    whole = view.integrate(FRAME, first, last, colour=False)
    np.testing.assert_allclose(parts, whole, atol=1e-5 * LAST_US)


def test_without_line_time_global_reset_is_the_global_shutter() -> None:
    same = SensorTiming(T0_US, 0.0, ROWS)
    np.testing.assert_array_equal(
        exposed(scene(), ShutterMode.GLOBAL_RESET, same), exposed(scene(), ShutterMode.GLOBAL, same)
    )


def test_of_a_still_scene_row_gain_returns_the_global_shutter_picture() -> None:
    view = scene(0.0)
    gain = (T0_US / TIMING.row_exposure_us())[:, None]
    np.testing.assert_allclose(
        exposed(view, ShutterMode.GLOBAL_RESET) * gain,
        exposed(view, ShutterMode.GLOBAL),
        rtol=1e-5,
    )
    assert view.intervals == 2


def test_intervals_are_fine_enough_that_finer_ones_change_nothing_visible() -> None:
    fine = scene(instants_us=[float(time) for time in np.linspace(0.0, LAST_US, 161)])
    for shutter in (ShutterMode.GLOBAL_RESET, ShutterMode.GLOBAL):
        coarse_light, fine_light = exposed(scene(), shutter), exposed(fine, shutter)
        assert np.abs(coarse_light - fine_light).max() < 0.01 * fine_light.max()


def test_the_centroid_of_a_disc_shifts_by_half_the_excess_exposure() -> None:
    speed = 0.003
    black = Layer(Texture(np.zeros((ROWS, COLUMNS, 3), np.float32)), Trajectory(MIDDLE))
    front = Layer(disc(10), Trajectory((40.0, 30.0), (speed, 0.0)))
    view = LayeredScene([black, front], FRAME, [0.0, T0_US, LAST_US])
    columns = np.arange(COLUMNS)
    centroid = [
        (exposed(view, shutter)[30] * columns).sum() / exposed(view, shutter)[30].sum()
        for shutter in (ShutterMode.GLOBAL_RESET, ShutterMode.GLOBAL)
    ]
    excess_us = TIMING.row_exposure_us()[30] - T0_US
    assert centroid[0] - centroid[1] == pytest.approx(speed * excess_us / 2, abs=0.05)


def test_the_true_motion_leads_from_one_instant_to_the_other() -> None:
    view = scene()
    flow = view.displacement_px(FRAME, 0.0, LAST_US)
    assert flow[30, 30] == pytest.approx([0.006 * LAST_US, 0.0], abs=1e-3)
    before, after = (view.radiance(FRAME, time, colour=False) for time in (0.0, LAST_US))
    x, y = np.meshgrid(np.arange(COLUMNS, dtype=np.float32), np.arange(ROWS, dtype=np.float32))
    arrived = cv2.remap(after, x + flow[..., 0], y + flow[..., 1], cv2.INTER_CUBIC)
    # The disc covers part of the background on its way; elsewhere both show the same.
    far = np.s_[2:8, 20:70]
    assert np.abs(arrived - before)[far].max() < 0.02
    assert np.abs(after - before)[far].max() > 0.2


def test_luminance_and_colour_show_the_same_scene() -> None:
    start, end = np.zeros(ROWS), np.full(ROWS, LAST_US)
    colour = scene().integrate(FRAME, start, end, colour=True)
    grey = scene().integrate(FRAME, start, end, colour=False)
    weighted = colour @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    # Overshoots below black are cut off per channel.
    np.testing.assert_allclose(weighted, grey, atol=2e-3 * LAST_US)


def test_part_of_the_frame_is_the_part_of_the_whole() -> None:
    whole = exposed(scene(), ShutterMode.GLOBAL_RESET)
    part = Region(20, 10, 50, 30)
    end_us = TIMING.row_exposure_us()[10:40]
    seen = scene().integrate(part, np.zeros(30), end_us, colour=False)
    np.testing.assert_allclose(seen, whole[10:40, 20:70], atol=1e-3 * LAST_US)


def test_time_that_was_not_laid_out_is_refused() -> None:
    with pytest.raises(ValueError, match="outside the scene"):
        scene().integrate(FRAME, np.zeros(ROWS), np.full(ROWS, LAST_US + 1), colour=False)
