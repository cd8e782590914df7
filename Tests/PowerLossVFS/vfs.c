#include "PowerLossVFS.h"
#include "record.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct fault {
    // Of the calls of its kind; 0: none.
    int64_t at;
    bool lasting;
    int fault;
};

struct fs_disk {
    pthread_mutex_t lock;
    char *directory;
    size_t directory_length;
    // One for the installation, one for each open file; under `registry`.
    int references;
    struct fs_disk *next;

    // Everything below: under `lock`, which is also held over the real call, so that the record has the order
    // in which the file got it.
    int64_t calls[FS_DISK_KINDS];
    int64_t all_calls;
    int64_t cut_after;
    struct fault faults[FS_DISK_KINDS];
    int64_t fault_count;
    int64_t limit;
    struct record record;
    // The file of each name now, NOTHING where there is none.
    int *live;
    int live_count, live_room;
    // By number.
    struct live_file *files;
    int file_count, file_room;
};

struct live_file {
    int64_t size;
    // Syncs that have failed and forgotten.
    int forgotten;
};

struct disk_file {
    sqlite3_file base;
    fs_disk *disk;
    int file;
    // The first sync makes the file's name durable too, as the system's VFS does it for logs and journals.
    bool syncs_directory;
    // What this handle was told of `forgotten`.
    int told;
};

static pthread_mutex_t registry = PTHREAD_MUTEX_INITIALIZER;
static fs_disk *disks;
static sqlite3_vfs *system_vfs;
static sqlite3_vfs our_vfs;

// The system's file lies behind ours.
enum { FILE_SIZE = (sizeof(struct disk_file) + 15) / 16 * 16 };

static sqlite3_file *real_file(sqlite3_file *file) { return (sqlite3_file *)((char *)file + FILE_SIZE); }

// MARK: - Disks

static void disk_release(fs_disk *disk) {
    pthread_mutex_lock(&registry);
    bool last = --disk->references == 0;
    pthread_mutex_unlock(&registry);
    if (!last) return;
    record_free(&disk->record);
    free(disk->live);
    free(disk->files);
    free(disk->directory);
    pthread_mutex_destroy(&disk->lock);
    free(disk);
}

// The disk a path lies on, retained, and the name there; NULL: none of ours.
static fs_disk *disk_of(const char *path, const char **name) {
    if (!path) return NULL;
    pthread_mutex_lock(&registry);
    fs_disk *found = NULL;
    for (fs_disk *disk = disks; disk && !found; disk = disk->next) {
        size_t length = disk->directory_length;
        if (strncmp(path, disk->directory, length) != 0 || path[length] != '/') continue;
        if (strchr(path + length + 1, '/')) continue;
        *name = path + length + 1;
        disk->references++;
        found = disk;
    }
    pthread_mutex_unlock(&registry);
    return found;
}

static int *live_of(fs_disk *disk, int name) {
    while (disk->live_count <= name) {
        disk->live = grown(disk->live, disk->live_count, &disk->live_room, sizeof *disk->live);
        disk->live[disk->live_count++] = NOTHING;
    }
    return &disk->live[name];
}

static void note(fs_disk *disk, struct event event) {
    event.call = disk->all_calls;
    record_add(&disk->record, event);
}

static int create(fs_disk *disk, int name) {
    int file = disk->file_count;
    disk->files = grown(disk->files, disk->file_count, &disk->file_room, sizeof *disk->files);
    disk->files[disk->file_count++] = (struct live_file){0};
    *live_of(disk, name) = file;
    note(disk, (struct event){.kind = FILE_CREATED, .file = file, .name = name});
    return file;
}

static void wrote(fs_disk *disk, int file, const void *bytes, size_t length, int64_t offset) {
    unsigned char *copy = malloc(length ? length : 1);
    if (!copy) abort();
    memcpy(copy, bytes, length);
    note(disk, (struct event){.kind = BYTES_WRITTEN, .file = file, .offset = offset, .length = length, .bytes = copy});
    if (offset + (int64_t)length > disk->files[file].size) disk->files[file].size = offset + (int64_t)length;
}

static bool is_shared_memory(const char *name) {
    size_t length = strlen(name);
    return length >= 4 && strcmp(name + length - 4, "-shm") == 0;
}

