"""The packets in which a GigE camera sends: the largest size that arrives at the host.

Small packets cost the host's processor, too large ones never arrive. A producer that finds the
size itself is asked to; else the camera fires test packets of several sizes (GigE Vision 2.2,
chapter 22.2: a test packet has the size of the stream's packets) at a socket of ours. A camera
that does neither gets at most what the host's network card takes.

No function here locks: the caller holds its camera's lock (see :mod:`drivers.genicam.nodes`).
"""

import ipaddress
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from harvesters.core import ImageAcquirer

from drivers.camera_settings import NumericControl
from drivers.errors import SettingRefusedError
from drivers.genicam import nodes
from drivers.genicam.link import PACKET_SIZE
from drivers.genicam.makers.table import MAKERS
from drivers.genicam.nodes import NodeMap

_ADDRESSES = ("GevCurrentIPAddress", "GevDeviceIPAddress")
_HOST_ADDRESS = "GevSCDA"
_HOST_PORT = "GevSCPHostPort"
_DO_NOT_FRAGMENT = "GevSCPSDoNotFragment"
_FIRE = "GevSCPSFireTestPacket"

_CONTROL_PORT = 3956
"""Of every GigE Vision camera, by the standard."""
_IP_UDP_BYTES = 20 + 8
_IP_MTU = 14
"""Socket option of Linux that Python has no name for."""

_SURE_BYTES = 1500
"""What every Ethernet passes."""
_STEP_BYTES = 64
"""How closely the largest size is searched."""
_TRIES = 2
_ARRIVAL_S = 0.1
_COMMAND_S = 3.0
_POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class HostPath:
    """The way from the host to a camera.

    ``local_address`` is that of the network card, ``mtu_bytes`` the most that the card sends in
    one piece; None where the system does not tell.
    """

    local_address: str
    mtu_bytes: int | None


def path_to(address: str) -> HostPath | None:
    """The way to an IP address; None where there is none. Sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((address, _CONTROL_PORT))
            local = str(probe.getsockname()[0])
            mtu_bytes = None
            if sys.platform == "linux":
                mtu_bytes = probe.getsockopt(socket.IPPROTO_IP, _IP_MTU)
        except OSError:
            return None
    return HostPath(local, mtu_bytes)


def path_to_host(acquirer: ImageAcquirer) -> HostPath | None:
    """The way between host and camera; None for a camera that tells no IP address."""
    for node_map in (acquirer.remote_device.node_map, *_producer_maps(acquirer)):
        node = nodes.find(node_map, *_ADDRESSES)
        text = nodes.text_if_readable(node)
        try:
            number = nodes.number_if_readable(node) if text.isdigit() else None
            address = ipaddress.IPv4Address(text if number is None else int(number))
        except ValueError:
            continue
        if int(address):
            return path_to(str(address))
    return None


def _producer_maps(acquirer: ImageAcquirer) -> Iterator[NodeMap]:
    """Node maps of the producer's own modules; not every producer serves them."""
    for module in (*acquirer.data_streams, acquirer.device):
        if module.node_map is not None:
            yield module.node_map


def choose_packet_size(acquirer: ImageAcquirer, path: HostPath | None) -> None:
    """Let a stopped GigE camera send the largest packets that arrive.

    A camera that sends none, or whose size cannot be set, stays as it is.
    """
    node_map = acquirer.remote_device.node_map
    size = nodes.find(node_map, PACKET_SIZE)
    control = None if size is None else nodes.control_if_number(size)
    if size is None or control is None or not nodes.is_writable(size):
        return
    if _producer_chooses(acquirer):
        return
    most_bytes = control.maximum
    if path is not None and path.mtu_bytes is not None:
        most_bytes = min(most_bytes, path.mtu_bytes)
    best_bytes = min(nodes.read_number(size), most_bytes)
    if path is not None:
        with suppress(SettingRefusedError):
            best_bytes = _largest_that_arrives(node_map, path, control, most_bytes) or best_bytes
    with suppress(SettingRefusedError):
        _set_size(node_map, control, best_bytes)


