/* The cameras of a hostile producer: registers, presence, triggers and frames. */
#define _GNU_SOURCE
#include "producer.h"

#include <arpa/inet.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DEFAULT_RATE_HZ 100.0
#define DEFAULT_EXPOSURE_US 1000.0
#define NUMBER_PIXELS 4 /* the first pixels hold the frame's index, a byte each */

struct camera cameras[MOST_CAMERAS];

int camera_count(void)
{
    int count = (int)script_number("cameras", 1);
    return count < 0 ? 0 : count > MOST_CAMERAS ? MOST_CAMERAS : count;
}

int queue_take(int *queue, int *count)
{
    int item = queue[0];
    memmove(queue, queue + 1, (size_t)--*count * sizeof *queue);
    return item;
}

void queue_put(int *queue, int *count, int item)
{
    if (*count < MOST_BUFFERS) queue[(*count)++] = item;
}

void queue_remove(int *queue, int *count, int item)
{
    int index, kept = 0;
    for (index = 0; index < *count; index++)
        if (queue[index] != item) queue[kept++] = queue[index];
    *count = kept;
}

/* Registers */

static bool is_float(const struct node *node)
{
    return strcmp(node->kind, "float") == 0;
}

static void set_register(struct camera *camera, const struct node *node, double value)
{
    uint8_t *place = camera->memory + node->address;
    int64_t whole = (int64_t)value;
    if (node->address + 8 > MEMORY_BYTES) return;
    if (is_float(node)) {
        memcpy(place, &value, 8);
    } else {
        memcpy(place, &whole, 8);
    }
}

/* Value of a register, of one selection if it has a selector. */
static double register_of(struct camera *camera, const struct node *node, int selection)
{
    uint64_t address = node->address + (node->selector[0] == 0 ? 0 : 8u * (unsigned)selection);
    double real;
    int64_t whole;
    if (address + 8 > MEMORY_BYTES) return 0;
    memcpy(&real, camera->memory + address, 8);
    memcpy(&whole, camera->memory + address, 8);
    return is_float(node) ? real : (double)whole;
}

static double value_of(struct camera *camera, const char *name, double otherwise)
{
    const struct node *node = script_node(name);
    return node == NULL ? otherwise : register_of(camera, node, 0);
}

/* The sum over all selections, as gains in decibels add up. */
static double sum_of(struct camera *camera, const char *name, double otherwise)
{
    const struct node *node = script_node(name);
    int selection, count;
    double sum = 0;
    if (node == NULL) return otherwise;
    count = node->selector[0] == 0 ? 1 : script_entries(node->selector);
    for (selection = 0; selection < count; selection++)
        sum += register_of(camera, node, selection);
    return sum;
}

/* Lines "initial NODE VALUE [SELECTION]". */
static void power_up(struct camera *camera)
{
    int position = 0;
    const char *line;
    char name[NAME_BYTES], value[512];
    memset(camera->memory, 0, sizeof camera->memory);
    while ((line = script_next("initial", &position)) != NULL) {
        const struct node *node;
        long selection = 0;
        if (sscanf(line, "%63s %511s %ld", name, value, &selection) < 2) continue;
        node = script_node(name);
        if (node == NULL || node->address + node->length > MEMORY_BYTES) continue;
        if (strcmp(node->kind, "text") == 0) {
            strncpy((char *)camera->memory + node->address, value, node->length - 1);
        } else {
            struct node place = *node;
            if (node->selector[0] != 0) place.address += 8u * (uint64_t)selection;
            set_register(camera, &place, strtod(value, NULL));
        }
    }
    camera->has_power = true;
}

int32_t camera_read(struct camera *camera, uint64_t address, void *target, size_t size)
{
    size_t length;
    const char *xml = script_description(&length);
    const struct node *payload = script_node("PayloadSize");
    memset(target, 0, size);
    if (address >= XML_ADDRESS && address - XML_ADDRESS < length) {
        size_t left = length - (size_t)(address - XML_ADDRESS);
        memcpy(target, xml + (address - XML_ADDRESS), size < left ? size : left);
        return SUCCESS;
    }
    if (address > MEMORY_BYTES || size > MEMORY_BYTES - address)
        return fail(INVALID_ADDRESS, "there is no such register");
    if (payload != NULL) set_register(camera, payload, (double)camera_payload(camera));
    memcpy(target, camera->memory + address, size);
    return SUCCESS;
}

