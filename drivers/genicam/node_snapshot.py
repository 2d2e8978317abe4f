"""A camera's nodes as a value: its description, what every node reads, and the bytes behind.

From it the node map can be made again without the camera: :func:`replayed_map`. So the driver's
choices on a camera that is elsewhere can be looked at, and tested.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Protocol
from urllib.parse import unquote, urlparse

from genicam import genapi, gentl
from pydantic import BaseModel, ConfigDict, Field

from drivers.camera_settings import CameraControls
from drivers.errors import InstrumentError
from drivers.genicam import nodes
from drivers.genicam.binding_errors import one_line
from drivers.genicam.description_file import description_text, read_camera_description
from drivers.genicam.mended_description import MendingNodeMap
from drivers.genicam.nodes import Node, NodeMap
from drivers.genicam.standard_features import Features
from drivers.input_file import read_input, words

PRIVATE_NODES = re.compile(
    r"(Serial|DeviceID$|UserID|MACAddress|IPAddress|SubnetMask|Gateway|DeviceTemporaryID)",
    re.IGNORECASE,
)
"""Nodes that tell which piece it is, whose, and where in a network."""

_PORT = "Device"
_FAILURES = (InstrumentError, genapi.GenericException, gentl.GenericException)


class NodeReading(BaseModel):
    """What one node read; ``failure`` says why a readable one gave nothing.

    ``access`` is RO, RW, WO or NA. A number has limits, an enumeration its choices in any
    state of the device.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    kind: str
    access: str
    value: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    increment: float | None = None
    choices: tuple[str, ...] = ()
    failure: str = ""


_Hexadecimal = Annotated[str, Field(pattern=r"^([0-9a-fA-F]{2})*$")]


class RegisterReading(BaseModel):
    """Bytes at an address, in hexadecimal, as they were read.

    ``selected`` are the selectors that had other values then than in the camera's present
    state, as (address, bytes): many cameras show another register at the same address.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    address: int
    data: _Hexadecimal
    selected: tuple[tuple[int, str], ...] = ()


class NodeSnapshot(BaseModel):
    """All that a camera told of itself in one state.

    ``controls`` are what the driver made of it, ``shutter_node`` included; None where
    ``controls_failure`` says why. ``withheld`` names the nodes that were not read, as private.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int = 1
    description: str
    nodes: tuple[NodeReading, ...]
    registers: tuple[RegisterReading, ...]
    controls: CameraControls | None
    controls_failure: str = ""
    shutter_node: tuple[str, str] | None = None
    withheld: tuple[str, ...] = ()


class DevicePort(Protocol):
    """The methods of ``genicam.gentl.Port`` that are used here."""

    @property
    def url_info_list(self) -> Sequence[Any]:
        """Where the device's description is."""

    def read(self, address: int, length: int) -> tuple[int, bytes]:
        """Bytes read, and the bytes."""

    def write(self, address: int, data: bytes) -> object:
        """Write bytes."""


class RecordingPort(genapi.AbstractPort):  # type: ignore[misc]
    """Passes reads on to a device and keeps what came; writes where ``passes_writes`` is set."""

    def __init__(self, port: DevicePort) -> None:
        super().__init__()
        self._port = port
        self._came: dict[tuple[tuple[tuple[int, str], ...], int], str] = {}
        self._present: dict[int, str] = {}
        self._written: dict[int, str] = {}
        self.passes_writes = False

    def read(self, address: int, length: int) -> bytes:
        """Bytes of the device."""
        _, data = self._port.read(address, length)
        if address not in self._written:
            self._present.setdefault(address, bytes(data).hex())
        # What was put back selects nothing.
        selected = tuple(
            (place, text)
            for place, text in sorted(self._written.items())
            if self._present.get(place) != text
        )
        self._came[selected, address] = bytes(data).hex()
        return bytes(data)

    def write(self, address: int, data: bytes) -> None:
        """Nothing, or pass it on."""
        if self.passes_writes:
            self._port.write(address, bytes(data))
            self._written[address] = bytes(data).hex()

    def get_access_mode(self) -> int:
        """As of the device: registers would read as locked otherwise."""
        return int(genapi.EAccessMode.RW)

    @property
    def registers(self) -> tuple[RegisterReading, ...]:
        """All that came, once for each selection."""
        return tuple(
            RegisterReading(address=address, data=data, selected=selected)
            for (selected, address), data in sorted(self._came.items())
        )


