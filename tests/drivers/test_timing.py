"""The ramp of global reset, defined once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import InstrumentError, SettingRefusedError
from drivers.timing import ReadoutDirection, SensorTiming, check_frame_rate, highest_fps

timings = st.builds(
    SensorTiming,
    exposure_us=st.floats(1, 1e6),
    line_time_us=st.floats(0, 100),
    rows=st.integers(1, 500),
    direction=st.sampled_from(ReadoutDirection),
)


@given(timing=timings)
def test_first_row_read_sees_t0_and_no_row_less(timing: SensorTiming) -> None:
    exposure_us = timing.row_exposure_us()
    assert exposure_us.shape == (timing.rows,)
    assert exposure_us.min() == timing.exposure_us
    first_read = int(np.argmin(timing.readout_index()))
    assert exposure_us[first_read] == timing.exposure_us


@given(exposure_us=st.floats(1, 1e6), rows=st.integers(1, 500))
def test_no_line_time_is_a_global_shutter(exposure_us: float, rows: int) -> None:
    assert (SensorTiming(exposure_us, 0.0, rows).row_exposure_us() == exposure_us).all()


@given(timing=timings)
def test_row_gain_undoes_the_longer_exposure_of_a_row(timing: SensorTiming) -> None:
    ratio = timing.exposure_ratio()
    np.testing.assert_allclose(ratio * timing.exposure_us, timing.row_exposure_us(), rtol=1e-12)
    np.testing.assert_allclose(timing.row_gain() * ratio, 1.0, rtol=1e-12)
    assert ratio.min() == 1.0
    last_read = int(np.argmax(timing.readout_index()))
    assert timing.last_exposure_ratio() == ratio[last_read]
    assert timing.last_row_exposure_us() == timing.row_exposure_us()[last_read]


def test_directions_map_readout_to_image_rows() -> None:
    def index(direction: ReadoutDirection, rows: int) -> list[int]:
        return SensorTiming(1.0, 1.0, rows, direction).readout_index().tolist()

    assert index(ReadoutDirection.TOP_DOWN, 4) == [0, 1, 2, 3]
    assert index(ReadoutDirection.BOTTOM_UP, 4) == [3, 2, 1, 0]
    assert index(ReadoutDirection.CENTRE_OUT, 4) == [1, 0, 0, 1]
    assert index(ReadoutDirection.CENTRE_OUT, 5) == [2, 1, 0, 0, 1]
    assert index(ReadoutDirection.OUTSIDE_IN, 4) == [0, 1, 1, 0]
    assert index(ReadoutDirection.OUTSIDE_IN, 5) == [0, 1, 2, 1, 0]


def test_a_rate_beyond_the_sensor_is_refused_with_the_limit() -> None:
    timing = SensorTiming(exposure_us=4000.0, line_time_us=8.0, rows=1080)
    limit = highest_fps(timing)
    # Exposure and readout follow each other: 4000 + 1080 * 8 us and some overhead.
    assert limit == pytest.approx(1e6 / 12690)
    assert check_frame_rate(limit, timing) == limit
    with pytest.raises(SettingRefusedError, match=r"100 fps exceeds 78\.8 fps"):
        check_frame_rate(100.0, timing)


@pytest.mark.parametrize(
    ("exposure_us", "line_time_us", "rows", "words"),
    [(0, 6, 4, "exposure 0"), (1000, -1, 4, "line time -1"), (1000, 6, 0, "0 rows")],
)
def test_impossible_timing_is_refused(
    exposure_us: float, line_time_us: float, rows: int, words: str
) -> None:
    with pytest.raises(InstrumentError, match=words):
        SensorTiming(exposure_us, line_time_us, rows)
