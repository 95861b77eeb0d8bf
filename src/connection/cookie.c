/* SPDX-License-Identifier: ISC */
/* Sockets told from one another; see cookie.h. */
#include <config.h>

#include "connection/cookie.h"

#include "connection/calls.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>

#ifndef SO_COOKIE
#define SO_COOKIE 57
#endif

uint64_t pp_cookie_of(int fd)
{
	uint64_t cookie = 0;
	socklen_t length = sizeof(cookie);
	struct stat status;

	if (pp_calls.getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie,
				&length) == 0)
		return cookie;
	if (errno != ENOPROTOOPT || fstat(fd, &status) != 0 ||
	    !S_ISSOCK(status.st_mode))
		return 0;
	return status.st_ino;
}