class ReplayPort(genapi.AbstractPort):  # type: ignore[misc]
    """A port backed by recorded bytes; it keeps what is written.

    ``unknown`` are addresses that were read and neither recorded nor written: they give zeros.
    """

    def __init__(self, registers: Sequence[RegisterReading]) -> None:
        super().__init__()
        self._bytes: dict[int, int] = {}
        self._selected: list[RegisterReading] = []
        self._written: set[int] = set()
        self.unknown: set[int] = set()
        for each in registers:
            if each.selected:
                self._selected.append(each)
            else:
                self._put(each.address, bytes.fromhex(each.data))

    def read(self, address: int, length: int) -> bytes:
        """Recorded or written bytes."""
        for each in self._selected:
            if each.address == address and address not in self._written and self._is_on(each):
                return bytes.fromhex(each.data)[:length]
        if any(place not in self._bytes for place in range(address, address + length)):
            self.unknown.add(address)
        return self._now(address, length)

    def write(self, address: int, data: bytes) -> None:
        """Keep the bytes."""
        self._put(address, bytes(data))
        self._written.add(address)

    def get_access_mode(self) -> int:
        """Everything may be read and written."""
        return int(genapi.EAccessMode.RW)

    def _put(self, address: int, data: bytes) -> None:
        self._bytes.update(enumerate(data, start=address))

    def _now(self, address: int, length: int) -> bytes:
        return bytes(self._bytes.get(address + place, 0) for place in range(length))

    def _is_on(self, reading: RegisterReading) -> bool:
        return all(
            self._now(address, len(text) // 2).hex() == text for address, text in reading.selected
        )


def take_snapshot(
    port: DevicePort,
    description: Path | None = None,
    shutter_node: tuple[str, str] | None = None,
    *,
    private: bool = False,
) -> NodeSnapshot:
    """Read every node through ``port``; with ``private`` those of :data:`PRIVATE_NODES` too.

    ``description`` is a file used in place of the device's own, ``shutter_node`` the global
    reset of an unknown maker. Only selectors are written, and put back. A node that fails
    costs itself. Raises :class:`InstrumentError` where there is no description. The caller
    holds its camera's lock.
    """
    text = (
        read_camera_description(description)
        if description
        else description_text(_described_by(port), "the device")
    )
    recorder = RecordingPort(port)
    node_map = _connected(text, recorder, str(description or "the device"))
    # First: what was read before a selector is put back is kept beside the present state.
    recorder.passes_writes = True
    controls, failure = None, ""
    try:
        controls = Features(node_map, shutter_node).controls()
    except _FAILURES as error:
        failure = _one_line(error)
    recorder.passes_writes = False
    readings: list[NodeReading] = []
    withheld: list[str] = []
    for name, node in sorted(nodes.implemented_features(node_map), key=lambda item: item[0]):
        if nodes.kind_of(node) == "category":
            continue
        if not private and PRIVATE_NODES.search(name):
            withheld.append(name)
        else:
            readings.append(_reading(name, node))
    return NodeSnapshot(
        description=text,
        nodes=tuple(readings),
        registers=recorder.registers,
        controls=controls,
        controls_failure=failure,
        shutter_node=shutter_node,
        withheld=tuple(withheld),
    )


def replayed_map(snapshot: NodeSnapshot) -> tuple[NodeMap, ReplayPort]:
    """The node map of a snapshot, and the memory behind it."""
    port = ReplayPort(snapshot.registers)
    return _connected(snapshot.description, port, "the snapshot"), port


def _connected(description: str, port: genapi.AbstractPort, origin: str) -> NodeMap:
    node_map = MendingNodeMap()
    try:
        node_map.load_xml_from_string(description)
    except genapi.GenericException as error:
        raise InstrumentError(
            f"the device description of {origin} is broken: {words(one_line(error))}"
        ) from error
    node_map.connect(port, _PORT)
    connected: NodeMap = node_map
    return connected


def _reading(name: str, node: Node) -> NodeReading:
    kind, access = nodes.kind_of(node), nodes.access_of(node)
    value, control, failure = None, None, ""
    choices: tuple[str, ...] = ()
    try:
        if nodes.is_readable(node) and kind not in ("command", "register"):
            value = nodes.read_text(node)
            control = nodes.control_if_number(node)
        choices = nodes.values_of(node)
    except _FAILURES as error:
        failure = _one_line(error)
    return NodeReading(
        name=name,
        kind=kind,
        access=access,
        value=value,
        minimum=None if control is None else control.minimum,
        maximum=None if control is None else control.maximum,
        increment=None if control is None else control.increment,
        choices=choices,
        failure=failure,
    )


def _one_line(error: Exception) -> str:
    return str(error) if isinstance(error, InstrumentError) else one_line(error)


def _described_by(port: DevicePort) -> bytes:
    """The description that the device brings, packed or not (GenTL 1.6, section 4.1.2)."""
    urls = port.url_info_list
    if not urls:
        raise InstrumentError("the device brings no description; give one by --description")
    url = str(urls[0].url)
    scheme, _, rest = url.partition(":")
    try:
        if scheme.lower() == "local":
            _, address, size = rest.split(";")
            _, data = port.read(int(address, 16), int(size.partition("?")[0], 16))
            return bytes(data)
        if scheme.lower() == "file":
            return read_input(Path(unquote(urlparse(url).path)))
    except (OSError, ValueError) as error:
        raise InstrumentError(f"the description at {url} cannot be read: {error}") from error
    raise InstrumentError(f"the description is at {url}; fetch it and give it by --description")
