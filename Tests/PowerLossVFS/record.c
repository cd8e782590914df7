#include "record.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SECTOR = 512 };

void *grown(void *items, int count, int *room, size_t size) {
    if (count < *room) return items;
    *room = *room ? *room * 2 : 16;
    items = realloc(items, (size_t)*room * size);
    if (!items) abort();
    return items;
}

static void append(struct list *list, int item) {
    list->items = grown(list->items, list->count, &list->room, sizeof *list->items);
    list->items[list->count++] = item;
}

void record_add(struct record *record, struct event event) {
    record->events = grown(record->events, record->count, &record->room, sizeof *record->events);
    record->events[record->count++] = event;
}

int record_name(struct record *record, const char *name) {
    for (int index = 0; index < record->name_count; index++) {
        if (strcmp(record->names[index], name) == 0) return index;
    }
    record->names = grown(record->names, record->name_count, &record->name_room, sizeof *record->names);
    char *copy = strdup(name);
    if (!copy) abort();
    record->names[record->name_count] = copy;
    return record->name_count++;
}

// MARK: - Images

static void image_reserve(struct image *image, size_t size) {
    if (size <= image->room) return;
    size_t room = image->room ? image->room : 4096;
    while (room < size) room *= 2;
    image->bytes = realloc(image->bytes, room);
    if (!image->bytes) abort();
    image->room = room;
}

static uint64_t next(uint64_t *state) {
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static int dice(uint64_t *state, int sides) { return (int)(next(state) % (uint64_t)sides); }

// `junk`: the dice that fill what nobody has written; NULL: zeros.
static void image_resize(struct image *image, size_t size, uint64_t *junk) {
    image_reserve(image, size);
    for (size_t place = image->size; place < size; place++) {
        image->bytes[place] = junk ? (unsigned char)next(junk) : 0;
    }
    image->size = size;
}

static void image_write(
    struct image *image, size_t offset, const unsigned char *bytes, size_t length, uint64_t *junk) {
    if (offset > image->size) image_resize(image, offset, junk);
    image_reserve(image, offset + length);
    memcpy(image->bytes + offset, bytes, length);
    if (offset + length > image->size) image->size = offset + length;
}

static void image_apply(struct image *image, const struct event *event, uint64_t *junk) {
    if (event->kind == BYTES_WRITTEN) {
        image_write(image, (size_t)event->offset, event->bytes, event->length, junk);
    } else {
        image_resize(image, (size_t)event->offset, junk);
    }
}

// MARK: - The medium

static void medium_free(struct medium *medium) {
    for (int index = 0; index < medium->image_count; index++) {
        free(medium->images[index].bytes);
        free(medium->images[index].unsynced.items);
    }
    for (int index = 0; index < medium->entry_count; index++) free(medium->entries[index].unsynced.items);
    free(medium->images);
    free(medium->entries);
    *medium = (struct medium){0};
}

static struct image *medium_image(struct medium *medium, int file) {
    while (medium->image_count <= file) {
        medium->images = grown(medium->images, medium->image_count, &medium->image_room, sizeof *medium->images);
        medium->images[medium->image_count++] = (struct image){0};
    }
    return &medium->images[file];
}

static struct entry *medium_entry(struct medium *medium, int name) {
    while (medium->entry_count <= name) {
        medium->entries = grown(medium->entries, medium->entry_count, &medium->entry_room, sizeof *medium->entries);
        medium->entries[medium->entry_count++] = (struct entry){.file = NOTHING};
    }
    return &medium->entries[name];
}

static void medium_take(struct medium *medium, const struct record *record, int index) {
    const struct event *event = &record->events[index];
    switch (event->kind) {
    case FILE_CREATED:
        (void)medium_image(medium, event->file);
        append(&medium_entry(medium, event->name)->unsynced, event->file);
        break;
    case FILE_DELETED:
        append(&medium_entry(medium, event->name)->unsynced, NOTHING);
        break;
    case BYTES_WRITTEN:
    case FILE_TRUNCATED:
        append(&medium_image(medium, event->file)->unsynced, index);
        break;
    case FILE_SYNCED: {
        struct image *image = medium_image(medium, event->file);
        for (int it = 0; it < image->unsynced.count; it++) {
            image_apply(image, &record->events[image->unsynced.items[it]], NULL);
        }
        image->unsynced.count = 0;
        break;
    }
    case UNSYNCED_FORGOTTEN:
        medium_image(medium, event->file)->unsynced.count = 0;
        break;
    case DIRECTORY_SYNCED:
        for (int name = 0; name < medium->entry_count; name++) {
            struct entry *entry = &medium->entries[name];
            if (entry->unsynced.count == 0) continue;
            entry->file = entry->unsynced.items[entry->unsynced.count - 1];
            entry->unsynced.count = 0;
        }
        break;
    }
}

// MARK: - What is left

enum fate { LOST, TORN, WHOLE };

// How a disk treats what was not synced. Each loses in a way of its own; the dice choose one per cut.
enum temper {
    FORGETS_ALL,
    KEEPS_ALL,
    // Everything up to some moment, torn there.
    IN_ORDER,
    // One file kept, another forgotten: the log without the database, the database without the log.
    BY_FILE,
    // Each write for itself.
    AT_RANDOM,
    // Nearly everything: one hole among much that is there.
    KEEPS_MOST,
};

static const enum temper tempers[] = {
    FORGETS_ALL, KEEPS_ALL, IN_ORDER, IN_ORDER, BY_FILE, BY_FILE, AT_RANDOM, KEEPS_MOST,
};

struct survival {
    enum temper temper;
    uint64_t state;
    // IN_ORDER: the event under way.
    int last;
    // What a size without its bytes lies over.
    bool junk;
};

static enum fate fate_of(struct survival *survival, enum temper temper, int index) {
    switch (temper) {
    case FORGETS_ALL: return LOST;
    case KEEPS_ALL: return WHOLE;
    case IN_ORDER: return index < survival->last ? WHOLE : index > survival->last ? LOST : TORN;
    case KEEPS_MOST: return dice(&survival->state, 8) ? WHOLE : (enum fate)dice(&survival->state, 2);
    default: return (enum fate)dice(&survival->state, 3);
    }
}

static void write_torn(struct image *image, const struct event *event, struct survival *survival, uint64_t *junk) {
    size_t done = 0;
    while (done < event->length) {
        size_t place = (size_t)event->offset + done;
        size_t length = SECTOR - place % SECTOR;
        if (length > event->length - done) length = event->length - done;
        if (dice(&survival->state, 2)) image_write(image, place, event->bytes + done, length, junk);
        done += length;
    }
}

static void survive(struct image *image, const struct event *event, enum fate fate, struct survival *survival) {
    uint64_t *junk = survival->junk ? &survival->state : NULL;
    if (event->kind == FILE_TRUNCATED) {
        if (fate != LOST) image_apply(image, event, junk);
        return;
    }
    if (fate == WHOLE) return image_apply(image, event, junk);
    if (fate == TORN) write_torn(image, event, survival, junk);
    size_t end = (size_t)event->offset + event->length;
    if (image->size < end && survival->temper != FORGETS_ALL && dice(&survival->state, 4) == 0) {
        image_resize(image, end, junk);
    }
}

static int write_file(const char *directory, const char *name, const struct image *image) {
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s", directory, name) >= (int)sizeof path) return ENAMETOOLONG;
    int descriptor = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0640);
    if (descriptor < 0) return errno;
    size_t done = 0;
    while (done < image->size) {
        ssize_t count = write(descriptor, image->bytes + done, image->size - done);
        if (count < 0) {
            int code = errno;
            close(descriptor);
            return code;
        }
        done += (size_t)count;
    }
    return close(descriptor) == 0 ? 0 : errno;
}

