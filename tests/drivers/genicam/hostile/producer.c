/* GenTL functions of a hostile producer: library, ports, events, system and interface. */
#define _GNU_SOURCE
#include "information.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define WAIT_STEP_NS 1000000

static bool is_initialised;

/* Library */

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
    forget_all();
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
    return give_last_error(code, text, size);
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

/* Functions that clients look for and that this producer does not offer. */

#define NOT_OFFERED(name, ...)                                        \
    GC_API name(__VA_ARGS__);                                         \
    GC_API name(__VA_ARGS__)                                          \
    {                                                                 \
        return fail(NOT_IMPLEMENTED, #name " is not offered");        \
    }

#pragma GCC diagnostic ignored "-Wunused-parameter"
NOT_OFFERED(GCReadPortStacked, void *port, void *entries, size_t *count)
NOT_OFFERED(GCWritePortStacked, void *port, void *entries, size_t *count)
NOT_OFFERED(DSAllocAndAnnounceBuffer, void *stream, size_t size, void *user, void **handle)
NOT_OFFERED(DSAnnounceCompositeBuffer, void *stream, size_t count, void **parts, void *user,
            void **handle)
NOT_OFFERED(DSGetBufferPartInfo, void *stream, void *handle, uint32_t part, int32_t command,
            int32_t *type, void *target, size_t *size)
NOT_OFFERED(DSGetNumFlows, void *stream, uint32_t *count)
NOT_OFFERED(DSGetFlowInfo, void *stream, uint32_t flow, int32_t command, int32_t *type,
            void *target, size_t *size)
NOT_OFFERED(DSGetNumBufferSegments, void *stream, void *handle, uint32_t *count)
NOT_OFFERED(DSGetBufferSegmentInfo, void *stream, void *handle, uint32_t segment, int32_t command,
            int32_t *type, void *target, size_t *size)
