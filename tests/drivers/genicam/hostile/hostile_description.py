"""Descriptions of hostile cameras: the XML, and the lines that tell the producer its registers.

Every feature has a register of 8 bytes, one for each value of its selector. The C side
knows features by their names: whatever a description calls its exposure is applied.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from xml.sax.saxutils import escape

PIXEL_FORMAT_VALUES: Mapping[str, int] = {
    "Mono8": 0x01080001,
    "Mono10": 0x01100003,
    "Mono12": 0x01100005,
    "Mono14": 0x01100025,
    "Mono16": 0x01100007,
    "Mono10Packed": 0x010C0004,
    "Mono12Packed": 0x010C0006,
    "Mono10p": 0x010A0046,
    "Mono12p": 0x010C0047,
    "BayerRG8": 0x01080009,
    "BayerRG12": 0x01100011,
    "BayerRG12Packed": 0x010C002B,
    "BayerRG16": 0x0110002F,
    "RGB8": 0x02180014,
    "BGR8": 0x02180015,
}
"""Formats that the producer can draw, by name (PFNC values)."""

SHUTTER_NODES = (
    "SensorShutterMode",
    "ShutterMode",
    "SensorShutterType",
    "ShutterType",
    "mvShutterMode",
)
RESET_VALUES = (
    "GlobalReset",
    "GlobalResetRelease",
    "GlobalResetShutter",
    "mvGlobalReset",
    "GRR",
)
RESET_SWITCH = "GlobalResetReleaseModeEnable"

BrokenFormula = Literal["divide by zero", "unreadable register", "missing node"]
_LINE_TIME_OF: Mapping[BrokenFormula, str] = {
    "divide by zero": "LineTimeDivisor",
    "unreadable register": "LineTimeBeyondMemory",
    "missing node": "NodeThatIsNowhere",
}


@dataclass(frozen=True, slots=True)
class ShutterNode:
    """How a camera calls its shutter modes.

    ``only_while_triggered`` makes the reset value available only while the trigger is on,
    and lets the shutter fall back to rolling when the trigger goes off.
    """

    node: str = "SensorShutterMode"
    values: tuple[str, ...] = ("Global", "Rolling", "GlobalReset")
    initial: str = "Rolling"
    only_while_triggered: bool = False

    @property
    def reset_values(self) -> tuple[str, ...]:
        """The values that mean global reset, however they are spelled."""
        known = {value.lower() for value in RESET_VALUES}
        return tuple(value for value in self.values if value.lower() in known)


@dataclass(frozen=True, slots=True)
class GigeFeatures:
    """Nodes of a GigE camera on the loopback network; test packets really go over it.

    ``largest_packet_bytes`` is what a switch on the way passes; larger packets never come, and
    frames sent in them are incomplete. ``limit`` is the camera's own node for the most it sends.
    """

    packet_size_bytes: int = 1500
    most_packet_bytes: int = 9000
    largest_packet_bytes: int = 9000
    has_test_packets: bool = True
    has_packet_delay: bool = True
    link_mbit_s: int = 1000
    limit: Literal["DeviceLinkThroughputLimit", "StreamBytesPerSecond"] | None = None


@dataclass(frozen=True, slots=True)
class HostileFeatures:
    """What a hostile camera offers, and under which names.

    A name of ``None`` leaves the feature out. ``gain_category`` is a Category called Gain.
    ``trigger_left_on`` is the source of a trigger that is on when the camera gets power.
    ``mode_node`` is a float that exists only while the node ``HostileMode`` is Special.
    """

    sensor_width_px: int = 64
    sensor_height_px: int = 48
    pixel_formats: tuple[str, ...] = tuple(PIXEL_FORMAT_VALUES)
    pixel_format: str = "Mono8"
    has_offsets: bool = True
    exposure: Literal["ExposureTime", "ExposureTimeAbs", "ExposureTimeRaw"] | None = "ExposureTime"
    exposure_us: float = 1000.0
    exposure_raw_us: float = 1.0
    gain: Literal["Gain", "GainAbs", "GainRaw"] | None = "Gain"
    gain_raw_db: float = 0.1
    gain_selectors: tuple[str, ...] = ()
    gain_category: bool = False
    black_level: Literal["BlackLevel", "BlackLevelAbs", "BlackLevelRaw"] | None = "BlackLevel"
    frame_rate: Literal["AcquisitionFrameRate", "AcquisitionFrameRateAbs"] | None = (
        "AcquisitionFrameRate"
    )
    frame_rate_hz: float = 200.0
    trigger_delay: Literal["TriggerDelay", "TriggerDelayAbs"] | None = None
    trigger_selectors: tuple[str, ...] = ("FrameStart",)
    trigger_sources: tuple[str, ...] = ("Software", "Line1")
    trigger_left_on: str | None = None
    shutter: ShutterNode | None = None
    has_reset_switch: bool = False
    reset_when_triggered: bool = False
    has_reverse: bool = False
    line_time_us: float = 10.0
    line_time_node: str | None = "LineTime"
    broken_formula: BrokenFormula | None = None
    mode_node: str | None = None
    implemented_by_mode: bool = False
    locked_while_acquiring: bool = True
    gige: "GigeFeatures | None" = None

    def __post_init__(self) -> None:
        if self.gain_category and self.gain == "Gain":
            raise ValueError("gain_category takes the name Gain; let gain be GainRaw or GainAbs")

    def reset_node(self) -> tuple[str, str] | None:
        """Node and value that put this camera into global reset; None without a mode node."""
        if self.shutter is None or not self.shutter.reset_values:
            return None
        return self.shutter.node, self.shutter.reset_values[0]


@dataclass(frozen=True, slots=True)
class DescribedCamera:
    """A description, and the producer's lines on the registers behind it."""

    xml: str
    lines: tuple[str, ...]


