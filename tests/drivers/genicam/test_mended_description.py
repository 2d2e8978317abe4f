"""A description that refers to nodes which it lacks loses what needs them, and no more."""

import io
import zipfile
from pathlib import Path

import pytest
from genicam import genapi

from drivers.genicam import nodes
from drivers.genicam.mended_description import MendingNodeMap, mend
from tests.drivers.genicam import register_memory as device

REGISTER = (
    "<Length>4</Length><AccessMode>RW</AccessMode>{}<Sign>Signed</Sign>"
    "<Endianess>LittleEndian</Endianess>"
)
LOST = {
    "IntSwissKnife": '<pVariable Name="V">Nowhere</pVariable><Formula>1000 / V</Formula>',
    "SwissKnife": '<pVariable Name="V">Nowhere</pVariable><Formula>1000 / V</Formula>',
    "Converter": '<pVariable Name="V">Nowhere</pVariable><FormulaTo>FROM * V</FormulaTo>'
    "<FormulaFrom>TO / V</FormulaFrom><pValue>Width</pValue>",
    "IntConverter": "<FormulaTo>FROM</FormulaTo><FormulaFrom>TO</FormulaFrom>"
    "<pValue>Nowhere</pValue>",
    "Float": "<pValue>Width</pValue><pMin>Nowhere</pMin>",
    "Integer": "<pIsAvailable>Nowhere</pIsAvailable><pValue>Width</pValue>",
    "Boolean": "<pIsLocked>Nowhere</pIsLocked><pValue>Width</pValue>",
    "Enumeration": '<EnumEntry Name="A"><Value>0</Value></EnumEntry><pValue>Nowhere</pValue>',
    "Command": "<pValue>Nowhere</pValue><CommandValue>1</CommandValue>",
    "String": "<pValue>Nowhere</pValue>",
    "IntReg": "<pAddress>Nowhere</pAddress>" + REGISTER.format("<pPort>Device</pPort>"),
    "MaskedIntReg": "<Address>4</Address>"
    + REGISTER.format("<pPort>Nowhere</pPort><LSB>0</LSB><MSB>3</MSB>"),
}
KEPT = {
    "Integer": "<pValue>Width</pValue><pSelected>Nowhere</pSelected>",
    "IntReg": "<Address>4</Address>"
    + REGISTER.format("<pPort>Device</pPort><pInvalidator>Nowhere</pInvalidator>"),
}


def description(*more: str) -> str:
    return device.description(device.number("Width", 16, 2592, 0x100, step=16), *more)


def loaded(text: str) -> MendingNodeMap:
    node_map = MendingNodeMap()
    node_map.load_xml_from_string(text)
    node_map.connect(device.RegisterMemory(), "Device")
    return node_map


@pytest.mark.parametrize("kind", LOST)
def test_a_node_that_needs_a_missing_one_is_lost_and_no_other(kind: str) -> None:
    node_map = loaded(description(f'<{kind} Name="Broken">{LOST[kind]}</{kind}>'))
    assert not nodes.is_implemented(nodes.lookup(node_map, "Broken"))
    assert nodes.put(node_map, "Width", 64).read_back == "64"
    assert node_map.missing == ("Nowhere",)
    assert "refers to Nowhere, which it does not have" in node_map.warnings[0]


@pytest.mark.parametrize("kind", KEPT)
def test_a_node_that_only_mentions_a_missing_one_stays(kind: str) -> None:
    node_map = loaded(description(f'<{kind} Name="Whole">{KEPT[kind]}</{kind}>'))
    assert nodes.is_available(nodes.require(node_map, "Whole"))
    assert node_map.missing == ("Nowhere",)


def test_a_heading_may_list_what_is_not_there() -> None:
    node_map = loaded(description(device.category("Root", "Width", "Nowhere", "Nothing")))
    assert {name for name, _ in nodes.implemented_features(node_map)} == {"Root", "Width"}
    assert node_map.missing == ("Nowhere", "Nothing")


def test_a_port_by_another_name_is_the_one_that_registers_name() -> None:
    node_map = loaded(description().replace('Port Name="Device"', 'Port Name="Other"'))
    assert nodes.put(node_map, "Width", 64).read_back == "64"


def test_a_packed_description_is_mended_too(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("camera.xml", description(f'<Float Name="F">{LOST["Float"]}</Float>'))
    file = tmp_path / "camera.zip"
    file.write_bytes(packed.getvalue())
    node_map = MendingNodeMap()
    node_map.load_xml_from_file(str(file))
    assert node_map.missing == ("Nowhere",)


def test_what_needs_no_mending_is_left_alone() -> None:
    whole = description(device.switch("GammaEnable", 0x200))
    assert mend(whole) == (whole, ())
    node_map = loaded(whole)
    assert (node_map.missing, node_map.warnings) == ((), ())


@pytest.mark.parametrize("text", ["no XML", "<RegisterDescription>", "", description()[:400]])
def test_what_cannot_be_mended_is_refused_as_before(text: str) -> None:
    with pytest.raises(genapi.GenericException):
        loaded(text)
