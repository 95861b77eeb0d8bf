/* SPDX-License-Identifier: ISC */
/*
 * A library to preload behind ours, for descriptors that the limit of this
 * process would not allow: accepted ones get a number FAR above their own, and
 * the calls that are made on those go to the descriptor they stand for: as many
 * as it takes to serve a client whose header is there.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static int far(void)
{
	const char *text = getenv("PP_FAR");

	return text == NULL ? 0 : atoi(text);
}

/* The descriptor that the kernel knows. */
static int near(int fd)
{
	return fd >= far() ? fd - far() : fd;
}

/* The function behind ours. */
#define NEXT(name) ((__typeof__(&name))(uintptr_t)dlsym(RTLD_NEXT, #name))

int accept(int fd, struct sockaddr *address, socklen_t *length)
{
	int accepted = NEXT(accept)(fd, address, length);

	return accepted < 0 ? accepted : accepted + far();
}

int accept4(int fd, struct sockaddr *address, socklen_t *length, int flags)
{
	int accepted = NEXT(accept4)(fd, address, length, flags);

	return accepted < 0 ? accepted : accepted + far();
}

int getpeername(int fd, struct sockaddr *address, socklen_t *length)
{
	return NEXT(getpeername)(near(fd), address, length);
}

int getsockopt(int fd, int level, int name, void *value, socklen_t *length)
{
	return NEXT(getsockopt)(near(fd), level, name, value, length);
}

int setsockopt(int fd, int level, int name, const void *value,
	       socklen_t length)
{
	return NEXT(setsockopt)(near(fd), level, name, value, length);
}

ssize_t recv(int fd, void *bytes, size_t size, int flags)
{
	return NEXT(recv)(near(fd), bytes, size, flags);
}

/* What recv is where _FORTIFY_SOURCE is on, as in Debian packages. */
ssize_t __recv_chk(int fd, void *bytes, size_t size, size_t room, int flags);

ssize_t __recv_chk(int fd, void *bytes, size_t size, size_t room, int flags)
{
	(void)room;
	return recv(fd, bytes, size, flags);
}

int close(int fd)
{
	return NEXT(close)(near(fd));
}
