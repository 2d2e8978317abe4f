/* A hostile GenTL producer for tests: what its three files share.

   script.c    reads NAME.script and NAME.live beside the library and carries out faults
   camera.c    registers, triggers and frames of the cameras
   producer.c  the GenTL functions

   One lock guards everything. A function marked "locked" is called with the lock held. */
#ifndef HOSTILE_PRODUCER_H
#define HOSTILE_PRODUCER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* GC_ERROR of the GenTL standard, table of error codes. */
enum {
    SUCCESS = 0,
    FAILED = -1001,
    NOT_IMPLEMENTED = -1003,
    RESOURCE_IN_USE = -1004,
    ACCESS_DENIED = -1005,
    INVALID_HANDLE = -1006,
    INVALID_ID = -1007,
    NO_DATA = -1008,
    IO_FAILED = -1010,
    TIMED_OUT = -1011,
    ABORTED = -1012,
    INVALID_BUFFER = -1013,
    NOT_AVAILABLE = -1014,
    INVALID_ADDRESS = -1015,
    BUFFER_TOO_SMALL = -1016,
    INVALID_INDEX = -1017,
};

#define NAME_BYTES 64
#define MEMORY_BYTES 0x10000
#define XML_ADDRESS 0x80000000u
#define MOST_CAMERAS 4
#define MOST_BUFFERS 256
#define MOST_SELECTIONS 8 /* values of a selector; each has a register of 8 bytes */

extern pthread_mutex_t lock;

int32_t fail(int32_t code, const char *text);
int64_t now_ns(void);

/* script.c */

struct node {
    char name[NAME_BYTES];
    uint64_t address;
    uint64_t length;
    char kind[16]; /* int, float, text or command */
    char selector[NAME_BYTES];
};

const char *script_path(void);   /* of the library */
const char *script_stem(void);   /* the library's file name without its ending */
const char *script_description(size_t *length); /* the XML; empty without a file */

void script_load(void);    /* locked: reads the script if it changed */
void script_refresh(void); /* locked: reads the live file if it changed */
double script_number(const char *key, double otherwise); /* locked, as all below */
const char *script_text(const char *key, const char *otherwise);
/* The values of a key that may stand several times; start with *position 0. NULL at the end. */
const char *script_next(const char *key, int *position);
const struct node *script_node(const char *name);
const struct node *script_node_at(uint64_t address);
/* Number of entries of an enumeration; the value of one, or -1; the name of a value, or "". */
int script_entries(const char *node);
int64_t script_entry(const char *node, const char *symbolic);
const char *script_entry_name(const char *node, int64_t value);
/* Whether "all", "3", "3-5" or "3+" holds number. */
bool is_selected(const char *which, uint64_t number);

/* Carries out what the script says of a call; not locked. Returns the code to answer. */
int32_t before(const char *function, const char *node, int camera);

/* camera.c */

struct frame {
    uint64_t delivery; /* counts from 1 after every start */
    uint64_t number;   /* what the camera calls it */
    uint64_t timestamp_ns;
    uint64_t width, height, offset_x, offset_y, pixel_format, filled;
    int64_t padding;
    bool is_incomplete;
};

struct buffer {
    uint8_t *base;
    size_t size;
    void *user_pointer;
    void *handle;
    bool is_announced, is_queued, is_new, was_filled;
    struct frame frame;
};

struct camera {
    uint8_t memory[MEMORY_BYTES];
    bool has_power;
    bool is_open, has_stream, has_event, is_grabbing, is_acquiring, was_killed;
    bool is_away, had_its_absence;
    int64_t away_since_ns;
    uint64_t epoch; /* handles from before the last absence are of an older one */
    int64_t started_ns, next_due_ns, stopped_ns;
    uint64_t captured, deliveries, fetched, underruns, line_pulses, pending;
    bool gate_open[MOST_SELECTIONS];
    struct buffer buffers[MOST_BUFFERS];
    int buffer_count;
    int input[MOST_BUFFERS], input_count;
    int output[MOST_BUFFERS], output_count;
};

extern struct camera cameras[MOST_CAMERAS];

int camera_count(void);
void camera_update(struct camera *camera); /* presence, triggers, and all frames that are due */
void camera_start(struct camera *camera);
void camera_stop(struct camera *camera);
uint64_t camera_payload(struct camera *camera);
bool camera_packets_arrive(struct camera *camera);
int32_t camera_read(struct camera *camera, uint64_t address, void *target, size_t size);
int32_t camera_write(struct camera *camera, uint64_t address, const void *source, size_t size);
int queue_take(int *queue, int *count);
void queue_put(int *queue, int *count, int item);
void queue_remove(int *queue, int *count, int item);

#endif
