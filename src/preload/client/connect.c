/* SPDX-License-Identifier: ISC */
/*
 * The hook of libproxyproto_connect.so that makes connections. Those by which
 * a program learns that one stands are in wait.c, those by which it
 * writes in write.c, and reads in read.c; how these two wait is
 * in block.c.
 */
#include <config.h>

#include "preload/client/pending.h"
#include "preload/configuration.h"
#include "preload/real.h"

#include <errno.h>

/* Does a header go ahead of what is sent on such a socket? */
static bool is_ours(int fd)
{
	return pp_is_tcp_socket(fd) && pp_is_internet_socket(fd);
}

static int connect_and_say(int fd, const struct sockaddr *address,
			   socklen_t length)
{
	struct pp_connecting connecting;
	int before = errno, result;
	bool ours = is_ours(fd);

	/* another thread may come to know of the connection first, and write */
	if (ours)
		pp_pending_begin(&connecting, fd);
	errno = before;
	result = real_connect(fd, address, length);
	if (ours)
		pp_pending_connected(&connecting, address, length,
				     result == 0 ? 0 : errno);
	return result;
}

PP_EXPORT int connect(int fd, const struct sockaddr *address, socklen_t length)
{
	if (!pp_configuration_is_valid() && pp_is_tcp_socket(fd) &&
	    !pp_configuration_allows(fd)) {
		errno = EINVAL;
		return -1;
	}
	if (pp_configuration()->send_version == 0)
		return real_connect(fd, address, length);
	return connect_and_say(fd, address, length);
}
