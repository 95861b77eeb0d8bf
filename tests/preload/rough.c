/* SPDX-License-Identifier: ISC */
/*
 * A library to preload behind the client's: connections at their worst.
 *
 *	PP_SLOW_OPEN	the kernel has no Fast Open: the header goes behind the
 *			handshake
 *	PP_OLD		nor the option for it to work without a cookie (before
 *			4.15)
 *	PP_ENDED	connect returns when the peer has ended the connection
 *	PP_INTERRUPTED	connect says EINTR, and the connection stands
 *	PP_CANCELLED	the thread is cancelled when connect returns
 *	PP_PIECES	send and sendto take one byte, then are interrupted,
 *			then find no room, and so on
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/types.h>

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

int setsockopt(int fd, int level, int option, const void *value,
	       socklen_t length)
{
	if (getenv("PP_OLD") == NULL || level != IPPROTO_TCP ||
	    option != TCP_FASTOPEN_NO_COOKIE)
		return NEXT(setsockopt)(fd, level, option, value, length);
	errno = ENOPROTOOPT;
	return -1;
}

/* With PP_PIECES: 0 where a byte is to be taken, or -1 with errno set. */
static int next_piece(void)
{
	static unsigned calls;

	switch (calls++ % 3) {
	case 0:
		return 0;
	case 1:
		errno = EINTR;
		return -1;
	default:
		errno = EAGAIN;
		return -1;
	}
}

ssize_t send(int fd, const void *bytes, size_t size, int flags)
{
	if (getenv("PP_PIECES") == NULL)
		return NEXT(send)(fd, bytes, size, flags);
	return next_piece() == 0 ? NEXT(send)(fd, bytes, 1, flags) : -1;
}

ssize_t sendto(int fd, const void *bytes, size_t size, int flags,
	       const struct sockaddr *address, socklen_t length)
{
	if ((flags & MSG_FASTOPEN) && (getenv("PP_SLOW_OPEN") != NULL ||
				       getenv("PP_OLD") != NULL)) {
		errno = EOPNOTSUPP;
		return -1;
	}
	if (getenv("PP_PIECES") != NULL) {
		if (next_piece() != 0)
			return -1;
		size = 1;
	}
	return NEXT(sendto)(fd, bytes, size, flags, address, length);
}