// Takes up a file that lies there, as durable.
static int adopt(fs_disk *disk, const char *name) {
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s", disk->directory, name) >= (int)sizeof path) return ENAMETOOLONG;
    struct stat status;
    if (stat(path, &status) != 0) return errno;
    if (!S_ISREG(status.st_mode)) return 0;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return errno;
    int file = create(disk, record_name(&disk->record, name));
    static const size_t at_once = 1 << 16;
    unsigned char *bytes = malloc(at_once);
    if (!bytes) abort();
    int64_t offset = 0;
    ssize_t count;
    while ((count = read(descriptor, bytes, at_once)) > 0) {
        wrote(disk, file, bytes, (size_t)count, offset);
        offset += count;
    }
    int code = count < 0 ? errno : 0;
    free(bytes);
    close(descriptor);
    note(disk, (struct event){.kind = FILE_SYNCED, .file = file});
    return code;
}

static int adopt_all(fs_disk *disk) {
    DIR *directory = opendir(disk->directory);
    if (!directory) return errno;
    int code = 0;
    struct dirent *entry;
    while (code == 0 && (entry = readdir(directory))) {
        if (!is_shared_memory(entry->d_name)) code = adopt(disk, entry->d_name);
    }
    closedir(directory);
    note(disk, (struct event){.kind = DIRECTORY_SYNCED});
    return code;
}

// MARK: - Every call

static bool is_cut(const fs_disk *disk) { return disk->all_calls >= disk->cut_after; }

// For calls that are not counted.
static bool is_dead(fs_disk *disk) {
    pthread_mutex_lock(&disk->lock);
    bool dead = is_cut(disk);
    pthread_mutex_unlock(&disk->lock);
    return dead;
}

// The fault this call meets; NULL: none.
static const struct fault *count_call(fs_disk *disk, int kind) {
    disk->all_calls++;
    int64_t call = ++disk->calls[kind];
    const struct fault *fault = &disk->faults[kind];
    if (fault->at == 0 || call < fault->at || (call > fault->at && !fault->lasting)) return NULL;
    disk->fault_count++;
    return fault;
}

static int answer(const struct fault *fault, int error) { return fault->fault == FS_DISK_FULL ? SQLITE_FULL : error; }

// MARK: - Files

static int file_close(sqlite3_file *base) {
    struct disk_file *file = (struct disk_file *)base;
    int code = real_file(base)->pMethods->xClose(real_file(base));
    disk_release(file->disk);
    return code;
}

static int file_read(sqlite3_file *base, void *bytes, int length, sqlite3_int64 offset) {
    if (is_dead(((struct disk_file *)base)->disk)) return SQLITE_IOERR_READ;
    return real_file(base)->pMethods->xRead(real_file(base), bytes, length, offset);
}

static int64_t used(const fs_disk *disk) {
    int64_t bytes = 0;
    for (int name = 0; name < disk->live_count; name++) {
        if (disk->live[name] != NOTHING) bytes += disk->files[disk->live[name]].size;
    }
    return bytes;
}

// Bytes of a write that find room.
static int64_t fitting(const fs_disk *disk, int file, int64_t offset, int64_t length) {
    if (disk->limit == INT64_MAX) return length;
    int64_t growth = offset + length - disk->files[file].size;
    int64_t excess = growth > 0 ? used(disk) + growth - disk->limit : 0;
    return excess <= 0 ? length : excess >= length ? 0 : length - excess;
}

static int disk_write(
    fs_disk *disk, int file, sqlite3_file *real, const void *bytes, int length, sqlite3_int64 offset) {
    if (is_cut(disk)) return SQLITE_IOERR_WRITE;
    int code = SQLITE_OK;
    int64_t done = length;
    const struct fault *fault = count_call(disk, FS_DISK_WRITE);
    if (fault) {
        code = answer(fault, SQLITE_IOERR_WRITE);
        done = length / 2;
    } else if ((done = fitting(disk, file, offset, length)) < length) {
        code = SQLITE_FULL;
        disk->fault_count++;
    }
    if (done == 0) return code;
    int real_code = real->pMethods->xWrite(real, bytes, (int)done, offset);
    if (real_code != SQLITE_OK) return real_code;
    wrote(disk, file, bytes, (size_t)done, offset);
    return code;
}

static int file_write(sqlite3_file *base, const void *bytes, int length, sqlite3_int64 offset) {
    struct disk_file *file = (struct disk_file *)base;
    pthread_mutex_lock(&file->disk->lock);
    int code = disk_write(file->disk, file->file, real_file(base), bytes, length, offset);
    pthread_mutex_unlock(&file->disk->lock);
    return code;
}

