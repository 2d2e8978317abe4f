"""GenTL 1.6 functions of library, ports, events, system and interface, in Python.

The compiled part forwards every call to here. It imports this module when a client
calls GCInitLib, and the import connects the two. Devices and their streams are in
:mod:`drivers.virtual.producer.device_functions`. At interpreter exit no call may be
running or begin: a thread that then waits for the interpreter would abort it.
"""

import time
from typing import Any

from drivers.virtual import producer_path
from drivers.virtual.camera.data_stream import DataStream
from drivers.virtual.camera.gentl import EVENT_NEW_BUFFER, ErrorCode, GenTLError
from drivers.virtual.camera.virtual_camera import VirtualCamera
from drivers.virtual.camera.virtual_rig import Rig
from drivers.virtual.producer import info_commands
from drivers.virtual.producer._gentl import ffi, lib
from drivers.virtual.producer.c_interface import (
    check_id,
    entry,
    give_bytes,
    give_id,
    give_info,
    give_text,
    handles,
    last_error,
    text_at,
)
from drivers.virtual.producer.device_functions import events_of
from drivers.virtual.producer.info_commands import (
    INTERFACE_ID,
    DeviceModule,
    InterfaceModule,
    NewBufferEvent,
    RemotePort,
    SystemModule,
)
from drivers.virtual.producer.registers import read_registers, write_registers

_LONGEST_WAIT_S = 1e6
_DRAIN_S = 2.0
_rig = Rig()
"""Kept after GCCloseLib, so that an unplugged device stays away for its time."""
_in_use = False


# Library


@entry("GCInitLib")
def init_lib() -> None:
    """Initialise the library; a second client in the process is refused."""
    global _in_use
    if _in_use:
        raise GenTLError(ErrorCode.RESOURCE_IN_USE, "the library is in use in this process")
    _in_use = True


@entry("GCCloseLib")
def close_lib() -> None:
    """Stop the rig and invalidate all handles."""
    global _in_use
    _rig.close()
    handles.clear()
    _in_use = False


@entry("GCGetInfo")
def library_info(command: int, kind: Any, target: Any, size: Any) -> None:
    """Information on the producer."""
    give_info(info_commands.producer(command, str(producer_path())), kind, target, size)


@entry("GCGetLastError")
def give_last_error(code: Any, target: Any, size: Any) -> None:
    """Code and text of this thread's last failure."""
    code[0], text = last_error()
    give_text(text, target, size)


# Ports


@entry("GCReadPort")
def read_port(port: Any, address: int, target: Any, size: Any) -> None:
    """Read a register of the remote device."""
    camera = handles.get(port, RemotePort).camera
    data = read_registers(camera, address, size[0])
    ffi.memmove(target, data, len(data))


@entry("GCWritePort")
def write_port(port: Any, address: int, source: Any, size: Any) -> None:
    """Write a register of the remote device."""
    camera = handles.get(port, RemotePort).camera
    write_registers(camera, address, bytes(ffi.buffer(source, size[0])))


@entry("GCGetPortInfo")
def port_info(port: Any, command: int, kind: Any, target: Any, size: Any) -> None:
    """Information on any module's port."""
    module = handles.find(port)
    if module is None:
        raise GenTLError(ErrorCode.INVALID_HANDLE, "the handle is no port")
    give_info(info_commands.port(module, command), kind, target, size)


@entry("GCGetNumPortURLs")
def number_of_port_urls(port: Any, number: Any) -> None:
    """Write the number of description URLs: one for the remote device, none for other modules."""
    info_commands.port_url(handles.find(port))
    number[0] = 1


@entry("GCGetPortURL")
def port_url(port: Any, target: Any, size: Any) -> None:
    """Write the URL of the description (superseded by GCGetPortURLInfo)."""
    give_text(info_commands.port_url(handles.find(port)), target, size)


