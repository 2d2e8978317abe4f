/* The GenTL functions of a hostile producer; what is asked for first is a fault of the script. */
#define _GNU_SOURCE
#include "producer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define GC_API __attribute__((visibility("default"))) int32_t
#define MOST_HANDLES 4096
#define INTERFACE_ID "interface"
#define STREAM_ID "stream"
#define EVENT_NEW_BUFFER 1
#define WAIT_STEP_NS 1000000

/* INFO_DATATYPE */
enum { TEXT = 1, INT32 = 5, UINT32 = 6, UINT64 = 8, POINTER = 10, BOOL8 = 11, SIZE = 12 };

/* Handles: numbers that are not used again soon, so that an old one is noticed. */

enum kind { FREE, SYSTEM, INTERFACE, DEVICE, PORT, STREAM, BUFFER, EVENT };

struct entry {
    enum kind kind;
    uint32_t serial;
    int camera;
    int buffer;
    uint64_t epoch;
};

static struct entry entries[MOST_HANDLES];
static bool is_initialised;
static _Thread_local int32_t last_code;
static _Thread_local char last_text[256] = "no error";

int32_t fail(int32_t code, const char *text)
{
    last_code = code;
    snprintf(last_text, sizeof last_text, "%s", text);
    return code;
}

static struct entry *any(void *handle)
{
    uintptr_t number = (uintptr_t)handle;
    struct entry *entry = &entries[number % MOST_HANDLES];
    return number != 0 && entry->kind != FREE && entry->serial == number / MOST_HANDLES ? entry
                                                                                        : NULL;
}

static struct entry *find(void *handle, enum kind kind)
{
    struct entry *entry = any(handle);
    if (entry != NULL && entry->kind == kind) return entry;
    fail(INVALID_HANDLE, "the handle is stale or of another kind");
    return NULL;
}

static void *new_handle(enum kind kind, int camera, int buffer)
{
    static uint32_t serial;
    uintptr_t slot = 0;
    while (slot < MOST_HANDLES - 1 && entries[slot].kind != FREE) slot++;
    entries[slot].kind = kind;
    entries[slot].serial = ++serial;
    entries[slot].camera = camera;
    entries[slot].buffer = buffer;
    entries[slot].epoch = camera < 0 ? 0 : cameras[camera].epoch;
    return (void *)(entries[slot].serial * (uintptr_t)MOST_HANDLES + slot);
}

static void forget(enum kind kind, int camera)
{
    int slot;
    for (slot = 0; slot < MOST_HANDLES; slot++)
        if (entries[slot].kind == kind && entries[slot].camera == camera)
            entries[slot].kind = FREE;
}

static void *handle_of(enum kind kind, int camera)
{
    uintptr_t slot;
    for (slot = 0; slot < MOST_HANDLES; slot++)
        if (entries[slot].kind == kind && entries[slot].camera == camera)
            return (void *)(entries[slot].serial * (uintptr_t)MOST_HANDLES + slot);
    return NULL;
}

static int camera_of(void *handle)
{
    int camera;
    pthread_mutex_lock(&lock);
    camera = any(handle) == NULL ? -1 : any(handle)->camera;
    pthread_mutex_unlock(&lock);
    return camera;
}

/* A call: faults first, then the lock; the body sets code. */
#define BEGIN(handle)                                             \
    int32_t code = before(__func__, NULL, camera_of(handle));     \
    if (code != SUCCESS) return code;                             \
    pthread_mutex_lock(&lock)
#define END                       \
    pthread_mutex_unlock(&lock);  \
    return code
/* The entry of a handle, else the call ends. */
#define TAKE(name, number, wanted)           \
    struct entry *name = find(number, wanted); \
    if (name == NULL) {                      \
        pthread_mutex_unlock(&lock);         \
        return INVALID_HANDLE;               \
    }

/* Answers */

static int32_t give(int32_t *type, int32_t kind, void *target, size_t *size, const void *data,
                    size_t length)
{
    if (type != NULL) *type = kind;
    if (target != NULL) {
        if (*size < length) return fail(BUFFER_TOO_SMALL, "the answer is longer than the memory");
        memcpy(target, data, length);
    }
    *size = length;
    return SUCCESS;
}

static int32_t give_text(int32_t *type, void *target, size_t *size, const char *format, ...)
{
    char text[4096];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return give(type, TEXT, target, size, text, strlen(text) + 1);
}

static int32_t give_number(int32_t *type, int32_t kind, void *target, size_t *size, uint64_t value)
{
    size_t length = kind == BOOL8 ? 1 : kind == INT32 || kind == UINT32 ? 4 : 8;
    return give(type, kind, target, size, &value, length);
}

