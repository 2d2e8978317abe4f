"""Which pixels count: not the clipped, not the moving, and none because its noise chose it."""

import numpy as np
import pytest
from numpy.typing import NDArray

from calibration.temporal.still_scene import still_scene
from drivers.errors import InstrumentError
from drivers.pixel_format import PIXEL_FORMATS
from drivers.radiometry import Radiometry
from tests.calibration.still_frames import StillCamera

ROWS, COLUMNS = 60, 400
BLACK_DN, SATURATION_DN = 10.0, 4095.0
RADIOMETRY = Radiometry(PIXEL_FORMATS["Mono12"], BLACK_DN, SATURATION_DN)


def frames(
    level_dn: NDArray[np.float64] | float, count: int = 8, seed: int = 1
) -> list[NDArray[np.uint16]]:
    rng = np.random.default_rng(seed)
    level = np.broadcast_to(level_dn, (ROWS, COLUMNS))
    return [
        np.clip(
            np.rint(
                BLACK_DN + level + np.sqrt(0.4 * level + 1.0) * rng.standard_normal(level.shape)
            ),
            0,
            SATURATION_DN,
        ).astype(np.uint16)
        for _ in range(count)
    ]


def blocks(level_dn: NDArray[np.float64] | float, seed: int) -> list[list[NDArray[np.uint16]]]:
    return [frames(level_dn, seed=seed + k) for k in range(4)]


def test_row_means_and_their_noise_are_those_of_the_frames() -> None:
    scene = still_scene(blocks(1000.0, 1), blocks(500.0, 9), RADIOMETRY)
    assert scene.long_frames_dn.shape == (4, 8, ROWS)
    assert scene.long_frames_dn.mean() == pytest.approx(1000.0, abs=0.1)
    assert scene.short_frames_dn.mean() == pytest.approx(500.0, abs=0.1)
    measured = scene.long_frames_dn.var(axis=(0, 1), ddof=1).mean()
    assert scene.long_variance_dn2.mean() == pytest.approx(measured, rel=0.1)
    assert scene.moving_share < 1e-3
    assert scene.clipped_share == 0.0


def test_a_pixel_clipped_in_one_exposure_is_left_out_of_both() -> None:
    long = np.full((ROWS, COLUMNS), 1000.0)
    long[:, :40] = 6000.0
    short = long / 2
    scene = still_scene(blocks(long, 1), blocks(short, 9), RADIOMETRY)
    assert scene.clipped_share == pytest.approx(0.1, abs=1e-3)
    assert np.nanmean(scene.long_frames_dn) == pytest.approx(1000.0, abs=0.2)
    assert np.nanmean(scene.short_frames_dn) == pytest.approx(500.0, abs=0.2)


def test_rows_that_keep_too_few_pixels_are_not_used() -> None:
    long = np.full((ROWS, COLUMNS), 1000.0)
    long[10:20, 50:] = 6000.0
    scene = still_scene(blocks(long, 1), blocks(long / 2, 9), RADIOMETRY)
    assert np.flatnonzero(np.isnan(scene.long_variance_dn2)).tolist() == list(range(10, 20))


def test_pixels_that_change_are_found_and_left_out_but_flicker_is_not_motion() -> None:
    rng = np.random.default_rng(3)
    texture = rng.uniform(300.0, 900.0, (ROWS, COLUMNS))
    moved = texture.copy()
    moved[:, :60] = np.roll(texture[:, :60], 7, axis=1)
    first, later = frames(texture), frames(moved, seed=7)
    mixed = [
        [first[0], later[1], first[2], later[3]],
        [later[4], first[5], later[6], first[7]],
    ]
    scene = still_scene(mixed, [frames(texture / 2, 4, k) for k in (20, 21)], RADIOMETRY)
    assert scene.moving_share == pytest.approx(0.13, abs=0.02)
    flickering = [
        [
            np.rint(BLACK_DN + (frame - BLACK_DN) * factor).astype(np.uint16)
            for frame, factor in zip(first, (1.0, 1.1, 0.9, 1.0, 1.1, 0.9, 1.0, 1.1), strict=True)
        ]
        for _ in range(2)
    ]
    lit = still_scene(flickering, [frames(texture / 2, 8, k) for k in (20, 21)], RADIOMETRY)
    assert lit.moving_share < 0.002


def test_slow_motion_shows_between_first_and_last_block() -> None:
    texture = np.random.default_rng(3).uniform(300.0, 900.0, (ROWS, COLUMNS))
    long = [frames(np.roll(texture, k, axis=1), seed=k) for k in range(4)]
    scene = still_scene(long, blocks(texture / 2, 9), RADIOMETRY)
    assert scene.moving_share > 0.5


def test_eight_bit_codes_without_noise_to_dither_them_are_left_out() -> None:
    """The code of a quiet pixel may be off by half of one; in a flat area that is a bias."""
    camera = StillCamera(format_name="Mono8")
    dim = [camera.frames(8, 150.0) for _ in range(3)]
    scene = still_scene(
        dim,
        [camera.frames(8, 60.0) for _ in range(3)],
        Radiometry(PIXEL_FORMATS["Mono8"], 4.0, 255.0),
    )
    used = np.isfinite(scene.long_variance_dn2)
    # Row 0 gets some 36 electrons, the last some 750: of 0.025 DN each.
    assert not used[:40].any()
    assert used[-60:].all()


def test_what_does_not_pair_or_is_clipped_all_over_is_refused() -> None:
    with pytest.raises(InstrumentError, match="2 long and 3 short blocks"):
        still_scene([frames(500.0)] * 2, [frames(200.0)] * 3, RADIOMETRY)
    with pytest.raises(InstrumentError, match="every pixel is clipped"):
        still_scene(blocks(9000.0, 1), blocks(9000.0, 1), RADIOMETRY)
