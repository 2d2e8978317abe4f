"""One map for every region, true to the virtual rig's optics, and pictures taken along it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from calibration.geometric.pixel_map import PixelMap, monomials
from drivers.camera_settings import Region
from drivers.virtual.camera.camera_models import GS

SENSOR = (1440, 1080)
WHOLE = Region(0, 0, *SENSOR)
IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


def plain(**values: object) -> PixelMap:
    given = {"rsgr_sensor_px": SENSOR, "gs_sensor_px": SENSOR, "mirrored": False}
    return PixelMap.model_validate({"homography": IDENTITY, **given, **values})


def true_map() -> PixelMap:
    """The virtual GS camera's view, written down in the map's own terms."""
    half_diagonal_px = np.hypot(*SENSOR) / 2
    middle = (np.array(SENSOR) - 1) / 2
    to_px = np.array(
        [[half_diagonal_px, 0, middle[0]], [0, half_diagonal_px, middle[1]], [0, 0, 1]]
    )
    matrix = np.linalg.inv(to_px) @ np.linalg.inv(np.array(GS.view.homography)) @ to_px
    values = tuple(float(value) for value in matrix.ravel())
    return plain(mirrored=True, homography=values, gs_radial=(GS.view.k1, 0.0))


def pixels(region: Region) -> NDArray[np.float64]:
    x, y = np.meshgrid(
        np.arange(region.width_px) + region.offset_x_px,
        np.arange(region.height_px) + region.offset_y_px,
    )
    return np.stack([x, y], axis=-1).astype(np.float64)


def texture(points_px: NDArray[np.float64]) -> NDArray[np.float32]:
    """Waves of 12 px and longer over the RSGR sensor's plane."""
    x, y = points_px[..., 0], points_px[..., 1]
    return (0.5 + 0.2 * np.sin(x / 2.0) + 0.2 * np.cos((y + x / 3) / 4.0)).astype(np.float32)


def seen_by_gs(region: Region) -> NDArray[np.float32]:
    return texture(GS.view.to_scene(pixels(region)))


@st.composite
def regions(draw: st.DrawFn) -> Region:
    width, height = draw(st.integers(16, 400)), draw(st.integers(16, 300))
    left = draw(st.integers(0, SENSOR[0] - width))
    return Region(left, draw(st.integers(0, SENSOR[1] - height)), width, height)


def test_it_can_say_exactly_what_the_virtual_rig_does() -> None:
    points = pixels(WHOLE)[::37, ::41]
    assert np.abs(true_map().to_gs(points) - GS.view.to_camera(points)).max() < 1e-9


def test_a_mirror_exchanges_left_and_right_about_the_sensors_middle() -> None:
    points = np.array([[0.0, 0.0], [1439.0, 10.0], [719.5, 539.5]])
    mirrored = plain(mirrored=True).to_gs(points)
    np.testing.assert_allclose(mirrored, [[1439.0, 0.0], [0.0, 10.0], [719.5, 539.5]], atol=1e-9)


def test_sensors_of_two_sizes_are_laid_middle_on_middle() -> None:
    larger = plain(gs_sensor_px=(2880, 2160))
    points = np.array([[719.5, 539.5], [-0.5, -0.5], [1439.5, 1079.5]])
    seen = [[1439.5, 1079.5], [-0.5, -0.5], [2879.5, 2159.5]]
    np.testing.assert_allclose(larger.to_gs(points), seen, atol=1e-9)


def test_the_residual_warp_is_added_in_gs_pixels() -> None:
    terms = np.zeros((2, monomials(np.zeros((1, 2))).shape[1]))
    terms[0, 0], terms[1, 2] = 3.0, 2.0  # x + 3; y + 2 * y in half diagonals
    bent = plain(residual_px=terms.tolist())
    half_diagonal_px = np.hypot(*SENSOR) / 2
    below_px = 539.5 + half_diagonal_px
    np.testing.assert_allclose(bent.to_gs(np.array([719.5, 539.5])), [722.5, 539.5])
    np.testing.assert_allclose(bent.to_gs(np.array([719.5, below_px])), [722.5, below_px + 2.0])