static int write_survivor(
    const struct record *record, const char *name, const struct image *durable, struct survival *survival,
    const char *directory) {
    enum temper temper = survival->temper;
    if (temper == BY_FILE) temper = (enum temper[]){FORGETS_ALL, KEEPS_ALL, AT_RANDOM}[dice(&survival->state, 3)];
    struct image left = {0};
    if (durable->size > 0) image_write(&left, 0, durable->bytes, durable->size, NULL);
    for (int it = 0; it < durable->unsynced.count; it++) {
        int index = durable->unsynced.items[it];
        survive(&left, &record->events[index], fate_of(survival, temper, index), survival);
    }
    int code = write_file(directory, name, &left);
    free(left.bytes);
    return code;
}

// A moment among the events that are not durable.
static int moment(const struct medium *medium, uint64_t *state) {
    int first = INT_MAX, last = 0;
    for (int file = 0; file < medium->image_count; file++) {
        const struct list *unsynced = &medium->images[file].unsynced;
        if (unsynced->count == 0) continue;
        if (unsynced->items[0] < first) first = unsynced->items[0];
        if (unsynced->items[unsynced->count - 1] > last) last = unsynced->items[unsynced->count - 1];
    }
    return first > last ? 0 : first + dice(state, last - first + 1);
}

int record_survivors(struct record *record, int64_t call, uint64_t seed, const char *directory) {
    if (call < record->medium_call) medium_free(&record->medium);
    struct medium *medium = &record->medium;
    record->medium_call = call;
    for (; medium->position < record->count; medium->position++) {
        if (record->events[medium->position].call > call) break;
        medium_take(medium, record, medium->position);
    }
    struct survival survival = {.state = seed};
    survival.temper = tempers[dice(&survival.state, sizeof tempers / sizeof *tempers)];
    survival.junk = dice(&survival.state, 2);
    survival.last = moment(medium, &survival.state);
    for (int name = 0; name < medium->entry_count; name++) {
        const struct entry *entry = &medium->entries[name];
        int file = entry->file, changes = entry->unsynced.count;
        int kept = survival.temper == FORGETS_ALL ? 0
            : survival.temper == KEEPS_ALL        ? changes
                                                  : dice(&survival.state, changes + 1);
        if (kept > 0) file = entry->unsynced.items[kept - 1];
        if (file == NOTHING) continue;
        int code = write_survivor(record, record->names[name], &medium->images[file], &survival, directory);
        if (code) return code;
    }
    return 0;
}

void record_free(struct record *record) {
    for (int index = 0; index < record->count; index++) free(record->events[index].bytes);
    for (int index = 0; index < record->name_count; index++) free(record->names[index]);
    free(record->events);
    free(record->names);
    medium_free(&record->medium);
}