static void pulse(struct camera *camera, int selection, uint64_t count)
{
    const char *name = script_entry_name("TriggerSelector", selection);
    const struct node *delay = script_node("TriggerDelay");
    if (delay == NULL) delay = script_node("TriggerDelayAbs");
    if (delay != NULL) {
        int64_t due = now_ns() + (int64_t)(register_of(camera, delay, selection) * 1e3);
        if (due > camera->next_due_ns) camera->next_due_ns = due;
    }
    if (script_number("ignore_triggers", 0) != 0) return;
    if (name[0] == 0 || strcmp(name, "FrameStart") == 0 || strcmp(name, "ExposureStart") == 0) {
        camera->pending += count;
    } else {
        camera->gate_open[selection] = true;
    }
}

static bool trigger_is_on(struct camera *camera, int selection)
{
    const struct node *mode = script_node("TriggerMode");
    return mode != NULL && register_of(camera, mode, selection) == 1;
}

static bool source_is(struct camera *camera, int selection, const char *name)
{
    const struct node *source = script_node("TriggerSource");
    return source != NULL &&
           (int64_t)register_of(camera, source, selection) == script_entry("TriggerSource", name);
}

/* Lines "on_write NODE VALUE TARGET VALUE". */
static void follow_rules(struct camera *camera, const struct node *node, double value)
{
    int position = 0;
    const char *line;
    char name[NAME_BYTES], target[NAME_BYTES];
    double when, then;
    while ((line = script_next("on_write", &position)) != NULL) {
        const struct node *changed;
        if (sscanf(line, "%63s %lf %63s %lf", name, &when, target, &then) != 4) continue;
        changed = script_node(target);
        if (strcmp(name, node->name) == 0 && when == value && changed != NULL)
            set_register(camera, changed, then);
    }
}

/* Whether the way to the host passes packets of the present size. */
bool camera_packets_arrive(struct camera *camera)
{
    return value_of(camera, "GevSCPSPacketSize", 0) <= script_number("largest_packet_bytes", 1e9);
}

/* A test packet of the size of the stream's packets, to where the stream goes. */
static void fire_test_packet(struct camera *camera)
{
    static const uint8_t content[65536];
    size_t headers = 20 + 8, size = (size_t)value_of(camera, "GevSCPSPacketSize", 0);
    struct sockaddr_in there = {0};
    int sender;
    if (!camera_packets_arrive(camera) || size < headers || size > sizeof content) return;
    there.sin_family = AF_INET;
    there.sin_addr.s_addr = htonl((uint32_t)value_of(camera, "GevSCDA", 0));
    there.sin_port = htons((uint16_t)value_of(camera, "GevSCPHostPort", 0));
    sender = socket(AF_INET, SOCK_DGRAM, 0);
    if (sender < 0) return;
    (void)!sendto(sender, content, size - headers, 0, (struct sockaddr *)&there, sizeof there);
    close(sender);
}

int32_t camera_write(struct camera *camera, uint64_t address, const void *source, size_t size)
{
    const struct node *node = script_node_at(address);
    int position = 0;
    const char *stuck;
    if (node == NULL || size > MEMORY_BYTES - address)
        return fail(INVALID_ADDRESS, "there is no such register");
    while ((stuck = script_next("stuck", &position)) != NULL)
        if (strcmp(stuck, node->name) == 0) return SUCCESS;
    memcpy(camera->memory + address, source, size);
    if (strcmp(node->name, "AcquisitionStart") == 0) camera_start(camera);
    if (strcmp(node->name, "AcquisitionStop") == 0) camera_stop(camera);
    if (strcmp(node->name, "GevSCPSFireTestPacket") == 0) fire_test_packet(camera);
    if (strcmp(node->name, "TriggerSoftware") == 0) {
        int selection = (int)value_of(camera, "TriggerSelector", 0);
        if (camera->is_acquiring && trigger_is_on(camera, selection) &&
            source_is(camera, selection, "Software"))
            pulse(camera, selection, 1);
    }
    follow_rules(camera, node,
                 register_of(camera, node, (int)((address - node->address) / 8)));
    return SUCCESS;
}

/* Images */

struct layout {
    uint64_t width, height, pixel_format;
    int bits, bits_in_memory, channels;
    bool is_packed_by_groups; /* two codes in three bytes, as GigE Vision 1.x packs them */
    bool is_blue_first, is_mosaic;
    int64_t padding;
};

