"""A device made of its description and a memory: GenApi node maps without hardware.

The memory answers every read with what was written there before, else zeros.
Real descriptions say "implemented" and "available" through registers that a
camera fills; :meth:`DescribedDevice.enable` finds and sets them.
"""

import re
import struct
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree

from genicam import genapi

CONDITIONS = ("pIsImplemented", "pIsAvailable")
VALUES = ("pValue", "pMin", "pMax", "pInc")
OPERANDS = ("pVariable", "pValue")
REGISTERS = ("IntReg", "MaskedIntReg", "StructEntry")


class RegisterMemory(genapi.AbstractPort):
    """A port backed by bytes.

    ``writes`` lists (address, data), ``last_read`` is (address, length), and
    addresses in ``stuck`` take writes without keeping them, as some cameras do.
    """

    def __init__(self) -> None:
        super().__init__()
        self.bytes: dict[int, int] = {}
        self.writes: list[tuple[int, bytes]] = []
        self.last_read = (0, 0)
        self.stuck: set[int] = set()

    def read(self, address: int, length: int) -> bytes:
        self.last_read = (address, length)
        return bytes(self.bytes.get(address + offset, 0) for offset in range(length))

    def write(self, address: int, data: bytes) -> None:
        self.writes.append((address, bytes(data)))
        if address not in self.stuck:
            self.fill(address, bytes(data))

    def fill(self, address: int, data: bytes) -> None:
        """Set bytes as the camera's firmware would, without a recorded write."""
        self.bytes.update(enumerate(data, start=address))

    def get_access_mode(self) -> int:
        return genapi.EAccessMode.RW


class DescribedDevice:
    """Node map of a description with a :class:`RegisterMemory` behind its port ``Device``."""

    def __init__(self, description: str) -> None:
        # Some archived descriptions carry a line of the archiver before the XML.
        xml = description[re.search(r"<\?xml|<RegisterDescription", description).start() :]
        self.description = xml
        self.memory = RegisterMemory()
        self.node_map = genapi.NodeMap()
        self.node_map.load_xml_from_string(xml)
        self.node_map.connect(self.memory, "Device")
        self._elements: dict[str, ElementTree.Element] = {}
        self._register_of: dict[str, ElementTree.Element] = {}
        for element in ElementTree.fromstring(xml.encode()).iter():
            element.tag = element.tag.rpartition("}")[2]
            if "Name" in element.attrib and element.tag != "EnumEntry":
                self._elements.setdefault(element.get("Name"), element)
            for child in element:
                if child.tag.endswith("StructEntry"):
                    self._register_of[child.get("Name")] = element

    @classmethod
    def from_file(cls, path: Path) -> "DescribedDevice":
        return cls(path.read_text(encoding="utf-8", errors="replace"))

    def enable(self, *features: str, entries: Iterable[str] | None = None) -> None:
        """Make ``features`` implemented and available with ``entries`` (None: all).

        Sets the read-only registers that the description's conditions read, for
        every value of the selectors; name selectors before what they select.
        """
        for feature in features:
            for _ in self._every_selection(feature):
                self._fulfil(self._elements[feature])
                for entry in self._elements[feature].iter("EnumEntry"):
                    if entries is None or entry.get("Name") in entries:
                        self._fulfil(entry)
        self.memory.writes.clear()

    def poke(self, register: str, value: float) -> None:
        """Set an integer (masked or not) or float register as the camera's firmware would."""
        address, length, order = self._place(register)
        element = self._elements[register]
        if element.tag == "FloatReg":
            code = {4: "f", 8: "d"}[length]
            data = struct.pack((">" if order == "big" else "<") + code, value)
        else:
            shift, width = _bit_field(element, length, order)
            mask = ((1 << width) - 1) << shift
            former = int.from_bytes(self.memory.read(address, length), order)
            word = (former & ~mask) | ((int(value) << shift) & mask)
            data = word.to_bytes(length, order)
        self.memory.fill(address, data)
        self.node_map.get_node(register).node.invalidate_node()

    def hold(
        self,
        feature: str,
        value: float | None = None,
        *,
        minimum: float | None = None,
        maximum: float | None = None,
    ) -> None:
        """Set the registers of a number's value and limits as the camera's firmware would."""
        element = self._elements[feature]
        for tag, wanted in (("pMin", minimum), ("pMax", maximum), ("pValue", value)):
            if wanted is not None:
                self.poke(_text(element, tag), wanted)

    def _every_selection(self, feature: str) -> Iterator[None]:
        for selector in self.node_map.get_node(feature).node.selecting_features:
            if genapi.is_writable(selector) and hasattr(selector, "entries"):
                before = selector.value
                for entry in selector.entries:
                    if genapi.is_available(entry):
                        selector.value = entry.symbolic
                        yield
                selector.value = before
                return
        yield

    def _fulfil(self, element: ElementTree.Element) -> None:
        """Fulfil the conditions of a feature, and those of the nodes that hold its value."""
        for child in element:
            if child.tag in CONDITIONS:
                self._set_true(child.text.strip())
            elif child.tag in VALUES:
                self._fulfil(self._elements[child.text.strip()])
        outer = self._register_of.get(element.get("Name"), element)
        if outer is not element:
            self._fulfil(outer)

    def _set_true(self, name: str, mask: int | None = None) -> None:
        """Set the read-only registers that a condition reads, or their bits in ``mask``."""
        element = self._elements[name]
        if element.tag in REGISTERS:
            self._fulfil(element)
            outer = self._register_of.get(name, element)
            readable = genapi.is_readable(self.node_map.get_node(name))
            if readable and _text(outer, "AccessMode") == "RO":
                self.poke(name, -1 if mask is None else self._peek(name) | mask)
            return
        formula = _text(element, "Formula")
        for operand in element:
            if operand.tag in OPERANDS:
                masks = re.findall(rf"\({operand.get('Name')}&(0x[0-9a-fA-F]+)\)", formula)
                bits = sum({int(text, 16) for text in masks}) if masks else None
                self._set_true(operand.text.strip(), bits)

    def _peek(self, register: str) -> int:
        address, length, order = self._place(register)
        return int.from_bytes(self.memory.read(address, length), order)

    def _place(self, register: str) -> tuple[int, int, Literal["big", "little"]]:
        """Address, length and byte order of a register: where the map reads for it."""
        self.node_map.get_node(register).get_value(False, True)
        outer = self._register_of.get(register, self._elements[register])
        order = "big" if _text(outer, "Endianess") == "BigEndian" else "little"
        return (*self.memory.last_read, order)


