"""What a camera told of its nodes makes the same node map again, and the same choices."""

import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from genicam import genapi

from app.diagnostics.camera_selftest.selftest_zip import read_snapshot
from drivers.camera_settings import ShutterMode, TriggerSource
from drivers.errors import InstrumentError
from drivers.genicam import line_output, nodes, shutter, trigger
from drivers.genicam.node_snapshot import NodeSnapshot, replayed_map, take_snapshot
from drivers.genicam.nodes import NodeMap
from drivers.genicam.standard_features import Features
from drivers.genicam.trigger import TriggerRequest
from tests.drivers.genicam import modelled_cameras
from tests.drivers.genicam import register_memory as device
from tests.drivers.genicam.register_memory import DescribedDevice, RegisterMemory

SELECTOR, MODE = 0x100, 0x200


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """With ``--selftest-zip FILE`` the cameras of that zip are replayed too."""
    if "sent_zip" in metafunc.fixturenames:
        metafunc.parametrize("sent_zip", metafunc.config.getoption("--selftest-zip"))


class Port:
    """A device's port as a GenTL producer gives it, in front of a memory."""

    def __init__(self, made: DescribedDevice, url: str = "", failing: int | None = None) -> None:
        self._made = made
        self._failing = failing
        self.url_info_list = [SimpleNamespace(url=url)] if url else []
        self.written: list[int] = []

    def read(self, address: int, length: int) -> tuple[int, bytes]:
        if address == self._failing:
            raise genapi.AccessException("the camera does not answer")
        return length, self._made.memory.read(address, length)

    def write(self, address: int, data: bytes) -> None:
        self.written.append(address)
        self._made.memory.write(address, data)


SIZE = (
    device.number("Width", 16, 64, 0x9000, step=1),
    device.number("Height", 16, 48, 0x9010, step=1),
)


def camera_with(*features: str) -> DescribedDevice:
    """A small camera that can be opened."""
    return complete(DescribedDevice(device.description(*features)))


def complete(made: DescribedDevice) -> DescribedDevice:
    """The same camera with a size, as one that can be opened, and its features listed."""
    names = re.findall(r'<(?:Integer|Float|Enumeration|Boolean) Name="(\w+)"', made.description)
    missing = [each for each in SIZE if each.split('"')[1] not in names]
    listed = "".join(f"<pFeature>{name}</pFeature>" for name in (*names, "Width", "Height"))
    root = f'<Category Name="Root" NameSpace="Standard">{listed}</Category>'
    if 'Category Name="Root"' in made.description:
        root = ""
    port = '<Port Name="Device"/>'
    whole = DescribedDevice(made.description.replace(port, f"{root}{''.join(missing)}{port}"))
    whole.memory.bytes.update(made.memory.bytes)
    return whole


def snapshot_of(made: DescribedDevice, folder: Path, **options: object) -> NodeSnapshot:
    file = folder / "description.xml"
    file.write_text(made.description)
    return take_snapshot(Port(made, **options), file)


def choices(node_map: NodeMap) -> object:
    """What the driver makes of a node map, or why it cannot."""
    try:
        return Features(node_map).controls()
    except InstrumentError as error:
        return str(error)


@pytest.mark.parametrize(
    "model",
    [
        modelled_cameras.basler_ace,
        modelled_cameras.flir_blackfly_s,
        modelled_cameras.alvium,
        modelled_cameras.manta,
        modelled_cameras.tucsen,
    ],
    ids=lambda model: model.__name__,
)
def test_a_replayed_camera_makes_the_driver_choose_the_same(
    model: Callable[[], DescribedDevice], tmp_path: Path
) -> None:
    made = complete(model())
    before = dict(made.memory.bytes)
    snapshot = NodeSnapshot.model_validate_json(snapshot_of(made, tmp_path).model_dump_json())
    assert {place: made.memory.bytes[place] for place in before} == before, "it changed the camera"
    replayed, port = replayed_map(snapshot)
    assert choices(replayed) == (snapshot.controls or snapshot.controls_failure)
    assert shutter.probe(replayed) == shutter.probe(made.node_map)
    assert trigger.probe(replayed) == trigger.probe(made.node_map)
    assert line_output.probe(replayed) == line_output.probe(made.node_map)
    assert not port.unknown
    for told in snapshot.nodes:
        if told.value is not None:
            assert nodes.read_text(nodes.require(replayed, told.name)) == told.value, told.name


