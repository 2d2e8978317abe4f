"""The GenTL functions of devices and their data streams."""

from typing import Any

from drivers.virtual.camera.data_stream import Buffer, DataStream
from drivers.virtual.camera.gentl import ErrorCode, GenTLError
from drivers.virtual.producer import info_commands
from drivers.virtual.producer._gentl import ffi
from drivers.virtual.producer.c_interface import (
    address,
    check_id,
    entry,
    give_id,
    give_info,
    handles,
    text_at,
)
from drivers.virtual.producer.info_commands import (
    STREAM_ID,
    DeviceModule,
    NewBufferEvent,
    RemotePort,
)


def events_of(stream: DataStream) -> list[NewBufferEvent]:
    """The client's registration for the stream's event, if there is one."""
    return [event for event in handles.all_of(NewBufferEvent) if event.stream is stream]


# Device


@entry("DevClose")
def close_device(device: Any) -> None:
    """Stop and close the device."""
    camera = handles.get(device, DeviceModule).camera
    camera.close()
    handles.forget(*(port for port in handles.all_of(RemotePort) if port.camera is camera))
    handles.forget(handles.find(device))


@entry("DevGetInfo")
def device_info(device: Any, command: int, kind: Any, target: Any, size: Any) -> None:
    """Information on an open device."""
    camera = handles.get(device, DeviceModule).camera
    give_info(info_commands.device(camera, command), kind, target, size)


@entry("DevGetPort")
def device_port(device: Any, port: Any) -> None:
    """The port to the registers of the remote device."""
    handles.add(RemotePort(handles.get(device, DeviceModule).camera), port)


@entry("DevGetNumDataStreams")
def number_of_streams(device: Any, number: Any) -> None:
    """Write the number of streams: one."""
    handles.get(device, DeviceModule)
    number[0] = 1


@entry("DevGetDataStreamID")
def stream_id(device: Any, index: int, target: Any, size: Any) -> None:
    """Write the ID of the stream."""
    handles.get(device, DeviceModule)
    give_id([STREAM_ID], index, target, size)


@entry("DevOpenDataStream")
def open_stream(device: Any, name: Any, stream: Any) -> None:
    """Open the one stream."""
    module = handles.get(device, DeviceModule)
    check_id(text_at(name), STREAM_ID)
    if module.camera.stream is not None:
        raise GenTLError(ErrorCode.RESOURCE_IN_USE, "the stream is open already")
    module.camera.stream = DataStream()
    handles.add(module.camera.stream, stream)


@entry("DevGetParentIF")
def parent_interface(device: Any, interface: Any) -> None:
    """Write the handle of the device's interface."""
    handles.give(handles.get(device, DeviceModule).interface, interface)


# Data stream


def _device_of(stream: DataStream) -> DeviceModule:
    for device in handles.all_of(DeviceModule):
        if device.camera.stream is stream:
            return device
    raise GenTLError(ErrorCode.INVALID_HANDLE, "the stream's device is closed")


@entry("DSClose")
def close_stream(handle: Any) -> None:
    """Stop and forget the stream and its buffers."""
    stream = handles.get(handle, DataStream)
    camera = _device_of(stream).camera
    camera.stop_acquisition()
    camera.stream = None
    stream.stop()
    stream.kill_wait()
    handles.forget(stream, *stream.buffers, *events_of(stream))


@entry("DSGetInfo")
def stream_info(handle: Any, command: int, kind: Any, target: Any, size: Any) -> None:
    """State of the stream."""
    stream = handles.get(handle, DataStream)
    give_info(info_commands.stream(stream, _device_of(stream).camera, command), kind, target, size)


@entry("DSGetParentDev")
def parent_device(handle: Any, device: Any) -> None:
    """Write the handle of the stream's device."""
    handles.give(_device_of(handles.get(handle, DataStream)), device)


@entry("DSAnnounceBuffer")
def announce_buffer(handle: Any, memory: Any, size: int, user_pointer: Any, buffer: Any) -> None:
    """Register a buffer of the client's memory."""
    stream = handles.get(handle, DataStream)
    announced = stream.announce(address(memory), size, address(user_pointer))
    announced.handle = handles.add(announced, buffer)


@entry("DSRevokeBuffer")
def revoke_buffer(handle: Any, buffer: Any, memory: Any, user_pointer: Any) -> None:
    """Unregister a buffer and return its memory to the client."""
    announced = handles.get(buffer, Buffer)
    handles.get(handle, DataStream).revoke(announced)
    if memory != ffi.NULL:
        memory[0] = ffi.cast("void *", announced.address)
    if user_pointer != ffi.NULL:
        user_pointer[0] = ffi.cast("void *", announced.user_pointer)
    handles.forget(handles.find(buffer))


@entry("DSQueueBuffer")
def queue_buffer(handle: Any, buffer: Any) -> None:
    """Queue a buffer to be filled."""
    handles.get(handle, DataStream).queue(handles.get(buffer, Buffer))


@entry("DSGetBufferID")
def buffer_id(handle: Any, index: int, buffer: Any) -> None:
    """Write the handle of a buffer by its position in the order of announcement."""
    buffers = handles.get(handle, DataStream).buffers
    if index >= len(buffers):
        raise GenTLError(ErrorCode.INVALID_INDEX, f"buffer {index} of {len(buffers)}")
    buffer[0] = ffi.cast("void *", buffers[index].handle)


@entry("DSGetBufferInfo")
def buffer_info(handle: Any, buffer: Any, command: int, kind: Any, target: Any, size: Any) -> None:
    """Information on a buffer and the frame in it."""
    stream = handles.get(handle, DataStream)
    give_info(
        info_commands.buffer(handles.get(buffer, Buffer), stream, command), kind, target, size
    )


@entry("DSGetBufferChunkData")
def buffer_chunks(handle: Any, buffer: Any, target: Any, number: Any) -> None:
    """Write the chunks' places: SINGLE_CHUNK_DATA is ID, offset and length, 8 bytes each."""
    handles.get(handle, DataStream)
    frame = handles.get(buffer, Buffer).frame
    if frame is None or not frame.chunks:
        raise GenTLError(ErrorCode.NO_DATA, "the buffer holds no chunks")
    if target != ffi.NULL:
        if number[0] < len(frame.chunks):
            raise GenTLError(
                ErrorCode.BUFFER_TOO_SMALL, f"room for {number[0]} of {len(frame.chunks)} chunks"
            )
        places = ffi.cast("uint64_t *", target)
        for index, place in enumerate(frame.chunks):
            places[3 * index] = place.chunk_id
            places[3 * index + 1] = place.offset
            places[3 * index + 2] = place.length
    number[0] = len(frame.chunks)


@entry("DSGetNumBufferParts")
def number_of_parts(handle: Any, buffer: Any, number: Any) -> None:
    """Write the number of parts: none, since the payload is one image."""
    handles.get(buffer, Buffer)
    number[0] = 0


@entry("DSFlushQueue")
def flush_queue(handle: Any, operation: int) -> None:
    """Move buffers between the queues."""
    handles.get(handle, DataStream).flush(operation)


@entry("DSStartAcquisition")
def start_stream(handle: Any, flags: int, frames: int) -> None:
    """Start filling buffers; the camera itself is started by its register."""
    handles.get(handle, DataStream).start()


@entry("DSStopAcquisition")
def stop_stream(handle: Any, flags: int) -> None:
    """Stop filling buffers; a running camera is stopped too, so that no thread remains."""
    stream = handles.get(handle, DataStream)
    _device_of(stream).camera.stop_acquisition()
    stream.stop()