static int32_t unknown_command(void)
{
    return fail(NOT_AVAILABLE, "this information is not available");
}

/* Lines "stream_info COMMAND set|error VALUE": what replaces an answer. True if a line does. */
static bool is_replaced(const char *key, int32_t command, uint64_t number, uint64_t truth,
                        uint64_t *value, int32_t *code)
{
    const char *line;
    int position = 0;
    while ((line = script_next(key, &position)) != NULL) {
        long about;
        char how[NAME_BYTES], which[NAME_BYTES] = "all";
        long long told;
        if (sscanf(line, "%ld %63s %lld %63s", &about, how, &told, which) < 3) continue;
        if (about != command || !is_selected(which, number)) continue;
        *code = SUCCESS;
        if (strcmp(how, "error") == 0) {
            *code = fail((int32_t)told, "the script of this producer asks for this error");
        } else {
            *value = strcmp(how, "add") == 0 ? truth + (uint64_t)told : (uint64_t)told;
        }
        return true;
    }
    return false;
}

static const char *transport(void)
{
    return script_text("transport", "Custom");
}

static int32_t give_producer(int32_t command, int32_t *type, void *target, size_t *size)
{
    const char *path = script_path();
    switch (command) {
    case 0: return give_text(type, target, size, "%s", script_stem()); /* TL_INFO_ID */
    case 1: return give_text(type, target, size, "Hostile");
    case 2: return give_text(type, target, size, "Hostile producer");
    case 3: return give_text(type, target, size, "1.0");
    case 4: return give_text(type, target, size, "%s", transport());
    case 5: return give_text(type, target, size, "%s", strrchr(path, '/') + 1);
    case 6: return give_text(type, target, size, "%s", path);
    case 7: return give_text(type, target, size, "Hostile producer %s", script_stem());
    case 8: return give_number(type, INT32, target, size, 1); /* UTF-8 */
    case 9: return give_number(type, UINT32, target, size, 1);
    case 10: return give_number(type, UINT32, target, size, 5);
    default: return unknown_command();
    }
}

static int32_t give_interface(int32_t command, int32_t *type, void *target, size_t *size)
{
    switch (command) {
    case 0: return give_text(type, target, size, INTERFACE_ID);
    case 1: return give_text(type, target, size, "Hostile interface");
    case 2: return give_text(type, target, size, "%s", transport());
    default: return unknown_command();
    }
}

static int32_t give_serial(int camera, int32_t *type, void *target, size_t *size)
{
    return give_text(type, target, size, "%s-%d", script_text("serial", script_stem()), camera);
}

static int32_t give_access_status(int camera, int32_t *type, void *target, size_t *size)
{
    double status = cameras[camera].is_away   ? script_number("access_status_away", 3)
                    : cameras[camera].is_open ? script_number("access_status_open", 5)
                                              : script_number("access_status_closed", 1);
    if (status < 0) return fail((int32_t)status, "the access status is not told");
    return give_number(type, INT32, target, size, (uint64_t)status);
}

static int32_t give_device(int camera, int32_t command, int32_t *type, void *target, size_t *size)
{
    uint64_t value = 0;
    int32_t code;
    if (is_replaced("device_info", command, 0, 0, &value, &code))
        return code != SUCCESS ? code : give_number(type, INT32, target, size, value);
    switch (command) {
    case 0: return give_serial(camera, type, target, size); /* DEVICE_INFO_ID */
    case 1: return give_text(type, target, size, "%s", script_text("vendor", "Hostile"));
    case 2: return give_text(type, target, size, "%s", script_text("model", "H1"));
    case 3: return give_text(type, target, size, "%s", transport());
    case 4: return give_text(type, target, size, "Hostile camera %d", camera);
    case 5: return give_access_status(camera, type, target, size);
    case 6: return give_text(type, target, size, "camera %d", camera);
    case 7: return give_serial(camera, type, target, size);
    case 8: return give_text(type, target, size, "1");
    case 9:
        return give_number(type, UINT64, target, size,
                           (uint64_t)script_number("timestamp_frequency_hz", 1e9));
    default: return unknown_command();
    }
}