def describe(features: HostileFeatures) -> DescribedCamera:
    """The camera that offers ``features``.

    >>> camera = describe(HostileFeatures(gain=None, exposure="ExposureTimeRaw"))
    >>> "ExposureTimeRaw" in camera.xml, "GainRegister" in camera.xml
    (True, False)
    """
    made = _Registers()
    _image(made, features)
    _light(made, features)
    _trigger(made, features)
    _shutter(made, features)
    _oddities(made, features)
    if features.gige is not None:
        _gige(made, features.gige)
    return DescribedCamera(made.document(), tuple(made.lines))


class _Registers:
    """Collects nodes and gives each an address."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._parts: list[str] = []
        self._categories: dict[str, list[str]] = {}
        self._next_address = 0x1000

    def document(self) -> str:
        root = "".join(f"<pFeature>{name}</pFeature>" for name in self._categories)
        categories = f'<Category Name="Root" NameSpace="Standard">{root}</Category>' + "".join(
            f'<Category Name="{name}" NameSpace="Custom">'
            + "".join(f"<pFeature>{member}</pFeature>" for member in members)
            + "</Category>"
            for name, members in self._categories.items()
        )
        return (
            '<?xml version="1.0" encoding="utf-8"?>\n'
            '<RegisterDescription xmlns="http://www.genicam.org/GenApi/Version_1_1" '
            'ModelName="H1" VendorName="Hostile" ToolTip="Hostile" StandardNameSpace="None" '
            'SchemaMajorVersion="1" SchemaMinorVersion="1" SchemaSubMinorVersion="0" '
            'MajorVersion="1" MinorVersion="0" SubMinorVersion="0" '
            'ProductGuid="5a3c9d10-77a1-4b52-9a0e-0d6a3f1b2c01" '
            'VersionGuid="5a3c9d10-77a1-4b52-9a0e-0d6a3f1b2c02">\n'
            + categories
            + "\n".join(self._parts)
            + '<Port Name="Device"/></RegisterDescription>\n'
        )

    def raw(self, xml: str) -> None:
        self._parts.append(xml)

    def list_in(self, category: str, name: str) -> None:
        self._categories.setdefault(category, []).append(name)

    def number(
        self,
        name: str,
        value: float,
        low: float,
        high: float,
        *,
        category: str,
        step: int | None = None,
        unit: str = "",
        selector: str | None = None,
        selections: int = 1,
        conditions: str = "",
        access: str = "RW",
    ) -> None:
        """A float, or with ``step`` an integer."""
        kind = "float" if step is None else "int"
        tag = "Float" if step is None else "Integer"
        increment = "" if step is None else f"<Inc>{step}</Inc>"
        shown = f"<Unit>{unit}</Unit>" if unit else ""
        limits = f"<Min>{low:g}</Min><Max>{high:g}</Max>"
        if step is not None:
            limits = f"<Min>{int(low)}</Min><Max>{int(high)}</Max>"
        self._parts.append(
            f'<{tag} Name="{name}" NameSpace="Standard">{conditions}'
            f"<pValue>{name}Register</pValue>{limits}{increment}{shown}</{tag}>"
        )
        self._register(name, kind, access=access, selector=selector)
        self._power_up_value(name, value if step is None else int(value), selector, selections)
        self.list_in(category, name)

    def choice(
        self,
        name: str,
        values: Mapping[str, int],
        initial: str,
        *,
        category: str,
        selector: str | None = None,
        selections: int = 1,
        selects: Sequence[str] = (),
        conditions: str = "",
        available: Mapping[str, str] | None = None,
    ) -> None:
        """An enumeration; ``available`` maps a value to the node of its condition."""
        entries = ""
        for symbolic, value in values.items():
            condition = (available or {}).get(symbolic)
            entries += (
                f'<EnumEntry Name="{escape(symbolic)}" NameSpace="Standard">'
                + (f"<pIsAvailable>{condition}</pIsAvailable>" if condition else "")
                + f"<Value>{value}</Value></EnumEntry>"
            )
            self.lines.append(f"entry {name} {symbolic} {value}")
        selected = "".join(f"<pSelected>{feature}</pSelected>" for feature in selects)
        self._parts.append(
            f'<Enumeration Name="{name}" NameSpace="Standard">{conditions}{entries}'
            f"<pValue>{name}Register</pValue>{selected}</Enumeration>"
        )
        self._register(name, "int", selector=selector)
        self._power_up_value(name, values[initial], selector, selections)
        self.list_in(category, name)

    def switch(self, name: str, value: bool, *, category: str, conditions: str = "") -> None:
        """A boolean; true is 1."""
        self._parts.append(
            f'<Boolean Name="{name}" NameSpace="Standard">{conditions}'
            f"<pValue>{name}Register</pValue><OnValue>1</OnValue><OffValue>0</OffValue></Boolean>"
        )
        self._register(name, "int")
        self._power_up_value(name, int(value))
        self.list_in(category, name)

    def command(self, name: str, *, category: str, conditions: str = "") -> None:
        """A command that writes 1."""
        self._parts.append(
            f'<Command Name="{name}" NameSpace="Standard">{conditions}'
            f"<pValue>{name}Register</pValue><CommandValue>1</CommandValue></Command>"
        )
        self._register(name, "command", access="WO")
        self.list_in(category, name)

    def text(self, name: str, value: str, *, category: str) -> None:
        """A read-only text of at most 63 characters, without spaces."""
        address = self._take()
        self._parts.append(
            f'<StringReg Name="{name}" NameSpace="Standard"><Address>{address}</Address>'
            "<Length>64</Length><AccessMode>RO</AccessMode><pPort>Device</pPort>"
            "<Cachable>NoCache</Cachable></StringReg>"
        )
        self.lines += [f"node {name} {address} 64 text", f"initial {name} {value}"]
        self.list_in(category, name)

    def condition(self, name: str, node: str, formula: str) -> None:
        """A node that is true while ``formula`` of the value ``V`` of ``node`` is."""
        self._parts.append(
            f'<IntSwissKnife Name="{name}"><pVariable Name="V">{node}</pVariable>'
            f"<Formula>{escape(formula)}</Formula></IntSwissKnife>"
        )

    def _take(self) -> int:
        address = self._next_address
        self._next_address += 0x40
        return address

    def _register(
        self, name: str, kind: str, *, access: str = "RW", selector: str | None = None
    ) -> None:
        address = self._take()
        tag = "FloatReg" if kind == "float" else "IntReg"
        sign = "" if kind == "float" else "<Sign>Signed</Sign>"
        index = f'<pIndex Offset="8">{selector}Register</pIndex>' if selector else ""
        self._parts.append(
            f'<{tag} Name="{name}Register"><Address>{address}</Address>{index}<Length>8</Length>'
            f"<AccessMode>{access}</AccessMode><pPort>Device</pPort>"
            f"<Cachable>NoCache</Cachable>{sign}<Endianess>LittleEndian</Endianess></{tag}>"
        )
        self.lines.append(f"node {name} {address} 8 {kind} {selector or ''}".rstrip())

    def _power_up_value(
        self, name: str, value: float, selector: str | None = None, selections: int = 1
    ) -> None:
        for selection in range(selections if selector else 1):
            self.lines.append(f"initial {name} {value!r} {selection}")


_LOCKED = "<pIsLocked>TLParamsLocked</pIsLocked>"


def _image(made: _Registers, features: HostileFeatures) -> None:
    locked = _LOCKED if features.locked_while_acquiring else ""
    width, height = features.sensor_width_px, features.sensor_height_px
    for name, value in (("DeviceVendorName", "Hostile"), ("DeviceModelName", "H1")):
        made.text(name, value, category="DeviceControl")
    image = "ImageFormatControl"
    made.number("WidthMax", width, 0, width, step=1, category=image, access="RO")
    made.number("HeightMax", height, 0, height, step=1, category=image, access="RO")
    made.number("Width", width, 8, width, step=4, category=image, conditions=locked)
    made.number("Height", height, 4, height, step=2, category=image, conditions=locked)
    if features.has_offsets:
        made.number("OffsetX", 0, 0, width - 8, step=4, category=image)
        made.number("OffsetY", 0, 0, height - 4, step=2, category=image)
    if features.has_reverse:
        made.switch("ReverseX", False, category=image)
        made.switch("ReverseY", False, category=image)
    formats = {name: PIXEL_FORMAT_VALUES[name] for name in features.pixel_formats}
    made.choice("PixelFormat", formats, features.pixel_format, category=image, conditions=locked)
    made.number("PayloadSize", 0, 0, 2**40, step=1, category=image, access="RO")
    made.number("TLParamsLocked", 0, 0, 1, step=1, category="TransportLayerControl")
    acquisition = "AcquisitionControl"
    made.choice("AcquisitionMode", {"Continuous": 0}, "Continuous", category=acquisition)
    made.command("AcquisitionStart", category=acquisition)
    made.command("AcquisitionStop", category=acquisition)


def _light(made: _Registers, features: HostileFeatures) -> None:
    acquisition, analog = (
        "AcquisitionControl",
        "Gain" if features.gain_category else "AnalogControl",
    )
    if features.exposure is not None:
        is_raw = features.exposure == "ExposureTimeRaw"
        value = features.exposure_us / (features.exposure_raw_us if is_raw else 1.0)
        made.number(
            features.exposure,
            value,
            1,
            1_000_000,
            step=1 if is_raw else None,
            unit="" if is_raw else "us",
            category=acquisition,
        )
    made.lines.append(f"exposure_raw_us {features.exposure_raw_us!r}")
    if features.gain is not None:
        selector = "GainSelector" if features.gain_selectors else None
        if selector:
            made.choice(
                selector,
                {name: value for value, name in enumerate(features.gain_selectors)},
                features.gain_selectors[0],
                category=analog,
                selects=[features.gain],
            )
        is_raw = features.gain == "GainRaw"
        made.number(
            features.gain,
            0,
            0,
            480 if is_raw else 48,
            step=1 if is_raw else None,
            unit="" if is_raw else "dB",
            category=analog,
            selector=selector,
            selections=len(features.gain_selectors),
        )
    made.lines.append(f"gain_raw_db {features.gain_raw_db!r}")
    if features.black_level is not None:
        is_raw = features.black_level == "BlackLevelRaw"
        made.number(features.black_level, 8, 0, 64, step=1 if is_raw else None, category=analog)
    if features.frame_rate is not None:
        made.number(
            features.frame_rate, features.frame_rate_hz, 0.1, 5000, unit="Hz", category=acquisition
        )
    made.lines.append(f"frame_rate_hz {features.frame_rate_hz!r}")


def _trigger(made: _Registers, features: HostileFeatures) -> None:
    if not features.trigger_selectors:
        return
    acquisition, count = "AcquisitionControl", len(features.trigger_selectors)
    selected = ["TriggerMode", "TriggerSource"]
    if features.trigger_delay is not None:
        selected.append(features.trigger_delay)
    made.choice(
        "TriggerSelector",
        {name: value for value, name in enumerate(features.trigger_selectors)},
        features.trigger_selectors[0],
        category=acquisition,
        selects=selected,
    )
    left_on = features.trigger_left_on
    made.choice(
        "TriggerMode",
        {"Off": 0, "On": 1},
        "Off" if left_on is None else "On",
        category=acquisition,
        selector="TriggerSelector",
        selections=count,
    )
    made.choice(
        "TriggerSource",
        {name: value for value, name in enumerate(features.trigger_sources)},
        left_on or features.trigger_sources[0],
        category=acquisition,
        selector="TriggerSelector",
        selections=count,
    )
    if "Software" in features.trigger_sources:
        made.command("TriggerSoftware", category=acquisition)
    if features.trigger_delay is not None:
        made.number(
            features.trigger_delay,
            0,
            0,
            1_000_000,
            unit="us",
            category=acquisition,
            selector="TriggerSelector",
            selections=count,
        )


def _shutter(made: _Registers, features: HostileFeatures) -> None:
    made.lines.append(f"line_time_us {features.line_time_us!r}")
    if features.has_reset_switch:
        made.switch(RESET_SWITCH, False, category="AcquisitionControl")
        made.lines.append(f"reset_when {RESET_SWITCH} 1")
    if features.reset_when_triggered:
        made.lines.append("reset_when TriggerMode 1")
    shutter = features.shutter
    if shutter is None:
        return
    values = {name: value for value, name in enumerate(shutter.values)}
    available = {}
    if shutter.only_while_triggered:
        made.condition("ShutterNeedsTrigger", "TriggerModeRegister", "V = 1")
        available = dict.fromkeys(shutter.reset_values, "ShutterNeedsTrigger")
        made.lines.append(f"on_write TriggerMode 0 {shutter.node} {values[shutter.initial]}")
    made.choice(
        shutter.node, values, shutter.initial, category="AcquisitionControl", available=available
    )
    made.lines += [f"reset_when {shutter.node} {values[name]}" for name in shutter.reset_values]


def _oddities(made: _Registers, features: HostileFeatures) -> None:
    if features.line_time_node is not None:
        if features.broken_formula is None:
            made.number(
                features.line_time_node,
                features.line_time_us,
                0,
                1e6,
                unit="us",
                category="AcquisitionControl",
                access="RO",
            )
        else:
            _broken_number(made, features.line_time_node, features.broken_formula)
    if features.mode_node is not None:
        made.choice("HostileMode", {"Plain": 0, "Special": 1}, "Plain", category="HostileControl")
        made.condition("HostileModeIsSpecial", "HostileModeRegister", "V = 1")
        tag = "pIsImplemented" if features.implemented_by_mode else "pIsAvailable"
        made.number(
            features.mode_node,
            1,
            0,
            100,
            category="HostileControl",
            conditions=f"<{tag}>HostileModeIsSpecial</{tag}>",
        )


def _gige(made: _Registers, gige: GigeFeatures) -> None:
    transport = "TransportLayerControl"
    loopback = 0x7F000001
    made.number(
        "GevSCPSPacketSize",
        gige.packet_size_bytes,
        576,
        gige.most_packet_bytes,
        step=4,
        category=transport,
        conditions=_LOCKED,
    )
    made.number(
        "GevCurrentIPAddress", loopback, 0, 2**32 - 1, step=1, category=transport, access="RO"
    )
    made.number("GevTimestampTickFrequency", 10**9, 0, 2**40, step=1, category=transport)
    made.number("GevLinkSpeed", gige.link_mbit_s, 0, 10**6, step=1, category=transport)
    if gige.has_test_packets:
        made.number("GevSCDA", 0, 0, 2**32 - 1, step=1, category=transport)
        made.number("GevSCPHostPort", 0, 0, 65535, step=1, category=transport)
        made.switch("GevSCPSDoNotFragment", False, category=transport)
        made.command("GevSCPSFireTestPacket", category=transport)
    if gige.has_packet_delay:
        made.number("GevSCPD", 0, 0, 10**7, step=1, category=transport)
    made.lines.append(f"largest_packet_bytes {gige.largest_packet_bytes}")
    if gige.limit is None:
        return
    modes = {"SCPD": 0, "StreamBytesPerSecond": 1}
    mode = "BandwidthControlMode"
    if gige.limit == "DeviceLinkThroughputLimit":
        mode, modes = "DeviceLinkThroughputLimitMode", {"Off": 0, "On": 1}
    made.choice(mode, modes, next(iter(modes)), category=transport)
    made.number(gige.limit, 124_000_000, 1_000_000, 124_000_000, step=1, category=transport)


def _broken_number(made: _Registers, name: str, formula: BrokenFormula) -> None:
    """An integer whose formula cannot be computed when it is read."""
    operand = _LINE_TIME_OF[formula]
    if formula == "divide by zero":
        made.number(operand, 0, 0, 100, step=1, category="HostileControl")
        operand += "Register"
    elif formula == "unreadable register":
        made.raw(
            f'<IntReg Name="{operand}"><Address>0x7FFF0000</Address><Length>8</Length>'
            "<AccessMode>RO</AccessMode><pPort>Device</pPort><Cachable>NoCache</Cachable>"
            "<Sign>Signed</Sign><Endianess>LittleEndian</Endianess></IntReg>"
        )
    made.raw(
        f'<IntSwissKnife Name="{name}" NameSpace="Standard">'
        f'<pVariable Name="V">{operand}</pVariable><Formula>1000 / V</Formula></IntSwissKnife>'
    )
    made.list_in("AcquisitionControl", name)


def shutter_of(node: str, reset_value: str) -> ShutterNode:
    """One of the dialects: a node with a rolling value and ``reset_value``.

    >>> shutter_of("ShutterType", "grr").reset_values
    ('grr',)
    """
    return ShutterNode(node=node, values=("Rolling", reset_value), initial="Rolling")
