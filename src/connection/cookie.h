/* SPDX-License-Identifier: ISC */
/* Which socket is it that a descriptor stands for? */
#ifndef PP_CONNECTION_COOKIE_H
#define PP_CONNECTION_COOKIE_H

#include "connection/calls.h"

#include <errno.h>
#include <sys/stat.h>

#ifndef SO_COOKIE
#define SO_COOKIE 57
#endif

/*
 * A number of the socket that no other has had of late: SO_COOKIE, or where
 * the kernel has none (before 4.6) that of its inode. 0 for what is no socket,
 * or cannot be asked: it equals nothing. Changes errno. Signal-safe.
 */
static inline uint64_t pp_cookie_of(int fd)
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

#endif
