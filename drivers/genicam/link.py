"""What the link from a camera to the host carries, and how much of it the camera may use.

Sources: SFNC 2.7, chapters 3 (DeviceLinkSpeed, DeviceLinkThroughputLimit, in bytes/s) and 25
(GevSCPD, in ticks of the time stamp); GigE Vision 2.2, chapter 23 (headers of a stream packet);
IEEE 802.3 (what a frame takes on the wire beside its content). Makers' names are in
:mod:`drivers.genicam.makers`.

No function here locks: the caller holds its camera's lock (see :mod:`drivers.genicam.nodes`).
"""

from dataclasses import dataclass

from drivers.camera_link import Link
from drivers.camera_settings import NumericControl
from drivers.errors import SettingRefusedError
from drivers.genicam import nodes
from drivers.genicam.makers.dialect import LinkLimitDialect
from drivers.genicam.makers.table import MAKERS
from drivers.genicam.nodes import NodeMap

PACKET_SIZE = "GevSCPSPacketSize"
"""Bytes of a stream packet with its IP, UDP and GVSP headers."""

_HEADERS_BYTES = 20 + 8 + 8
"""Of IP, UDP and GVSP: no picture data."""
_ON_THE_WIRE_BYTES = 8 + 14 + 4 + 12
"""Preamble, Ethernet header, checksum and gap, which every packet takes beside its size."""

_DELAY = "GevSCPD"
_TICKS = "GevTimestampTickFrequency"
_ETHERNET_MBIT_S = "GevLinkSpeed"
_GIGABIT_MBIT_S = 1000.0
"""Of a GigE camera that does not tell its speed."""
_SPEED = "DeviceLinkSpeed"
_LEAST_SPEED_BYTES_PER_S = 1e6
"""Below it a speed is in another unit than the standard's: some cameras count Mbit/s."""
_UNIT = "bytes/s"

LIMITS = tuple(limit for maker in MAKERS for limit in maker.link_limits)


@dataclass(frozen=True, slots=True)
class _PacketPace:
    """How fast a GigE camera's packets follow each other, by the delay between them."""

    size_bytes: float
    line_bytes_per_s: float
    tick_hz: float

    @property
    def wire_s(self) -> float:
        """What a packet takes on the wire."""
        return (self.size_bytes + _ON_THE_WIRE_BYTES) / self.line_bytes_per_s

    def bytes_per_s(self, delay_ticks: float) -> float:
        """Picture data at this delay."""
        return (self.size_bytes - _HEADERS_BYTES) / (self.wire_s + delay_ticks / self.tick_hz)

    def delay_ticks(self, bytes_per_s: float) -> int:
        """The shortest delay that keeps to ``bytes_per_s``."""
        pause_s = (self.size_bytes - _HEADERS_BYTES) / bytes_per_s - self.wire_s
        return max(0, round(pause_s * self.tick_hz))


def _pace(node_map: NodeMap) -> _PacketPace | None:
    """None for a camera that sends no GigE Vision packets."""
    size_bytes = nodes.number_of(node_map, PACKET_SIZE)
    if size_bytes is None or size_bytes <= _HEADERS_BYTES:
        return None
    mbit_s = nodes.number_of(node_map, _ETHERNET_MBIT_S) or _GIGABIT_MBIT_S
    return _PacketPace(size_bytes, mbit_s * 1e6 / 8, nodes.number_of(node_map, _TICKS) or 1e9)


def _own_limit(node_map: NodeMap) -> LinkLimitDialect | None:
    return next((it for it in LIMITS if nodes.find(node_map, it.node) is not None), None)


def _is_in_force(node_map: NodeMap, limit: LinkLimitDialect) -> bool:
    mode = nodes.text_of(node_map, limit.mode)
    return not mode or mode == limit.in_force


def _delay_control(node_map: NodeMap) -> NumericControl | None:
    delay = nodes.find(node_map, _DELAY)
    return None if delay is None else nodes.control_if_number(delay)


