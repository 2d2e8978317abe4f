"""What a status means on screen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.gui.presenter import differences, snapped_region
from drivers.camera_settings import CameraControls, ExposureSettings, NumericControl, Region, merged

SENSOR = (1440, 1080)
CONTROLS = CameraControls(
    offset_x_px=NumericControl(0, 800, 4, "px"),
    offset_y_px=NumericControl(0, 600, 2, "px"),
    width_px=NumericControl(64, 1040, 8, "px"),
    height_px=NumericControl(16, 780, 2, "px"),
    sensor_size_px=SENSOR,
)
spans = st.integers(-100, 2000)


@given(spans, spans, st.integers(0, 2000), st.integers(0, 2000))
def test_a_drawn_region_always_becomes_one_the_device_can_set(
    left: int, top: int, width: int, height: int
) -> None:
    region = snapped_region(Region(left, top, width, height), CONTROLS)
    assert region.offset_x_px % 4 == 0
    assert region.offset_y_px % 2 == 0
    assert (region.width_px - 64) % 8 == 0
    assert (region.height_px - 16) % 2 == 0
    assert region.width_px >= 64
    assert region.height_px >= 16
    assert 0 <= region.offset_x_px <= SENSOR[0] - region.width_px
    assert 0 <= region.offset_y_px <= SENSOR[1] - region.height_px


def test_a_region_may_be_larger_than_the_present_one_allows() -> None:
    assert snapped_region(Region(0, 0, *SENSOR), CONTROLS) == Region(0, 0, *SENSOR)


def test_a_later_request_wins_and_the_rest_stays() -> None:
    both = merged(ExposureSettings(exposure_us=1.0, gain_db=2.0), ExposureSettings(exposure_us=3.0))
    assert both == ExposureSettings(exposure_us=3.0, gain_db=2.0)


@pytest.mark.parametrize(
    ("asked_us", "told"),
    [(2000.0, ""), (2000.4, ""), (2013.0, "exposure: asked 2013 µs, achieved 2000 µs")],
)
def test_only_a_difference_worth_knowing_is_told(asked_us: float, told: str) -> None:
    achieved = ExposureSettings(exposure_us=2000.0)
    assert differences(ExposureSettings(exposure_us=asked_us), achieved) == told
