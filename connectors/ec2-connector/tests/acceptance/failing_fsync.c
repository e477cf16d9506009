/* Makes the n-th fsync of a process fail as a broken disk does; n is FAILING_FSYNC. For LD_PRELOAD. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

int fsync(int file) {
    static atomic_int calls;
    const char *failing = getenv("FAILING_FSYNC");
    if (failing && atomic_fetch_add(&calls, 1) + 1 == atoi(failing)) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_fsync, file);
}
