/* Fails, or kills the process at, the n-th change that it makes below one folder. Loaded with LD_PRELOAD.
 *
 * A change is a call of libc that writes, flushes, creates, renames or removes. fault_arm(folder, n, error) counts from
 * now on and lets the n-th fail with `error` (errno), or kills the process there where `error` is 0; n of 0 only counts.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static char root[PATH_MAX];
static size_t root_length;
static long fail_at;
static int fail_with;
static atomic_long count;

void fault_arm(const char *folder, long at, int error) {
    atomic_store(&count, 0);
    fail_at = at;
    fail_with = error;
    strncpy(root, folder, sizeof root - 1);
    root_length = strlen(root);
}

long fault_count(void) { return atomic_load(&count); }

static int below(const char *path) {
    char whole[2 * PATH_MAX];
    if (root_length == 0 || path == NULL) return 0;
    if (path[0] != '/') {
        char here[PATH_MAX];
        if (getcwd(here, sizeof here) == NULL) return 0;
        snprintf(whole, sizeof whole, "%s/%s", here, path);
        path = whole;
    }
    return strncmp(path, root, root_length) == 0 && (path[root_length] == '/' || path[root_length] == 0);
}

static int file_below(int fd) {
    char link[64], path[PATH_MAX];
    ssize_t length;
    if (root_length == 0) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return path[0] == '/' && below(path); /* a pipe or socket is no file */
}

static int fails(int concerned) {
    if (!concerned) return 0;
    if (atomic_fetch_add(&count, 1) + 1 != fail_at) return 0;
    if (fail_with == 0) {
        kill(getpid(), SIGKILL);
        pause();
    }
    errno = fail_with;
    return 1;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int fd, const void *data, size_t size) {
    return fails(file_below(fd)) ? -1 : REAL(write)(fd, data, size);
}
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
    return fails(file_below(fd)) ? -1 : REAL(pwrite64)(fd, data, size, at);
}
ssize_t writev(int fd, const struct iovec *parts, int number) {
    return fails(file_below(fd)) ? -1 : REAL(writev)(fd, parts, number);
}
int fsync(int fd) { return fails(file_below(fd)) ? -1 : REAL(fsync)(fd); }
int fdatasync(int fd) { return fails(file_below(fd)) ? -1 : REAL(fdatasync)(fd); }
int ftruncate64(int fd, off64_t size) { return fails(file_below(fd)) ? -1 : REAL(ftruncate64)(fd, size); }
int rename(const char *from, const char *to) { return fails(below(to)) ? -1 : REAL(rename)(from, to); }
int renameat(int from_dir, const char *from, int to_dir, const char *to) {
    return fails(below(to)) ? -1 : REAL(renameat)(from_dir, from, to_dir, to);
}
int link(const char *from, const char *to) { return fails(below(to)) ? -1 : REAL(link)(from, to); }
int unlink(const char *path) { return fails(below(path)) ? -1 : REAL(unlink)(path); }
int rmdir(const char *path) { return fails(below(path)) ? -1 : REAL(rmdir)(path); }
int mkdir(const char *path, mode_t mode) { return fails(below(path)) ? -1 : REAL(mkdir)(path, mode); }

static int makes(int flags) { return (flags & O_CREAT) != 0; }

int open64(const char *path, int flags, ...) {
    va_list more;
    mode_t mode;
    va_start(more, flags);
    mode = makes(flags) ? va_arg(more, mode_t) : 0;
    va_end(more);
    return fails(makes(flags) && below(path)) ? -1 : REAL(open64)(path, flags, mode);
}
int open(const char *path, int flags, ...) {
    va_list more;
    mode_t mode;
    va_start(more, flags);
    mode = makes(flags) ? va_arg(more, mode_t) : 0;
    va_end(more);
    return fails(makes(flags) && below(path)) ? -1 : REAL(open)(path, flags, mode);
}
