/* The script of a hostile producer: its lines, and the faults that they ask for. */
#define _GNU_SOURCE
#include "producer.h"

#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MOST_LINES 1024
#define MOST_NODES 256
#define MOST_FAULTS 64
#define LOOK_NS 500000 /* shortest time between two looks at the live file */
#define HANG_STEP_NS 10000000

struct line {
    char key[NAME_BYTES];
    char *value;
};

struct fault {
    char function[NAME_BYTES];
    char node[NAME_BYTES];
    char which[NAME_BYTES];
    char action[16];
    long argument;
    uint64_t seen;
};

/* One file of lines. Faults keep their counts until their file changes. */
struct file {
    char path[4096];
    bool was_read;
    struct timespec changed;
    off_t size;
    ino_t inode;
    struct line lines[MOST_LINES];
    int line_count;
    struct fault faults[MOST_FAULTS];
    int fault_count;
};

pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct file script, live;
static struct node nodes[MOST_NODES];
static int node_count;
static char library[4096], stem[4096];
static char *description;
static size_t description_length;
static int64_t looked_ns;

int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void sleep_ns(int64_t duration)
{
    struct timespec time = {duration / 1000000000, duration % 1000000000};
    nanosleep(&time, NULL);
}

const char *script_path(void)
{
    return library;
}

const char *script_stem(void)
{
    return stem;
}

const char *script_description(size_t *length)
{
    *length = description_length;
    return description == NULL ? "" : description;
}

/* Reading */

static char *whole_file(const char *path, size_t *length)
{
    FILE *stream = fopen(path, "rb");
    char *text = NULL;
    *length = 0;
    if (stream == NULL) return NULL;
    if (fseek(stream, 0, SEEK_END) == 0) {
        long size = ftell(stream);
        rewind(stream);
        text = size < 0 ? NULL : malloc((size_t)size + 1);
        if (text != NULL) {
            *length = fread(text, 1, (size_t)size, stream);
            text[*length] = 0;
        }
    }
    fclose(stream);
    return text;
}

static void read_fault(struct file *file, const char *value)
{
    struct fault *fault = &file->faults[file->fault_count];
    char *at;
    if (file->fault_count == MOST_FAULTS) return;
    memset(fault, 0, sizeof *fault);
    if (sscanf(value, "%63s %63s %15s %ld", fault->function, fault->which, fault->action,
               &fault->argument) < 3)
        return;
    at = strchr(fault->function, '@');
    if (at != NULL) {
        memcpy(fault->node, at + 1, strlen(at + 1) + 1);
        *at = 0;
    }
    file->fault_count++;
}

static void forget(struct file *file)
{
    int index;
    for (index = 0; index < file->line_count; index++) free(file->lines[index].value);
    file->line_count = file->fault_count = 0;
    file->was_read = false;
}

/* Reads a file if it is another one than before; true if so. */
static bool read_file(struct file *file)
{
    struct stat state;
    size_t length;
    char *text, *row, *rest;
    if (stat(file->path, &state) != 0) {
        bool was_read = file->was_read;
        forget(file);
        return was_read;
    }
    if (file->was_read && state.st_size == file->size && state.st_ino == file->inode &&
        state.st_mtim.tv_sec == file->changed.tv_sec &&
        state.st_mtim.tv_nsec == file->changed.tv_nsec)
        return false;
    forget(file);
    text = whole_file(file->path, &length);
    if (text == NULL) return true;
    file->was_read = true;
    file->size = state.st_size;
    file->inode = state.st_ino;
    file->changed = state.st_mtim;
    for (row = strtok_r(text, "\n", &rest); row != NULL; row = strtok_r(NULL, "\n", &rest)) {
        struct line *line = &file->lines[file->line_count];
        char *gap = strchr(row, ' ');
        if (row[0] == '#' || gap == NULL || file->line_count == MOST_LINES) continue;
        *gap = 0;
        snprintf(line->key, sizeof line->key, "%s", row);
        line->value = strdup(gap + 1);
        file->line_count++;
        if (strcmp(line->key, "fault") == 0) read_fault(file, line->value);
    }
    free(text);
    return true;
}

static void find_library(void)
{
    Dl_info about;
    const char *name;
    char *dot;
    if (library[0] != 0 || dladdr((void *)&script_load, &about) == 0) return;
    if (realpath(about.dli_fname, library) == NULL) return;
    name = strrchr(library, '/') + 1;
    snprintf(stem, sizeof stem, "%s", name);
    dot = strrchr(stem, '.');
    if (dot != NULL) *dot = 0;
    snprintf(script.path, sizeof script.path, "%.*s%.2000s.script", (int)(name - library), library,
             stem);
    snprintf(live.path, sizeof live.path, "%.*s%.2000s.live", (int)(name - library), library, stem);
}

