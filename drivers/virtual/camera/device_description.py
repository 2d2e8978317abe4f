"""Device description XML (GenApi schema 1.1) and register addresses, from the feature table.

Every feature has one block of registers: its value, its limits, whether it is
available or locked, and which of its choices are available. All are read from
the camera each time (NoCache), so the client never has an old state.
"""

from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from xml.sax.saxutils import escape

from drivers.pixel_format import pixel_format
from drivers.virtual.camera.camera_models import CameraModel
from drivers.virtual.camera.feature_table import CHUNKS, Feature, Kind, features_of

PORT_NAME = "Device"
XML_ADDRESS = 0x8000_0000
_FIRST_BLOCK = 0x1_0000
_BLOCK_BYTES = 0x1000
STRING_BYTES = 1024
NUMBER_BYTES = 8

_STATE_DEPENDENT = frozenset({
    "TriggerSoftware", "TriggerOverlap", "LineSource", "BalanceRatio", "BalanceRatioSelector",
    "BalanceWhiteAuto", "TimerTriggerSource",
})  # fmt: skip
"""Features that may be unavailable in some states; the others are always available."""


class Aspect(IntEnum):
    """Meaning of a register of a feature; the value is its offset in the block."""

    VALUE = 0x000
    MINIMUM = 0x800
    MAXIMUM = 0x808
    INCREMENT = 0x810
    AVAILABLE = 0x818
    LOCKED = 0x820
    CHOICE_AVAILABLE = 0x828


