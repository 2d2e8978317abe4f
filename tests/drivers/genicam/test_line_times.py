"""Line times printed in manuals: by model and format, after the camera's own word."""

import pytest

from drivers.camera import RowTiming
from drivers.genicam.makers.line_times import printed_line_time, printed_line_times
from drivers.genicam.standard_features import Features
from drivers.timing import FRAME_OVERHEAD_US, TimingSource, highest_fps
from tests.drivers.genicam import register_memory as device
from tests.drivers.genicam.register_memory import DescribedDevice

MODEL = "acA2500-14gm"


def camera(*more: str, pixel_format: str = "Mono12", rows: int = 1000) -> DescribedDevice:
    described = DescribedDevice(
        device.description(
            device.number("Width", 16, 2592, 0x100, step=16),
            device.number("Height", 16, 1944, 0x110, step=2),
            device.enumeration("PixelFormat", pixel_format, address=0x120),
            *more,
        )
    )
    described.node_map.get_node("Width").value = 640
    described.node_map.get_node("Height").value = rows
    return described


def timing(described: DescribedDevice, model: str = MODEL) -> RowTiming:
    return Features(described.node_map).row_timing(model)


def write(described: DescribedDevice, node: str, value: float) -> None:
    described.node_map.get_node(node).value = value


@pytest.mark.parametrize(
    ("model", "pixel_format", "line_time_us"),
    [
        ("acA2500-14gm", "Mono8", 35.0),
        ("acA1920-25uc", "BayerGB12p", 35.0),
        ("acA3800-14um", "Mono8", 24.725),
        ("acA3800-14um", "Mono12p", 28.475),
        ("acA3800-14uc", "BayerBG12", 30.975),
        ("acA4600-10uc", "BayerRG12", 37.0),
    ],
)
def test_manuals_line_times(model: str, pixel_format: str, line_time_us: float) -> None:
    found = printed_line_time(model, pixel_format, {})
    assert found is not None
    assert found[0] == line_time_us


@pytest.mark.parametrize(
    ("model", "pixel_format", "modes"),
    [
        ("acA2500-60um", "Mono8", {}),
        ("acA3800-14um", "RGB8", {}),
        ("acA3800-14um", "Mono8", {"BinningVertical": "2"}),
        ("acA3800-14um", "Mono8", {"DecimationVertical": "4"}),
    ],
)
def test_what_a_manual_does_not_say_is_not_guessed(
    model: str, pixel_format: str, modes: dict[str, str]
) -> None:
    assert printed_line_time(model, pixel_format, modes) is None


def test_every_figure_has_its_source() -> None:
    assert all("manual" in each.source for each in printed_line_times())


def test_the_cameras_own_word_goes_first_then_the_manual_then_an_estimate() -> None:
    told = camera(device.number("LineTime", 1, 100, 0x200))
    write(told, "LineTime", 34.0)
    assert timing(told).source is TimingSource.NODE
    assert timing(told).line_time_us == 34.0
    assert timing(camera()).source is TimingSource.MAKER
    read = camera(device.number("ReadoutTimeAbs", 0, 1e6, 0x200))
    write(read, "ReadoutTimeAbs", 35_490.0)
    estimated = timing(read, "another")
    assert (estimated.source, estimated.line_time_us) == (TimingSource.ESTIMATED, 35.49)
    assert timing(camera(), "another").source is TimingSource.UNKNOWN


def test_the_readouts_constant_lowers_the_highest_rate() -> None:
    told = timing(camera())
    assert told.overhead_us == 810.0
    sensor = told.of(2000.0, 1000)
    assert sensor is not None
    assert highest_fps(sensor) == pytest.approx(1e6 / (2000.0 + 1000 * 35.0 + 810.0))


def test_a_readout_longer_than_its_rows_tells_the_constant() -> None:
    """acA3800-14um, whose manual leaves the constant open."""
    read = camera(device.number("ReadoutTimeAbs", 0, 1e6, 0x200), pixel_format="Mono8")
    write(read, "ReadoutTimeAbs", 1000 * 24.725 + 600.0)
    assert timing(read, "acA3800-14um").overhead_us == pytest.approx(600.0, abs=0.1)
    write(read, "ReadoutTimeAbs", 1000.0)
    assert timing(read, "acA3800-14um").overhead_us == FRAME_OVERHEAD_US