static int32_t give_port(const struct entry *entry, int32_t command, int32_t *type, void *target,
                         size_t *size)
{
    static const char *const modules[] = {"",         "TLSystem",       "TLInterface",  "TLDevice",
                                          "TLRemoteDevice", "TLDataStream", "TLBuffer", ""};
    switch (command) {
    case 0: return give_text(type, target, size, "%s", modules[entry->kind]); /* PORT_INFO_ID */
    case 1: return give_text(type, target, size, "Hostile");
    case 2: return give_text(type, target, size, "H1");
    case 3: return give_text(type, target, size, "%s", transport());
    case 4: return give_text(type, target, size, "%s", modules[entry->kind]);
    case 5: return give_number(type, BOOL8, target, size, 1); /* little endian */
    case 6: return give_number(type, BOOL8, target, size, 0);
    case 7: return give_number(type, BOOL8, target, size, 1); /* readable */
    case 8: return give_number(type, BOOL8, target, size, entry->kind == PORT);
    case 9: return give_number(type, BOOL8, target, size, 0);
    case 10: return give_number(type, BOOL8, target, size, 0);
    case 11: return give_text(type, target, size, "1");
    case 12:
        return give_text(type, target, size, "%s",
                         entry->kind == PORT ? "Device" : modules[entry->kind]);
    default: return unknown_command();
    }
}

static int32_t give_url(int32_t command, int32_t *type, void *target, size_t *size)
{
    size_t length;
    script_description(&length);
    switch (command) {
    case 0: /* URL_INFO_URL */
        return give_text(type, target, size, "local:///%s.xml;%x;%zx?SchemaVersion=1.1.0",
                         script_stem(), XML_ADDRESS, length);
    case 1: return give_number(type, INT32, target, size, 1);
    case 2: return give_number(type, INT32, target, size, 1);
    case 3: return give_number(type, INT32, target, size, 1);
    case 4: return give_number(type, INT32, target, size, 0);
    case 5: return give_number(type, INT32, target, size, 0);
    case 7: return give_number(type, UINT64, target, size, XML_ADDRESS);
    case 8: return give_number(type, UINT64, target, size, length);
    case 9: return give_number(type, INT32, target, size, 0); /* scheme local */
    case 10: return give_text(type, target, size, "%s.xml", script_stem());
    default: return unknown_command();
    }
}

static int32_t give_stream(struct camera *camera, int32_t command, int32_t *type, void *target,
                           size_t *size)
{
    uint64_t value = 0;
    int32_t code = SUCCESS, kind = SIZE;
    switch (command) {
    case 0: return give_text(type, target, size, STREAM_ID); /* STREAM_INFO_ID */
    case 10: return give_text(type, target, size, "%s", transport());
    case 1: kind = UINT64, value = camera->fetched; break;
    case 2: kind = UINT64, value = camera->underruns; break;
    case 3: value = (uint64_t)camera->buffer_count; break;
    case 4: value = (uint64_t)camera->input_count; break;
    case 5: value = (uint64_t)camera->output_count; break;
    case 6: kind = UINT64, value = camera->captured; break;
    case 7: value = camera_payload(camera); break;
    case 8: kind = BOOL8, value = camera->is_grabbing; break;
    case 9: kind = BOOL8, value = script_number("stream_defines_payload", 1) != 0; break;
    case 11: value = 0; break; /* chunks */
    case 12: value = 1; break; /* fewest buffers */
    case 13: value = 1; break; /* alignment */
    default: return unknown_command();
    }
    is_replaced("stream_info", command, 0, value, &value, &code);
    return code != SUCCESS ? code : give_number(type, kind, target, size, value);
}

static int32_t give_buffer(struct buffer *buffer, int32_t command, int32_t *type, void *target,
                           size_t *size)
{
    struct frame *frame = &buffer->frame;
    uint64_t value = 0;
    int32_t code = SUCCESS, kind = SIZE;
    switch (command) {
    case 0: kind = POINTER, value = (uintptr_t)buffer->base; break; /* BUFFER_INFO_BASE */
    case 1: value = buffer->size; break;
    case 2: kind = POINTER, value = (uintptr_t)buffer->user_pointer; break;
    case 3: kind = UINT64, value = frame->timestamp_ns; break;
    case 4: kind = BOOL8, value = buffer->is_new; break;
    case 5: kind = BOOL8, value = buffer->is_queued; break;
    case 6: kind = BOOL8; break;
    case 7: kind = BOOL8; break; /* incomplete */
    case 8: return give_text(type, target, size, "%s", transport());
    case 9: value = frame->filled; break;
    case 10: value = frame->width; break;
    case 11: value = frame->height; break;
    case 12: value = frame->offset_x; break;
    case 13: value = frame->offset_y; break;
    case 14: value = (uint64_t)frame->padding; break;
    case 15: break;
    case 16: kind = UINT64, value = frame->number; break;
    case 17: kind = BOOL8, value = 1; break;
    case 18: break;           /* image offset */
    case 19: value = 1; break; /* payload type image */
    case 20: kind = UINT64, value = frame->pixel_format; break;
    case 21: kind = UINT64, value = 4; break; /* PFNC, 32 bit */
    case 22: value = frame->height; break;
    case 23: break;
    case 24: kind = UINT64; break;
    case 26: kind = INT32, value = 1; break; /* little endian */
    case 27: value = frame->filled; break;
    case 28:
        kind = UINT64;
        value = (uint64_t)((double)frame->timestamp_ns *
                           (1e9 / script_number("timestamp_frequency_hz", 1e9)));
        break;
    case 29: kind = BOOL8, value = frame->filled > buffer->size; break;
    case 30: kind = BOOL8; break; /* chunks */
    default: return unknown_command();
    }
    if (command > 6 && !buffer->was_filled) return fail(NOT_AVAILABLE, "no frame came yet");
    is_replaced("buffer_info", command, frame->delivery, value, &value, &code);
    return code != SUCCESS ? code : give_number(type, kind, target, size, value);
}

