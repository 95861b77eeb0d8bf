/* SPDX-License-Identifier: ISC */
/*
 * The hook of libproxyproto_connect.so that makes connections. Those by which
 * a program learns that one stands are in client_wait.c, those by which it
 * writes in client_write.c.
 */
#include <config.h>

#include "client_pending.h"
#include "configuration.h"
#include "real.h"

#include <errno.h>

/* Does a header go ahead of what is sent on such a socket? */
static bool is_ours(int fd)
{
	return pp_is_tcp_socket(fd) && pp_is_internet_socket(fd);
}

/*
 * May another thread come to know of the connection, and write, before this
 * one is back from connect?
 */
static bool is_shared(int fd)
{
	return pp_pending_any() || pp_pending_is_nonblocking(fd);
}

/* Is it worth a look what the socket is, after such a connect? */
static bool is_worth(const struct sockaddr *address, socklen_t length,
		     int error)
{
	/* what the kernel has taken is there to be read */
	return (error == 0 || pp_pending_is_under_way(error)) &&
	       length >= sizeof(address->sa_family) &&
	       pp_family_is_internet(address->sa_family);
}

static int connect_and_say(int fd, const struct sockaddr *address,
			   socklen_t length)
{
	struct pp_connecting connecting = { .fd = fd };
	int before = errno;
	bool noted = is_shared(fd) && is_ours(fd);
	int result, error;

	if (noted)
		pp_pending_begin(&connecting, fd);
	errno = before;
	result = real_connect(fd, address, length);
	error = result == 0 ? 0 : errno;
	before = errno;
	if (!noted && is_worth(address, length, error) && is_ours(fd)) {
		noted = true;
		if (error != 0)
			pp_pending_begin(&connecting, fd);
	}
	if (noted)
		pp_pending_connected(&connecting, address, length, error);
	errno = before;
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