def _bit_field(element: ElementTree.Element, length: int, order: str) -> tuple[int, int]:
    """Shift and width of a register's bits; GenApi counts big-endian bits from the top."""
    bit = _text(element, "Bit")
    low, high = (bit, bit) if bit else (_text(element, "LSB"), _text(element, "MSB"))
    if not low:
        return 0, 8 * length
    first, last = sorted((int(low), int(high)))
    width = last - first + 1
    return (8 * length - 1 - last if order == "big" else first), width


def _text(element: ElementTree.Element, tag: str) -> str:
    child = element.find(tag)
    return "" if child is None else child.text.strip()


def description(*features: str) -> str:
    """A whole device description around ``features``, made by the functions below."""
    return (
        '<?xml version="1.0" encoding="utf-8"?><RegisterDescription ModelName="M" VendorName="V" '
        'ToolTip="" StandardNameSpace="None" SchemaMajorVersion="1" SchemaMinorVersion="1" '
        'SchemaSubMinorVersion="0" MajorVersion="1" MinorVersion="0" SubMinorVersion="0" '
        'ProductGuid="00000000-0000-0000-0000-000000000001" '
        'VersionGuid="00000000-0000-0000-0000-000000000002" '
        'xmlns="http://www.genicam.org/GenApi/Version_1_1">'
        f"{''.join(features)}"
        '<Port Name="Device"/></RegisterDescription>'
    )


def enumeration(
    name: str,
    *entries: str,
    address: int,
    more: str = "",
    selects: Iterable[str] = (),
    behind: str = "",
    models: Mapping[str, str] | None = None,
    **conditions: str,
) -> str:
    """Values count from 0; ``conditions`` maps an entry to the node that makes it available.

    ``models`` maps an entry to the node that tells whether this model of camera has it.
    ``selects`` are the features that this selector selects; they say so by ``behind``.
    """
    made = "".join(
        f'<EnumEntry Name="{entry}">'
        + (f"<pIsImplemented>{models[entry]}</pIsImplemented>" if entry in (models or {}) else "")
        + (f"<pIsAvailable>{conditions[entry]}</pIsAvailable>" if entry in conditions else "")
        + f"<Value>{value}</Value></EnumEntry>"
        for value, entry in enumerate(entries)
    )
    selected = "".join(f"<pSelected>{feature}</pSelected>" for feature in selects)
    return (
        f'<Enumeration Name="{name}">{more}{made}<pValue>{name}Reg</pValue>{selected}'
        "</Enumeration>" + _integer_register(f"{name}Reg", address, 4, behind)
    )


def number(
    name: str,
    low: float,
    high: float,
    address: int,
    *,
    step: int | None = None,
    more: str = "",
    behind: str = "",
) -> str:
    """A float, or with ``step`` an integer, of 8 bytes."""
    if step is not None:
        return (
            f'<Integer Name="{name}">{more}<pValue>{name}Reg</pValue><Min>{low}</Min>'
            f"<Max>{high}</Max><Inc>{step}</Inc></Integer>"
            + _integer_register(f"{name}Reg", address, 8, behind)
        )
    return (
        f'<Float Name="{name}">{more}<pValue>{name}Reg</pValue><Min>{low}</Min><Max>{high}</Max>'
        "<Unit>us</Unit></Float>" + _float_register(f"{name}Reg", address, behind)
    )


