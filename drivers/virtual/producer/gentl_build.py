"""Build the shared object that a GenTL client loads: ``drivers.virtual.producer._gentl``.

It exports the functions of EMVA GenTL 1.6 that clients use and forwards each to a
Python function of :mod:`drivers.virtual.producer.system_functions`. The C side does three
things only: it loads the Python side, blocks calls once the interpreter shuts down,
and counts the calls that are still running.
"""

from cffi import FFI

PROTOTYPES = {
    "GCGetInfo": "int32_t command, int32_t *type, void *buffer, size_t *size",
    "GCCloseLib": "void",
    "GCReadPort": "void *port, uint64_t address, void *buffer, size_t *size",
    "GCWritePort": "void *port, uint64_t address, const void *buffer, size_t *size",
    "GCGetNumPortURLs": "void *port, uint32_t *count",
    "GCGetPortURL": "void *port, char *url, size_t *size",
    "GCGetPortURLInfo": (
        "void *port, uint32_t index, int32_t command, int32_t *type, void *buffer, size_t *size"
    ),
    "GCGetPortInfo": "void *port, int32_t command, int32_t *type, void *buffer, size_t *size",
    "GCRegisterEvent": "void *source, int32_t event_type, void **event",
    "GCUnregisterEvent": "void *source, int32_t event_type",
    "EventGetData": "void *event, void *buffer, size_t *size, uint64_t timeout_ms",
    "EventGetDataInfo": (
        "void *event, const void *data, size_t data_size, int32_t command, "
        "int32_t *type, void *buffer, size_t *size"
    ),
    "EventGetInfo": "void *event, int32_t command, int32_t *type, void *buffer, size_t *size",
    "EventFlush": "void *event",
    "EventKill": "void *event",
    "TLOpen": "void **system",
    "TLClose": "void *system",
    "TLGetInfo": "void *system, int32_t command, int32_t *type, void *buffer, size_t *size",
    "TLGetNumInterfaces": "void *system, uint32_t *count",
    "TLGetInterfaceID": "void *system, uint32_t index, char *id, size_t *size",
    "TLGetInterfaceInfo": (
        "void *system, const char *id, int32_t command, int32_t *type, void *buffer, size_t *size"
    ),
    "TLOpenInterface": "void *system, const char *id, void **interface_",
    "TLUpdateInterfaceList": "void *system, uint8_t *changed, uint64_t timeout_ms",
    "IFClose": "void *interface_",
    "IFGetInfo": "void *interface_, int32_t command, int32_t *type, void *buffer, size_t *size",
    "IFGetNumDevices": "void *interface_, uint32_t *count",
    "IFGetDeviceID": "void *interface_, uint32_t index, char *id, size_t *size",
    "IFUpdateDeviceList": "void *interface_, uint8_t *changed, uint64_t timeout_ms",
    "IFGetDeviceInfo": (
        "void *interface_, const char *id, int32_t command, int32_t *type, void *buffer, "
        "size_t *size"
    ),
    "IFOpenDevice": "void *interface_, const char *id, int32_t access, void **device",
    "IFGetParentTL": "void *interface_, void **system",
    "DevClose": "void *device",
    "DevGetInfo": "void *device, int32_t command, int32_t *type, void *buffer, size_t *size",
    "DevGetPort": "void *device, void **port",
    "DevGetNumDataStreams": "void *device, uint32_t *count",
    "DevGetDataStreamID": "void *device, uint32_t index, char *id, size_t *size",
    "DevOpenDataStream": "void *device, const char *id, void **stream",
    "DevGetParentIF": "void *device, void **interface_",
    "DSClose": "void *stream",
    "DSGetInfo": "void *stream, int32_t command, int32_t *type, void *buffer, size_t *size",
    "DSGetParentDev": "void *stream, void **device",
    "DSAnnounceBuffer": (
        "void *stream, void *memory, size_t size, void *user_pointer, void **buffer"
    ),
    "DSRevokeBuffer": "void *stream, void *buffer, void **memory, void **user_pointer",
    "DSQueueBuffer": "void *stream, void *buffer",
    "DSGetBufferID": "void *stream, uint32_t index, void **buffer",
    "DSGetBufferInfo": (
        "void *stream, void *handle, int32_t command, int32_t *type, void *buffer, size_t *size"
    ),
    "DSGetBufferChunkData": "void *stream, void *handle, void *chunks, size_t *count",
    "DSGetNumBufferParts": "void *stream, void *handle, uint32_t *count",
    "DSFlushQueue": "void *stream, int32_t operation",
    "DSStartAcquisition": "void *stream, int32_t flags, uint64_t frames",
    "DSStopAcquisition": "void *stream, int32_t flags",
}
"""GenTL function -> parameters, from the header of GenTL 1.6 (section 6.3) with its
handles and enumerations written as plain types."""

CLEANUP_FUNCTIONS = frozenset({
    "GCCloseLib", "GCUnregisterEvent", "EventKill", "EventFlush", "TLClose", "IFClose", "DevClose",
    "DSClose", "DSFlushQueue", "DSRevokeBuffer", "DSStopAcquisition",
})  # fmt: skip
"""Functions that return success after Python has shut down. Everything is released then, and
an error would make a client's destructors end the process."""

