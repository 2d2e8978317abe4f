"""Pairs with known faults of place, light and sharpness, and what is said of them."""

from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from calibration.pair_quality import (
    BANDS,
    GRID,
    AlignedPair,
    PairQuality,
    pair_quality,
    still_part,
)
from calibration.verdict import Grade
from drivers.errors import InstrumentError

ROWS, COLUMNS = 432, 640
NOISE = 0.004
NOWHERE = np.zeros((ROWS, COLUMNS), bool)

Light = NDArray[np.float32]


def scene() -> Light:
    """Columns of texture with even grey between them."""
    blobs = cv2.GaussianBlur(np.random.default_rng(3).normal(0, 1, (ROWS, COLUMNS)), (0, 0), 3.0)
    textured = (np.arange(COLUMNS) % 108 < 70).astype(np.float64)
    fade = cv2.GaussianBlur(textured[None], (0, 0), 3.0)
    return (0.4 + 0.06 * blobs / blobs.std() * fade).astype(np.float32)


def moved(light: Light, x_px: float, y_px: float) -> Light:
    """As it looks when it lies (x, y) further right and down, in steps of 1/32 px."""
    shift = np.array([[1.0, 0.0, x_px], [0.0, 1.0, y_px]])
    return cv2.warpAffine(
        light, shift, (COLUMNS, ROWS), flags=cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT
    ).astype(np.float32)


def pair(rsgr: Light, gs: Light, seed: int = 0, **masks: NDArray[np.bool_]) -> AlignedPair:
    """One pair with the noise of two cameras."""
    rng = np.random.default_rng([5, seed])
    seen = [(each + rng.normal(0.0, NOISE, each.shape)).astype(np.float32) for each in (rsgr, gs)]
    noise = np.full(rsgr.shape, NOISE * np.sqrt(2), np.float32)
    return replace(AlignedPair(*seen, noise, ~NOWHERE, NOWHERE), **masks)


def quality(rsgr: Light, gs: Light, count: int = 3, **masks: NDArray[np.bool_]) -> PairQuality:
    """Of still pairs, each looked at with the one after it."""
    pairs = [pair(rsgr, gs, seed, **masks) for seed in range(count + 1)]
    return pair_quality(list(pairwise(pairs)))


def test_aligned_pairs_are_good_without_a_reason() -> None:
    found = quality(scene(), scene())
    assert found.verdict.grade == Grade.GOOD, str(found.verdict)
    assert found.pairs == 3
    assert found.still_share > 0.9
    assert found.displacement_p95_px is not None
    assert found.displacement_p95_px < 0.03
    assert found.difference_noises == pytest.approx(1.0, abs=0.05)
    assert found.sharpness == pytest.approx(1.0, abs=0.03)
    assert all(each is not None and abs(each) < 0.002 for each in found.light_difference)
    assert found.saturated == (0.0,) * BANDS


@pytest.mark.parametrize(
    ("x_px", "y_px", "grade"),
    [(2 / 32, 0.0, Grade.GOOD), (10 / 32, -3 / 32, Grade.USABLE), (-0.5, 26 / 32, Grade.REDO)],
)
def test_the_displacement_of_gs_against_rsgr_is_found(
    x_px: float, y_px: float, grade: Grade
) -> None:
    found = quality(scene(), moved(scene(), x_px, y_px))
    places = np.array([cell for row in found.displacement_px for cell in row if cell is not None])
    assert len(places) > 0.9 * GRID[0] * GRID[1]
    np.testing.assert_allclose(np.median(places, axis=0), [x_px, y_px], atol=0.02)
    assert found.displacement_p50_px == pytest.approx(np.hypot(x_px, y_px), abs=0.03)
    assert found.verdict.grade == grade
    assert ("calibrate geometry again" in str(found.verdict)) == (grade != Grade.GOOD)


