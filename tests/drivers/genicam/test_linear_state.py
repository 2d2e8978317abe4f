"""Cameras that power up bent or automatic are made linear, and what stays is told."""

from pathlib import Path

import pytest

from drivers.genicam import nodes
from drivers.genicam.linear_state import make_linear
from tests.drivers.genicam import real_cameras
from tests.drivers.genicam import register_memory as device
from tests.drivers.genicam.register_memory import DescribedDevice


def text(described: DescribedDevice, node: str) -> str:
    return nodes.read_text(nodes.require(described.node_map, node))


def test_gamma_and_automatics_that_are_on_at_power_up_go_off(shared_folder: Path | None) -> None:
    described = real_cameras.alvium(shared_folder)
    described.hold("Gamma", 0.45)
    nodes.put(described.node_map, "ExposureAuto", "Continuous")
    report = make_linear(described.node_map)
    assert ("Gamma", "0.45", "1") in report.changed
    assert ("ExposureAuto", "Continuous", "Off") in report.changed
    assert text(described, "Gamma") == "1"
    assert report.warnings == ()


def test_a_look_up_table_is_switched_off_for_every_selector_value(
    shared_folder: Path | None,
) -> None:
    described = real_cameras.alvium(shared_folder)
    selector = nodes.require(described.node_map, "LUTSelector")
    for channel in nodes.symbolics(selector):
        nodes.write(selector, channel)
        nodes.put(described.node_map, "LUTEnable", True)
    nodes.write(selector, "Green")
    report = make_linear(described.node_map)
    assert {node for node, _, _ in report.changed if node.startswith("LUT")} == {
        f"LUTEnable[{channel}]" for channel in ("Luminance", "Red", "Green", "Blue")
    }
    assert nodes.read_text(selector) == "Green", "selectors are left as they were"
    for channel in nodes.symbolics(selector):
        nodes.write(selector, channel)
        assert text(described, "LUTEnable") == "false"


def test_overlap_goes_off_behind_its_selector(shared_folder: Path | None) -> None:
    described = real_cameras.flir_blackfly_s(shared_folder)
    nodes.put(described.node_map, "TriggerSelector", "FrameStart")
    nodes.put(described.node_map, "TriggerOverlap", "ReadOut")
    report = make_linear(described.node_map)
    assert ("TriggerOverlap[FrameStart]", "ReadOut", "Off") in report.changed


def test_basler_power_up_state(shared_folder: Path | None) -> None:
    described = real_cameras.basler_ace(shared_folder)
    for node, value in (
        ("GammaEnable", True),
        ("GainAuto", "Continuous"),
        ("ExposureAuto", "Once"),
        ("LUTEnable", True),
        ("TestImageSelector", "Testimage2"),
    ):
        nodes.put(described.node_map, node, value)
    report = make_linear(described.node_map)
    assert {(node, now) for node, _, now in report.changed} == {
        ("GammaEnable", "false"),
        ("GainAuto", "Off"),
        ("ExposureAuto", "Off"),
        ("LUTEnable[Luminance]", "false"),
        ("TestImageSelector", "Off"),
    }


def test_a_pattern_whose_off_has_another_name(shared_folder: Path | None) -> None:
    described = real_cameras.tucsen(shared_folder)
    nodes.put(described.node_map, "TestPattern", "GreyVerticalRamp")
    nodes.put(described.node_map, "HorizontalFlip", "ON")
    assert make_linear(described.node_map).changed == (
        ("TestPattern", "GreyVerticalRamp", "Normal"),
        ("HorizontalFlip", "ON", "OFF"),
    )