static int disk_truncate(fs_disk *disk, int file, sqlite3_file *real, sqlite3_int64 size) {
    if (is_cut(disk)) return SQLITE_IOERR_TRUNCATE;
    const struct fault *fault = count_call(disk, FS_DISK_TRUNCATE);
    if (fault) return answer(fault, SQLITE_IOERR_TRUNCATE);
    int code = real->pMethods->xTruncate(real, size);
    if (code != SQLITE_OK) return code;
    note(disk, (struct event){.kind = FILE_TRUNCATED, .file = file, .offset = size});
    disk->files[file].size = size;
    return SQLITE_OK;
}

static int file_truncate(sqlite3_file *base, sqlite3_int64 size) {
    struct disk_file *file = (struct disk_file *)base;
    pthread_mutex_lock(&file->disk->lock);
    int code = disk_truncate(file->disk, file->file, real_file(base), size);
    pthread_mutex_unlock(&file->disk->lock);
    return code;
}

static int disk_sync(fs_disk *disk, struct disk_file *file) {
    if (is_cut(disk)) return SQLITE_IOERR_FSYNC;
    const struct fault *fault = count_call(disk, FS_DISK_SYNC);
    struct live_file *live = &disk->files[file->file];
    if (fault) {
        if (fault->fault == FS_DISK_ERROR_FORGETS) {
            note(disk, (struct event){.kind = UNSYNCED_FORGOTTEN, .file = file->file});
            file->told = ++live->forgotten;
        }
        return answer(fault, SQLITE_IOERR_FSYNC);
    }
    note(disk, (struct event){.kind = FILE_SYNCED, .file = file->file});
    if (file->syncs_directory) note(disk, (struct event){.kind = DIRECTORY_SYNCED});
    file->syncs_directory = false;
    if (file->told == live->forgotten) return SQLITE_OK;
    file->told = live->forgotten;
    disk->fault_count++;
    return SQLITE_IOERR_FSYNC;
}

static int file_sync(sqlite3_file *base, int flags) {
    (void)flags;
    struct disk_file *file = (struct disk_file *)base;
    pthread_mutex_lock(&file->disk->lock);
    int code = disk_sync(file->disk, file);
    pthread_mutex_unlock(&file->disk->lock);
    return code;
}

static int file_size(sqlite3_file *base, sqlite3_int64 *size) {
    if (is_dead(((struct disk_file *)base)->disk)) return SQLITE_IOERR_FSTAT;
    return real_file(base)->pMethods->xFileSize(real_file(base), size);
}

static int file_lock(sqlite3_file *base, int level) {
    if (is_dead(((struct disk_file *)base)->disk)) return SQLITE_IOERR_LOCK;
    return real_file(base)->pMethods->xLock(real_file(base), level);
}

// Whatever is held is to be given back, power or not.
static int file_unlock(sqlite3_file *base, int level) {
    return real_file(base)->pMethods->xUnlock(real_file(base), level);
}

static int file_check_reserved_lock(sqlite3_file *base, int *reserved) {
    if (is_dead(((struct disk_file *)base)->disk)) return SQLITE_IOERR_CHECKRESERVEDLOCK;
    return real_file(base)->pMethods->xCheckReservedLock(real_file(base), reserved);
}

static int file_control(sqlite3_file *base, int operation, void *argument) {
    switch (operation) {
    // These would write to the real file beside the record.
    case SQLITE_FCNTL_SIZE_HINT:
    case SQLITE_FCNTL_CHUNK_SIZE: return SQLITE_OK;
    case SQLITE_FCNTL_MMAP_SIZE: return SQLITE_NOTFOUND;
    default: return real_file(base)->pMethods->xFileControl(real_file(base), operation, argument);
    }
}

static int file_sector_size(sqlite3_file *base) { return real_file(base)->pMethods->xSectorSize(real_file(base)); }

