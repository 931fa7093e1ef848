// SPDX-FileCopyrightText: 2026 The Coppice contributors
// SPDX-License-Identifier: BSD-3-Clause

// Makes the disk of one process slow: to be preloaded (LD_PRELOAD). Whatever
// waits until something is on the disk takes so many milliseconds longer as the
// file says that COPPICE_SLOW_DISK names; none if it is not there, so a test
// can change its mind at any time. That is fsync, fdatasync and msync, and
// writes to what was opened with O_DSYNC, as LMDB opens its file once more for
// its meta pages.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

static void pause_ms(long ms) {
  struct timespec rest = {ms / 1000, ms % 1000 * 1000000};
  while (nanosleep(&rest, &rest) != 0 && errno == EINTR)
    continue;
}

static void wait_for_disk(void) {
  const char* name = getenv("COPPICE_SLOW_DISK");
  FILE* file = name ? fopen(name, "re") : NULL;
  long ms = 0;
  if (!file)
    return;
  if (fscanf(file, "%ld", &ms) == 1 && ms > 0)
    pause_ms(ms);
  fclose(file);
}

// The other definition of a function, as POSIX has it written.
static void find(void* function, const char* name) {
  *(void**)function = dlsym(RTLD_NEXT, name);
}

int fsync(int fd) {
  int (*real)(int);
  find(&real, "fsync");
  wait_for_disk();
  return real(fd);
}

int fdatasync(int fd) {
  int (*real)(int);
  find(&real, "fdatasync");
  wait_for_disk();
  return real(fd);
}

int msync(void* where, size_t size, int flags) {
  int (*real)(void*, size_t, int);
  find(&real, "msync");
  if (flags & MS_SYNC)
    wait_for_disk();
  return real(where, size, flags);
}

ssize_t pwrite(int fd, const void* from, size_t size, off_t offset) {
  ssize_t (*real)(int, const void*, size_t, off_t);
  find(&real, "pwrite");
  if (fcntl(fd, F_GETFL) & O_DSYNC)
    wait_for_disk();
  return real(fd, from, size, offset);
}
