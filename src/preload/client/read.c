/* SPDX-License-Identifier: ISC */
/*
 * The hooks of libproxyproto_connect.so by which a program reads from a
 * socket: a header that is still to be said goes ahead, as the server may wait
 * for it before it says anything. Where none is, in the whole process, they
 * cost one load.
 */
#include <config.h>

#include "preload/client/pending.h"
#include "preload/real.h"

#include <limits.h>
#include <sys/uio.h>
#include <unistd.h>

/* To read nothing from a socket waits for nothing, unlike to receive it. */
static inline bool may_read_some(int fd, size_t size)
{
	return size == 0 || pp_pending_may_read(fd, 0);
}

/* 0 where there is nothing to read, or an error to tell. */
static size_t size_of(const struct iovec *vector, int count)
{
	size_t size = 0;

	if (count <= IOV_MAX)
		for (int i = 0; i < count; i++)
			size |= vector[i].iov_len;
	return size;
}

static bool may_read_vector(int fd, const struct iovec *vector, int count)
{
	return !pp_pending_any() || !pp_pending_is_noted(fd) ||
	       may_read_some(fd, size_of(vector, count));
}

PP_EXPORT ssize_t read(int fd, void *bytes, size_t size)
{
	return may_read_some(fd, size) ? real_read(fd, bytes, size) : -1;
}

PP_EXPORT ssize_t readv(int fd, const struct iovec *vector, int count)
{
	return may_read_vector(fd, vector, count)
		       ? real_readv(fd, vector, count)
		       : -1;
}

PP_EXPORT ssize_t recv(int fd, void *bytes, size_t size, int flags)
{
	return pp_pending_may_read(fd, flags)
		       ? real_recv(fd, bytes, size, flags)
		       : -1;
}

PP_EXPORT ssize_t recvfrom(int fd, void *bytes, size_t size, int flags,
			   struct sockaddr *address, socklen_t *length)
{
	return pp_pending_may_read(fd, flags)
		       ? real_recvfrom(fd, bytes, size, flags, address, length)
		       : -1;
}

/* What is too short is for the C library to complain about. */
#ifdef HAVE___READ_CHK
ssize_t __read_chk(int fd, void *bytes, size_t size, size_t room);

PP_EXPORT ssize_t __read_chk(int fd, void *bytes, size_t size, size_t room)
{
	return may_read_some(fd, size)
		       ? real___read_chk(fd, bytes, size, room)
		       : -1;
}
#endif

#ifdef HAVE___RECV_CHK
ssize_t __recv_chk(int fd, void *bytes, size_t size, size_t room, int flags);

PP_EXPORT ssize_t __recv_chk(int fd, void *bytes, size_t size, size_t room,
			     int flags)
{
	return pp_pending_may_read(fd, flags)
		       ? real___recv_chk(fd, bytes, size, room, flags)
		       : -1;
}
#endif

#ifdef HAVE___RECVFROM_CHK
ssize_t __recvfrom_chk(int fd, void *bytes, size_t size, size_t room,
		       int flags, struct sockaddr *address, socklen_t *length);

PP_EXPORT ssize_t __recvfrom_chk(int fd, void *bytes, size_t size,
				 size_t room, int flags,
				 struct sockaddr *address, socklen_t *length)
{
	return pp_pending_may_read(fd, flags)
		       ? real___recvfrom_chk(fd, bytes, size, room, flags,
					     address, length)
		       : -1;
}
#endif

#define RECVMSG(name)                                                      \
	PP_EXPORT ssize_t name(int fd, struct msghdr *message, int flags)  \
	{                                                                  \
		return pp_pending_may_read(fd, flags)                      \
			       ? real_##name(fd, message, flags)           \
			       : -1;                                       \
	}
RECVMSG(recvmsg)

#define RECVMMSG(name, timespec)                                           \
	PP_EXPORT int name(int fd, struct mmsghdr *messages,               \
			   unsigned count, pp_mmsg_flags flags,            \
			   timespec *timeout)                              \
	{                                                                  \
		return pp_pending_may_read(fd, (int)flags)                 \
			       ? real_##name(fd, messages, count, flags,   \
					     timeout)                      \
			       : -1;                                       \
	}
RECVMMSG(recvmmsg, struct timespec)

#ifdef HAVE___SENDMSG64
ssize_t __recvmsg64(int fd, struct msghdr *message, int flags);
RECVMSG(__recvmsg64)
int __recvmmsg64(int fd, struct mmsghdr *messages, unsigned count,
		 pp_mmsg_flags flags, void *timeout);
RECVMMSG(__recvmmsg64, void)
#endif

/* A socket has no offset, but takes -1 for it. */
#define PREADV2(name, offset_type)                                         \
	PP_EXPORT ssize_t name(int fd, const struct iovec *vector,         \
			       int count, offset_type offset, int flags)   \
	{                                                                  \
		return pp_pending_may_read(fd, PP_PENDING_RWF(flags))      \
			       ? real_##name(fd, vector, count, offset,    \
					     flags)                        \
			       : -1;                                       \
	}
#ifdef HAVE_PREADV2
#undef preadv2
ssize_t preadv2(int fd, const struct iovec *vector, int count, off_t offset,
		int flags);
PREADV2(preadv2, off_t)
#endif
#ifdef HAVE_PREADV64V2
#undef preadv64v2
ssize_t preadv64v2(int fd, const struct iovec *vector, int count,
		   pp_offset offset, int flags);
PREADV2(preadv64v2, pp_offset)
#endif