/* Library */

static void close_stream(int number)
{
    struct camera *camera = &cameras[number];
    camera->has_stream = camera->has_event = camera->is_grabbing = camera->is_acquiring = false;
    camera->buffer_count = camera->input_count = camera->output_count = 0;
    memset(camera->buffers, 0, sizeof camera->buffers);
    forget(BUFFER, number);
    forget(EVENT, number);
    forget(STREAM, number);
}

static void close_device(int number)
{
    close_stream(number);
    cameras[number].is_open = false;
    forget(PORT, number);
    forget(DEVICE, number);
}

GC_API GCInitLib(void)
{
    pthread_mutex_lock(&lock);
    script_load();
    pthread_mutex_unlock(&lock);
    BEGIN(NULL);
    if (is_initialised) {
        code = fail(RESOURCE_IN_USE, "the library is initialised already");
    } else {
        is_initialised = true;
    }
    END;
}

GC_API GCCloseLib(void)
{
    int number;
    BEGIN(NULL);
    for (number = 0; number < MOST_CAMERAS; number++) close_device(number);
    memset(entries, 0, sizeof entries);
    is_initialised = false;
    END;
}

GC_API GCGetInfo(int32_t command, int32_t *type, void *target, size_t *size)
{
    BEGIN(NULL);
    code = give_producer(command, type, target, size);
    END;
}

GC_API GCGetLastError(int32_t *code, char *text, size_t *size)
{
    *code = last_code;
    return give(NULL, TEXT, text, size, last_text, strlen(last_text) + 1);
}

/* Ports */

/* The camera of a port that can be reached now; -1 and the code to answer if none. */
static int reached(void *port, int32_t *code)
{
    struct entry *entry = find(port, PORT);
    struct camera *camera;
    *code = INVALID_HANDLE;
    if (entry == NULL) return -1;
    camera = &cameras[entry->camera];
    camera_update(camera);
    *code = SUCCESS;
    if (!camera->is_away && (entry->epoch == camera->epoch ||
                             script_number("return_needs_reopen", 1) == 0))
        return entry->camera;
    *code = fail((int32_t)script_number("away_error", IO_FAILED), "the camera does not answer");
    return -1;
}

static int32_t before_register(const char *function, void *port, uint64_t address)
{
    char name[NAME_BYTES] = "";
    const struct node *node;
    pthread_mutex_lock(&lock);
    node = script_node_at(address);
    if (node != NULL) snprintf(name, sizeof name, "%s", node->name);
    if (address >= XML_ADDRESS) snprintf(name, sizeof name, "XML");
    pthread_mutex_unlock(&lock);
    return before(function, name, camera_of(port));
}

GC_API GCReadPort(void *port, uint64_t address, void *target, size_t *size)
{
    int32_t code = before_register(__func__, port, address);
    int number;
    if (code != SUCCESS) return code;
    pthread_mutex_lock(&lock);
    number = reached(port, &code);
    if (number >= 0) code = camera_read(&cameras[number], address, target, *size);
    END;
}

GC_API GCWritePort(void *port, uint64_t address, const void *source, size_t *size)
{
    int32_t code = before_register(__func__, port, address);
    int number;
    if (code != SUCCESS) return code;
    pthread_mutex_lock(&lock);
    number = reached(port, &code);
    if (number >= 0) code = camera_write(&cameras[number], address, source, *size);
    END;
}

GC_API GCGetPortInfo(void *port, int32_t command, int32_t *type, void *target, size_t *size)
{
    BEGIN(port);
    if (any(port) == NULL) {
        code = fail(INVALID_HANDLE, "the handle is no port");
    } else {
        code = give_port(any(port), command, type, target, size);
    }
    END;
}

GC_API GCGetNumPortURLs(void *port, uint32_t *count)
{
    BEGIN(port);
    *count = 1;
    if (find(port, PORT) == NULL)
        code = fail(any(port) == NULL ? INVALID_HANDLE : NOT_AVAILABLE, "it has no description");
    END;
}