static struct layout layout_of(struct camera *camera)
{
    struct layout layout = {0};
    const char *name;
    layout.width = (uint64_t)value_of(camera, "Width", 64);
    layout.height = (uint64_t)value_of(camera, "Height", 48);
    layout.pixel_format = (uint64_t)value_of(camera, "PixelFormat", 0x01080001);
    layout.padding = (int64_t)script_number("line_padding_bytes", 0);
    layout.channels = layout.pixel_format >> 24 == 2 ? 3 : 1;
    /* The second byte of a PFNC value is the number of bits that a pixel takes in memory. */
    layout.bits_in_memory = (int)(layout.pixel_format >> 16 & 0xFF) / layout.channels;
    name = script_entry_name("PixelFormat", (int64_t)layout.pixel_format);
    layout.is_packed_by_groups = strstr(name, "Packed") != NULL;
    layout.is_blue_first = strncmp(name, "BGR", 3) == 0;
    layout.is_mosaic = strncmp(name, "BayerRG", 7) == 0;
    layout.bits = strstr(name, "10") != NULL   ? 10
                  : strstr(name, "12") != NULL ? 12
                  : strstr(name, "14") != NULL ? 14
                  : strstr(name, "16") != NULL ? 16
                                               : 8;
    return layout;
}

static uint64_t bytes_of(const struct layout *layout, uint64_t codes)
{
    return (codes * (uint64_t)layout->bits_in_memory + 7) / 8;
}

static uint64_t payload_of(const struct layout *layout)
{
    uint64_t row_codes = layout->width * (uint64_t)layout->channels;
    if (layout->padding == 0) return bytes_of(layout, row_codes * layout->height);
    return (bytes_of(layout, row_codes) + (uint64_t)layout->padding) * layout->height;
}

uint64_t camera_payload(struct camera *camera)
{
    struct layout layout = layout_of(camera);
    return payload_of(&layout);
}

static void pack(const struct layout *layout, const uint16_t *codes, uint64_t count, uint8_t *bytes)
{
    uint64_t index;
    if (layout->bits_in_memory == 8) {
        for (index = 0; index < count; index++) bytes[index] = (uint8_t)codes[index];
    } else if (layout->bits_in_memory == 16) {
        memcpy(bytes, codes, count * 2);
    } else if (layout->is_packed_by_groups) {
        int low_bits = layout->bits - 8;
        uint16_t low = (uint16_t)((1 << low_bits) - 1);
        for (index = 0; index < count; index++) {
            uint8_t *group = bytes + index / 2 * 3;
            bool is_second = index % 2 != 0;
            group[is_second ? 2 : 0] = (uint8_t)(codes[index] >> low_bits);
            group[1] = (uint8_t)((is_second ? group[1] : 0) |
                                 (codes[index] & low) << (is_second ? 4 : 0));
        }
    } else {
        memset(bytes, 0, bytes_of(layout, count));
        for (index = 0; index < count; index++) {
            uint64_t bit = index * (uint64_t)layout->bits_in_memory;
            uint32_t shifted = (uint32_t)codes[index] << bit % 8;
            for (bytes[bit / 8] |= (uint8_t)shifted; shifted >>= 8;) {
                bit += 8;
                bytes[bit / 8] |= (uint8_t)shifted;
            }
        }
    }
}

/* Whether the camera is in global reset now: lines "reset_when NODE VALUE". */
static bool is_resetting(struct camera *camera)
{
    int position = 0;
    const char *line;
    char name[NAME_BYTES];
    double value;
    while ((line = script_next("reset_when", &position)) != NULL)
        if (sscanf(line, "%63s %lf", name, &value) == 2 && value_of(camera, name, NAN) == value)
            return true;
    return false;
}

static double exposure_us(struct camera *camera)
{
    double otherwise = value_of(camera, "ExposureTimeAbs", DEFAULT_EXPOSURE_US);
    const struct node *raw = script_node("ExposureTimeRaw");
    if (raw != NULL)
        return register_of(camera, raw, 0) * script_number("exposure_raw_us", 1);
    return value_of(camera, "ExposureTime", otherwise);
}

static double gain_db(struct camera *camera)
{
    if (script_node("GainRaw") != NULL)
        return sum_of(camera, "GainRaw", 0) * script_number("gain_raw_db", 0.1);
    return sum_of(camera, "Gain", sum_of(camera, "GainAbs", 0));
}

static double black_level(struct camera *camera)
{
    double otherwise = value_of(camera, "BlackLevelAbs", value_of(camera, "BlackLevelRaw", 8));
    return value_of(camera, "BlackLevel", otherwise);
}