def test_the_map_shows_where_the_displacement_is() -> None:
    gs = scene()
    gs[: ROWS // 3] = moved(scene(), 0.6, 0.0)[: ROWS // 3]
    along_x = [
        np.median([cell[0] for cell in row if cell is not None])
        for row in quality(scene(), gs).displacement_px
    ]
    np.testing.assert_allclose(along_x[:2], 0.6, atol=0.05)
    np.testing.assert_allclose(along_x[4:], 0.0, atol=0.05)


def test_places_without_texture_have_no_displacement() -> None:
    even = np.full((ROWS, COLUMNS), 0.4, np.float32)
    found = quality(even, even)
    assert all(cell is None for row in found.displacement_px for cell in row)
    assert found.displacement_p50_px is None
    assert found.displacement_p95_px is None
    assert found.verdict.grade == Grade.USABLE
    assert "has no texture: alignment cannot be checked" in str(found.verdict)


@pytest.mark.parametrize(
    ("gain", "grade"), [(1.005, Grade.GOOD), (1.02, Grade.USABLE), (0.95, Grade.REDO)]
)
def test_another_gain_shows_in_the_light_and_not_in_the_place(gain: float, grade: Grade) -> None:
    found = quality(scene() * np.float32(gain), scene())
    assert [found.light_difference[band] for band in (0, 7, 15)] == [
        pytest.approx(gain - 1, abs=0.002)
    ] * 3
    assert found.displacement_p95_px is not None
    assert found.displacement_p95_px < 0.03
    assert found.verdict.grade == grade
    assert ("calibrate colour again" in str(found.verdict)) == (grade != Grade.GOOD)


def test_a_black_level_that_drifted_shows_as_light_that_does_not_grow_with_light() -> None:
    found = quality(scene() + np.float32(0.004), scene())
    assert found.light_offset == pytest.approx(0.004, abs=0.0002)
    assert "0.40% of full scale whatever the light is" in str(found.verdict)
    assert "calibrate dark again" in str(found.verdict)


def test_light_that_flickers_is_told_and_a_picture_that_moves_is_not() -> None:
    brighter = [
        pair(scene() * np.float32(gain), scene() * np.float32(gain), n)
        for n, gain in enumerate((1.0, 1.2, 0.9))
    ]
    assert "the light changes by 20% from frame to frame" in str(pair_quality([brighter]).verdict)
    moving = [moved(scene(), 40.0 * n, 25.0 * n) for n in range(3)]
    panned = [pair(each, each, n) for n, each in enumerate(moving)]
    assert pair_quality([panned]).flicker == 0.0


def test_a_bright_thing_that_passes_on_a_dark_belt_is_no_flicker() -> None:
    dark = np.full((ROWS, COLUMNS), 0.004, np.float32)
    passing = []
    for left in (100, 130, 160):
        light = dark.copy()
        light[200:240, left : left + 40] = 0.5
        passing.append(pair(light, light))
    assert pair_quality([passing]).flicker == 0.0


def test_a_camera_out_of_focus_is_named() -> None:
    soft = cv2.GaussianBlur(scene(), (0, 0), 4.0)
    assert "the RSGR camera is out of focus" in str(quality(soft, scene()).verdict)
    assert "the GS camera is out of focus" in str(quality(scene(), soft).verdict)


def test_pictures_of_different_things_are_not_compared_further() -> None:
    found = quality(scene(), np.full_like(scene(), 0.002))
    assert "hardly alike (correlation 0.00)" in str(found.verdict)
    assert "light differs" not in str(found.verdict)


def test_a_wrong_line_time_shows_as_light_that_differs_more_from_band_to_band() -> None:
    ramp = np.linspace(1.0, 1.05, ROWS, dtype=np.float32)[:, None]
    found = quality(scene() * ramp, scene())
    middles = 0.05 * (np.arange(BANDS) + 0.5) / BANDS
    np.testing.assert_allclose(np.array(found.light_difference, float), middles, atol=0.003)
    assert "light differs by 4.8% in some rows" in str(found.verdict)


def test_saturation_is_told_by_rows_and_left_out_of_the_rest() -> None:
    clipped = NOWHERE.copy()
    clipped[-ROWS // 4 :, :64] = True
    rsgr = scene()
    rsgr[clipped] = 0.1
    found = quality(rsgr, scene(), clipped=clipped)
    np.testing.assert_allclose(found.saturated, [0.0] * 12 + [0.1] * 4, atol=1e-6)
    assert all(each is not None and abs(each) < 0.002 for each in found.light_difference)
    assert found.verdict.grade == Grade.USABLE
    assert "10% of the pixels are saturated in some rows" in str(found.verdict)


def test_what_the_gs_camera_does_not_see_is_left_out() -> None:
    valid = ~NOWHERE
    valid[:, :100] = False
    gs = scene()
    gs[~valid] = 0.0
    found = quality(scene(), gs, valid=valid)
    assert found.verdict.grade == Grade.GOOD
    assert found.still_share > 0.9
    assert all(row[0] is None for row in found.displacement_px)


def test_sharpness_is_that_of_gs_over_rsgr() -> None:
    soft = cv2.GaussianBlur(scene(), (0, 0), 2.0)
    sharper, softer = quality(soft, scene()).sharpness, quality(scene(), soft).sharpness
    assert sharper is not None
    assert softer is not None
    assert sharper > 1.1
    assert softer < 0.9


def test_what_moves_says_nothing_of_the_calibration() -> None:
    """A moving target is blurred otherwise in RSGR: that is no fault of the rig."""
    target = moved(scene(), 31.0, 17.0)[:200, :150] * np.float32(1.3)
    pairs = []
    for number in range(4):
        gs = scene()
        gs[100:300, 100 + 30 * number : 250 + 30 * number] = target
        rsgr = scene()
        rsgr[100:300, 90:360] = cv2.blur(gs, (31, 1))[100:300, 90:360]
        pairs.append(pair(rsgr, gs, number))
    still = still_part(*pairs[:3])
    assert still[110:290, 110:240].mean() < 0.01
    assert still[20:80, 400:].mean() > 0.9
    assert pair_quality([pairs[:3], pairs[1:]]).verdict.grade == Grade.GOOD


def test_a_picture_in_which_all_moves_cannot_be_judged() -> None:
    pairs = [
        pair(moved(scene(), 9.0 * number, 0.0), moved(scene(), 9.0 * number, 0.0), number)
        for number in range(3)
    ]
    found = pair_quality([(pairs[0], pairs[1], pairs[2])])
    assert found.still_share < 0.3
    black = [(replace(one, clipped=~NOWHERE),) for one in pairs]
    nothing = pair_quality(black)
    assert nothing.still_share == 0.0
    assert nothing.light_difference == (None,) * BANDS
    assert nothing.difference_noises is None
    assert nothing.sharpness is None
    assert "only 0.0 % of the picture stands still" in str(nothing.verdict)


def test_differences_beyond_the_noise_expected_are_said() -> None:
    patches = np.random.default_rng(4).normal(0.0, 0.02, (ROWS, COLUMNS)).astype(np.float32)
    found = quality(scene() + patches, scene())
    assert found.difference_noises is not None
    assert found.difference_noises > 2.5
    assert found.verdict.grade == Grade.REDO
    assert "times their noise" in str(found.verdict)


def test_no_pairs_are_refused() -> None:
    with pytest.raises(InstrumentError, match="record with both cameras triggered"):
        pair_quality([])