def _producer_chooses(acquirer: ImageAcquirer) -> bool:
    """Whether the producer has a node by which it finds the size itself; it is used then."""
    for node_map in _producer_maps(acquirer):
        for name in (name for maker in MAKERS for name in maker.packet_switches):
            switch = nodes.find(node_map, name)
            if switch is not None and nodes.is_writable(switch):
                nodes.put(node_map, name, True)
                return True
        for name in (name for maker in MAKERS for name in maker.packet_commands):
            command = nodes.find(node_map, name)
            if command is not None and nodes.is_writable(command):
                nodes.execute(command)
                deadline_s = time.monotonic() + _COMMAND_S
                while not command.is_done() and time.monotonic() < deadline_s:
                    time.sleep(_POLL_S)
                return True
    return False


def _set_size(node_map: NodeMap, control: NumericControl, size_bytes: float) -> None:
    steps = max(1.0, control.increment)
    fitting = control.minimum + (size_bytes - control.minimum) // steps * steps
    nodes.put(node_map, PACKET_SIZE, int(max(control.minimum, fitting)))


def _largest_that_arrives(
    node_map: NodeMap, path: HostPath, control: NumericControl, most_bytes: float
) -> float | None:
    """The largest size, up to ``most_bytes``, of which a test packet came; None: none came."""
    if any(nodes.find(node_map, name) is None for name in (_FIRE, _HOST_ADDRESS, _HOST_PORT)):
        return None
    with _stream_to_us(node_map, path) as receiver:

        def arrives(size_bytes: float) -> bool:
            _set_size(node_map, control, size_bytes)
            return any(_one_comes(node_map, receiver) for _ in range(_TRIES))

        low_bytes = min(max(_SURE_BYTES, control.minimum), most_bytes)
        if not arrives(low_bytes):
            return None  # a firewall, or a camera that sends none: nothing is learnt
        if arrives(most_bytes):
            return most_bytes
        high_bytes = most_bytes
        while high_bytes - low_bytes > _STEP_BYTES:
            middle_bytes = (low_bytes + high_bytes) / 2
            if arrives(middle_bytes):
                low_bytes = middle_bytes
            else:
                high_bytes = middle_bytes
        return low_bytes


@contextmanager
def _stream_to_us(node_map: NodeMap, path: HostPath) -> Iterator[socket.socket]:
    """Let the camera's stream go to a socket of ours, in whole packets, for a moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind((path.local_address, 0))
        receiver.settimeout(_ARRIVAL_S)
        here = int(ipaddress.IPv4Address(path.local_address))
        changes = {_HOST_ADDRESS: here, _HOST_PORT: receiver.getsockname()[1]}
        fragment = nodes.find(node_map, _DO_NOT_FRAGMENT)
        former = {name: nodes.read_text(nodes.require(node_map, name)) for name in changes}
        if fragment is not None and nodes.is_writable(fragment):
            former[_DO_NOT_FRAGMENT] = nodes.read_text(fragment)
            nodes.put(node_map, _DO_NOT_FRAGMENT, True)
        try:
            for name, value in changes.items():
                nodes.put(node_map, name, value)
            yield receiver
        finally:
            for name, text in former.items():
                nodes.set_node_text(node_map, name, text)


def _one_comes(node_map: NodeMap, receiver: socket.socket) -> bool:
    """Whether a test packet of the present size comes, and whole."""
    wanted_bytes = int(nodes.read_number(nodes.require(node_map, PACKET_SIZE))) - _IP_UDP_BYTES
    nodes.put(node_map, _FIRE, True)
    deadline_s = time.monotonic() + _ARRIVAL_S
    while time.monotonic() < deadline_s:
        try:
            if len(receiver.recv(65536)) == wanted_bytes:
                return True
        except TimeoutError:
            return False
        # It may be one of a size tried before, come late.
    return False
