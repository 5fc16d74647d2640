// Records every change and flush of the files in a folder, in order. forgetful-disk.ts computes from this trace what a power
// cut leaves. The power is cut after DISK_CUT records:
//   gcc -shared -fPIC -o forgetful-disk.so forgetful-disk.c -ldl
//   DISK_ROOT=folder DISK_TRACE=file DISK_CUT=1000 LD_PRELOAD=./forgetful-disk.so node …
// Each entry is a line "what name offset length", and after it the bytes of a write.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define DESCRIPTORS 65536
// The duration of a flush, so that a change that does not wait for it comes before it.
#define FLUSH_NS 1000000L
#define REAL(result, name, ...) \
  static result (*real)(__VA_ARGS__); \
  if (!real) real = dlsym(RTLD_NEXT, name)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const char *root;
static size_t root_length;
static int trace = -1;
static long left;
/** The file name in the folder of each open descriptor. */
static char *names[DESCRIPTORS];

__attribute__((constructor)) static void start(void) {
  const char *file = getenv("DISK_TRACE"), *cut = getenv("DISK_CUT");
  root = getenv("DISK_ROOT");
  if (!root || !file || !cut) return;
  root_length = strlen(root);
  left = atol(cut);
  trace = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

/** The name in the folder, "." for the folder itself, or null for a path elsewhere. */
static const char *name_of(const char *path) {
  if (trace < 0 || strncmp(path, root, root_length) != 0) return NULL;
  if (path[root_length] == 0) return ".";
  return path[root_length] == '/' ? path + root_length + 1 : NULL;
}

static const char *opened(int fd) {
  return fd >= 0 && fd < DESCRIPTORS ? names[fd] : NULL;
}

/** Called with the lock held; after the power cut the lock is never released. */
static void note(const char *what, const char *name, off_t offset, const void *data, size_t length) {
  char line[512];
  int size = snprintf(line, sizeof line, "%s %s %lld %zu\n", what, name, (long long)offset, length);
  struct iovec parts[] = {{line, size}, {(void *)data, data ? length : 0}};
  if (writev(trace, parts, 2) < 0) abort();
  if (--left > 0) return;
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

static int open_file(const char *function, const char *path, int flags, mode_t mode) {
  int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, function);
  const char *name = name_of(path);
  if (!name) return real(path, flags, mode);
  pthread_mutex_lock(&lock);
  int is_new = (flags & O_CREAT) && access(path, F_OK) != 0;
  int fd = real(path, flags, mode);
  if (fd >= 0 && fd < DESCRIPTORS) {
    names[fd] = strdup(name);
    if (is_new) note("create", name, 0, NULL, 0);
    else if (flags & O_TRUNC) note("truncate", name, 0, NULL, 0);
  }
  pthread_mutex_unlock(&lock);
  return fd;
}

#define OPEN(function) \
  int function(const char *path, int flags, ...) { \
    va_list rest; \
    va_start(rest, flags); \
    mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0; \
    va_end(rest); \
    return open_file(#function, path, flags, mode); \
  }
OPEN(open)
OPEN(open64)

int close(int fd) {
  REAL(int, "close", int);
  if (!opened(fd)) return real(fd);
  pthread_mutex_lock(&lock);
  free(names[fd]);
  names[fd] = NULL;
  int result = real(fd);
  pthread_mutex_unlock(&lock);
  return result;
}

ssize_t write(int fd, const void *data, size_t length) {
  REAL(ssize_t, "write", int, const void *, size_t);
  if (!opened(fd)) return real(fd, data, length);
  pthread_mutex_lock(&lock);
  off_t offset = lseek(fd, 0, SEEK_CUR);
  ssize_t written = real(fd, data, length);
  if (written > 0) note("write", names[fd], offset, data, written);
  pthread_mutex_unlock(&lock);
  return written;
}

#define PWRITE(function) \
  ssize_t function(int fd, const void *data, size_t length, off_t offset) { \
    REAL(ssize_t, #function, int, const void *, size_t, off_t); \
    if (!opened(fd)) return real(fd, data, length, offset); \
    pthread_mutex_lock(&lock); \
    ssize_t written = real(fd, data, length, offset); \
    if (written > 0) note("write", names[fd], offset, data, written); \
    pthread_mutex_unlock(&lock); \
    return written; \
  }
PWRITE(pwrite)
PWRITE(pwrite64)

#define TRUNCATE(function) \
  int function(int fd, off_t size) { \
    REAL(int, #function, int, off_t); \
    if (!opened(fd)) return real(fd, size); \
    pthread_mutex_lock(&lock); \
    int result = real(fd, size); \
    if (result == 0) note("truncate", names[fd], size, NULL, 0); \
    pthread_mutex_unlock(&lock); \
    return result; \
  }
TRUNCATE(ftruncate)
TRUNCATE(ftruncate64)

// The real disk need not be flushed, because only the trace counts.
#define FLUSH(function) \
  int function(int fd) { \
    REAL(int, #function, int); \
    if (!opened(fd)) return real(fd); \
    struct timespec time = {0, FLUSH_NS}; \
    nanosleep(&time, NULL); \
    pthread_mutex_lock(&lock); \
    note("flush", names[fd], 0, NULL, 0); \
    pthread_mutex_unlock(&lock); \
    return 0; \
  }
FLUSH(fsync)
FLUSH(fdatasync)

int mkdir(const char *path, mode_t mode) {
  REAL(int, "mkdir", const char *, mode_t);
  const char *name = name_of(path);
  if (!name) return real(path, mode);
  pthread_mutex_lock(&lock);
  int result = real(path, mode);
  if (result == 0) note("mkdir", name, 0, NULL, 0);
  pthread_mutex_unlock(&lock);
  return result;
}

int unlink(const char *path) {
  REAL(int, "unlink", const char *);
  const char *name = name_of(path);
  if (!name) return real(path);
  pthread_mutex_lock(&lock);
  int result = real(path);
  if (result == 0) note("unlink", name, 0, NULL, 0);
  pthread_mutex_unlock(&lock);
  return result;
}