// Of what the real disk promises the model keeps only that a write leaves the bytes beside it alone.
static int file_characteristics(sqlite3_file *base) {
    return real_file(base)->pMethods->xDeviceCharacteristics(real_file(base)) & SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static int file_shm_map(sqlite3_file *base, int region, int size, int extend, void volatile **memory) {
    if (is_dead(((struct disk_file *)base)->disk)) return SQLITE_IOERR_SHMMAP;
    return real_file(base)->pMethods->xShmMap(real_file(base), region, size, extend, memory);
}

static int file_shm_lock(sqlite3_file *base, int offset, int count, int flags) {
    if (flags & SQLITE_SHM_LOCK && is_dead(((struct disk_file *)base)->disk)) return SQLITE_IOERR_SHMLOCK;
    return real_file(base)->pMethods->xShmLock(real_file(base), offset, count, flags);
}

static void file_shm_barrier(sqlite3_file *base) { real_file(base)->pMethods->xShmBarrier(real_file(base)); }

static int file_shm_unmap(sqlite3_file *base, int delete) {
    return real_file(base)->pMethods->xShmUnmap(real_file(base), delete);
}

// Version 2: no memory mapping, which would write past the record.
static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_check_reserved_lock,
    .xFileControl = file_control,
    .xSectorSize = file_sector_size,
    .xDeviceCharacteristics = file_characteristics,
    .xShmMap = file_shm_map,
    .xShmLock = file_shm_lock,
    .xShmBarrier = file_shm_barrier,
    .xShmUnmap = file_shm_unmap,
};

// MARK: - The VFS

static int disk_open(fs_disk *disk, const char *name, const char *path, sqlite3_file *base, int flags, int *out_flags) {
    if (is_cut(disk)) return SQLITE_CANTOPEN;
    const struct fault *fault = count_call(disk, FS_DISK_OPEN);
    if (fault) return answer(fault, SQLITE_CANTOPEN);
    int number = record_name(&disk->record, name);
    bool exists = access(path, F_OK) == 0;
    if (exists && *live_of(disk, number) == NOTHING) {
        if (adopt(disk, name) != 0) return SQLITE_CANTOPEN;
        note(disk, (struct event){.kind = DIRECTORY_SYNCED});
    }
    int code = system_vfs->xOpen(system_vfs, path, real_file(base), flags, out_flags);
    if (code != SQLITE_OK) return code;
    struct disk_file *file = (struct disk_file *)base;
    file->file = exists ? *live_of(disk, number) : create(disk, number);
    file->syncs_directory = flags & SQLITE_OPEN_CREATE
        && flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_WAL);
    file->told = disk->files[file->file].forgotten;
    file->disk = disk;
    base->pMethods = &methods;
    return SQLITE_OK;
}

static int vfs_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *base, int flags, int *out_flags) {
    (void)vfs;
    const char *name = NULL;
    fs_disk *disk = disk_of(path, &name);
    // Its own file in the place of ours: from here on this file has nothing to do with us.
    if (!disk) return system_vfs->xOpen(system_vfs, path, base, flags, out_flags);
    base->pMethods = NULL;
    pthread_mutex_lock(&disk->lock);
    int code = disk_open(disk, name, path, base, flags, out_flags);
    pthread_mutex_unlock(&disk->lock);
    if (code != SQLITE_OK) disk_release(disk);
    return code;
}

static int disk_delete(fs_disk *disk, const char *name, const char *path, int sync_directory) {
    if (is_cut(disk)) return SQLITE_IOERR_DELETE;
    const struct fault *fault = count_call(disk, FS_DISK_DELETE);
    if (fault) return answer(fault, SQLITE_IOERR_DELETE);
    int code = system_vfs->xDelete(system_vfs, path, 0);
    if (code != SQLITE_OK) return code;
    int number = record_name(&disk->record, name);
    note(disk, (struct event){.kind = FILE_DELETED, .name = number});
    *live_of(disk, number) = NOTHING;
    if (sync_directory) note(disk, (struct event){.kind = DIRECTORY_SYNCED});
    return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *path, int sync_directory) {
    (void)vfs;
    const char *name = NULL;
    fs_disk *disk = disk_of(path, &name);
    if (!disk) return system_vfs->xDelete(system_vfs, path, sync_directory);
    pthread_mutex_lock(&disk->lock);
    int code = disk_delete(disk, name, path, sync_directory);
    pthread_mutex_unlock(&disk->lock);
    disk_release(disk);
    return code;
}

static int vfs_access(sqlite3_vfs *vfs, const char *path, int flags, int *result) {
    (void)vfs;
    const char *name = NULL;
    fs_disk *disk = disk_of(path, &name);
    bool dead = disk && is_dead(disk);
    if (disk) disk_release(disk);
    return dead ? SQLITE_IOERR_ACCESS : system_vfs->xAccess(system_vfs, path, flags, result);
}