NOT_OFFERED = {
    "GCReadPortStacked": "void *port, void *entries, size_t *count",
    "GCWritePortStacked": "void *port, void *entries, size_t *count",
    "DSAllocAndAnnounceBuffer": "void *stream, size_t size, void *user_pointer, void **buffer",
    "DSAnnounceCompositeBuffer": (
        "void *stream, size_t count, void **segments, void *user_pointer, void **buffer"
    ),
    "DSGetBufferPartInfo": (
        "void *stream, void *handle, uint32_t part, int32_t command, int32_t *type, "
        "void *buffer, size_t *size"
    ),
    "DSGetNumFlows": "void *stream, uint32_t *count",
    "DSGetFlowInfo": (
        "void *stream, uint32_t flow, int32_t command, int32_t *type, void *buffer, size_t *size"
    ),
    "DSGetNumBufferSegments": "void *stream, void *handle, uint32_t *count",
    "DSGetBufferSegmentInfo": (
        "void *stream, void *handle, uint32_t segment, int32_t command, int32_t *type, "
        "void *buffer, size_t *size"
    ),
}
"""Functions that clients expect to exist; each returns "not implemented"."""

_HEAD = """
#include <string.h>
#if defined(_WIN32)
#define GC_API __declspec(dllexport) int32_t
#define GENTL_ADD(counter, step) InterlockedExchangeAdd(&(counter), (step))
#include <windows.h>
#else
#define GC_API __attribute__((visibility("default"))) int32_t
#define GENTL_ADD(counter, step) __atomic_fetch_add(&(counter), (step), __ATOMIC_SEQ_CST)
#endif

#define GC_ERR_ERROR (-1001)
#define GC_ERR_NOT_INITIALIZED (-1002)
#define GC_ERR_NOT_IMPLEMENTED (-1003)

static volatile long gentl_alive = 0;
static volatile long gentl_in_flight = 0;

static void gentl_set_alive(int alive) { gentl_alive = alive; }
static long gentl_calls_in_flight(void) { return GENTL_ADD(gentl_in_flight, 0); }

/* Counted before the flag is looked at, so that whoever clears the flag and then
   sees a count of zero knows that no call is inside and none will enter. */
static int gentl_enter(void)
{
    GENTL_ADD(gentl_in_flight, 1);
    if (gentl_alive) return 1;
    GENTL_ADD(gentl_in_flight, -1);
    return 0;
}

/* Must succeed also without Python: a client that asks why this failed would ask for ever. */
static int32_t py_GCGetLastError(int32_t *code, char *text, size_t *size);

GC_API GCGetLastError(int32_t *code, char *text, size_t *size)
{
    static const char gone[] = "the Python interpreter is shutting down";
    int32_t result = 0;
    if (gentl_enter()) {
        result = py_GCGetLastError(code, text, size);
        GENTL_ADD(gentl_in_flight, -1);
        return result;
    }
    *code = GC_ERR_NOT_INITIALIZED;
    if (text != NULL && *size >= sizeof gone) memcpy(text, gone, sizeof gone);
    *size = sizeof gone;
    return result;
}

static int32_t py_GCInitLib(void);

GC_API GCInitLib(void)
{
    int32_t code;
    if (!Py_IsInitialized()) return GC_ERR_NOT_INITIALIZED;
    {
        PyGILState_STATE state = PyGILState_Ensure();
        PyObject *producer = PyImport_ImportModule("drivers.virtual.producer.system_functions");
        if (producer == NULL) PyErr_Print();
        Py_XDECREF(producer);
        PyGILState_Release(state);
    }
    /* A copy of this file is a library of its own that the Python side does not know. */
    if (!gentl_enter()) return GC_ERR_ERROR;
    code = py_GCInitLib();
    GENTL_ADD(gentl_in_flight, -1);
    return code;
}
"""

_FORWARD = """
static int32_t py_{name}({parameters});
GC_API {name}({parameters})
{{
    int32_t result;
    if (!gentl_enter()) return {without_python};
    result = py_{name}({arguments});
    GENTL_ADD(gentl_in_flight, -1);
    return result;
}}
"""

_DECLINE = """
GC_API {name}({parameters})
{{
    {ignored}
    return GC_ERR_NOT_IMPLEMENTED;
}}
"""


def _arguments(parameters: str) -> str:
    """``"void *port, size_t *size"`` -> ``"port, size"``."""
    if parameters == "void":
        return ""
    return ", ".join(item.split()[-1].lstrip("*") for item in parameters.split(","))


ffi_builder = FFI()
ffi_builder.cdef(
    "void gentl_set_alive(int alive);\n"
    "long gentl_calls_in_flight(void);\n"
    'extern "Python" int32_t py_GCInitLib(void);\n'
    'extern "Python" int32_t py_GCGetLastError(int32_t *code, char *text, size_t *size);\n'
    + "".join(
        f'extern "Python" int32_t py_{name}({parameters});\n'
        for name, parameters in PROTOTYPES.items()
    )
)
ffi_builder.set_source(
    "drivers.virtual.producer._gentl",
    _HEAD
    + "".join(
        _FORWARD.format(
            name=name,
            parameters=parameters,
            arguments=_arguments(parameters),
            without_python="0" if name in CLEANUP_FUNCTIONS else "GC_ERR_NOT_INITIALIZED",
        )
        for name, parameters in PROTOTYPES.items()
    )
    + "".join(
        _DECLINE.format(
            name=name,
            parameters=parameters,
            ignored=" ".join(f"(void){item};" for item in _arguments(parameters).split(", ")),
        )
        for name, parameters in NOT_OFFERED.items()
    ),
)
