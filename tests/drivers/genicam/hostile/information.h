/* What the GenTL functions of producer.c and device.c share: handles and answers. */
#ifndef HOSTILE_INFORMATION_H
#define HOSTILE_INFORMATION_H

#include "producer.h"

#define GC_API __attribute__((visibility("default"))) int32_t
#define INTERFACE_ID "interface"
#define STREAM_ID "stream"
#define EVENT_NEW_BUFFER 1

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

struct entry *any(void *handle); /* locked, as all but camera_of; NULL for a stale handle */
struct entry *find(void *handle, enum kind kind);
void *new_handle(enum kind kind, int camera, int buffer);
void *handle_of(enum kind kind, int camera);
void forget(enum kind kind, int camera);
void forget_all(void);
int camera_of(void *handle); /* -1 for the handle of another module */

int32_t unknown_command(void);
int32_t give(int32_t *type, int32_t kind, void *target, size_t *size, const void *data,
             size_t length);
int32_t give_text(int32_t *type, void *target, size_t *size, const char *format, ...);
int32_t give_number(int32_t *type, int32_t kind, void *target, size_t *size, uint64_t value);
int32_t give_last_error(int32_t *code, char *text, size_t *size);
int32_t give_producer(int32_t command, int32_t *type, void *target, size_t *size);
int32_t give_interface(int32_t command, int32_t *type, void *target, size_t *size);
int32_t give_serial(int camera, int32_t *type, void *target, size_t *size);
int32_t give_device(int camera, int32_t command, int32_t *type, void *target, size_t *size);
int32_t give_port(const struct entry *entry, int32_t command, int32_t *type, void *target,
                  size_t *size);
int32_t give_url(int32_t command, int32_t *type, void *target, size_t *size);
int32_t give_stream(struct camera *camera, int32_t command, int32_t *type, void *target,
                    size_t *size);
int32_t give_buffer(struct buffer *buffer, int32_t command, int32_t *type, void *target,
                    size_t *size);

/* device.c */
void close_device(int number);

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

#endif
