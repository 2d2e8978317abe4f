/* Handles of a hostile producer, and its answers to information commands. */
#define _GNU_SOURCE
#include "information.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MOST_HANDLES 4096

static struct entry entries[MOST_HANDLES];
static _Thread_local int32_t last_code;
static _Thread_local char last_text[256] = "no error";

int32_t fail(int32_t code, const char *text)
{
    last_code = code;
    snprintf(last_text, sizeof last_text, "%s", text);
    return code;
}

struct entry *any(void *handle)
{
    uintptr_t number = (uintptr_t)handle;
    struct entry *entry = &entries[number % MOST_HANDLES];
    return number != 0 && entry->kind != FREE && entry->serial == number / MOST_HANDLES ? entry
                                                                                        : NULL;
}

struct entry *find(void *handle, enum kind kind)
{
    struct entry *entry = any(handle);
    if (entry != NULL && entry->kind == kind) return entry;
    fail(INVALID_HANDLE, "the handle is stale or of another kind");
    return NULL;
}

void *new_handle(enum kind kind, int camera, int buffer)
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

void forget(enum kind kind, int camera)
{
    int slot;
    for (slot = 0; slot < MOST_HANDLES; slot++)
        if (entries[slot].kind == kind && entries[slot].camera == camera)
            entries[slot].kind = FREE;
}

void *handle_of(enum kind kind, int camera)
{
    uintptr_t slot;
    for (slot = 0; slot < MOST_HANDLES; slot++)
        if (entries[slot].kind == kind && entries[slot].camera == camera)
            return (void *)(entries[slot].serial * (uintptr_t)MOST_HANDLES + slot);
    return NULL;
}

void forget_all(void)
{
    memset(entries, 0, sizeof entries);
}

int camera_of(void *handle)
{
    int camera;
    pthread_mutex_lock(&lock);
    camera = any(handle) == NULL ? -1 : any(handle)->camera;
    pthread_mutex_unlock(&lock);
    return camera;
}

/* Answers */

int32_t give(int32_t *type, int32_t kind, void *target, size_t *size, const void *data,
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

int32_t give_text(int32_t *type, void *target, size_t *size, const char *format, ...)
{
    char text[4096];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return give(type, TEXT, target, size, text, strlen(text) + 1);
}

int32_t give_number(int32_t *type, int32_t kind, void *target, size_t *size, uint64_t value)
{
    size_t length = kind == BOOL8 ? 1 : kind == INT32 || kind == UINT32 ? 4 : 8;
    return give(type, kind, target, size, &value, length);
}

int32_t unknown_command(void)
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

int32_t give_producer(int32_t command, int32_t *type, void *target, size_t *size)
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

int32_t give_interface(int32_t command, int32_t *type, void *target, size_t *size)
{
    switch (command) {
    case 0: return give_text(type, target, size, INTERFACE_ID);
    case 1: return give_text(type, target, size, "Hostile interface");
    case 2: return give_text(type, target, size, "%s", transport());
    default: return unknown_command();
    }
}

int32_t give_serial(int camera, int32_t *type, void *target, size_t *size)
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

int32_t give_device(int camera, int32_t command, int32_t *type, void *target, size_t *size)
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

int32_t give_port(const struct entry *entry, int32_t command, int32_t *type, void *target,
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

int32_t give_url(int32_t command, int32_t *type, void *target, size_t *size)
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

int32_t give_stream(struct camera *camera, int32_t command, int32_t *type, void *target,
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

int32_t give_buffer(struct buffer *buffer, int32_t command, int32_t *type, void *target,
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
    case 7: kind = BOOL8, value = frame->is_incomplete; break;
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

int32_t give_last_error(int32_t *code, char *text, size_t *size)
{
    *code = last_code;
    return give(NULL, TEXT, text, size, last_text, strlen(last_text) + 1);
}
