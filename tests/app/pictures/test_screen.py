"""Raw codes on screen: the same sRGB as the restored picture's, whatever the format."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from app.pictures.screen import RawEncoder, raw_row_light, screen_row_light
from drivers.pixel_format import PIXEL_FORMATS
from drivers.radiometry import Radiometry
from drivers.srgb import srgb_codes
from models.encoding import to_screen


def radiometry(name: str, black_level_dn: float = 0.0, **more: object) -> Radiometry:
    pixel_format = PIXEL_FORMATS[name]
    return Radiometry(pixel_format, black_level_dn, float(pixel_format.maximum_dn), **more)


def mosaic(pattern: str, red: int, green: int, blue: int, dtype: type) -> np.ndarray:
    """A flat colour as a sensor of this PFNC pattern codes it."""
    cell = {"RG": "RGGB", "GR": "GRBG", "GB": "GBRG", "BG": "BGGR"}[pattern]
    codes = [{"R": red, "G": green, "B": blue}[colour] for colour in cell]
    return np.tile(np.array(codes, dtype).reshape(2, 2), (8, 10))


def test_the_table_and_the_restorers_encoding_agree() -> None:
    light = np.linspace(-0.1, 1.2, 100_001)
    by_torch = to_screen(torch.from_numpy(light)).astype(int)
    assert np.abs(srgb_codes(light).astype(int) - by_torch).max() <= 1


@pytest.mark.parametrize("name", ["Mono8", "Mono10", "Mono12", "Mono16"])
def test_black_level_is_black_and_saturation_white(name: str) -> None:
    full = PIXEL_FORMATS[name].maximum_dn
    black = full // 16
    codes = np.array([[0, black, full]], PIXEL_FORMATS[name].dtype)
    assert RawEncoder(radiometry(name, black))(codes).tolist() == [[0, 0, 255]]


def test_middle_grey_is_encoded_not_scaled() -> None:
    codes = np.full((2, 2), 2048, np.uint16)
    assert np.unique(RawEncoder(radiometry("Mono12"))(codes)).tolist() == [188]


@pytest.mark.parametrize("pattern", ["RG", "GR", "GB", "BG"])
@pytest.mark.parametrize("bits", [8, 12])
def test_every_mosaic_gives_its_own_colour(pattern: str, bits: int) -> None:
    pixel_format = PIXEL_FORMATS[f"Bayer{pattern}{bits}"]
    full = pixel_format.maximum_dn
    codes = mosaic(pattern, full, full // 2, 0, pixel_format.dtype.type)
    picture = RawEncoder(radiometry(pixel_format.name))(codes)
    assert picture.shape == (*codes.shape, 3)
    red, green, blue = picture[8, 10].tolist()
    assert (red, blue) == (255, 0)
    assert green == pytest.approx(188, abs=1)


@pytest.mark.parametrize("name", ["BayerGB8", "BayerGR12", "RGB8"])
def test_white_balance_makes_a_tinted_grey_neutral(name: str) -> None:
    pixel_format = PIXEL_FORMATS[name]
    green = pixel_format.maximum_dn // 2
    tinted = green // 2, green, green // 4
    if pixel_format.bayer is None:
        codes = np.full((6, 6, 3), tinted, np.uint8)
    else:
        codes = mosaic(pixel_format.bayer, *tinted, pixel_format.dtype.type)
    picture = RawEncoder(radiometry(name, white_balance=(2.0, 1.0, 4.0)))(codes)
    pixel = picture[2, 2].astype(int)
    assert np.ptp(pixel) <= 2


@given(st.integers(0, 65535))
def test_stray_bits_above_the_code_width_do_not_break_the_picture(code: int) -> None:
    codes = np.full((1, 1), code, np.uint16)
    assert RawEncoder(radiometry("Mono10"))(codes).shape == (1, 1)


def test_rows_of_a_ramp_are_told_in_linear_light_from_codes_and_from_the_screen() -> None:
    light = np.linspace(0.05, 0.95, 40)
    codes = np.round(100 + light * (4095 - 100)).astype(np.uint16)[:, None].repeat(33, axis=1)
    conditions = radiometry("Mono12", 100.0)
    assert raw_row_light(codes, conditions) == pytest.approx(light, abs=1e-3)
    assert screen_row_light(RawEncoder(conditions)(codes)) == pytest.approx(light, abs=6e-3)


def test_rows_of_a_mosaic_do_not_zigzag() -> None:
    codes = mosaic("RG", 200, 100, 20, np.uint8)
    rows = raw_row_light(codes, radiometry("BayerRG8"))
    assert np.ptp(rows) < 0.01
    assert rows.shape == (codes.shape[0],)