GC_API GCGetPortURL(void *port, char *url, size_t *size)
{
    BEGIN(port);
    TAKE(entry, port, PORT)
    (void)entry;
    code = give_url(0, NULL, url, size);
    END;
}

GC_API GCGetPortURLInfo(void *port, uint32_t index, int32_t command, int32_t *type, void *target,
                        size_t *size)
{
    BEGIN(port);
    if (find(port, PORT) == NULL) {
        code = fail(any(port) == NULL ? INVALID_HANDLE : NOT_AVAILABLE, "it has no description");
    } else if (index != 0) {
        code = fail(INVALID_INDEX, "there is one description");
    } else {
        code = give_url(command, type, target, size);
    }
    END;
}

/* Events */

GC_API GCRegisterEvent(void *source, int32_t event_type, void **event)
{
    BEGIN(source);
    if (find(source, STREAM) == NULL || event_type != EVENT_NEW_BUFFER) {
        code = fail(NOT_IMPLEMENTED, "there is the new-buffer event of a stream only");
    } else {
        int number = any(source)->camera;
        if (cameras[number].has_event) {
            code = fail(RESOURCE_IN_USE, "the event is registered already");
        } else {
            cameras[number].has_event = true;
            *event = new_handle(EVENT, number, 0);
        }
    }
    END;
}

GC_API GCUnregisterEvent(void *source, int32_t event_type)
{
    BEGIN(source);
    TAKE(entry, source, STREAM)
    (void)event_type;
    cameras[entry->camera].has_event = false;
    cameras[entry->camera].was_killed = true;
    forget(EVENT, entry->camera);
    END;
}

GC_API EventGetData(void *event, void *target, size_t *size, uint64_t timeout_ms)
{
    int64_t start = now_ns();
    BEGIN(event);
    for (;;) {
        struct timespec step = {0, WAIT_STEP_NS};
        struct camera *camera;
        TAKE(entry, event, EVENT)
        camera = &cameras[entry->camera];
        script_refresh();
        camera_update(camera);
        if (camera->is_away && script_number("away_event_error", 0) != 0) {
            code = fail((int32_t)script_number("away_event_error", 0), "the camera is gone");
            break;
        }
        if (camera->was_killed) {
            camera->was_killed = false;
            code = fail(ABORTED, "the wait was ended");
            break;
        }
        if (camera->output_count > 0) {
            struct buffer *buffer = &camera->buffers[camera->output[0]];
            void *pair[2] = {buffer->handle, buffer->user_pointer};
            code = give(NULL, 0, target, size, pair, sizeof pair);
            if (code == SUCCESS) {
                queue_take(camera->output, &camera->output_count);
                buffer->is_new = false;
                camera->fetched++;
            }
            break;
        }
        if (timeout_ms != UINT64_MAX && (uint64_t)(now_ns() - start) / 1000000 >= timeout_ms) {
            code = fail(TIMED_OUT, "no buffer came in time");
            break;
        }
        pthread_mutex_unlock(&lock);
        nanosleep(&step, NULL);
        pthread_mutex_lock(&lock);
    }
    END;
}

GC_API EventGetDataInfo(void *event, const void *data, size_t data_size, int32_t command,
                        int32_t *type, void *target, size_t *size)
{
    BEGIN(event);
    TAKE(entry, event, EVENT)
    (void)entry;
    if (data == NULL || data_size < sizeof(void *) || command > 1) {
        code = unknown_command();
    } else {
        void *buffer;
        memcpy(&buffer, data, sizeof buffer);
        code = give_number(type, POINTER, target, size, (uintptr_t)buffer);
    }
    END;
}

GC_API EventGetInfo(void *event, int32_t command, int32_t *type, void *target, size_t *size)
{
    struct camera *camera;
    BEGIN(event);
    TAKE(entry, event, EVENT)
    camera = &cameras[entry->camera];
    switch (command) {
    case 0: code = give_number(type, INT32, target, size, EVENT_NEW_BUFFER); break;
    case 1: code = give_number(type, SIZE, target, size, (uint64_t)camera->output_count); break;
    case 2: code = give_number(type, UINT64, target, size, camera->fetched); break;
    case 3: code = give_number(type, SIZE, target, size, 2 * sizeof(void *)); break;
    case 4: code = give_number(type, SIZE, target, size, sizeof(void *)); break;
    default: code = unknown_command();
    }
    END;
}

GC_API EventFlush(void *event)
{
    BEGIN(event);
    TAKE(entry, event, EVENT)
    cameras[entry->camera].output_count = 0;
    END;
}

GC_API EventKill(void *event)
{
    BEGIN(event);
    TAKE(entry, event, EVENT)
    cameras[entry->camera].was_killed = true;
    END;
}

/* System and interface */