/* Weights of red, green and blue; a mosaic has them in the order RG / GB. */
static double weight_of(const struct layout *layout, uint64_t x, uint64_t y, int channel)
{
    static const double weights[] = {0.75, 1.0, 0.5};
    if (layout->channels == 3) return weights[layout->is_blue_first ? 2 - channel : channel];
    if (layout->is_mosaic) return weights[x % 2 + y % 2];
    return 1.0;
}

/* Codes of a frame; the formula stands in hostile_frames.py, term by term. */
static void draw(struct camera *camera, const struct layout *layout, uint64_t index, uint16_t *codes)
{
    double exposure = exposure_us(camera);
    double line_time = is_resetting(camera) ? script_number("line_time_us", 10) : 0;
    double scale = (double)(1 << (layout->bits - 8));
    double slope = script_number("dn_per_us", 0.01) * pow(10.0, gain_db(camera) / 20.0) * scale;
    double black = black_level(camera) * scale;
    double most = (double)((1 << layout->bits) - 1);
    bool in_memory = strcmp(script_text("reverse_y_in", "sensor"), "memory") == 0;
    bool reverse_x = value_of(camera, "ReverseX", 0) != 0;
    bool reverse_y = value_of(camera, "ReverseY", 0) != 0;
    uint64_t left = (uint64_t)value_of(camera, "OffsetX", 0);
    uint64_t top = (uint64_t)value_of(camera, "OffsetY", 0);
    bool is_numbered = script_number("number_in_image", 1) != 0;
    uint64_t row, column;
    int channel;
    for (row = 0; row < layout->height; row++) {
        uint64_t upside_down = layout->height - 1 - row;
        uint64_t read_out = reverse_y && in_memory ? upside_down : row;
        uint64_t scene_y = top + (reverse_y ? upside_down : row);
        double light = (exposure + line_time * (double)read_out) * slope;
        for (column = 0; column < layout->width; column++) {
            uint64_t scene_x = left + (reverse_x ? layout->width - 1 - column : column);
            double texture = (double)(scene_x % 8 + 8 * (scene_y % 4));
            for (channel = 0; channel < layout->channels; channel++) {
                /* Not negative, so that the conversion rounds down. */
                double code = black + light * weight_of(layout, column, row, channel) + texture;
                *codes++ = (uint16_t)(code > most ? most : code);
            }
        }
    }
    codes -= layout->width * layout->height * (uint64_t)layout->channels;
    for (column = 0; is_numbered && column < NUMBER_PIXELS && column < layout->width; column++)
        for (channel = 0; channel < layout->channels; channel++)
            codes[column * (uint64_t)layout->channels + (uint64_t)channel] =
                (uint16_t)(index >> 8 * column & 0xFF);
}

static uint64_t fill(struct camera *camera, struct buffer *buffer, uint64_t index)
{
    struct layout layout = layout_of(camera);
    uint64_t row_codes = layout.width * (uint64_t)layout.channels;
    uint64_t payload = payload_of(&layout), stride = bytes_of(&layout, row_codes), row;
    uint16_t *codes = malloc(row_codes * layout.height * sizeof *codes + 1);
    uint8_t *bytes = malloc(payload + 8);
    if (codes == NULL || bytes == NULL) abort();
    draw(camera, &layout, index, codes);
    if (layout.padding == 0) {
        pack(&layout, codes, row_codes * layout.height, bytes);
    } else {
        memset(bytes, 0xEE, payload);
        for (row = 0; row < layout.height; row++)
            pack(&layout, codes + row * row_codes, row_codes,
                 bytes + row * (stride + (uint64_t)layout.padding));
    }
    memcpy(buffer->base, bytes, payload < buffer->size ? payload : buffer->size);
    free(codes);
    free(bytes);
    return payload;
}

/* Frame numbers and times */

/* The item of a comma-separated list, counted from 1; false beyond its end, then the last one. */
static bool list_item(const char *list, uint64_t position, uint64_t *item, uint64_t *length)
{
    *length = 0;
    while (list != NULL && *list != 0) {
        char *rest;
        *item = strtoull(list, &rest, 0);
        ++*length;
        if (*length == position) return true;
        list = *rest == ',' ? rest + 1 : NULL;
    }
    return false;
}

