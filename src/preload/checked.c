/* SPDX-License-Identifier: ISC */
/*
 * What programs call that are built with _FORTIFY_SOURCE: the same as without,
 * for the two libraries that receive datagrams.
 */
#include <config.h>

#include "preload/real.h"

#include <sys/socket.h>
#include <unistd.h>

#ifdef HAVE___RECV_CHK
ssize_t __recv_chk(int fd, void *bytes, size_t size, size_t room, int flags);

PP_EXPORT ssize_t __recv_chk(int fd, void *bytes, size_t size, size_t room,
			     int flags)
{
	if (size > room)
		__chk_fail();
	return recv(fd, bytes, size, flags);
}
#endif

#ifdef HAVE___RECVFROM_CHK
ssize_t __recvfrom_chk(int fd, void *bytes, size_t size, size_t room, int flags,
		       struct sockaddr *address, socklen_t *length);

PP_EXPORT ssize_t __recvfrom_chk(int fd, void *bytes, size_t size, size_t room,
				 int flags, struct sockaddr *address,
				 socklen_t *length)
{
	if (size > room)
		__chk_fail();
	return recvfrom(fd, bytes, size, flags, address, length);
}
#endif

#ifdef HAVE___READ_CHK
ssize_t __read_chk(int fd, void *bytes, size_t size, size_t room);

PP_EXPORT ssize_t __read_chk(int fd, void *bytes, size_t size, size_t room)
{
	if (size > room)
		__chk_fail();
	return read(fd, bytes, size);
}
#endif