// MARK: - What tests call

// Under `registry`.
static bool install_vfs(void) {
    if (disks) return true;
    if (!system_vfs) {
        system_vfs = sqlite3_vfs_find(NULL);
        if (!system_vfs) return false;
        our_vfs = *system_vfs;
        our_vfs.pNext = NULL;
        our_vfs.zName = "power-loss";
        our_vfs.szOsFile = FILE_SIZE + system_vfs->szOsFile;
        our_vfs.xOpen = vfs_open;
        our_vfs.xDelete = vfs_delete;
        our_vfs.xAccess = vfs_access;
    }
    return sqlite3_vfs_register(&our_vfs, 1) == SQLITE_OK;
}

fs_disk *fs_disk_install(const char *directory) {
    fs_disk *disk = calloc(1, sizeof *disk);
    if (!disk) abort();
    pthread_mutex_init(&disk->lock, NULL);
    disk->references = 1;
    disk->cut_after = INT64_MAX;
    disk->limit = INT64_MAX;
    disk->directory = realpath(directory, NULL);
    if (!disk->directory || adopt_all(disk) != 0) {
        disk_release(disk);
        return NULL;
    }
    disk->directory_length = strlen(disk->directory);
    pthread_mutex_lock(&registry);
    bool installed = install_vfs();
    if (installed) {
        disk->next = disks;
        disks = disk;
    }
    pthread_mutex_unlock(&registry);
    if (installed) return disk;
    disk_release(disk);
    return NULL;
}

void fs_disk_uninstall(fs_disk *disk) {
    pthread_mutex_lock(&registry);
    for (fs_disk **place = &disks; *place; place = &(*place)->next) {
        if (*place != disk) continue;
        *place = disk->next;
        break;
    }
    if (!disks) sqlite3_vfs_unregister(&our_vfs);
    pthread_mutex_unlock(&registry);
    disk_release(disk);
}

int64_t fs_disk_calls(fs_disk *disk, int kind) {
    pthread_mutex_lock(&disk->lock);
    int64_t calls = disk->calls[kind];
    pthread_mutex_unlock(&disk->lock);
    return calls;
}

int64_t fs_disk_all_calls(fs_disk *disk) {
    pthread_mutex_lock(&disk->lock);
    int64_t calls = disk->all_calls;
    pthread_mutex_unlock(&disk->lock);
    return calls;
}

void fs_disk_cut_after(fs_disk *disk, int64_t calls) {
    pthread_mutex_lock(&disk->lock);
    disk->cut_after = calls;
    pthread_mutex_unlock(&disk->lock);
}

bool fs_disk_is_cut(fs_disk *disk) { return is_dead(disk); }

void fs_disk_fail(fs_disk *disk, int kind, int64_t number, bool lasting, int fault) {
    pthread_mutex_lock(&disk->lock);
    disk->faults[kind] = (struct fault){.at = disk->calls[kind] + number, .lasting = lasting, .fault = fault};
    pthread_mutex_unlock(&disk->lock);
}

int64_t fs_disk_faults(fs_disk *disk) {
    pthread_mutex_lock(&disk->lock);
    int64_t count = disk->fault_count;
    pthread_mutex_unlock(&disk->lock);
    return count;
}

int64_t fs_disk_size(fs_disk *disk) {
    pthread_mutex_lock(&disk->lock);
    int64_t size = used(disk);
    pthread_mutex_unlock(&disk->lock);
    return size;
}

void fs_disk_limit(fs_disk *disk, int64_t bytes) {
    pthread_mutex_lock(&disk->lock);
    disk->limit = bytes;
    pthread_mutex_unlock(&disk->lock);
}

void fs_disk_mend(fs_disk *disk) {
    pthread_mutex_lock(&disk->lock);
    memset(disk->faults, 0, sizeof disk->faults);
    disk->fault_count = 0;
    disk->limit = INT64_MAX;
    pthread_mutex_unlock(&disk->lock);
}

int fs_disk_survivors(fs_disk *disk, int64_t calls, uint64_t seed, const char *directory) {
    pthread_mutex_lock(&disk->lock);
    int code = record_survivors(&disk->record, calls, seed, directory);
    pthread_mutex_unlock(&disk->lock);
    return code;
}
