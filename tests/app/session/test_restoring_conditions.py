"""When the restored view stays off, and what the operator is told to do."""

from types import SimpleNamespace

import pytest

from app.session.config import SessionConfig
from app.session.restoring_conditions import timing_in_use, why_not_restoring
from drivers.camera import DeviceState, RowTiming
from drivers.camera_settings import ShutterMode, TriggerSource
from drivers.timing import ReadoutDirection, TimingSource

UNKNOWN, RESET = ShutterMode.UNKNOWN, ShutterMode.GLOBAL_RESET


def reason(
    mode: ShutterMode, proven: bool | None = None, *, free: bool = False, line_time_us: float = 9.0
) -> str:
    source = TriggerSource.OFF if free else TriggerSource.SOFTWARE
    camera = SimpleNamespace(
        state=DeviceState(mode, source, runs_free=free),
        row_timing=RowTiming(None, TimingSource.UNKNOWN),
        settings=SimpleNamespace(exposure_us=1000.0),
        frame_format=SimpleNamespace(rows=100),
    )
    config = SessionConfig(line_time_us=line_time_us or None)
    return why_not_restoring(camera, config, "row-gain", proven)  # type: ignore[arg-type]


def test_a_camera_of_unknown_shutter_that_runs_free_is_not_restored() -> None:
    assert "runs free, as in rolling shutter; trigger it, or prove" in reason(UNKNOWN, free=True)
    assert reason(UNKNOWN, proven=True, free=True) == ""
    assert "disproved" in reason(UNKNOWN, proven=False, free=True)


def test_a_triggered_camera_of_unknown_shutter_needs_a_line_time() -> None:
    assert reason(UNKNOWN) == ""
    assert "give --line-time-us" in reason(UNKNOWN, line_time_us=0.0)


@pytest.mark.parametrize("free", [False, True])
def test_the_mode_node_counts_until_images_say_otherwise(free: bool) -> None:
    assert reason(RESET, free=free) == ""
    assert "rolling shutter: there is no ramp" in reason(ShutterMode.ROLLING, free=free)
    assert reason(ShutterMode.ROLLING, proven=True, free=free) == ""


def test_the_operators_readout_goes_before_that_of_images_and_that_before_the_cameras() -> None:
    camera = SimpleNamespace(
        row_timing=RowTiming(9.0, TimingSource.NODE),
        settings=SimpleNamespace(exposure_us=1000.0),
        frame_format=SimpleNamespace(rows=100),
    )

    def direction(
        given: ReadoutDirection | None, seen: ReadoutDirection | None
    ) -> ReadoutDirection:
        in_use = timing_in_use(camera, SessionConfig(readout=given), seen)  # type: ignore[arg-type]
        assert in_use.sensor is not None
        return in_use.sensor.direction

    up, inwards = ReadoutDirection.BOTTOM_UP, ReadoutDirection.OUTSIDE_IN
    assert direction(None, None) is ReadoutDirection.TOP_DOWN
    assert direction(None, up) is up
    assert direction(inwards, up) is inwards