def limit_bytes_per_s(node_map: NodeMap) -> float | None:
    """Most the camera sends; the highest it takes while no limit is in force; None: no limit."""
    own = _own_limit(node_map)
    if own is not None:
        if _is_in_force(node_map, own):
            return nodes.number_of(node_map, own.node)
        control = limit_control(node_map)
        return None if control is None else control.maximum
    pace, delay_ticks = _pace(node_map), nodes.number_of(node_map, _DELAY)
    return None if pace is None or delay_ticks is None else pace.bytes_per_s(delay_ticks)


def limit_control(node_map: NodeMap) -> NumericControl | None:
    """Range of the limit; None where the camera has none."""
    own = _own_limit(node_map)
    if own is not None:
        told = nodes.numeric_control(node_map, own.node, unit=_UNIT)
        # Some cameras tell a minimum above their maximum: they take no limit at all.
        return told if told is not None and told.minimum < told.maximum else None
    pace, delay = _pace(node_map), _delay_control(node_map)
    if pace is None or delay is None:
        return None
    # One step is another amount at each delay.
    return NumericControl(
        pace.bytes_per_s(delay.maximum), pace.bytes_per_s(delay.minimum), 0.0, _UNIT
    )


def set_limit(node_map: NodeMap, bytes_per_s: float, name: str) -> None:
    """Put a limit in force, by the camera's own node or by the delay between packets.

    ``name`` names the setting for people. Raises :class:`SettingRefusedError`.
    """
    own, control = _own_limit(node_map), limit_control(node_map)
    if control is None:
        names = " or ".join((*(limit.node for limit in LIMITS), _DELAY))
        reason = f"has no node {names}" if own is None else f"tells no range for {own.node}"
        raise SettingRefusedError(
            f"the camera {reason}; lower the frame rate or make the region smaller instead"
        )
    if own is not None:
        if not _is_in_force(node_map, own):
            nodes.put(node_map, own.mode, own.in_force)
        nodes.set_number(node_map, (own.node,), bytes_per_s, name, _UNIT)
        return
    pace = _pace(node_map)
    if pace is None:
        return
    control.check(name, bytes_per_s)
    delay = nodes.control_if_number(nodes.require(node_map, _DELAY))
    ticks = pace.delay_ticks(bytes_per_s)
    nodes.put(node_map, _DELAY, int(ticks if delay is None else delay.nearest(ticks)))


def read_link(node_map: NodeMap, name: str) -> Link:
    """What carries the camera's frames; ``name`` is the same for cameras that share it."""
    payload_bytes = nodes.number_of(node_map, "PayloadSize")
    wire = _speeds(node_map)
    told = [*wire, *_limits(node_map)]
    limited_by, bytes_per_s = min(told, key=lambda each: each[1], default=("", None))
    return Link(
        name=name,
        frame_bytes=int(payload_bytes) if payload_bytes else None,
        bytes_per_s=bytes_per_s,
        wire_bytes_per_s=min((each for _, each in wire), default=None),
        limited_by=limited_by,
    )


def _speeds(node_map: NodeMap) -> list[tuple[str, float]]:
    """What says how much the wire carries, and how much."""
    speed = nodes.number_of(node_map, _SPEED)
    told = []
    if speed is not None and speed >= _LEAST_SPEED_BYTES_PER_S:
        told.append((f"{_SPEED} = {speed:.0f} bytes/s", speed))
    mbit_s, pace = nodes.number_of(node_map, _ETHERNET_MBIT_S), _pace(node_map)
    if mbit_s and pace is not None:
        packets = f"in packets of {pace.size_bytes:.0f} bytes"
        told.append((f"{_ETHERNET_MBIT_S} = {mbit_s:.0f} Mbit/s {packets}", pace.bytes_per_s(0)))
    return told


def _limits(node_map: NodeMap) -> list[tuple[str, float]]:
    """What limits the camera itself, and to how much."""
    told = []
    own = _own_limit(node_map)
    limit = nodes.number_of(node_map, own.node) if own and _is_in_force(node_map, own) else None
    if own is not None and limit:
        told.append((f"{own.node} = {limit:.0f} bytes/s", limit))
    pace, delay_ticks = _pace(node_map), nodes.number_of(node_map, _DELAY)
    if delay_ticks and pace is not None:
        told.append((f"{_DELAY} = {delay_ticks:.0f} ticks", pace.bytes_per_s(delay_ticks)))
    return told
