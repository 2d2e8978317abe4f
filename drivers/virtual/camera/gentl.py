"""Constants of EMVA GenTL 1.6: error codes, commands, data types; and the error to raise."""

from dataclasses import dataclass
from enum import IntEnum


class ErrorCode(IntEnum):
    """GC_ERROR (GenTL 1.6, table 6-1)."""

    ERROR = -1001
    NOT_IMPLEMENTED = -1003
    RESOURCE_IN_USE = -1004
    ACCESS_DENIED = -1005
    INVALID_HANDLE = -1006
    INVALID_ID = -1007
    NO_DATA = -1008
    INVALID_PARAMETER = -1009
    IO = -1010
    TIMEOUT = -1011
    ABORT = -1012
    NOT_AVAILABLE = -1014
    INVALID_ADDRESS = -1015
    BUFFER_TOO_SMALL = -1016
    INVALID_INDEX = -1017
    INVALID_VALUE = -1019
    BUSY = -1022


class GenTLError(Exception):
    """An error code for the client, with the text for GCGetLastError."""

    def __init__(self, code: ErrorCode, text: str) -> None:
        super().__init__(text)
        self.code = code


class DataType(IntEnum):
    """INFO_DATATYPE."""

    STRING = 1
    INT32 = 5
    UINT32 = 6
    UINT64 = 8
    PTR = 10
    BOOL8 = 11
    SIZET = 12


@dataclass(frozen=True, slots=True)
class Info:
    """The answer to one information command."""

    type: DataType
    value: int | str


def text(value: str) -> Info:
    """A text."""
    return Info(DataType.STRING, value)


def flag(value: bool) -> Info:
    """A boolean."""
    return Info(DataType.BOOL8, int(value))


def size(value: int) -> Info:
    """A size or count of type size_t."""
    return Info(DataType.SIZET, value)


def uint64(value: int) -> Info:
    """An unsigned 64 bit integer."""
    return Info(DataType.UINT64, value)


def uint32(value: int) -> Info:
    """An unsigned 32 bit integer."""
    return Info(DataType.UINT32, value)


def int32(value: int) -> Info:
    """A signed 32 bit integer; used for every enumeration."""
    return Info(DataType.INT32, value)


def pointer(value: int) -> Info:
    """An address in this process."""
    return Info(DataType.PTR, value)


class TLInfo(IntEnum):
    """TL_INFO_CMD."""

    ID = 0
    VENDOR = 1
    MODEL = 2
    VERSION = 3
    TLTYPE = 4
    NAME = 5
    PATHNAME = 6
    DISPLAYNAME = 7
    CHAR_ENCODING = 8
    GENTL_VER_MAJOR = 9
    GENTL_VER_MINOR = 10


class InterfaceInfo(IntEnum):
    """INTERFACE_INFO_CMD."""

    ID = 0
    DISPLAYNAME = 1
    TLTYPE = 2


class DeviceInfo(IntEnum):
    """DEVICE_INFO_CMD."""

    ID = 0
    VENDOR = 1
    MODEL = 2
    TLTYPE = 3
    DISPLAYNAME = 4
    ACCESS_STATUS = 5
    USER_DEFINED_NAME = 6
    SERIAL_NUMBER = 7
    VERSION = 8
    TIMESTAMP_FREQUENCY = 9


class AccessStatus(IntEnum):
    """DEVICE_ACCESS_STATUS."""

    READWRITE = 1
    NOACCESS = 3
    OPEN_READWRITE = 5


class PortInfo(IntEnum):
    """PORT_INFO_CMD."""

    ID = 0
    VENDOR = 1
    MODEL = 2
    TLTYPE = 3
    MODULE = 4
    LITTLE_ENDIAN = 5
    BIG_ENDIAN = 6
    ACCESS_READ = 7
    ACCESS_WRITE = 8
    ACCESS_NA = 9
    ACCESS_NI = 10
    VERSION = 11
    PORTNAME = 12


class UrlInfo(IntEnum):
    """URL_INFO_CMD."""

    URL = 0
    SCHEMA_VER_MAJOR = 1
    SCHEMA_VER_MINOR = 2
    FILE_VER_MAJOR = 3
    FILE_VER_MINOR = 4
    FILE_VER_SUBMINOR = 5
    FILE_REGISTER_ADDRESS = 7
    FILE_SIZE = 8
    SCHEME = 9
    FILENAME = 10


class StreamInfo(IntEnum):
    """STREAM_INFO_CMD."""

    ID = 0
    NUM_DELIVERED = 1
    NUM_UNDERRUN = 2
    NUM_ANNOUNCED = 3
    NUM_QUEUED = 4
    NUM_AWAIT_DELIVERY = 5
    NUM_STARTED = 6
    PAYLOAD_SIZE = 7
    IS_GRABBING = 8
    DEFINES_PAYLOADSIZE = 9
    TLTYPE = 10
    NUM_CHUNKS_MAX = 11
    BUF_ANNOUNCE_MIN = 12
    BUF_ALIGNMENT = 13


class BufferInfo(IntEnum):
    """BUFFER_INFO_CMD."""

    BASE = 0
    SIZE = 1
    USER_PTR = 2
    TIMESTAMP = 3
    NEW_DATA = 4
    IS_QUEUED = 5
    IS_ACQUIRING = 6
    IS_INCOMPLETE = 7
    TLTYPE = 8
    SIZE_FILLED = 9
    WIDTH = 10
    HEIGHT = 11
    XOFFSET = 12
    YOFFSET = 13
    XPADDING = 14
    YPADDING = 15
    FRAMEID = 16
    IMAGEPRESENT = 17
    IMAGEOFFSET = 18
    PAYLOADTYPE = 19
    PIXELFORMAT = 20
    PIXELFORMAT_NAMESPACE = 21
    DELIVERED_IMAGEHEIGHT = 22
    DELIVERED_CHUNKPAYLOADSIZE = 23
    CHUNKLAYOUTID = 24
    PIXEL_ENDIANNESS = 26
    DATA_SIZE = 27
    TIMESTAMP_NS = 28
    DATA_LARGER_THAN_BUFFER = 29
    CONTAINS_CHUNKDATA = 30


class EventInfo(IntEnum):
    """EVENT_INFO_CMD."""

    EVENT_TYPE = 0
    NUM_IN_QUEUE = 1
    NUM_FIRED = 2
    SIZE_MAX = 3
    DATA_SIZE_MAX = 4


class EventDataInfo(IntEnum):
    """EVENT_DATA_INFO_CMD."""

    ID = 0
    VALUE = 1


class FlushOperation(IntEnum):
    """ACQ_QUEUE_TYPE."""

    INPUT_TO_OUTPUT = 0
    OUTPUT_DISCARD = 1
    ALL_TO_INPUT = 2
    UNQUEUED_TO_INPUT = 3
    ALL_DISCARD = 4


EVENT_NEW_BUFFER = 1
PAYLOAD_TYPE_IMAGE = 1
PAYLOAD_TYPE_CHUNK_DATA = 4
PIXELFORMAT_NAMESPACE_PFNC_32BIT = 4
PIXELENDIANNESS_LITTLE = 1
CHAR_ENCODING_UTF8 = 1