GC_API TLOpen(void **system)
{
    BEGIN(NULL);
    *system = new_handle(SYSTEM, -1, 0);
    END;
}

GC_API TLClose(void *system)
{
    BEGIN(system);
    TAKE(entry, system, SYSTEM)
    entry->kind = FREE;
    END;
}

GC_API TLGetInfo(void *system, int32_t command, int32_t *type, void *target, size_t *size)
{
    BEGIN(system);
    TAKE(entry, system, SYSTEM)
    (void)entry;
    code = give_producer(command, type, target, size);
    END;
}

GC_API TLGetNumInterfaces(void *system, uint32_t *count)
{
    BEGIN(system);
    TAKE(entry, system, SYSTEM)
    (void)entry;
    *count = 1;
    END;
}

GC_API TLGetInterfaceID(void *system, uint32_t index, char *id, size_t *size)
{
    BEGIN(system);
    TAKE(entry, system, SYSTEM)
    (void)entry;
    code = index == 0 ? give_text(NULL, id, size, INTERFACE_ID)
                      : fail(INVALID_INDEX, "there is one interface");
    END;
}

GC_API TLGetInterfaceInfo(void *system, const char *id, int32_t command, int32_t *type,
                          void *target, size_t *size)
{
    BEGIN(system);
    TAKE(entry, system, SYSTEM)
    (void)entry;
    code = strcmp(id, INTERFACE_ID) == 0 ? give_interface(command, type, target, size)
                                         : fail(INVALID_ID, "there is no such interface");
    END;
}

GC_API TLOpenInterface(void *system, const char *id, void **interface)
{
    BEGIN(system);
    TAKE(entry, system, SYSTEM)
    (void)entry;
    if (strcmp(id, INTERFACE_ID) != 0) {
        code = fail(INVALID_ID, "there is no such interface");
    } else {
        *interface = new_handle(INTERFACE, -1, 0);
    }
    END;
}

GC_API TLUpdateInterfaceList(void *system, uint8_t *changed, uint64_t timeout_ms)
{
    BEGIN(system);
    TAKE(entry, system, SYSTEM)
    (void)entry;
    (void)timeout_ms;
    if (changed != NULL) *changed = 0;
    END;
}

GC_API IFClose(void *interface)
{
    BEGIN(interface);
    TAKE(entry, interface, INTERFACE)
    entry->kind = FREE;
    END;
}

GC_API IFGetInfo(void *interface, int32_t command, int32_t *type, void *target, size_t *size)
{
    BEGIN(interface);
    TAKE(entry, interface, INTERFACE)
    (void)entry;
    code = give_interface(command, type, target, size);
    END;
}

/* The camera at a place of the device list, which holds those that are present; else -1. */
static int listed_camera(uint32_t index)
{
    int number;
    bool lists_all = script_number("listed_when_away", 0) != 0;
    for (number = 0; number < camera_count(); number++) {
        camera_update(&cameras[number]);
        if (!lists_all && cameras[number].is_away) continue;
        if (index-- == 0) return number;
    }
    return -1;
}

static int camera_by_id(const char *id)
{
    int number;
    for (number = 0; number < camera_count(); number++) {
        char known[4096];
        size_t size = sizeof known;
        if (give_serial(number, NULL, known, &size) == SUCCESS && strcmp(id, known) == 0)
            return number;
    }
    return -1;
}

GC_API IFGetNumDevices(void *interface, uint32_t *count)
{
    BEGIN(interface);
    TAKE(entry, interface, INTERFACE)
    (void)entry;
    for (*count = 0; listed_camera(*count) >= 0;) ++*count;
    END;
}

GC_API IFGetDeviceID(void *interface, uint32_t index, char *id, size_t *size)
{
    BEGIN(interface);
    TAKE(entry, interface, INTERFACE)
    (void)entry;
    if (listed_camera(index) < 0) {
        code = fail(INVALID_INDEX, "there are not as many devices");
    } else {
        code = give_serial(listed_camera(index), NULL, id, size);
    }
    END;
}

GC_API IFUpdateDeviceList(void *interface, uint8_t *changed, uint64_t timeout_ms)
{
    BEGIN(interface);
    TAKE(entry, interface, INTERFACE)
    (void)entry;
    (void)timeout_ms;
    if (changed != NULL) *changed = 1;
    END;
}

GC_API IFGetDeviceInfo(void *interface, const char *id, int32_t command, int32_t *type,
                       void *target, size_t *size)
{
    int number;
    BEGIN(interface);
    TAKE(entry, interface, INTERFACE)
    (void)entry;
    number = camera_by_id(id);
    if (number >= 0) camera_update(&cameras[number]);
    code = number < 0 ? fail(INVALID_ID, "there is no such device")
                      : give_device(number, command, type, target, size);
    END;
}

