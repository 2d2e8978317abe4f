"""The producer's GenTL modules and their answers to information commands."""

from dataclasses import dataclass, field

from drivers.virtual.camera import gentl
from drivers.virtual.camera.data_stream import Buffer, DataStream
from drivers.virtual.camera.device_description import (
    CHUNK_BYTES,
    CHUNK_NODES,
    PORT_NAME,
    XML_ADDRESS,
)
from drivers.virtual.camera.gentl import (
    AccessStatus,
    BufferInfo,
    DeviceInfo,
    ErrorCode,
    EventDataInfo,
    EventInfo,
    GenTLError,
    Info,
    InterfaceInfo,
    PortInfo,
    StreamInfo,
    TLInfo,
    UrlInfo,
    flag,
    int32,
    pointer,
    size,
    text,
    uint32,
    uint64,
)
from drivers.virtual.camera.virtual_camera import VirtualCamera

PRODUCER_ID = "ngs-virtual-rig"
INTERFACE_ID = "rig"
STREAM_ID = "stream0"
VENDOR = "Neural Global Shutter"
MODEL = "Virtual rig"
TRANSPORT = "Custom"
_HANDLE_BYTES = 8


@dataclass(eq=False)
class SystemModule:
    """The system; ``path`` is the producer's file."""

    path: str


@dataclass(eq=False)
class InterfaceModule:
    """The interface and the devices of its last update."""

    system: SystemModule
    device_ids: list[str] = field(default_factory=list)


@dataclass(eq=False)
class DeviceModule:
    """An open device."""

    camera: VirtualCamera
    interface: InterfaceModule


@dataclass(eq=False)
class RemotePort:
    """The port to an open device's registers."""

    camera: VirtualCamera


@dataclass(eq=False)
class NewBufferEvent:
    """A client's registration for the new-buffer event."""

    stream: DataStream


def _answer(answers: dict[int, Info], command: int) -> Info:
    try:
        return answers[command]
    except KeyError:
        raise GenTLError(
            ErrorCode.NOT_AVAILABLE, f"information command {command} is not available"
        ) from None


def producer(command: int, path: str) -> Info:
    """GCGetInfo and TLGetInfo."""
    return _answer(
        {
            TLInfo.ID: text(PRODUCER_ID),
            TLInfo.VENDOR: text(VENDOR),
            TLInfo.MODEL: text(MODEL),
            TLInfo.VERSION: text("1.0.0"),
            TLInfo.TLTYPE: text(TRANSPORT),
            TLInfo.NAME: text(path.rpartition("/")[2]),
            TLInfo.PATHNAME: text(path),
            TLInfo.DISPLAYNAME: text(MODEL),
            TLInfo.CHAR_ENCODING: int32(gentl.CHAR_ENCODING_UTF8),
            TLInfo.GENTL_VER_MAJOR: uint32(1),
            TLInfo.GENTL_VER_MINOR: uint32(6),
        },
        command,
    )


def interface(command: int) -> Info:
    """IFGetInfo."""
    return _answer(
        {
            InterfaceInfo.ID: text(INTERFACE_ID),
            InterfaceInfo.DISPLAYNAME: text(MODEL),
            InterfaceInfo.TLTYPE: text(TRANSPORT),
        },
        command,
    )


def device(camera: VirtualCamera, command: int) -> Info:
    """DevGetInfo and IFGetDeviceInfo."""
    model = camera.model
    status = AccessStatus.OPEN_READWRITE if camera.is_open else AccessStatus.READWRITE
    if camera.plug.is_away:
        status = AccessStatus.NOACCESS
    return _answer(
        {
            DeviceInfo.ID: text(model.device_id),
            DeviceInfo.VENDOR: text(model.vendor),
            DeviceInfo.MODEL: text(model.name),
            DeviceInfo.TLTYPE: text(TRANSPORT),
            DeviceInfo.DISPLAYNAME: text(f"{model.name} ({model.serial})"),
            DeviceInfo.ACCESS_STATUS: int32(status),
            DeviceInfo.USER_DEFINED_NAME: text(camera.user_name),
            DeviceInfo.SERIAL_NUMBER: text(model.serial),
            DeviceInfo.VERSION: text("1"),
            DeviceInfo.TIMESTAMP_FREQUENCY: uint64(1_000_000_000),
        },
        command,
    )