static uint64_t wrapped(uint64_t first, uint64_t steps)
{
    int bits = (int)script_number("number_bits", 64);
    bool with_zero = script_number("number_zero", 1) != 0;
    uint64_t last = bits >= 64 ? UINT64_MAX : ((uint64_t)1 << bits) - 1;
    uint64_t sum = first + steps;
    if (with_zero) return last == UINT64_MAX ? sum : sum % (last + 1);
    if (last == UINT64_MAX) return sum < first ? sum + 1 : sum;
    return (sum - 1) % last + 1;
}

static uint64_t number_of(uint64_t index, uint64_t delivery)
{
    const char *list = script_text("numbers", NULL), *line;
    uint64_t first = strtoull(script_text("number_first", "1"), NULL, 0), item = 0, length;
    uint64_t restart = (uint64_t)script_number("number_restart_after", 0);
    char which[NAME_BYTES];
    unsigned long long garbage;
    int position = 0;
    while ((line = script_next("number_garbage", &position)) != NULL)
        if (sscanf(line, "%63s %llu", which, &garbage) == 2 && is_selected(which, delivery))
            return garbage;
    if (list != NULL) {
        if (list_item(list, delivery, &item, &length)) return item;
        return wrapped(item, delivery - length);
    }
    line = script_text("number_constant", NULL);
    if (line != NULL) return strtoull(line, NULL, 0);
    if (restart != 0 && index > restart)
        return wrapped(strtoull(script_text("number_restart_at", "1"), NULL, 0),
                       index - restart - 1);
    return wrapped(first, index - 1);
}

static uint64_t timestamp_of(int64_t elapsed_ns, uint64_t index)
{
    const char *line;
    int position = 0;
    int64_t drift = llround((double)elapsed_ns * script_number("timestamp_drift_ppm", 0) * 1e-6);
    int64_t time = strtoll(script_text("timestamp_first_ns", "1000000000"), NULL, 0) + elapsed_ns;
    while ((line = script_next("timestamp_step", &position)) != NULL) {
        long long from, step;
        if (sscanf(line, "%lld %lld", &from, &step) == 2 && index >= (uint64_t)from) time += step;
    }
    if (script_number("timestamp_zero", 0) != 0) return 0;
    return (uint64_t)(time + drift);
}

static int64_t period_ns(struct camera *camera)
{
    double slow_ms = script_number("frame_interval_ms", 0);
    double rate = script_number("frame_rate_hz", DEFAULT_RATE_HZ);
    if (slow_ms > 0) return (int64_t)(slow_ms * 1e6);
    if (value_of(camera, "AcquisitionFrameRateEnable", 1) != 0)
        rate = value_of(camera, "AcquisitionFrameRate",
                        value_of(camera, "AcquisitionFrameRateAbs", rate));
    return (int64_t)(1e9 / (rate > 0 ? rate : DEFAULT_RATE_HZ));
}

/* Puts one frame of the sensor into the next buffer; without a buffer it is lost. */
static void deliver(struct camera *camera, uint64_t index, int64_t elapsed_ns)
{
    struct buffer *buffer;
    struct frame *frame;
    int place;
    if (camera->input_count == 0) {
        camera->underruns++;
        return;
    }
    place = queue_take(camera->input, &camera->input_count);
    buffer = &camera->buffers[place];
    frame = &buffer->frame;
    frame->delivery = ++camera->deliveries;
    frame->number = number_of(index, frame->delivery);
    frame->timestamp_ns = timestamp_of(elapsed_ns, index);
    frame->width = (uint64_t)value_of(camera, "Width", 64);
    frame->height = (uint64_t)value_of(camera, "Height", 48);
    frame->offset_x = (uint64_t)value_of(camera, "OffsetX", 0);
    frame->offset_y = (uint64_t)value_of(camera, "OffsetY", 0);
    frame->pixel_format = (uint64_t)value_of(camera, "PixelFormat", 0x01080001);
    frame->padding = (int64_t)script_number("line_padding_bytes", 0);
    frame->filled = fill(camera, buffer, index);
    frame->is_incomplete = !camera_packets_arrive(camera);
    buffer->is_queued = false;
    buffer->is_new = buffer->was_filled = true;
    queue_put(camera->output, &camera->output_count, place);
}

static bool is_listed(const char *key, uint64_t number)
{
    int position = 0;
    const char *which;
    while ((which = script_next(key, &position)) != NULL)
        if (is_selected(which, number)) return true;
    return false;
}