GC_API IFOpenDevice(void *interface, const char *id, int32_t access, void **device)
{
    int number;
    BEGIN(interface);
    TAKE(entry, interface, INTERFACE)
    (void)entry;
    (void)access;
    number = camera_by_id(id);
    if (number >= 0) camera_update(&cameras[number]);
    if (number < 0) {
        code = fail(INVALID_ID, "there is no such device");
    } else if (cameras[number].is_away) {
        code = fail((int32_t)script_number("away_open_error", NOT_AVAILABLE), "it is not there");
    } else if (cameras[number].is_open) {
        code = fail(RESOURCE_IN_USE, "the device is open already");
    } else {
        cameras[number].is_open = true;
        *device = new_handle(DEVICE, number, 0);
    }
    END;
}

GC_API IFGetParentTL(void *interface, void **system)
{
    BEGIN(interface);
    *system = handle_of(SYSTEM, -1);
    END;
}

/* Device */

GC_API DevClose(void *device)
{
    BEGIN(device);
    TAKE(entry, device, DEVICE)
    close_device(entry->camera);
    END;
}

GC_API DevGetInfo(void *device, int32_t command, int32_t *type, void *target, size_t *size)
{
    BEGIN(device);
    TAKE(entry, device, DEVICE)
    camera_update(&cameras[entry->camera]);
    code = give_device(entry->camera, command, type, target, size);
    END;
}

GC_API DevGetPort(void *device, void **port)
{
    BEGIN(device);
    TAKE(entry, device, DEVICE)
    *port = new_handle(PORT, entry->camera, 0);
    any(*port)->epoch = entry->epoch;
    END;
}

GC_API DevGetNumDataStreams(void *device, uint32_t *count)
{
    BEGIN(device);
    TAKE(entry, device, DEVICE)
    (void)entry;
    *count = 1;
    END;
}

GC_API DevGetDataStreamID(void *device, uint32_t index, char *id, size_t *size)
{
    BEGIN(device);
    TAKE(entry, device, DEVICE)
    (void)entry;
    code = index == 0 ? give_text(NULL, id, size, STREAM_ID)
                      : fail(INVALID_INDEX, "there is one stream");
    END;
}

GC_API DevOpenDataStream(void *device, const char *id, void **stream)
{
    BEGIN(device);
    TAKE(entry, device, DEVICE)
    if (strcmp(id, STREAM_ID) != 0) {
        code = fail(INVALID_ID, "there is no such stream");
    } else if (cameras[entry->camera].has_stream) {
        code = fail(RESOURCE_IN_USE, "the stream is open already");
    } else {
        cameras[entry->camera].has_stream = true;
        *stream = new_handle(STREAM, entry->camera, 0);
    }
    END;
}

GC_API DevGetParentIF(void *device, void **interface)
{
    BEGIN(device);
    *interface = handle_of(INTERFACE, -1);
    END;
}

/* Stream */

GC_API DSClose(void *stream)
{
    BEGIN(stream);
    TAKE(entry, stream, STREAM)
    close_stream(entry->camera);
    END;
}

GC_API DSGetInfo(void *stream, int32_t command, int32_t *type, void *target, size_t *size)
{
    BEGIN(stream);
    TAKE(entry, stream, STREAM)
    camera_update(&cameras[entry->camera]);
    code = give_stream(&cameras[entry->camera], command, type, target, size);
    END;
}

GC_API DSGetParentDev(void *stream, void **device)
{
    BEGIN(stream);
    TAKE(entry, stream, STREAM)
    *device = handle_of(DEVICE, entry->camera);
    END;
}

GC_API DSAnnounceBuffer(void *stream, void *memory, size_t size, void *user_pointer, void **handle)
{
    BEGIN(stream);
    TAKE(entry, stream, STREAM)
    int number = entry->camera, place = 0;
    struct buffer *buffers = cameras[number].buffers;
    while (place < MOST_BUFFERS && buffers[place].is_announced) place++;
    if (place == MOST_BUFFERS) {
        code = fail(FAILED, "there are too many buffers");
    } else {
        memset(&buffers[place], 0, sizeof buffers[place]);
        buffers[place].base = memory;
        buffers[place].size = size;
        buffers[place].user_pointer = user_pointer;
        buffers[place].is_announced = true;
        buffers[place].handle = *handle = new_handle(BUFFER, number, place);
        cameras[number].buffer_count++;
    }
    END;
}