void script_load(void)
{
    char path[4096];
    int position = 0;
    const char *value;
    find_library();
    script_refresh();
    if (!read_file(&script)) return;
    node_count = 0;
    while ((value = script_next("node", &position)) != NULL && node_count < MOST_NODES) {
        struct node *node = &nodes[node_count];
        memset(node, 0, sizeof *node);
        if (sscanf(value, "%63s %li %li %15s %63s", node->name, (long *)&node->address,
                   (long *)&node->length, node->kind, node->selector) >= 4)
            node_count++;
    }
    snprintf(path, sizeof path, "%.*sxml", (int)(strlen(script.path) - strlen("script")),
             script.path);
    free(description);
    description = whole_file(path, &description_length);
}

void script_refresh(void)
{
    int64_t now = now_ns();
    if (now - looked_ns < LOOK_NS) return;
    looked_ns = now;
    read_file(&live);
}

/* Answers. The live file goes before the script. */

const char *script_next(const char *key, int *position)
{
    while (*position < live.line_count + script.line_count) {
        int index = (*position)++;
        struct line *line =
            index < live.line_count ? &live.lines[index] : &script.lines[index - live.line_count];
        if (strcmp(line->key, key) == 0) return line->value;
    }
    return NULL;
}

const char *script_text(const char *key, const char *otherwise)
{
    int position = 0;
    const char *value = script_next(key, &position);
    return value == NULL ? otherwise : value;
}

double script_number(const char *key, double otherwise)
{
    const char *value = script_text(key, NULL);
    return value == NULL ? otherwise : strtod(value, NULL);
}

const struct node *script_node(const char *name)
{
    int index;
    for (index = 0; index < node_count; index++)
        if (strcmp(nodes[index].name, name) == 0) return &nodes[index];
    return NULL;
}

const struct node *script_node_at(uint64_t address)
{
    int index;
    for (index = 0; index < node_count; index++) {
        uint64_t length = nodes[index].length;
        if (nodes[index].selector[0] != 0) length *= MOST_SELECTIONS;
        if (address >= nodes[index].address && address < nodes[index].address + length)
            return &nodes[index];
    }
    return NULL;
}

/* Lines "entry NODE SYMBOLIC VALUE". */
static const char *next_entry(const char *node, int *position, char *symbolic, int64_t *value)
{
    const char *text;
    char owner[NAME_BYTES];
    long number;
    while ((text = script_next("entry", position)) != NULL)
        if (sscanf(text, "%63s %63s %li", owner, symbolic, &number) == 3 &&
            strcmp(owner, node) == 0) {
            *value = number;
            return text;
        }
    return NULL;
}

int script_entries(const char *node)
{
    char symbolic[NAME_BYTES];
    int position = 0, count = 0;
    int64_t value;
    while (next_entry(node, &position, symbolic, &value) != NULL) count++;
    return count;
}

int64_t script_entry(const char *node, const char *symbolic)
{
    char found[NAME_BYTES];
    int position = 0;
    int64_t value;
    while (next_entry(node, &position, found, &value) != NULL)
        if (strcmp(found, symbolic) == 0) return value;
    return -1;
}

const char *script_entry_name(const char *node, int64_t value)
{
    static char found[NAME_BYTES];
    int position = 0;
    int64_t number;
    while (next_entry(node, &position, found, &number) != NULL)
        if (number == value) return found;
    return "";
}

bool is_selected(const char *which, uint64_t number)
{
    char *rest;
    uint64_t first, last;
    if (strcmp(which, "all") == 0) return true;
    first = last = strtoull(which, &rest, 0);
    if (*rest == '+') last = UINT64_MAX;
    if (*rest == '-') last = strtoull(rest + 1, NULL, 0);
    return number >= first && number <= last;
}

/* Faults */

static bool is_meant(const struct fault *fault, const char *function, const char *node)
{
    bool is_port = strcmp(function, "GCReadPort") == 0 || strcmp(function, "GCWritePort") == 0;
    if (is_port && fault->node[0] == 0 && node != NULL && strcmp(node, "XML") == 0) return false;
    if (fault->node[0] != 0 && (node == NULL || strcmp(node, fault->node) != 0)) return false;
    if (strcmp(fault->function, "Registers") == 0) return is_port;
    return strcmp(fault->function, function) == 0;
}