def number_with_told_limits(name: str, address: int, behind: str = "") -> str:
    """A float whose limits the camera tells by registers; see :meth:`DescribedDevice.hold`."""
    return (
        f'<Float Name="{name}"><pValue>{name}Reg</pValue><pMin>{name}MinReg</pMin>'
        f"<pMax>{name}MaxReg</pMax><Unit>us</Unit></Float>"
        + _float_register(f"{name}Reg", address, behind)
        + _float_register(f"{name}MinReg", address + 0x100, behind, access="RO")
        + _float_register(f"{name}MaxReg", address + 0x200, behind, access="RO")
    )


def rate_of_interval(name: str, shortest_us: int, longest_us: int, address: int) -> str:
    """A rate in Hz that the camera keeps as a whole number of microseconds."""
    return (
        f'<Converter Name="{name}"><FormulaTo>1000000/FROM</FormulaTo>'
        f"<FormulaFrom>1000000/TO</FormulaFrom><pValue>{name}Interval</pValue><Unit>Hz</Unit>"
        "<Slope>Decreasing</Slope></Converter>"
        + number(f"{name}Interval", shortest_us, longest_us, address, step=1)
    )


def switch(name: str, address: int, more: str = "", behind: str = "") -> str:
    """A boolean; true is 1."""
    return f'<Boolean Name="{name}">{more}<pValue>{name}Reg</pValue></Boolean>' + _integer_register(
        f"{name}Reg", address, 4, behind
    )


def command(name: str, address: int, behind: str = "", more: str = "") -> str:
    """A command that writes 1."""
    return (
        f'<Command Name="{name}">{more}<pValue>{name}Reg</pValue><CommandValue>1</CommandValue>'
        "</Command>" + _integer_register(f"{name}Reg", address, 4, behind)
    )


def inquiry(name: str, *things: str, address: int) -> str:
    """A read-only register with one bit for each of ``things``; ``nameThing`` are conditions."""
    return _integer_register(name, address, 4, access="RO") + "".join(
        when(f"{name}{thing}", name, f"(V&amp;{1 << bit:#x})") for bit, thing in enumerate(things)
    )


def text(name: str, address: int, length: int) -> str:
    """A string of up to ``length`` bytes."""
    return (
        f'<StringReg Name="{name}"><Address>{address}</Address><Length>{length}</Length>'
        "<AccessMode>RW</AccessMode><pPort>Device</pPort></StringReg>"
    )


def category(name: str, *features: str) -> str:
    """A list of features; ``Root`` lists those that are shown to users."""
    listed = "".join(f"<pFeature>{feature}</pFeature>" for feature in features)
    return f'<Category Name="{name}">{listed}</Category>'


def when(name: str, node: str, formula: str) -> str:
    """A condition: true while ``formula`` of the node's value ``V`` is."""
    return (
        f'<IntSwissKnife Name="{name}"><pVariable Name="V">{node}</pVariable>'
        f"<Formula>{formula}</Formula></IntSwissKnife>"
    )


def _integer_register(
    name: str, address: int, length: int, behind: str = "", access: str = "RW"
) -> str:
    return (
        f'<IntReg Name="{name}">{_place_text(address, length, behind, access)}'
        "<Sign>Unsigned</Sign><Endianess>LittleEndian</Endianess></IntReg>"
    )


def _float_register(name: str, address: int, behind: str = "", access: str = "RW") -> str:
    return (
        f'<FloatReg Name="{name}">{_place_text(address, 8, behind, access)}'
        "<Endianess>LittleEndian</Endianess></FloatReg>"
    )


def _place_text(address: int, length: int, behind: str, access: str) -> str:
    """Where a register lies: behind a selector, one place for each of its values."""
    index = f'<pIndex Offset="8">{behind}Reg</pIndex>' if behind else ""
    return (
        f"<Address>{address}</Address>{index}<Length>{length}</Length>"
        f"<AccessMode>{access}</AccessMode><pPort>Device</pPort>"
    )


def frame_trigger(*sources: str, more: str = "", **conditions: str) -> str:
    """An SFNC frame trigger from address 0x1000 on; ``TriggerIsOn`` is a condition to refer to."""
    return (
        enumeration("TriggerSelector", "FrameStart", address=0x1000)
        + enumeration("TriggerMode", "Off", "On", address=0x1004)
        + enumeration("TriggerSource", *sources, address=0x1008, more=more, **conditions)
        + command("TriggerSoftware", 0x100C)
        + when("TriggerIsOn", "TriggerModeReg", "V")
    )
