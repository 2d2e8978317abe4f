"""What is known of footage: options before metadata, nothing guessed, nothing impossible."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.restore.footage import FootageFormat
from app.restore.imaging_conditions import FootageConditions, conditions_of
from drivers.code_encoding import Encoding
from drivers.errors import InstrumentError
from drivers.given_conditions import GivenConditions, interval_of
from drivers.pixel_format import PIXEL_FORMATS
from drivers.srgb import linear_from_srgb
from drivers.timing import ReadoutDirection
from models.dataset.sequence_info import SequenceInfo

INFO = SequenceInfo(
    exposure_us=2000.0,
    line_time_us=10.0,
    rows=4,
    columns=6,
    direction=ReadoutDirection.BOTTOM_UP,
    frame_interval_us=10_000.0,
    pixel_format="Mono12",
    black_level_dn=64.0,
    saturation_dn=4000.0,
    system_gain_dn_per_e=0.4,
    temporal_dark_noise_e=2.0,
    white_balance=(1.5, 1.0, 2.0),
    synthetic=True,
    generator="test",
)
DESCRIBED = FootageFormat((4, 6), np.dtype(np.uint16), None, info=INFO)
BARE = FootageFormat((4, 6), np.dtype(np.uint8), PIXEL_FORMATS["Mono8"])
ALL = GivenConditions(
    exposure_us=1000.0, line_time_us=5.0, interval_us=20_000.0, black_level_dn=3.0
)


def test_metadata_is_taken_over_whole() -> None:
    known = conditions_of(DESCRIBED, GivenConditions(), "clip")
    assert known.frames.timing == INFO.timing
    assert known.frames.radiometry == INFO.radiometry
    assert known.interval_us == INFO.frame_interval_us
    assert known.from_metadata


def test_options_go_before_metadata() -> None:
    asked = GivenConditions(
        line_time_us=7.0,
        direction=ReadoutDirection.TOP_DOWN,
        pixel_format="Mono16",
        saturation_dn=60_000.0,
    )
    known = conditions_of(DESCRIBED, asked, "clip")
    assert known.frames.timing == replace(
        INFO.timing, line_time_us=7.0, direction=ReadoutDirection.TOP_DOWN
    )
    assert known.frames.radiometry.pixel_format.name == "Mono16"
    assert known.frames.radiometry.black_level_dn == 64.0
    assert known.frames.radiometry.saturation_dn == 60_000.0
    assert not known.from_metadata


@pytest.mark.parametrize(
    ("field", "option"),
    [
        ("exposure_us", "--exposure-us"),
        ("line_time_us", "--line-time-us"),
        ("interval_us", "--fps"),
        ("black_level_dn", "--black-level-dn"),
    ],
)
def test_what_is_missing_is_named_and_nothing_else(field: str, option: str) -> None:
    with pytest.raises(InstrumentError, match=f"give {option}") as refused:
        conditions_of(BARE, replace(ALL, **{field: None}), "clip")
    assert str(refused.value).count("--") == (2 if field == "black_level_dn" else 1)


def test_deep_pictures_leave_their_bits_open() -> None:
    deep = FootageFormat((4, 6), np.dtype(np.uint16), None)
    with pytest.raises(InstrumentError, match="give --pixel-format"):
        conditions_of(deep, ALL, "clip")
    known = conditions_of(deep, replace(ALL, pixel_format="Mono10"), "clip")
    assert known.frames.radiometry.saturation_dn == 1023.0


@pytest.mark.parametrize(
    ("footage", "asked", "words"),
    [
        (BARE, replace(ALL, pixel_format="Mono12"), "8 bit grey pictures, Mono12 is 16 bit"),
        (BARE, replace(ALL, pixel_format="RGB8"), "RGB8 is 8 bit RGB"),
        (
            BARE,
            replace(ALL, pixel_format="Mono9"),
            "Mono9 cannot be read; choose one of Mono8",
        ),
        (BARE, replace(ALL, exposure_us=-1.0), "above 0 us"),
        (BARE, replace(ALL, exposure_us=30_000.0), "longer than the 20000 us"),
        (BARE, replace(ALL, black_level_dn=300.0), "black level 300 DN"),
        (replace(DESCRIBED, shape=(5, 6)), GivenConditions(), "speaks of 6 x 4 px"),
        (
            BARE,
            replace(ALL, pixel_format="BayerRG8", encoding=Encoding.SRGB),
            "a mosaic is linear",
        ),
    ],
)
def test_what_cannot_be_is_refused(
    footage: FootageFormat, asked: GivenConditions, words: str
) -> None:
    with pytest.raises(InstrumentError, match=words):
        conditions_of(footage, asked, "clip")


@given(st.floats(max_value=0.0, allow_nan=False) | st.sampled_from([np.inf, np.nan]))
def test_what_is_no_frame_rate_is_refused(fps: float) -> None:
    with pytest.raises(InstrumentError, match="--fps"):
        interval_of(fps)


def _light(known: FootageConditions, codes: np.ndarray) -> np.ndarray:
    return known.frames.radiometry.light_of(known.frame(0, codes).pixels)


def test_srgb_codes_become_linear_light() -> None:
    known = conditions_of(BARE, replace(ALL, black_level_dn=None, encoding=Encoding.SRGB), "clip")
    codes = np.arange(256, dtype=np.uint8)
    np.testing.assert_allclose(_light(known, codes), linear_from_srgb(codes / 255), atol=1e-5)


def test_black_and_saturation_are_given_in_the_codes_of_the_file() -> None:
    asked = replace(ALL, black_level_dn=16.0, saturation_dn=240.0, encoding=Encoding.SRGB)
    light = _light(conditions_of(BARE, asked, "clip"), np.array([16, 240], np.uint8))
    np.testing.assert_allclose(light, [0.0, 1.0], atol=1e-5)


@given(st.integers(0, 65535))
def test_codes_beyond_the_bit_depth_are_refused(code: int) -> None:
    known = conditions_of(DESCRIBED, GivenConditions(), "clip")
    codes = np.full((4, 6), 64, np.uint16)
    codes[2, 3] = code
    if code <= 4095:
        assert known.frame(3, codes).metadata.start_time_ns == 30_000_000
        return
    with pytest.raises(InstrumentError, match=f"frame 3: code {code} DN exceeds 4095 DN"):
        known.frame(3, codes)
