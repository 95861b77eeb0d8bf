/* SPDX-License-Identifier: ISC */
/*
 * A library to preload behind the client's: connections at their worst.
 *
 *	PP_COOKIELESS	the kernel has no SO_COOKIE
 *	PP_ENDED	connect returns when the peer has ended the connection
 *	PP_INTERRUPTED	connect says EINTR, and the connection stands
 *	PP_CANCELLED	the thread is cancelled when connect returns
 *	PP_LATE		the second poll for nothing is over when the connection
 *			stands, and says that it does not
 *	PP_GAP		each poll for connections that stand takes its time
 *	PP_SLOW		send takes its time
 *	PP_PIECES	send takes one byte, then is interrupted, then finds no
 *			room, and so on
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <time.h>

/* The function behind ours. */
#define NEXT(name) ((__typeof__(&name))(uintptr_t)dlsym(RTLD_NEXT, #name))

int connect(int fd, const struct sockaddr *address, socklen_t length)
{
	/* of no events but POLLERR and POLLHUP */
	struct pollfd ended = { .fd = fd };
	int result = NEXT(connect)(fd, address, length);
	int error = errno;

	if (getenv("PP_ENDED") != NULL)
		poll(&ended, 1, -1);
	if (getenv("PP_CANCELLED") != NULL)
		pthread_cancel(pthread_self());
	errno = error;
	if (getenv("PP_INTERRUPTED") == NULL)
		return result;
	errno = EINTR;
	return -1;
}

int getsockopt(int fd, int level, int option, void *value, socklen_t *length)
{
	if (getenv("PP_COOKIELESS") == NULL || level != SOL_SOCKET ||
	    option != SO_COOKIE)
		return NEXT(getsockopt)(fd, level, option, value, length);
	errno = ENOPROTOOPT;
	return -1;
}

int poll(struct pollfd *fds, nfds_t count, int timeout)
{
	const struct timespec time = { .tv_nsec = 50000000 };
	static unsigned calls;
	struct pollfd connected = { .events = POLLOUT };
	int result = NEXT(poll)(fds, count, timeout);

	if (getenv("PP_GAP") != NULL && count > 1)
		nanosleep(&time, NULL);

	if (getenv("PP_LATE") != NULL && result == 0 && count == 1 &&
	    fds->events == 0 && ++calls == 2) {
		connected.fd = fds->fd;
		NEXT(poll)(&connected, 1, -1);
	}
	return result;
}

ssize_t send(int fd, const void *bytes, size_t size, int flags)
{
	const struct timespec time = { .tv_nsec = 200000000 };
	static unsigned calls;

	if (getenv("PP_SLOW") != NULL)
		nanosleep(&time, NULL);
	if (getenv("PP_PIECES") == NULL)
		return NEXT(send)(fd, bytes, size, flags);
	switch (calls++ % 3) {
	case 0:
		return NEXT(send)(fd, bytes, 1, flags);
	case 1:
		errno = EINTR;
		return -1;
	default:
		errno = EAGAIN;
		return -1;
	}
}
