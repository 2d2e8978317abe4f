/* GenTL functions of a hostile producer: devices and their streams. */
#define _GNU_SOURCE
#include "information.h"

#include <string.h>

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

void close_device(int number)
{
    close_stream(number);
    cameras[number].is_open = false;
    forget(PORT, number);
    forget(DEVICE, number);
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
