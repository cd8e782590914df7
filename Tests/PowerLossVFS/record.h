// What happened on a disk, in order, and the files that follow from it.
#pragma once
#include <stddef.h>
#include <stdint.h>

enum event_kind {
    FILE_CREATED,
    FILE_DELETED,
    BYTES_WRITTEN,
    FILE_TRUNCATED,
    FILE_SYNCED,
    UNSYNCED_FORGOTTEN,
    DIRECTORY_SYNCED,
};

struct event {
    enum event_kind kind;
    // Counted calls up to and including the one this belongs to.
    int64_t call;
    // Number of the file: one that is created anew under its old name has a new one. Not for DIRECTORY_SYNCED.
    int file;
    // Number of the name, for FILE_CREATED and FILE_DELETED.
    int name;
    // BYTES_WRITTEN: where; FILE_TRUNCATED: the size.
    int64_t offset;
    size_t length;
    unsigned char *bytes;
};

struct list {
    int *items;
    int count, room;
};

// A file on the medium and the events (by index) that may or may not have reached it.
struct image {
    unsigned char *bytes;
    size_t size, room;
    struct list unsynced;
};

// A name on the medium and what it may have become since: files, NOTHING where it was deleted.
struct entry {
    int file;
    struct list unsynced;
};

enum { NOTHING = -1 };

// The medium after some of the events.
struct medium {
    struct image *images;
    int image_count, image_room;
    struct entry *entries;
    int entry_count, entry_room;
    // Events that are in it.
    int position;
};

struct record {
    struct event *events;
    int count, room;
    char **names;
    int name_count, name_room;
    struct medium medium;
    int64_t medium_call;
};

// Makes room for one more item; ends the process when there is no memory.
void *grown(void *items, int count, int *room, size_t size);

void record_add(struct record *record, struct event event);
int record_name(struct record *record, const char *name);
void record_free(struct record *record);
int record_survivors(struct record *record, int64_t call, uint64_t seed, const char *directory);