GC_API DSRevokeBuffer(void *stream, void *handle, void **memory, void **user_pointer)
{
    BEGIN(stream);
    TAKE(entry, stream, STREAM)
    TAKE(revoked, handle, BUFFER)
    struct camera *camera = &cameras[entry->camera];
    struct buffer *buffer = &camera->buffers[revoked->buffer];
    if (memory != NULL) *memory = buffer->base;
    if (user_pointer != NULL) *user_pointer = buffer->user_pointer;
    queue_remove(camera->input, &camera->input_count, revoked->buffer);
    queue_remove(camera->output, &camera->output_count, revoked->buffer);
    buffer->is_announced = false;
    camera->buffer_count--;
    revoked->kind = FREE;
    END;
}

GC_API DSQueueBuffer(void *stream, void *handle)
{
    BEGIN(stream);
    TAKE(entry, stream, STREAM)
    TAKE(queued, handle, BUFFER)
    struct camera *camera = &cameras[entry->camera];
    struct buffer *buffer = &camera->buffers[queued->buffer];
    camera_update(camera);
    if (buffer->is_queued) {
        code = fail(INVALID_BUFFER, "the buffer is queued already");
    } else {
        queue_remove(camera->output, &camera->output_count, queued->buffer);
        buffer->is_queued = true;
        buffer->is_new = false;
        queue_put(camera->input, &camera->input_count, queued->buffer);
    }
    END;
}

GC_API DSGetBufferID(void *stream, uint32_t index, void **handle)
{
    BEGIN(stream);
    TAKE(entry, stream, STREAM)
    if (index >= MOST_BUFFERS || !cameras[entry->camera].buffers[index].is_announced) {
        code = fail(INVALID_INDEX, "there is no such buffer");
    } else {
        *handle = cameras[entry->camera].buffers[index].handle;
    }
    END;
}

GC_API DSGetBufferInfo(void *stream, void *handle, int32_t command, int32_t *type, void *target,
                       size_t *size)
{
    BEGIN(stream);
    TAKE(entry, stream, STREAM)
    TAKE(asked, handle, BUFFER)
    code = give_buffer(&cameras[entry->camera].buffers[asked->buffer], command, type, target, size);
    END;
}

GC_API DSGetBufferChunkData(void *stream, void *handle, void *chunks, size_t *count)
{
    BEGIN(stream);
    (void)handle;
    (void)chunks;
    (void)count;
    code = fail(NO_DATA, "the buffer holds no chunks");
    END;
}

GC_API DSGetNumBufferParts(void *stream, void *handle, uint32_t *count)
{
    BEGIN(stream);
    (void)handle;
    *count = 0;
    END;
}

GC_API DSFlushQueue(void *stream, int32_t operation)
{
    BEGIN(stream);
    TAKE(entry, stream, STREAM)
    struct camera *camera = &cameras[entry->camera];
    int place;
    /* ACQ_QUEUE_TYPE: 0 input to output, 1 discard output, 2 all to input, 3 unqueued to input,
       4 discard all. */
    for (place = 0; place < MOST_BUFFERS; place++) {
        struct buffer *buffer = &camera->buffers[place];
        bool is_output = false;
        int index;
        if (!buffer->is_announced) continue;
        for (index = 0; index < camera->output_count; index++)
            is_output = is_output || camera->output[index] == place;
        if ((operation == 2 && !buffer->is_queued) ||
            (operation == 3 && !buffer->is_queued && !is_output)) {
            queue_remove(camera->output, &camera->output_count, place);
            buffer->is_queued = true;
            queue_put(camera->input, &camera->input_count, place);
        }
        if (operation == 0 && buffer->is_queued) {
            queue_put(camera->output, &camera->output_count, place);
        }
        if (operation == 0 || operation == 4) buffer->is_queued = false;
    }
    if (operation == 0 || operation == 4) camera->input_count = 0;
    if (operation == 1 || operation == 4) camera->output_count = 0;
    END;
}

GC_API DSStartAcquisition(void *stream, int32_t flags, uint64_t frames)
{
    BEGIN(stream);
    TAKE(entry, stream, STREAM)
    struct camera *camera = &cameras[entry->camera];
    double busy_ms = script_number("busy_after_stop_ms", 0);
    (void)flags;
    (void)frames;
    if (camera->stopped_ns != 0 && (double)(now_ns() - camera->stopped_ns) < busy_ms * 1e6) {
        code = fail((int32_t)script_number("busy_code", RESOURCE_IN_USE), "it still stops");
    } else {
        camera->is_grabbing = true;
        camera->was_killed = false;
    }
    END;
}

GC_API DSStopAcquisition(void *stream, int32_t flags)
{
    BEGIN(stream);
    TAKE(entry, stream, STREAM)
    (void)flags;
    cameras[entry->camera].is_grabbing = cameras[entry->camera].is_acquiring = false;
    cameras[entry->camera].stopped_ns = now_ns();
    END;
}
