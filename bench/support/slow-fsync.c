// Makes every fsync take SLOW_FSYNC_MS (30), as on an SD card:
//   gcc -shared -fPIC -o slow-fsync.so slow-fsync.c -ldl; LD_PRELOAD=./slow-fsync.so node …
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

static void stall(void) {
  const char *text = getenv("SLOW_FSYNC_MS");
  long ms = text ? atol(text) : 30;
  struct timespec time = {ms / 1000, ms % 1000 * 1000000L};
  nanosleep(&time, NULL);
}

int fsync(int fd) {
  int (*real)(int) = dlsym(RTLD_NEXT, "fsync");
  stall();
  return real(fd);
}

int fdatasync(int fd) {
  int (*real)(int) = dlsym(RTLD_NEXT, "fdatasync");
  stall();
  return real(fd);
}

int msync(void *address, size_t length, int flags) {
  int (*real)(void *, size_t, int) = dlsym(RTLD_NEXT, "msync");
  stall();
  return real(address, length, flags);
}
