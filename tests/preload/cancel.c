/* SPDX-License-Identifier: ISC */
/*
 * A library to preload behind ours: a thread is cancelled just when accept has
 * got it a connection, and before anybody knows of that.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/socket.h>

#define NEXT(name) ((__typeof__(&name))(uintptr_t)dlsym(RTLD_NEXT, #name))

int accept(int fd, struct sockaddr *address, socklen_t *length)
{
	int accepted = NEXT(accept)(fd, address, length);

	if (accepted >= 0)
		pthread_cancel(pthread_self());
	return accepted;
}