def port(module: object, command: int) -> Info:
    """GCGetPortInfo of any module."""
    match module:
        case RemotePort():
            identity = (module.camera.model.device_id, PORT_NAME, "TLRemoteDevice")
        case DeviceModule():
            identity = (module.camera.model.device_id, "DevicePort", "TLDevice")
        case InterfaceModule():
            identity = (INTERFACE_ID, "InterfacePort", "TLInterface")
        case DataStream():
            identity = (STREAM_ID, "StreamPort", "TLDataStream")
        case _:
            identity = (PRODUCER_ID, "TLPort", "TLSystem")
    name, port_name, kind = identity
    return _answer(
        {
            PortInfo.ID: text(name),
            PortInfo.VENDOR: text(VENDOR),
            PortInfo.MODEL: text(MODEL),
            PortInfo.TLTYPE: text(TRANSPORT),
            PortInfo.MODULE: text(kind),
            PortInfo.LITTLE_ENDIAN: flag(True),
            PortInfo.BIG_ENDIAN: flag(False),
            PortInfo.ACCESS_READ: flag(True),
            PortInfo.ACCESS_WRITE: flag(isinstance(module, RemotePort)),
            PortInfo.ACCESS_NA: flag(False),
            PortInfo.ACCESS_NI: flag(False),
            PortInfo.VERSION: text("1"),
            PortInfo.PORTNAME: text(port_name),
        },
        command,
    )


def port_url(module: object) -> str:
    """URL of a module's description; raises NOT_AVAILABLE for a module without one."""
    if not isinstance(module, RemotePort):
        raise GenTLError(ErrorCode.NOT_AVAILABLE, "this module has no description")
    length = len(module.camera.description.xml)
    return f"local:///{_file_name(module)};{XML_ADDRESS:x};{length:x}?SchemaVersion=1.1.0"


def _file_name(module: RemotePort) -> str:
    return f"ngs-virtual-{module.camera.model.device_id}.xml"


def url(module: object, command: int) -> Info:
    """GCGetPortURLInfo."""
    address = port_url(module)
    assert isinstance(module, RemotePort)
    return _answer(
        {
            UrlInfo.URL: text(address),
            UrlInfo.SCHEMA_VER_MAJOR: int32(1),
            UrlInfo.SCHEMA_VER_MINOR: int32(1),
            UrlInfo.FILE_VER_MAJOR: int32(1),
            UrlInfo.FILE_VER_MINOR: int32(0),
            UrlInfo.FILE_VER_SUBMINOR: int32(0),
            UrlInfo.FILE_REGISTER_ADDRESS: uint64(XML_ADDRESS),
            UrlInfo.FILE_SIZE: uint64(len(module.camera.description.xml)),
            UrlInfo.SCHEME: int32(0),
            UrlInfo.FILENAME: text(_file_name(module)),
        },
        command,
    )


def stream(module: DataStream, camera: VirtualCamera, command: int) -> Info:
    """DSGetInfo."""
    counters = module.counters
    return _answer(
        {
            StreamInfo.ID: text(STREAM_ID),
            StreamInfo.NUM_DELIVERED: uint64(counters.delivered),
            StreamInfo.NUM_UNDERRUN: uint64(counters.underrun),
            StreamInfo.NUM_ANNOUNCED: size(len(module.buffers)),
            StreamInfo.NUM_QUEUED: size(module.free_count),
            StreamInfo.NUM_AWAIT_DELIVERY: size(module.filled_count),
            StreamInfo.NUM_STARTED: uint64(counters.started),
            StreamInfo.PAYLOAD_SIZE: size(camera.payload_bytes),
            StreamInfo.IS_GRABBING: flag(module.is_grabbing),
            StreamInfo.DEFINES_PAYLOADSIZE: flag(True),
            StreamInfo.TLTYPE: text(TRANSPORT),
            StreamInfo.NUM_CHUNKS_MAX: size(len(CHUNK_NODES)),
            StreamInfo.BUF_ANNOUNCE_MIN: size(1),
            StreamInfo.BUF_ALIGNMENT: size(1),
        },
        command,
    )