def test_monomials_are_all_powers_up_to_the_fourth() -> None:
    x, y = 0.3, -0.7
    powers = [x**a * y**b for total in range(5) for b in range(total + 1) for a in [total - b]]
    np.testing.assert_allclose(monomials(np.array([x, y])), powers)


@given(rsgr=regions(), gs=regions())
@settings(max_examples=25, deadline=None)
def test_one_map_serves_every_region(rsgr: Region, gs: Region) -> None:
    x, y = true_map().tables(rsgr, gs)
    assert x.shape == y.shape == (rsgr.height_px, rsgr.width_px)
    on_sensor = np.stack([x + gs.offset_x_px, y + gs.offset_y_px], axis=-1)
    np.testing.assert_allclose(on_sensor, GS.view.to_camera(pixels(rsgr)), atol=1e-3)


@given(rsgr=regions())
@settings(max_examples=25, deadline=None)
def test_the_gs_region_shows_what_the_rsgr_region_does(rsgr: Region) -> None:
    found = true_map().gs_region(rsgr)
    assert (found.width_px, found.height_px) == (rsgr.width_px, rsgr.height_px)
    looked_at = GS.view.to_camera(pixels(rsgr)).reshape(-1, 2).mean(axis=0)
    assert np.abs(looked_at - pixels(found).reshape(-1, 2).mean(axis=0)).max() < 1.5


@pytest.mark.parametrize("left", [0, 500, 1180])
def test_a_picture_lands_on_the_rsgr_pixels(left: int) -> None:
    rsgr = Region(left, 400, 260, 200)
    found = true_map()
    gs = found.gs_region(rsgr)
    warped, valid = found.warp_to_rsgr(seen_by_gs(gs), rsgr, gs)
    assert warped.dtype == np.float32
    assert valid.mean() > 0.85
    assert np.abs(warped - texture(pixels(rsgr)))[valid].max() < 0.01


@given(
    rsgr=regions(),
    shift=st.tuples(st.integers(-40, 40), st.integers(-40, 40)),
    margin=st.integers(1, 30),
)
@settings(max_examples=15, deadline=None)
def test_valid_pixels_need_nothing_from_beyond_the_picture_and_the_others_are_0(
    rsgr: Region, shift: tuple[int, int], margin: int
) -> None:
    found = true_map()
    near = found.gs_region(rsgr)
    left, top = near.offset_x_px + shift[0], near.offset_y_px + shift[1]
    gs = Region(left, top, near.width_px, near.height_px)
    wider = Region(left - margin, top - margin, gs.width_px + 2 * margin, gs.height_px + 2 * margin)
    picture = seen_by_gs(gs)
    glaring = np.pad(picture, margin, constant_values=100.0)
    warped, valid = found.warp_to_rsgr(picture, rsgr, gs)
    glared, _ = found.warp_to_rsgr(glaring, rsgr, wider)
    assert not warped[~valid].any()
    np.testing.assert_allclose(warped[valid], glared[valid], atol=0.01)


def test_where_the_gs_camera_does_not_look_nothing_is_valid() -> None:
    rsgr, elsewhere = Region(0, 0, 200, 100), Region(0, 900, 200, 100)
    warped, valid = true_map().warp_to_rsgr(seen_by_gs(elsewhere), rsgr, elsewhere)
    assert not valid.any()
    assert not warped.any()


def test_colour_is_warped_channel_by_channel() -> None:
    rsgr = Region(20, 300, 300, 200)
    found = true_map()
    gs = found.gs_region(rsgr)
    grey = seen_by_gs(gs)
    colour = np.stack([grey, 1 - grey, grey**2], axis=-1)
    warped, valid = found.warp_to_rsgr(colour, rsgr, gs)
    for channel in range(3):
        alone, also_valid = found.warp_to_rsgr(colour[..., channel].copy(), rsgr, gs)
        np.testing.assert_array_equal(valid, also_valid)
        np.testing.assert_allclose(warped[..., channel], alone, atol=1e-6)


def test_a_map_read_back_is_the_same_map() -> None:
    written = true_map()
    assert PixelMap.model_validate_json(written.model_dump_json()) == written
