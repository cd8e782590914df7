// A SQLite VFS that models a disk, to try what a power cut, a fault or a full disk leaves of a database.
//
// It stands in front of the system's own VFS and takes part only for files that lie in an installed directory
// (not in folders below it). There each call goes to the real file, so that SQLite reads what it wrote, and
// is written down as well: which bytes, in which order, and what was synced. From that record the model tells
// what the medium may hold after a power cut behind any call: fs_disk_survivors. Nothing is really synced.
//
// Shared memory stays with the system: the "-shm" file is never on the modelled disk.
#pragma once
#include <stdbool.h>
#include <stdint.h>

typedef struct fs_disk fs_disk;

// Calls that change the disk or make it durable. Only these are counted.
enum {
    FS_DISK_OPEN = 0,
    FS_DISK_WRITE = 1,
    FS_DISK_SYNC = 2,
    FS_DISK_TRUNCATE = 3,
    FS_DISK_DELETE = 4,
    FS_DISK_KINDS = 5,
};

enum {
    // The SQLITE_IOERR_… of the call. A failed write has written its first half; a failed sync has made
    // nothing durable, the next one still can.
    FS_DISK_ERROR = 0,
    // As Linux does it: a failed sync forgets what it should have made durable. SQLite goes on reading it, but
    // no later sync brings it to the medium. Every other open handle of the file is told at its next sync,
    // once. For other calls the same as FS_DISK_ERROR.
    FS_DISK_ERROR_FORGETS = 1,
    // SQLITE_FULL; a write has written its first half.
    FS_DISK_FULL = 2,
};

// From now on `directory`, which must exist, is a modelled disk; what lies in it is durable. The first disk
// makes the VFS the default of the process: install before a connection is opened, uninstall after all are
// closed. Several disks may be installed at once. NULL: the directory cannot be read.
fs_disk *fs_disk_install(const char *directory);
// Connections that are still open keep the disk until they are closed.
void fs_disk_uninstall(fs_disk *disk);

// Calls so far, of one kind or of all of them. Failed ones count.
int64_t fs_disk_calls(fs_disk *disk, int kind);
int64_t fs_disk_all_calls(fs_disk *disk);

// Once `calls` calls have been made in all, every further one, reads too, answers SQLITE_IOERR: the medium
// stays as it is. fs_disk_mend does not bring it back.
void fs_disk_cut_after(fs_disk *disk, int64_t calls);
bool fs_disk_is_cut(fs_disk *disk);

// The `number`-th call of a kind from now (1: the next) fails with `fault`; `lasting`: each after it too. A
// kind has one such fault at a time, the latest.
void fs_disk_fail(fs_disk *disk, int kind, int64_t number, bool lasting, int fault);
// Calls answered by a fault of fs_disk_fail or fs_disk_limit since the last fs_disk_mend.
int64_t fs_disk_faults(fs_disk *disk);
// Bytes of all files.
int64_t fs_disk_size(fs_disk *disk);
// A write that would make that more than `bytes` writes what fits and answers SQLITE_FULL.
void fs_disk_limit(fs_disk *disk, int64_t bytes);
// Takes back fs_disk_fail and fs_disk_limit.
void fs_disk_mend(fs_disk *disk);

// Writes what is left after a power cut behind call number `calls` into `directory`, which must exist and be
// empty: everything synced, and of the rest whatever `seed` decides. A write may be lost, whole, or torn: then
// each of its 512-byte sectors is there or is not. The size of a lost write may be there, over zeros or junk.
// A truncation may be lost. A file created or deleted since its directory was synced may be gone or back; for
// one name this happens in order. The same record, `calls` and `seed` give the same files. A cut is cheapest
// behind the one asked for before.
// Returns 0, or an errno.
int fs_disk_survivors(fs_disk *disk, int64_t calls, uint64_t seed, const char *directory);
