"""The seam to GenApi: what an operator reads when a node is set, or cannot be."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.camera_settings import NumericControl
from drivers.errors import SettingRefusedError
from drivers.genicam import nodes
from tests.drivers.genicam import register_memory as device

EXPOSURE_US = NumericControl(minimum=10.0, maximum=5000.0, increment=0.0, unit="us")


def make_device() -> device.DescribedDevice:
    described = device.DescribedDevice(
        device.description(
            device.number("ExposureTime", 10, 5000, 0x100),
            device.number("ExposureTimeAbs", 10, 5000, 0x110),
            device.number("Width", 16, 1440, 0x120, step=8),
            device.number("DeviceKey", 0, 2**62, 0x130, step=1),
            device.enumeration(
                "PixelFormat", "Mono8", "Mono12", "RGB8", address=0x140, RGB8="InColour"
            ),
            device.number("Colour", 0, 1, 0x148, step=1),
            device.when("InColour", "Colour", "V"),
            device.when("Locked", "Colour", "V"),
            device.switch("ReverseX", 0x150),
            device.switch("ReverseY", 0x154, more="<ImposedAccessMode>RO</ImposedAccessMode>"),
            device.number("Binning", 1, 4, 0x158, step=1, more="<pIsLocked>Locked</pIsLocked>"),
            device.number("Hue", 0, 4, 0x160, step=1, more="<pIsAvailable>InColour</pIsAvailable>"),
            device.command("DeviceReset", 0x170),
            device.text("DeviceUserID", 0x180, 16),
            '<Category Name="Root"><pFeature>Width</pFeature><pFeature>ExposureTime</pFeature>'
            "<pFeature>ExposureTimeAbs</pFeature></Category>",
        )
    )
    described.node_map.get_node("Width").value = 640
    return described


@pytest.fixture
def described() -> device.DescribedDevice:
    return make_device()


@pytest.mark.parametrize(
    ("node", "text", "read_back"),
    [
        ("ExposureTime", "1234.5", "1234.5"),
        ("Width", "648", "648"),
        ("Width", "0x288", "648"),
        ("DeviceKey", f"{2**62 - 1}", f"{2**62 - 1}"),
        ("PixelFormat", "Mono12", "Mono12"),
        ("ReverseX", "on", "true"),
        ("ReverseX", "0", "false"),
        ("DeviceUserID", "left camera", "left camera"),
        ("DeviceReset", "execute", ""),
    ],
)
def test_text_sets_a_node_of_any_type(
    described: device.DescribedDevice, node: str, text: str, read_back: str
) -> None:
    assert nodes.set_node_text(described.node_map, node, text) == read_back


def test_a_command_reaches_the_device(described: device.DescribedDevice) -> None:
    nodes.set_node_text(described.node_map, "DeviceReset", "execute")
    assert described.memory.writes[-1] == (0x170, b"\x01\0\0\0")


@pytest.mark.parametrize(
    ("node", "text", "told"),
    [
        ("ExposureTme", "1", "no node ExposureTme; did you mean ExposureTime, ExposureTimeAbs"),
        ("Zzyzx", "1", "no node Zzyzx; look up its name"),
        ("Hue", "1", "node Hue is not available in the camera's present state"),
        ("ReverseY", "on", "node ReverseY cannot be written"),
        ("PixelFormat", "Mono16", "choose from: Mono8, Mono12$"),
        ("PixelFormat", "RGB8", "not offered by node PixelFormat in the present state"),
        ("ExposureTime", "6000", "ExposureTime 6000 us is outside 10 to 5000 us; nearest: 5000"),
        ("ExposureTime", "nan", "ExposureTime nan us is outside 10 to 5000 us"),
        ("ExposureTime", "9" * 400, "ExposureTime inf us is outside 10 to 5000 us"),
        ("Width", "0x" + "f" * 400, "Width inf  ?is outside"),
        ("ExposureTime", "short", "'short' is no number; node ExposureTime takes"),
        ("Width", "641", "Width 641  ?is no step of 8  ?from 16; nearest: 640, 648"),
        ("Width", "640.5", "nearest: 640, 648"),
        ("ReverseX", "left", "'left' is no switch position; node ReverseX takes true or false"),
        ("DeviceUserID", "x" * 17, "17 characters is longer than the 16 characters"),
        ("DeviceReset", "now", "write DeviceReset=execute"),
        ("Root", "1", "node Root"),
    ],
)
def test_a_refusal_says_what_to_do(
    described: device.DescribedDevice, node: str, text: str, told: str
) -> None:
    with pytest.raises(SettingRefusedError, match=told) as refusal:
        nodes.set_node_text(described.node_map, node, text)
    assert "\n" not in str(refusal.value)
    assert described.node_map.get_node("Width").value == 640


def test_a_locked_node_is_refused_and_keeps_its_value(described: device.DescribedDevice) -> None:
    nodes.set_node_text(described.node_map, "Binning", "2")
    nodes.set_node_text(described.node_map, "Colour", "1")
    with pytest.raises(SettingRefusedError, match="node Binning cannot be written"):
        nodes.set_node_text(described.node_map, "Binning", "3")
    assert nodes.read_text(nodes.require(described.node_map, "Binning")) == "2"


@given(st.floats(10, 5000))
def test_a_number_within_its_range_is_set(value: float) -> None:
    names = ("ExposureTime", "ExposureTimeAbs")
    read_back = nodes.set_number(make_device().node_map, names, value, "exposure", "us")
    assert math.isclose(read_back, value)


@given(st.floats().filter(lambda value: not 10 <= value <= 5000))
def test_a_number_beyond_its_range_is_refused_with_the_limits(value: float) -> None:
    with pytest.raises(SettingRefusedError, match=r"exposure .* us is outside 10 to 5000 us"):
        nodes.set_number(make_device().node_map, ("ExposureTime",), value, "exposure", "us")


@given(st.integers(16, 1440).filter(lambda value: value % 8))
def test_an_integer_off_its_grid_is_told_its_neighbours(value: int) -> None:
    with pytest.raises(SettingRefusedError) as refusal:
        nodes.set_number(make_device().node_map, ("Width",), value, "width", "px")
    below = value - value % 8
    assert str(refusal.value).endswith(f"nearest: {below}, {below + 8}")


def test_the_first_available_name_tells_the_range(described: device.DescribedDevice) -> None:
    control = nodes.numeric_control(described.node_map, "Hue", "ExposureTimeAbs", unit="us")
    assert control == EXPOSURE_US
    assert nodes.numeric_control(described.node_map, "Gain", "GainRaw", unit="dB") is None


def test_values_are_read_from_the_device_not_from_a_cache(
    described: device.DescribedDevice,
) -> None:
    nodes.set_number(described.node_map, ("Width",), 640, "width", "px")
    described.memory.fill(0x120, (320).to_bytes(8, "little"))
    assert nodes.read_number(nodes.require(described.node_map, "Width")) == 320


def test_a_float_reads_with_more_digits_than_the_description_displays() -> None:
    described = device.DescribedDevice(
        device.description(
            device.number("TimerDuration", 0, 1e6, 0x10).replace(
                "<Unit>us</Unit>", "<DisplayPrecision>3</DisplayPrecision>"
            )
        )
    )
    assert nodes.set_node_text(described.node_map, "TimerDuration", "19876.5") == "19876.5"


def test_a_state_without_a_name_reads_as_its_number(described: device.DescribedDevice) -> None:
    described.memory.fill(0x140, b"\x09\0\0\0")
    assert nodes.read_text(nodes.require(described.node_map, "PixelFormat")) == "9"


def test_a_lost_device_is_not_taken_for_a_refusal(described: device.DescribedDevice) -> None:
    class Unplugged(device.RegisterMemory):
        def read(self, address: int, length: int) -> bytes:
            raise OSError("device gone")

        def write(self, address: int, data: bytes) -> None:
            raise OSError("device gone")

    described.node_map.connect(Unplugged(), "Device")
    with pytest.raises(OSError, match="device gone"):
        nodes.set_node_text(described.node_map, "Width", "640")
