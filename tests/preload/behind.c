/* SPDX-License-Identifier: ISC */
/*
 * A library to preload behind ours: when accept has returned, and before
 * anybody knows of that, the program may do something in another thread.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define NEXT(name) ((__typeof__(&name))(uintptr_t)dlsym(RTLD_NEXT, #name))

int accept(int fd, struct sockaddr *address, socklen_t *length)
{
	int accepted = NEXT(accept)(fd, address, length);
	void (*tell)(void) = (void (*)(void))(uintptr_t)dlsym(RTLD_DEFAULT,
							     "behind_accept");

	if (tell != NULL)
		tell();
	return accepted;
}
