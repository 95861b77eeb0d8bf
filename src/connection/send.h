/* SPDX-License-Identifier: ISC */
/* Puts a header in front of everything else on a connected socket. */
#ifndef PP_CONNECTION_SEND_H
#define PP_CONNECTION_SEND_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* How a header is sent. */
struct pp_send_way {
	/* send(2) and shutdown(2), or what is to be called for them */
	ssize_t (*send)(int fd, const void *bytes, size_t size, int flags);
	int (*shutdown)(int fd, int how);
	/*
	 * Waits for so many milliseconds, or, where they are negative, until
	 * it may be worth another try. False where fd is not the same socket
	 * any more.
	 */
	bool (*wait)(int fd, int milliseconds, const void *context);
	const void *context;
	size_t split;	/* bytes a write, 0 for all of them */
	int delay;	/* milliseconds between two writes */
};

/*
 * Sends all size bytes on fd, blocking or not, without SIGPIPE. Where they are
 * split each write leaves at once (TCP_NODELAY and no TCP_CORK, meanwhile).
 * Where only a part could be sent the connection is shut down, so that no
 * receiver mistakes what follows for the rest. Returns 0 or -errno, -ESTALE
 * where fd is another socket, which is left alone.
 */
int pp_send_whole(int fd, const struct pp_send_way *way, const void *bytes,
		  size_t size);

/* True unless something was already sent on this TCP connection. */
bool pp_send_is_first(int fd);

#endif
