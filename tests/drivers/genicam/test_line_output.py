"""Telling of the exposure on a line, in the makers' dialects."""

from pathlib import Path

import pytest

from drivers.errors import SettingRefusedError
from drivers.genicam import line_output, nodes
from tests.drivers.genicam import real_cameras
from tests.drivers.genicam import register_memory as device
from tests.drivers.genicam.register_memory import DescribedDevice


def made_camera(
    *signals: str, modes: tuple[str, ...] = ("Input", "Output"), more: str = ""
) -> DescribedDevice:
    """Two lines; the device's memory has one mode and one source, as if both were alike."""
    return DescribedDevice(
        device.description(
            device.enumeration("LineSelector", "Line0", "Line1", address=0x2000),
            device.enumeration("LineMode", *modes, address=0x2004),
            device.enumeration("LineSource", *signals, address=0x2008),
            more,
        )
    )


def text(described: DescribedDevice, node: str) -> str:
    return nodes.read_text(nodes.require(described.node_map, node))


def tell(described: DescribedDevice, line: str) -> str:
    node_map = described.node_map
    return line_output.configure(node_map, line_output.probe(node_map), line)


def test_balluffs_own_signal() -> None:
    camera = made_camera("Off", "mvExposureActive", "FrameTriggerWait")
    assert tell(camera, "Line1") == "Line1"
    assert text(camera, "LineSelector") == "Line1"
    assert text(camera, "LineMode") == "Output"
    assert text(camera, "LineSource") == "mvExposureActive"


def test_a_flash_window_will_do_where_nothing_better_is_offered() -> None:
    camera = made_camera("Off", "FlashWindow")
    tell(camera, "Line0")
    assert text(camera, "LineSource") == "FlashWindow"
    better = made_camera("Off", "FlashWindow", "ExposureActive")
    tell(better, "Line0")
    assert text(better, "LineSource") == "ExposureActive"


def test_hikrobots_strobe_is_switched_on() -> None:
    camera = made_camera(
        "Off", "ExposureStartActive", modes=("Input", "Strobe"),
        more=device.switch("StrobeEnable", 0x200C),
    )  # fmt: skip
    assert tell(camera, "Line1") == "Line1"
    assert text(camera, "LineMode") == "Strobe"
    assert text(camera, "StrobeEnable") == "true"


def test_allied_vision_gige_names_lines_otherwise(shared_folder: Path | None) -> None:
    camera = real_cameras.manta(shared_folder)
    camera.enable("SyncOutSelector", "SyncOutSource")
    capabilities = line_output.probe(camera.node_map)
    assert capabilities.lines[:2] == ("SyncOut1", "SyncOut2")
    assert line_output.configure(camera.node_map, capabilities, "SyncOut2") == "SyncOut2"
    assert text(camera, "SyncOutSource") == "Exposing"


@pytest.mark.parametrize(
    ("load", "line"),
    [
        (real_cameras.basler_ace, "Out1"),
        (real_cameras.flir_blackfly_s, "Line1"),
        (real_cameras.alvium, "Line2"),
    ],
)
def test_makers_dialects_tell_on_a_line_of_theirs(
    shared_folder: Path | None, load, line: str
) -> None:  # type: ignore[no-untyped-def]
    camera = load(shared_folder)
    camera.enable("LineSelector")
    camera.enable("LineMode", "LineSource")
    capabilities = line_output.probe(camera.node_map)
    assert line in capabilities.lines, capabilities.explain()
    assert line_output.configure(camera.node_map, capabilities, line) == line
    assert text(camera, "LineSource") == "ExposureActive"


def test_tucsens_ports_tell_the_start_of_an_exposure(shared_folder: Path | None) -> None:
    camera = real_cameras.tucsen(shared_folder)
    capabilities = line_output.probe(camera.node_map)
    assert capabilities.lines == ("Port1", "Port2", "Port3")
    assert line_output.configure(camera.node_map, capabilities, "Port2") == "Port2"
    assert text(camera, "TrigOutputKind") == "ExposureStart"


def test_probing_leaves_the_camera_as_it_was() -> None:
    camera = made_camera("Off", "ExposureActive")
    before = text(camera, "LineSelector"), text(camera, "LineMode"), text(camera, "LineSource")
    line_output.probe(camera.node_map)
    after = text(camera, "LineSelector"), text(camera, "LineMode"), text(camera, "LineSource")
    assert after == before == ("Line0", "Input", "Off")


def test_off_silences_the_line() -> None:
    camera = made_camera("Off", "ExposureActive")
    tell(camera, "Line1")
    assert tell(camera, "off") == "off"
    assert text(camera, "LineSource") == "Off"


def test_a_line_that_cannot_tell_is_refused_with_what_the_camera_offers() -> None:
    camera = made_camera("Off", "UserOutput0")
    with pytest.raises(SettingRefusedError, match=r"Line1 .*Line0 offers Off, UserOutput0"):
        tell(camera, "Line1")
    none = DescribedDevice(device.description(device.number("AcquisitionFrameRate", 1, 9, 0x20)))
    with pytest.raises(SettingRefusedError, match=r"LineSelector, SyncOutSelector.*has none"):
        tell(none, "Line1")


def test_a_camera_that_does_not_keep_the_signal_is_found_out() -> None:
    camera = made_camera("Off", "ExposureActive")
    camera.memory.stuck.add(0x2008)
    with pytest.raises(SettingRefusedError, match="reads back otherwise"):
        tell(camera, "Line1")