def event(module: NewBufferEvent, command: int) -> Info:
    """EventGetInfo."""
    return _answer(
        {
            EventInfo.EVENT_TYPE: int32(gentl.EVENT_NEW_BUFFER),
            EventInfo.NUM_IN_QUEUE: size(module.stream.filled_count),
            EventInfo.NUM_FIRED: uint64(module.stream.fired),
            EventInfo.SIZE_MAX: size(2 * _HANDLE_BYTES),
            EventInfo.DATA_SIZE_MAX: size(_HANDLE_BYTES),
        },
        command,
    )


def event_data(handle: int, command: int) -> Info:
    """EventGetDataInfo of a new-buffer event."""
    return _answer(
        {EventDataInfo.ID: pointer(handle), EventDataInfo.VALUE: pointer(handle)}, command
    )


def buffer(module: Buffer, owner: DataStream, command: int) -> Info:
    """DSGetBufferInfo; information on a frame is NOT_AVAILABLE before the first one."""
    match command:
        case BufferInfo.BASE:
            return pointer(module.address)
        case BufferInfo.SIZE:
            return size(module.memory.size)
        case BufferInfo.USER_PTR:
            return pointer(module.user_pointer)
        case BufferInfo.TLTYPE:
            return text(TRANSPORT)
        case BufferInfo.IS_QUEUED:
            return flag(owner.is_queued(module))
        case BufferInfo.IS_ACQUIRING:
            return flag(False)
        case BufferInfo.NEW_DATA:
            return flag(module.new_data)
    frame = module.frame
    if frame is None:
        raise GenTLError(ErrorCode.NOT_AVAILABLE, "the buffer was never filled")
    match command:
        case BufferInfo.IS_INCOMPLETE:
            return flag(frame.incomplete)
        case BufferInfo.PAYLOADTYPE:
            chunks = bool(frame.chunks)
            return size(gentl.PAYLOAD_TYPE_CHUNK_DATA if chunks else gentl.PAYLOAD_TYPE_IMAGE)
        case BufferInfo.CONTAINS_CHUNKDATA:
            return flag(bool(frame.chunks))
        case BufferInfo.WIDTH:
            return size(frame.width_px)
        case BufferInfo.HEIGHT:
            return size(frame.height_px)
        case BufferInfo.PIXELFORMAT:
            return uint64(frame.pfnc_value)
        case BufferInfo.FRAMEID:
            return uint64(frame.frame_id)
        case BufferInfo.TIMESTAMP | BufferInfo.TIMESTAMP_NS:
            return uint64(frame.timestamp_ns)
    return _answer(
        {
            BufferInfo.SIZE_FILLED: size(frame.filled_bytes),
            BufferInfo.DATA_SIZE: size(frame.filled_bytes),
            BufferInfo.XOFFSET: size(frame.offset_x_px),
            BufferInfo.YOFFSET: size(frame.offset_y_px),
            BufferInfo.XPADDING: size(0),
            BufferInfo.YPADDING: size(0),
            BufferInfo.IMAGEPRESENT: flag(True),
            BufferInfo.IMAGEOFFSET: size(0),
            BufferInfo.PIXELFORMAT_NAMESPACE: uint64(gentl.PIXELFORMAT_NAMESPACE_PFNC_32BIT),
            BufferInfo.DELIVERED_IMAGEHEIGHT: size(frame.height_px),
            BufferInfo.DELIVERED_CHUNKPAYLOADSIZE: size(len(frame.chunks) * CHUNK_BYTES),
            BufferInfo.CHUNKLAYOUTID: uint64(len(frame.chunks)),
            BufferInfo.PIXEL_ENDIANNESS: int32(gentl.PIXELENDIANNESS_LITTLE),
            BufferInfo.DATA_LARGER_THAN_BUFFER: flag(frame.filled_bytes > module.memory.size),
        },
        command,
    )