static void capture(struct camera *camera, int64_t due_ns)
{
    const char *order = script_text("order", NULL);
    uint64_t index = ++camera->captured, length;
    int64_t elapsed_ns = due_ns - camera->started_ns;
    if (order != NULL) {
        uint64_t item = 0;
        index = list_item(order, camera->captured, &item, &length) ? item
                                                                   : item + camera->captured - length;
        elapsed_ns = (int64_t)index * period_ns(camera);
    }
    if (is_listed("lose", index)) return;
    deliver(camera, index, elapsed_ns);
    if (is_listed("repeat", index)) deliver(camera, index, elapsed_ns);
}

/* Presence */

static void update_presence(struct camera *camera)
{
    uint64_t after = (uint64_t)script_number("away_after_frames", 0);
    int64_t time_ns = (int64_t)(script_number("away_for_ms", 0) * 1e6);
    double only = script_number("only_camera", -1);
    bool is_away = script_number("away", 0) != 0;
    if (only >= 0 && camera != &cameras[(int)only]) {
        is_away = false;
        after = 0;
    }
    if (after != 0 && camera->fetched >= after && !camera->had_its_absence) {
        if (camera->away_since_ns == 0) camera->away_since_ns = now_ns();
        camera->had_its_absence = time_ns > 0 && now_ns() - camera->away_since_ns > time_ns;
        is_away = is_away || !camera->had_its_absence;
    }
    if (is_away && !camera->is_away) {
        camera->epoch++;
        camera->is_acquiring = false;
        camera->output_count = 0;
    }
    if ((camera->is_away && !is_away && script_number("away_keeps_registers", 0) == 0) ||
        !camera->has_power)
        power_up(camera);
    camera->is_away = is_away;
}

void camera_start(struct camera *camera)
{
    int selection;
    camera->is_acquiring = true;
    camera->started_ns = now_ns();
    camera->next_due_ns = camera->started_ns + period_ns(camera) +
                          (int64_t)(script_number("silent_first_ms", 0) * 1e6);
    camera->deliveries = camera->pending = 0;
    if (script_number("count_goes_on", 0) == 0) camera->captured = 0;
    camera->line_pulses = (uint64_t)script_number("line1_pulses", 0);
    for (selection = 0; selection < MOST_SELECTIONS; selection++)
        camera->gate_open[selection] = false;
}

void camera_stop(struct camera *camera)
{
    camera->is_acquiring = false;
}

static void take_line_pulses(struct camera *camera)
{
    uint64_t total = (uint64_t)script_number("line1_pulses", 0);
    uint64_t count = total > camera->line_pulses ? total - camera->line_pulses : 0;
    int selection;
    camera->line_pulses = total;
    for (selection = 0; count > 0 && selection < MOST_SELECTIONS; selection++) {
        if (selection > 0 && script_entry_name("TriggerSelector", selection)[0] == 0) break;
        if (trigger_is_on(camera, selection) && source_is(camera, selection, "Line1"))
            pulse(camera, selection, count);
    }
}

/* Whether a frame waits for a trigger, by all that the selector offers. */
static bool waits_for_trigger(struct camera *camera)
{
    int selection, count = script_entries("TriggerSelector");
    bool is_triggered = false;
    for (selection = 0; selection < MOST_SELECTIONS && (selection == 0 || selection < count);
         selection++) {
        const char *name = script_entry_name("TriggerSelector", selection);
        if (!trigger_is_on(camera, selection)) continue;
        if (name[0] == 0 || strcmp(name, "FrameStart") == 0 || strcmp(name, "ExposureStart") == 0) {
            is_triggered = true;
        } else if (!camera->gate_open[selection]) {
            return true;
        }
    }
    return is_triggered && camera->pending == 0;
}

static bool is_silent(struct camera *camera)
{
    uint64_t after = (uint64_t)script_number("silent_after_frames", 0);
    return script_number("silent", 0) != 0 || (after != 0 && camera->deliveries >= after);
}

void camera_update(struct camera *camera)
{
    int64_t now = now_ns();
    update_presence(camera);
    if (camera->is_away || !camera->is_grabbing || !camera->is_acquiring) return;
    take_line_pulses(camera);
    while (camera->is_acquiring) {
        int64_t due = camera->next_due_ns;
        if (is_silent(camera) || waits_for_trigger(camera)) {
            /* The sensor rests: the next frame begins when this ends. */
            if (due < now) camera->next_due_ns = now;
            return;
        }
        if (due > now) return;
        if (camera->pending > 0) camera->pending--;
        capture(camera, due);
        camera->next_due_ns = due + period_ns(camera);
    }
}