/* Whether a camera is away; whether any is for a call that concerns none of them. */
static bool is_away(int camera)
{
    bool any_is_away = false;
    int number;
    for (number = 0; number < MOST_CAMERAS; number++)
        any_is_away = any_is_away || cameras[number].is_away;
    return camera < 0 ? any_is_away : cameras[camera].is_away;
}

/* Counts the call; true if the fault acts on it. */
static bool acts(struct fault *fault, int camera)
{
    fault->seen++;
    if (camera >= 0) {
        double only = script_number("only_camera", -1);
        if (only >= 0 && camera != (int)only) return false;
    }
    if (strcmp(fault->which, "away") == 0) return is_away(camera);
    if (strncmp(fault->which, "frames:", 7) == 0)
        return camera >= 0 && cameras[camera].fetched >= strtoull(fault->which + 7, NULL, 0);
    return is_selected(fault->which, fault->seen);
}

static void write_log(const char *function, const char *node)
{
    static FILE *stream;
    static bool was_opened;
    int level = (int)script_number("log", 0);
    if (level == 0) return;
    if (level < 2 && (strcmp(function, "EventGetData") == 0 || strcmp(function, "DSGetInfo") == 0 ||
                      strcmp(function, "EventGetInfo") == 0 ||
                      strcmp(function, "DSGetBufferInfo") == 0))
        return;
    if (!was_opened) {
        char path[4096];
        snprintf(path, sizeof path, "%.*slog", (int)(strlen(script.path) - strlen("script")),
                 script.path);
        stream = fopen(path, "a");
        was_opened = true;
    }
    if (stream == NULL) return;
    fprintf(stream, "%s%s%s\n", function, node == NULL ? "" : "@", node == NULL ? "" : node);
    fflush(stream);
}

/* An access to a page of a file that has become shorter: the system sends SIGBUS. */
static void touch_cut_file(void)
{
    FILE *stream = tmpfile();
    size_t size = (size_t)sysconf(_SC_PAGESIZE);
    volatile char *page;
    if (stream == NULL || ftruncate(fileno(stream), (off_t)size) != 0) abort();
    page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(stream), 0);
    if (page == MAP_FAILED || ftruncate(fileno(stream), 0) != 0) abort();
    page[0] = 1;
}

static void hang(bool holds_lock)
{
    for (;;) {
        bool is_released;
        sleep_ns(HANG_STEP_NS);
        if (!holds_lock) pthread_mutex_lock(&lock);
        script_refresh();
        is_released = script_number("release_hangs", 0) != 0;
        if (!holds_lock) pthread_mutex_unlock(&lock);
        if (is_released) return;
    }
}

static int32_t carry_out(const struct fault *fault, bool holds_lock)
{
    static volatile int *volatile nowhere;
    if (strcmp(fault->action, "delay") == 0) sleep_ns((int64_t)fault->argument * 1000000);
    if (strcmp(fault->action, "segv") == 0) *nowhere = 1;
    if (strcmp(fault->action, "bus") == 0) touch_cut_file();
    if (strcmp(fault->action, "abort") == 0) abort();
    if (strcmp(fault->action, "exit") == 0) _exit((int)fault->argument);
    if (strcmp(fault->action, "error") == 0) return (int32_t)fault->argument;
    if (strcmp(fault->action, "hang") == 0) {
        hang(holds_lock);
        return ABORTED;
    }
    return SUCCESS;
}

int32_t before(const char *function, const char *node, int camera)
{
    struct fault due[MOST_FAULTS];
    int due_count = 0, index;
    int32_t code = SUCCESS;
    bool holds_lock;
    struct file *files[] = {&live, &script};
    size_t each;
    pthread_mutex_lock(&lock);
    script_refresh();
    write_log(function, node);
    for (each = 0; each < 2; each++)
        for (index = 0; index < files[each]->fault_count; index++) {
            struct fault *fault = &files[each]->faults[index];
            if (is_meant(fault, function, node) && acts(fault, camera) && due_count < MOST_FAULTS)
                due[due_count++] = *fault;
        }
    holds_lock = script_number("faults_hold_lock", 0) != 0;
    if (!holds_lock) pthread_mutex_unlock(&lock);
    for (index = 0; index < due_count && code == SUCCESS; index++)
        code = carry_out(&due[index], holds_lock);
    if (holds_lock) pthread_mutex_unlock(&lock);
    return code == SUCCESS ? code : fail(code, "the script of this producer asks for this error");
}

/* A fault of "Load" acts while the library is loaded, before any of its functions is called. */
__attribute__((constructor)) static void on_load(void)
{
    pthread_mutex_lock(&lock);
    script_load();
    pthread_mutex_unlock(&lock);
    before("Load", NULL, -1);
}
