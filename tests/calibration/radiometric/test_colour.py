"""Gain, offset, matrix and flat fields of light that is known."""

import re
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from calibration.radiometric.colour import (
    SHADING_GRID,
    ColourCalibration,
    PanelLight,
    Shading,
    colour_calibration,
    shading_of,
    white_balance_of,
)
from calibration.verdict import Grade
from drivers.camera_settings import Region
from drivers.errors import InstrumentError

ROWS, COLUMNS = 320, 480
EVERYWHERE = np.ones((ROWS, COLUMNS), bool)
EXPOSURE_US = 4000.0
NOISE = 0.002

MATRIX = np.array([[1.20, -0.10, 0.05], [0.02, 1.10, -0.05], [0.00, -0.08, 1.25]], np.float32)
"""From GS to RSGR red, green and blue."""

Light = NDArray[np.float32]


def noisy(light: Light, seed: int) -> Light:
    rng = np.random.default_rng(seed)
    return (light + rng.normal(0.0, NOISE, light.shape)).astype(np.float32)


def chart(low: float = 0.02, high: float = 0.6, *, colour: bool = False, seed: int = 1) -> Light:
    """Patches of 20 px of light between ``low`` and ``high``, as GS light."""
    channels = 3 if colour else 1
    patches = np.random.default_rng(seed).uniform(low, high, (ROWS // 20, COLUMNS // 20, channels))
    light = patches.repeat(20, axis=0).repeat(20, axis=1).astype(np.float32)
    return light if colour else light[..., 0]


def calibrated(
    rsgr: Light,
    gs: Light,
    usable: NDArray[np.bool_] = EVERYWHERE,
    panel: PanelLight | None = None,
) -> ColourCalibration:
    return colour_calibration(noisy(rsgr, 11), noisy(gs, 12), usable, EXPOSURE_US, panel)


def shaded(strength: float = 0.2) -> Light:
    """A field brighter to the right and darker below, 1 in the mean."""
    y, x = np.mgrid[-1 : 1 : ROWS * 1j, -1 : 1 : COLUMNS * 1j]
    return (1 + strength * x / 2 - strength * y / 4).astype(np.float32)


def test_gain_and_offset_of_mono_light() -> None:
    gs = chart()
    found = calibrated(1.32 * gs - 0.004, gs)
    assert found.gain == pytest.approx(1.32, abs=0.002)
    assert abs(found.gain - 1.32) < 5 * found.gain_error
    assert found.matrix == ((pytest.approx(found.gain),),)
    assert found.offset == (pytest.approx(-0.004, abs=0.0005),)
    assert found.exposure_us == EXPOSURE_US
    assert found.white_balance_gs == (1.0, 1.0, 1.0)
    assert found.shading_rsgr is None
    assert found.verdict.grade == Grade.GOOD
    np.testing.assert_allclose(found.match(gs), 1.32 * gs - 0.004, atol=0.002)


def test_a_matrix_between_two_colour_cameras() -> None:
    gs = chart(colour=True)
    true = gs @ MATRIX.T + np.array([0.002, 0.0, -0.003], np.float32)
    found = calibrated(true, gs)
    np.testing.assert_allclose(found.matrix, MATRIX, atol=0.005)
    np.testing.assert_allclose(found.offset, [0.002, 0.0, -0.003], atol=0.001)
    assert found.gain == pytest.approx(float(MATRIX.sum(axis=1).mean()), abs=0.005)
    assert found.verdict.grade == Grade.GOOD
    matched = found.match(gs)
    assert matched.dtype == np.float32
    np.testing.assert_allclose(matched, true, atol=0.005)


def test_what_is_not_usable_does_not_count() -> None:
    gs = chart()
    rsgr = 1.3 * gs
    usable = EVERYWHERE.copy()
    usable[:, 300:] = False
    rsgr[:, 300:] = 1.0
    found = calibrated(rsgr, gs, usable)
    assert found.gain == pytest.approx(1.3, abs=0.003)
    assert found.blocks <= 300 * ROWS // 64


def test_a_few_things_that_changed_are_left_out() -> None:
    gs = chart()
    rsgr = 1.3 * gs
    rsgr[100:140, 200:260] += 0.2
    found = calibrated(rsgr, gs)
    assert found.gain == pytest.approx(1.3, abs=0.003)
    assert found.offset == (pytest.approx(0.0, abs=0.001),)
    assert found.residual_percent < 0.5


def test_edges_seen_a_pixel_beside_do_not_count_as_another_light() -> None:
    gs = chart()
    found = calibrated(1.3 * np.roll(gs, 1, axis=1), gs)
    assert found.gain == pytest.approx(1.3, abs=0.005)
    assert found.verdict.grade == Grade.GOOD


@pytest.mark.parametrize("colour", [False, True], ids=["mono", "colour"])
def test_shading_of_a_panel_is_taken_out_and_put_back(colour: bool) -> None:
    field = shaded()
    panel = 0.4 * (np.dstack([field] * 3) if colour else field)
    found = shading_of(noisy(panel, 1))
    assert np.shape(found.map) == SHADING_GRID
    assert np.mean(found.map) == pytest.approx(1.0)
    # From the middle of the first to that of the last cell.
    true_percent = 100 * 0.2 * (9 / 10 + 7 / 8 / 2)
    assert found.range_percent == pytest.approx(true_percent, abs=0.5)
    flat = found.flatten(panel)
    inner = flat[25:-25, 30:-30]
    assert np.ptp(inner) / inner.mean() < 0.003
    np.testing.assert_allclose(found.shade(flat), panel, rtol=1e-5)


def test_a_flat_field_serves_any_region_of_its_sensor() -> None:
    region = Region(100, 60, COLUMNS, ROWS)
    found = shading_of(0.4 * shaded(), region)
    part = Region(100 + 200, 60 + 100, 160, 120)
    seen = 0.4 * shaded()[100:220, 200:360]
    flat = found.flatten(seen, part)
    np.testing.assert_allclose(flat, 0.4, rtol=0.003)
    again = Shading.model_validate_json(found.model_dump_json())
    np.testing.assert_array_equal(again.flatten(seen, part), flat)


def test_a_panel_that_is_not_even_is_refused() -> None:
    lamp_at_one_side = 0.3 * shaded(0.9)
    with pytest.raises(InstrumentError, match=r"the panel varies by \d+ %.*limit 50 %; light it"):
        shading_of(lamp_at_one_side)


def test_clipped_pixels_never_enter_the_flat_field() -> None:
    codes = noisy(0.4 * shaded(), 1)
    spoilt = np.zeros(codes.shape, bool)
    spoilt[: ROWS // 3] = np.random.default_rng(2).random((ROWS // 3, COLUMNS)) < 0.1
    codes[spoilt] = 1.0
    true = shading_of(0.4 * shaded())
    found, _ = PanelLight(codes, codes, rsgr_spoilt=spoilt, gs_spoilt=spoilt).shadings
    np.testing.assert_allclose(found.map, true.map, atol=0.002)
    assert not np.allclose(shading_of(codes).map, true.map, atol=0.05)


def test_a_part_that_clips_wholly_is_no_flat_field() -> None:
    spoilt = np.zeros((ROWS, COLUMNS), bool)
    spoilt[-40:, -50:] = True
    with pytest.raises(InstrumentError, match="a part of the panel is saturated"):
        shading_of(0.4 * shaded(), usable=~spoilt)


@pytest.mark.parametrize(
    ("light", "clipped", "reason"),
    [
        (0.9, 0.4, "saturated or changes in 40% of the GS picture, limit 5%; lower the exposure"),
        (
            0.005,
            0.0,
            "gives 0.5% of full scale in the GS picture, 2% are needed; take the lens cap",
        ),
    ],
)
def test_a_panel_too_bright_or_dark_is_refused_with_what_to_do(
    light: float, clipped: float, reason: str
) -> None:
    good = 0.4 * shaded()
    spoilt = np.zeros(good.shape, bool)
    spoilt[: round(clipped * ROWS)] = True
    panel = PanelLight(
        good, light * shaded(), rsgr_spoilt=np.zeros(good.shape, bool), gs_spoilt=spoilt
    )
    with pytest.raises(InstrumentError, match=re.escape(reason)):
        _ = panel.shadings


def test_a_panel_gives_shading_and_white_balance_of_both() -> None:
    grey = np.ones((ROWS, COLUMNS, 1), np.float32)
    rsgr = 0.3 * shaded()[..., None] * grey * np.array([0.6, 1.0, 0.75], np.float32)
    gs = 0.3 * grey * np.array([0.5, 1.0, 0.8], np.float32)
    region = Region(8, 16, COLUMNS, ROWS)
    scene = chart(colour=True)
    found = calibrated(scene, scene, panel=PanelLight(rsgr, gs, region, None))
    assert found.white_balance_rsgr == pytest.approx((1 / 0.6, 1.0, 1 / 0.75), rel=1e-3)
    assert found.white_balance_gs == pytest.approx((2.0, 1.0, 1.25), rel=1e-3)
    assert found.shading_rsgr is not None
    assert found.shading_rsgr.region_px == (8, 16, COLUMNS, ROWS)
    assert found.shading_gs is not None
    assert found.shading_gs.range_percent < 0.1
    assert white_balance_of(rsgr[..., 0]) == (1.0, 1.0, 1.0)


@pytest.mark.parametrize("mixed", [lambda gs: np.roll(gs, 100, axis=1), lambda gs: 0.8 - gs])
def test_two_scenes_or_one_that_moved_are_refused(mixed: Callable[[Light], Light]) -> None:
    gs = chart()
    with pytest.raises(InstrumentError, match="see different scenes, or the scene moves; hold it"):
        calibrated(mixed(gs), gs)


def test_nothing_but_darkness_is_refused() -> None:
    dark = np.zeros((ROWS, COLUMNS), np.float32)
    with pytest.raises(InstrumentError, match=r"correlated by -?0\.\d\d only"):
        calibrated(dark, dark)
    with pytest.raises(InstrumentError, match="the scene is all of one brightness; light it"):
        colour_calibration(dark, dark, EVERYWHERE, EXPOSURE_US)


def test_a_clipped_scene_is_refused_with_how_much_is_needed() -> None:
    usable = np.zeros((ROWS, COLUMNS), bool)
    usable[:80, :80] = True
    usable[::10, ::10] = True
    gs = chart()
    with pytest.raises(
        InstrumentError,
        match=r"100 squares of 8 px.*200 are needed; hold",
    ):
        calibrated(1.3 * gs, gs, usable)


@pytest.mark.parametrize(
    ("high", "grade", "reason"),
    [
        (0.22, Grade.USABLE, "show dark and bright things"),
        (0.08, Grade.REDO, "or raise the exposure"),
    ],
)
def test_a_dim_scene_is_graded_by_its_range(high: float, grade: Grade, reason: str) -> None:
    gs = chart(high=high)
    found = calibrated(1.1 * gs, gs)
    assert found.verdict.grade == grade
    assert reason in str(found.verdict)
    assert found.light_range[1] == pytest.approx(1.1 * high, abs=0.01)


def test_light_that_does_not_match_is_graded_by_what_is_left() -> None:
    gs = chart()
    bent = calibrated(gs**1.5, gs)
    assert bent.verdict.grade != Grade.GOOD
    rng = np.random.default_rng(5)
    unsteady = gs * rng.uniform(0.85, 1.15, (ROWS // 20, COLUMNS // 20)).repeat(20, 0).repeat(20, 1)
    found = calibrated(unsteady.astype(np.float32), gs)
    assert found.verdict.grade == Grade.REDO
    assert found.residual_percent > 3.0
    assert f"the light is matched within {found.residual_percent:.1f} %" in str(found.verdict)