def test_what_cannot_be_switched_off_is_named_with_the_value_that_stays() -> None:
    read_only = "<ImposedAccessMode>RO</ImposedAccessMode>"
    described = DescribedDevice(
        device.description(
            device.enumeration("GainAuto", "Continuous", "Off", address=0x10, more=read_only),
            device.enumeration("BalanceWhiteAuto", "Once", "Continuous", address=0x14),
            device.enumeration("ExposureAuto", "Continuous", "Off", address=0x18),
            device.number("Gamma", 0.2, 0.8, 0x20),
            device.number("Sharpness", 0, 10, 0x28, step=1),
        )
    )
    described.memory.stuck.add(0x18)
    described.poke("GammaReg", 0.5)
    nodes.put(described.node_map, "Sharpness", 4)
    report = make_linear(described.node_map)
    assert report.changed == (("Sharpness", "4", "0"),)
    assert report.warnings == (
        "ExposureAuto stays Continuous: it was set to Off",
        "BalanceWhiteAuto stays Once: it offers no Off",
        "GainAuto stays Continuous: it cannot be written in the camera's present state",
        "Gamma stays 0.5: it offers no 1",
    )


def test_gamma_needs_no_value_where_it_can_be_switched_off() -> None:
    described = DescribedDevice(
        device.description(
            device.switch("GammaEnable", 0x10),
            device.number("Gamma", 0.2, 0.8, 0x18),
        )
    )
    described.poke("GammaReg", 0.5)
    nodes.put(described.node_map, "GammaEnable", True)
    report = make_linear(described.node_map)
    assert report.changed == (("GammaEnable", "true", "false"),)
    assert report.warnings == ()


def test_a_linear_camera_is_not_written_to() -> None:
    described = DescribedDevice(
        device.description(
            device.enumeration("ExposureAuto", "Off", "Continuous", address=0x10),
            device.number("Gamma", 0.2, 4, 0x18),
        )
    )
    described.poke("GammaReg", 1.0)
    assert make_linear(described.node_map).changed == ()
    assert described.memory.writes == []


def test_sharpening_whose_neutral_value_is_its_lowest() -> None:
    described = DescribedDevice(
        device.description(device.number("SharpnessEnhancementAbs", 1, 4, 0x10))
    )
    described.poke("SharpnessEnhancementAbsReg", 2.5)
    assert make_linear(described.node_map).changed == (("SharpnessEnhancementAbs", "2.5", "1"),)


def test_a_node_that_fails_to_answer_is_a_warning_and_the_rest_goes_on() -> None:
    described = DescribedDevice(
        device.description(
            device.number("Gamma", 0, 4, 0x10).replace("<Max>4</Max>", "<pMax>Limit</pMax>"),
            '<SwissKnife Name="Limit"><pVariable Name="V">GammaReg</pVariable>'
            "<Formula>1/V</Formula></SwissKnife>",
            device.number("Sharpness", 0, 10, 0x18, step=1),
        )
    )
    described.poke("SharpnessReg", 3)
    report = make_linear(described.node_map)
    assert report.changed == (("Sharpness", "3", "0"),)
    assert len(report.warnings) == 1
    assert report.warnings[0].startswith("Gamma stays as it is: node Gamma cannot")


@pytest.mark.parametrize(
    "node",
    [
        "DenoisingEnable",
        "SharpnessEnabled",
        "SharpeningEnable",
        "GammaEnabled",
        "FfcEnable",
        "FlatFieldCorrection",
        "DefectCorrection",
        "ReverseX",
        "ReverseY",
    ],
)
def test_every_makers_switch_goes_off(node: str) -> None:
    described = DescribedDevice(device.description(device.switch(node, 0x100)))
    nodes.put(described.node_map, node, True)
    assert make_linear(described.node_map).changed == ((node, "true", "false"),)
    assert text(described, node) == "false"


@pytest.mark.parametrize("node", ["HDR_Mode", "FlatFieldCorrection", "DefectCorrection"])
def test_modes_go_off_where_they_are_no_switches(node: str) -> None:
    described = DescribedDevice(
        device.description(device.enumeration(node, "On", "Off", address=0x100))
    )
    assert make_linear(described.node_map).changed == ((node, "On", "Off"),)


def test_a_picture_that_stays_mirrored_is_told() -> None:
    fixed = device.switch("ReverseY", 0x100, more="<ImposedAccessMode>RO</ImposedAccessMode>")
    described = DescribedDevice(device.description(fixed))
    described.memory.fill(0x100, b"\x01")
    (warning,) = make_linear(described.node_map).warnings
    assert warning.startswith("ReverseY stays true: it cannot be written")