def test_global_reset_can_be_set_on_a_replayed_camera(tmp_path: Path) -> None:
    """As the driver does; it is kept in memory, and the steps can be looked at."""
    replayed, _ = replayed_map(snapshot_of(complete(modelled_cameras.flir_blackfly_s()), tmp_path))
    request = TriggerRequest(source=TriggerSource.SOFTWARE, rate_hz=50.0)
    shutter.apply(replayed, ShutterMode.GLOBAL_RESET, request)
    assert shutter.read_mode(replayed) is ShutterMode.GLOBAL_RESET


class SelectingMemory(RegisterMemory):
    """Shows another register at one address for each value of its selector."""

    def read(self, address: int, length: int) -> bytes:
        if address == MODE:
            return bytes([self.bytes.get(SELECTOR, 0), *bytes(length - 1)])
        return super().read(address, length)


def test_registers_behind_a_selector_are_those_of_each_selection(tmp_path: Path) -> None:
    """Line1 is an output here and Line0 is none, at one and the same address."""
    made = camera_with(
        device.enumeration(
            "LineSelector", "Line0", "Line1", address=SELECTOR, selects=("LineMode",)
        ),
        device.enumeration(
            "LineMode",
            *("Input", "Output"),
            address=MODE,
            more="<pInvalidator>LineSelector</pInvalidator>",
        ),
        device.enumeration("LineSource", "Off", "ExposureActive", address=0x300),
    )
    selecting = SelectingMemory()
    made.memory = selecting
    made.node_map = genapi.NodeMap()
    made.node_map.load_xml_from_string(made.description)
    made.node_map.connect(selecting, "Device")
    snapshot = snapshot_of(made, tmp_path)
    assert selecting.bytes.get(SELECTOR, 0) == 0
    replayed, _ = replayed_map(snapshot)
    assert nodes.read_text(nodes.require(replayed, "LineMode")) == "Input"
    wanted = line_output.probe(made.node_map)
    assert wanted.lines
    assert line_output.probe(replayed) == wanted


def test_a_node_that_fails_costs_itself(tmp_path: Path) -> None:
    made = camera_with(
        device.number("Gain", 0, 24, 0x100), device.number("ExposureTime", 10, 1000, 0x200)
    )
    snapshot = snapshot_of(made, tmp_path, failing=0x100)
    by_name = {each.name: each for each in snapshot.nodes}
    assert by_name["Gain"].value is None
    assert by_name["Gain"].failure
    assert "\n" not in by_name["Gain"].failure
    assert by_name["ExposureTime"].value == "0"


def test_what_tells_whose_camera_it_is_is_not_read(tmp_path: Path) -> None:
    made = camera_with(
        device.number("DeviceSerialNumber", 0, 10**9, 0x100, step=1),
        device.number("GevCurrentIPAddress", 0, 10**9, 0x200, step=1),
    )
    snapshot = snapshot_of(made, tmp_path)
    assert snapshot.withheld == ("DeviceSerialNumber", "GevCurrentIPAddress")
    assert not {each.address for each in snapshot.registers} & {0x100, 0x200}
    told = take_snapshot(Port(made), tmp_path / "description.xml", private=True)
    assert not told.withheld
    assert {each.address for each in told.registers} > {0x100, 0x200}


def test_the_description_is_the_one_that_the_device_brings(tmp_path: Path) -> None:
    made = camera_with()
    text = made.description.encode()
    made.memory.fill(0x10000, text)
    local = Port(made, f"Local:///it.xml;10000;{len(text):x}?SchemaVersion=1.1.0")
    assert take_snapshot(local).description == made.description
    (tmp_path / "with space.xml").write_bytes(text)
    url = (tmp_path / "with space.xml").as_uri()
    assert take_snapshot(Port(made, url)).description == made.description
    for url, told in (
        ("", "brings no description"),
        ("http://maker/it.xml", "fetch it and give it by --description"),
        ("file:///nowhere/it.xml", "cannot be read"),
        ("Local:it.xml", "cannot be read"),
    ):
        with pytest.raises(InstrumentError, match=told):
            take_snapshot(Port(made, url))


def test_a_camera_somebody_sent_is_replayed(sent_zip: Path) -> None:
    """``--selftest-zip FILE``: the driver chooses here what it chose there."""
    snapshot = read_snapshot(sent_zip)
    replayed, _ = replayed_map(snapshot)
    controls = Features(replayed, snapshot.shutter_node).controls()
    print(shutter.probe(replayed, snapshot.shutter_node).explain())
    assert controls == snapshot.controls
