"""The device's register port: converts register bytes to feature values and back."""

import struct
from typing import Protocol

from drivers.virtual.camera.device_description import (
    NUMBER_BYTES,
    STRING_BYTES,
    XML_ADDRESS,
    Aspect,
    Description,
    Register,
    choice_value,
)
from drivers.virtual.camera.feature_table import Feature, Kind, Value
from drivers.virtual.camera.gentl import ErrorCode, GenTLError
from drivers.virtual.camera.settings import Limits


class FeatureAccess(Protocol):
    """Access to a device's features; raises :class:`GenTLError` if it fails."""

    description: Description

    def check_reachable(self) -> None:
        """Raise IO if the device is unplugged."""

    def read_feature(self, feature: Feature) -> Value:
        """The value of a feature; a choice as its name."""

    def write_feature(self, feature: Feature, value: Value) -> None:
        """Set a value, or execute a command."""

    def limits(self, feature: Feature) -> Limits:
        """Present limits of a number."""

    def is_available(self, feature: Feature) -> bool:
        """Whether the feature is available now."""

    def is_choice_available(self, feature: Feature, choice: str) -> bool:
        """Whether a choice is available now."""

    def is_locked(self, feature: Feature) -> bool:
        """Whether the feature cannot be written now."""


def read_registers(device: FeatureAccess, address: int, size: int) -> bytes:
    """Bytes of one register, or of a part of the device description."""
    device.check_reachable()
    xml = device.description.xml
    if XML_ADDRESS <= address < XML_ADDRESS + len(xml):
        offset = address - XML_ADDRESS
        return xml[offset : offset + size].ljust(size, b"\0")
    register = _register(device, address)
    feature = register.feature
    data: bytes
    match register.aspect:
        case Aspect.VALUE:
            data = _encode(feature, device.read_feature(feature))
        case Aspect.MINIMUM:
            data = _encode_number(feature, device.limits(feature).minimum)
        case Aspect.MAXIMUM:
            data = _encode_number(feature, device.limits(feature).maximum)
        case Aspect.INCREMENT:
            data = _encode_number(feature, device.limits(feature).increment)
        case Aspect.AVAILABLE:
            data = struct.pack("<q", device.is_available(feature))
        case Aspect.LOCKED:
            data = struct.pack("<q", device.is_locked(feature))
        case Aspect.CHOICE_AVAILABLE:
            choice = feature.choices[register.choice]
            data = struct.pack("<q", device.is_choice_available(feature, choice))
    if size > len(data):
        raise GenTLError(
            ErrorCode.INVALID_ADDRESS,
            f"{size} bytes at 0x{address:X} reach beyond the register of {len(data)} bytes",
        )
    return data[:size]


def write_registers(device: FeatureAccess, address: int, data: bytes) -> None:
    """Write the value register of a feature."""
    device.check_reachable()
    register = _register(device, address)
    feature = register.feature
    if register.aspect is not Aspect.VALUE or feature.read_only:
        raise GenTLError(ErrorCode.ACCESS_DENIED, f"register 0x{address:X} is read-only")
    device.write_feature(feature, _decode(feature, data))


def _register(device: FeatureAccess, address: int) -> Register:
    register = device.description.register_at(address)
    if register is None:
        raise GenTLError(ErrorCode.INVALID_ADDRESS, f"there is no register at 0x{address:X}")
    return register


def _encode_number(feature: Feature, value: float) -> bytes:
    return struct.pack("<d", value) if feature.kind is Kind.FLOAT else struct.pack("<q", int(value))


def _encode(feature: Feature, value: Value) -> bytes:
    match feature.kind:
        case Kind.STRING:
            return str(value).encode()[: STRING_BYTES - 1].ljust(STRING_BYTES, b"\0")
        case Kind.ENUMERATION:
            index = feature.choices.index(str(value))
            return struct.pack("<q", choice_value(feature, index))
        case Kind.FLOAT:
            return struct.pack("<d", float(value))
        case Kind.COMMAND:
            return bytes(NUMBER_BYTES)
        case Kind.INTEGER | Kind.BOOLEAN:
            return struct.pack("<q", int(value))


def _decode(feature: Feature, data: bytes) -> Value:
    if feature.kind is Kind.STRING:
        return data.split(b"\0", 1)[0].decode("utf-8", "replace")
    if len(data) != NUMBER_BYTES:
        raise GenTLError(
            ErrorCode.INVALID_ADDRESS,
            f"{len(data)} bytes written to {feature.name}, a register of {NUMBER_BYTES}",
        )
    if feature.kind is Kind.FLOAT:
        return float(struct.unpack("<d", data)[0])
    number = int(struct.unpack("<q", data)[0])
    if feature.kind is Kind.ENUMERATION:
        values = [choice_value(feature, index) for index in range(len(feature.choices))]
        if number not in values:
            raise GenTLError(ErrorCode.INVALID_VALUE, f"{feature.name} has no choice {number}")
        return feature.choices[values.index(number)]
    return bool(number) if feature.kind is Kind.BOOLEAN else number