@dataclass(frozen=True, slots=True)
class Register:
    """One register: an aspect of a feature, or of its choice number ``choice``."""

    feature: Feature
    aspect: Aspect
    choice: int = 0


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk: its ID and the node that shows it."""

    chunk_id: int
    node: str
    kind: Kind
    unit: str


CHUNK_BYTES = 8
CHUNK_NODES = {
    name: Chunk(0x5600_0001 + index, f"Chunk{name}", kind, unit)
    for index, (name, kind, unit) in enumerate(
        zip(
            CHUNKS,
            (Kind.INTEGER, Kind.INTEGER, Kind.FLOAT, Kind.INTEGER),
            ("", "ns", "us", ""),
            strict=True,
        )
    )
}
"""ChunkSelector choice -> chunk."""


class Description:
    """The device description of one model and its registers."""

    def __init__(self, model: CameraModel) -> None:
        self.features = features_of(model)
        self._bases = {
            name: _FIRST_BLOCK + index * _BLOCK_BYTES for index, name in enumerate(self.features)
        }
        self._by_base = {base: self.features[name] for name, base in self._bases.items()}
        self.xml = self._document(model).encode()

    def register_at(self, address: int) -> Register | None:
        """The register at ``address``; None if there is none."""
        offset = address % _BLOCK_BYTES
        feature = self._by_base.get(address - offset)
        if feature is None:
            return None
        if offset >= Aspect.CHOICE_AVAILABLE:
            choice, rest = divmod(offset - Aspect.CHOICE_AVAILABLE, NUMBER_BYTES)
            if rest or choice >= len(feature.choices):
                return None
            return Register(feature, Aspect.CHOICE_AVAILABLE, choice)
        try:
            return Register(feature, Aspect(offset))
        except ValueError:
            return None

    def address_of(self, feature: Feature, aspect: Aspect, choice: int = 0) -> int:
        """Address of a register."""
        return self._bases[feature.name] + aspect + choice * NUMBER_BYTES

    def _document(self, model: CameraModel) -> str:
        categories: dict[str, list[str]] = {}
        for feature in self.features.values():
            categories.setdefault(feature.category, []).append(feature.name)
        categories["ChunkDataControl"] += [chunk.node for chunk in CHUNK_NODES.values()]
        parts = [_category("Root", list(categories))]
        parts += [_category(name, members) for name, members in categories.items()]
        parts += [self._feature(feature) for feature in self.features.values()]
        parts += [_chunk(chunk) for chunk in CHUNK_NODES.values()]
        parts.append(f'<Port Name="{PORT_NAME}"/>')
        return (
            '<?xml version="1.0" encoding="utf-8"?>\n'
            '<RegisterDescription xmlns="http://www.genicam.org/GenApi/Version_1_1" '
            f'ModelName="{model.device_id}" VendorName="NeuralGlobalShutter" '
            f'ToolTip="{escape(model.name)}" StandardNameSpace="None" '
            'SchemaMajorVersion="1" SchemaMinorVersion="1" SchemaSubMinorVersion="0" '
            'MajorVersion="1" MinorVersion="0" SubMinorVersion="0" '
            'ProductGuid="6b1d4a52-8f0e-4f1c-9a57-2f6a6a0f2c11" '
            f'VersionGuid="6b1d4a52-8f0e-4f1c-9a57-{_guid_tail(model)}">\n'
            + "\n".join(parts)
            + "\n</RegisterDescription>\n"
        )

    def _feature(self, feature: Feature) -> str:
        name = feature.name
        withdrawable = name in _STATE_DEPENDENT
        head = _head(feature)
        if withdrawable:
            head += f"<pIsAvailable>{name}_Available</pIsAvailable>"
        if not feature.read_only:
            head += f"<pIsLocked>{name}_Locked</pIsLocked>"
        body = f"<pValue>{name}_Value</pValue>"
        registers = [self._register(feature, Aspect.VALUE, "Value")]
        if withdrawable:
            registers.append(self._register(feature, Aspect.AVAILABLE, "Available"))
        if not feature.read_only:
            registers.append(self._register(feature, Aspect.LOCKED, "Locked"))
        match feature.kind:
            case Kind.INTEGER | Kind.FLOAT:
                body += f"<pMin>{name}_Minimum</pMin><pMax>{name}_Maximum</pMax>"
                registers.append(self._register(feature, Aspect.MINIMUM, "Minimum"))
                registers.append(self._register(feature, Aspect.MAXIMUM, "Maximum"))
                if feature.increment:
                    body += f"<pInc>{name}_Increment</pInc>"
                    registers.append(self._register(feature, Aspect.INCREMENT, "Increment"))
                if feature.unit:
                    body += f"<Unit>{feature.unit}</Unit>"
            case Kind.BOOLEAN:
                body += "<OnValue>1</OnValue><OffValue>0</OffValue>"
            case Kind.COMMAND:
                body += "<CommandValue>1</CommandValue>"
            case Kind.ENUMERATION:
                entries = []
                for index, choice in enumerate(feature.choices):
                    entries.append(
                        f'<EnumEntry Name="{choice}" NameSpace="{_name_space(feature)}">'
                        f"<pIsAvailable>{name}_{choice}_Available</pIsAvailable>"
                        f"<Value>{choice_value(feature, index)}</Value></EnumEntry>"
                    )
                    registers.append(
                        self._register(
                            feature, Aspect.CHOICE_AVAILABLE, f"{choice}_Available", index
                        )
                    )
                body = "".join(entries) + body
                selected = [item for item in self.features.values() if item.selector == name]
                body += "".join(f"<pSelected>{item.name}</pSelected>" for item in selected)
            case Kind.STRING:
                pass
        return f"<{feature.kind.value} {head}{body}</{feature.kind.value}>\n" + "".join(registers)

    def _register(self, feature: Feature, aspect: Aspect, suffix: str, choice: int = 0) -> str:
        number = feature.kind
        if aspect in (Aspect.AVAILABLE, Aspect.LOCKED, Aspect.CHOICE_AVAILABLE):
            number = Kind.INTEGER
        tag, length = "IntReg", NUMBER_BYTES
        sign = "<Sign>Signed</Sign>"
        if number is Kind.FLOAT:
            tag, sign = "FloatReg", ""
        if number is Kind.STRING:
            tag, sign, length = "StringReg", "", STRING_BYTES
        access = "RO" if feature.read_only or aspect is not Aspect.VALUE else "RW"
        if feature.kind is Kind.COMMAND and aspect is Aspect.VALUE:
            access = "WO"
        endianess = "" if number is Kind.STRING else "<Endianess>LittleEndian</Endianess>"
        return (
            f'<{tag} Name="{feature.name}_{suffix}">'
            f"<Address>0x{self.address_of(feature, aspect, choice):X}</Address>"
            f"<Length>{length}</Length><AccessMode>{access}</AccessMode>"
            f"<pPort>{PORT_NAME}</pPort><Cachable>NoCache</Cachable>{sign}{endianess}</{tag}>\n"
        )


@cache
def description_of(model: CameraModel) -> Description:
    """The description of ``model``; built once and cached."""
    return Description(model)


def choice_value(feature: Feature, index: int) -> int:
    """The integer value of a choice: the PFNC value of a pixel format, else its index."""
    if feature.name == "PixelFormat":
        return pixel_format(feature.choices[index]).pfnc_value
    return index


def _name_space(feature: Feature) -> str:
    return "Standard" if feature.standard else "Custom"


def _head(feature: Feature) -> str:
    description = escape(feature.description)
    return (
        f'Name="{feature.name}" NameSpace="{_name_space(feature)}">'
        f"<ToolTip>{description}</ToolTip><Description>{description}</Description>"
        f"<DisplayName>{feature.name}</DisplayName>"
        f"<Visibility>{feature.visibility}</Visibility>"
    )


def _category(name: str, members: list[str]) -> str:
    listed = "".join(f"<pFeature>{member}</pFeature>" for member in members)
    return f'<Category Name="{name}" NameSpace="Standard">{listed}</Category>'


def _chunk(chunk: Chunk) -> str:
    tag, sign = ("FloatReg", "") if chunk.kind is Kind.FLOAT else ("IntReg", "<Sign>Signed</Sign>")
    unit = f"<Unit>{chunk.unit}</Unit>" if chunk.unit else ""
    return (
        f'<{chunk.kind.value} Name="{chunk.node}" NameSpace="Standard">'
        f"<Visibility>Expert</Visibility><pValue>{chunk.node}_Value</pValue>{unit}"
        f"</{chunk.kind.value}>\n"
        f'<{tag} Name="{chunk.node}_Value"><Address>0</Address><Length>{CHUNK_BYTES}</Length>'
        f"<AccessMode>RO</AccessMode><pPort>{chunk.node}_Port</pPort>"
        f"<Cachable>NoCache</Cachable>{sign}<Endianess>LittleEndian</Endianess></{tag}>\n"
        f'<Port Name="{chunk.node}_Port"><ChunkID>{chunk.chunk_id:X}</ChunkID></Port>'
    )


def _guid_tail(model: CameraModel) -> str:
    return model.device_id.encode().hex().rjust(12, "0")