@entry("GCGetPortURLInfo")
def port_url_info(port: Any, index: int, command: int, kind: Any, target: Any, size: Any) -> None:
    """URL and schema of the description."""
    if index != 0:
        raise GenTLError(ErrorCode.INVALID_INDEX, f"URL {index} of 1")
    module = handles.find(port)
    give_info(info_commands.url(module, command), kind, target, size)


# Events


@entry("GCRegisterEvent")
def register_event(source: Any, event_type: int, event: Any) -> None:
    """Register the new-buffer event of a data stream, the only supported event."""
    module = handles.find(source)
    if not isinstance(module, DataStream) or event_type != EVENT_NEW_BUFFER:
        raise GenTLError(ErrorCode.NOT_IMPLEMENTED, f"event {event_type} is not offered")
    if events_of(module):
        raise GenTLError(ErrorCode.RESOURCE_IN_USE, "the event is registered already")
    handles.add(NewBufferEvent(module), event)


@entry("GCUnregisterEvent")
def unregister_event(source: Any, event_type: int) -> None:
    """Unregister the event."""
    stream = handles.get(source, DataStream)
    stream.kill_wait()
    handles.forget(*events_of(stream))


@entry("EventGetData")
def event_data(event: Any, target: Any, size: Any, timeout_ms: int) -> None:
    """Wait for a filled buffer; write its handle and the client's pointer."""
    stream = handles.get(event, NewBufferEvent).stream
    buffer = stream.next_filled(min(timeout_ms * 1e-3, _LONGEST_WAIT_S))
    give_bytes(
        bytes(ffi.buffer(ffi.new("uintptr_t[2]", (buffer.handle, buffer.user_pointer)))),
        target,
        size,
    )


@entry("EventGetDataInfo")
def event_data_info(
    event: Any, data: Any, data_size: int, command: int, kind: Any, target: Any, size: Any
) -> None:
    """Single values of the data from EventGetData."""
    handles.get(event, NewBufferEvent)
    handle = int(ffi.cast("uintptr_t *", data)[0])
    give_info(info_commands.event_data(handle, command), kind, target, size)


@entry("EventGetInfo")
def event_info(event: Any, command: int, kind: Any, target: Any, size: Any) -> None:
    """State of the event."""
    give_info(info_commands.event(handles.get(event, NewBufferEvent), command), kind, target, size)


@entry("EventFlush")
def event_flush(event: Any) -> None:
    """Discard frames that are not fetched yet."""
    handles.get(event, NewBufferEvent).stream.discard_events()


@entry("EventKill")
def event_kill(event: Any) -> None:
    """End a wait."""
    handles.get(event, NewBufferEvent).stream.kill_wait()


# System


@entry("TLOpen")
def open_system(system: Any) -> None:
    """Open the one system."""
    if handles.all_of(SystemModule):
        raise GenTLError(ErrorCode.RESOURCE_IN_USE, "the system is open already")
    handles.add(SystemModule(str(producer_path())), system)


@entry("TLClose")
def close_system(system: Any) -> None:
    """Close the system."""
    handles.get(system, SystemModule)
    handles.forget(handles.find(system))


@entry("TLGetInfo")
def system_info(system: Any, command: int, kind: Any, target: Any, size: Any) -> None:
    """Information on the producer."""
    module = handles.get(system, SystemModule)
    give_info(info_commands.producer(command, module.path), kind, target, size)


@entry("TLGetNumInterfaces")
def number_of_interfaces(system: Any, number: Any) -> None:
    """Write the number of interfaces: one."""
    handles.get(system, SystemModule)
    number[0] = 1


@entry("TLGetInterfaceID")
def interface_id(system: Any, index: int, target: Any, size: Any) -> None:
    """Write the ID of the interface."""
    handles.get(system, SystemModule)
    give_id([INTERFACE_ID], index, target, size)


@entry("TLGetInterfaceInfo")
def interface_info_by_id(
    system: Any, name: Any, command: int, kind: Any, target: Any, size: Any
) -> None:
    """Information on an interface that need not be open."""
    handles.get(system, SystemModule)
    check_id(text_at(name), INTERFACE_ID)
    give_info(info_commands.interface(command), kind, target, size)


