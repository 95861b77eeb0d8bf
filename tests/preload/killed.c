/* SPDX-License-Identifier: ISC */
/*
 * A library to preload behind ours: a forked child is killed in the moment in
 * which it has made the listener that it shares with its parent non-blocking.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#define NEXT(name) ((__typeof__(&name))(uintptr_t)dlsym(RTLD_NEXT, #name))

static pid_t parent;

__attribute__((constructor)) static void construct(void)
{
	parent = getpid();
}

int accept(int fd, struct sockaddr *address, socklen_t *length)
{
	if (getpid() != parent && (fcntl(fd, F_GETFL) & O_NONBLOCK))
		raise(SIGKILL);
	return NEXT(accept)(fd, address, length);
}