@entry("TLOpenInterface")
def open_interface(system: Any, name: Any, interface: Any) -> None:
    """Open the one interface."""
    module = handles.get(system, SystemModule)
    check_id(text_at(name), INTERFACE_ID)
    if handles.all_of(InterfaceModule):
        raise GenTLError(ErrorCode.RESOURCE_IN_USE, "the interface is open already")
    handles.add(InterfaceModule(module), interface)


@entry("TLUpdateInterfaceList")
def update_interfaces(system: Any, changed: Any, timeout_ms: int) -> None:
    """Report no change: the interfaces never change."""
    handles.get(system, SystemModule)
    if changed != ffi.NULL:
        changed[0] = 0


# Interface


@entry("IFClose")
def close_interface(interface: Any) -> None:
    """Close the interface."""
    handles.get(interface, InterfaceModule)
    handles.forget(handles.find(interface))


@entry("IFGetInfo")
def interface_info(interface: Any, command: int, kind: Any, target: Any, size: Any) -> None:
    """Information on the interface."""
    handles.get(interface, InterfaceModule)
    give_info(info_commands.interface(command), kind, target, size)


@entry("IFGetNumDevices")
def number_of_devices(interface: Any, number: Any) -> None:
    """Devices found at the last update."""
    number[0] = len(handles.get(interface, InterfaceModule).device_ids)


@entry("IFGetDeviceID")
def device_id(interface: Any, index: int, target: Any, size: Any) -> None:
    """ID of a device found at the last update."""
    give_id(handles.get(interface, InterfaceModule).device_ids, index, target, size)


@entry("IFUpdateDeviceList")
def update_devices(interface: Any, changed: Any, timeout_ms: int) -> None:
    """Update the list of devices: those that are plugged in."""
    module = handles.get(interface, InterfaceModule)
    cameras = _rig.cameras
    found = [name for name, camera in cameras.items() if not camera.plug.is_away]
    if changed != ffi.NULL:
        changed[0] = int(found != module.device_ids)
    module.device_ids = found


@entry("IFGetDeviceInfo")
def device_info_by_id(
    interface: Any, name: Any, command: int, kind: Any, target: Any, size: Any
) -> None:
    """Information on a device that need not be open."""
    handles.get(interface, InterfaceModule)
    give_info(info_commands.device(_camera(text_at(name)), command), kind, target, size)


@entry("IFOpenDevice")
def open_device(interface: Any, name: Any, access: int, device: Any) -> None:
    """Open a device; this also powers it up."""
    module = handles.get(interface, InterfaceModule)
    camera = _camera(text_at(name))
    if camera.plug.is_away:
        raise GenTLError(ErrorCode.NOT_AVAILABLE, f"{camera.model.name} is unplugged")
    if camera.is_open:
        raise GenTLError(ErrorCode.RESOURCE_IN_USE, f"{camera.model.name} is open already")
    _rig.client_opens(camera)
    handles.add(DeviceModule(camera, module), device)


@entry("IFGetParentTL")
def parent_system(interface: Any, system: Any) -> None:
    """Write the handle of the interface's system."""
    handles.give(handles.get(interface, InterfaceModule).system, system)


def _camera(name: str) -> VirtualCamera:
    cameras = _rig.cameras
    if name not in cameras:
        raise GenTLError(ErrorCode.INVALID_ID, f"{name!r} is unknown; there are {list(cameras)}")
    return cameras[name]


def shut_down() -> None:
    """Block new calls into Python, end waiting ones, stop the cameras and wait for all calls."""
    lib.gentl_set_alive(0)
    for stream in handles.all_of(DataStream):
        stream.kill_wait()
    _rig.close()
    deadline = time.monotonic() + _DRAIN_S
    while lib.gentl_calls_in_flight() > 0 and time.monotonic() < deadline:
        time.sleep(0.001)


lib.gentl_set_alive(1)
