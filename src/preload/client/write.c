/* SPDX-License-Identifier: ISC */
/*
 * The hooks of libproxyproto_connect.so by which a program writes to a
 * socket, ends that, asks what became of its connect, or duplicates it: a
 * header that is still to be said goes ahead. Where none is, in the whole
 * process, they cost one load.
 */
#include <config.h>

#include "preload/client/pending.h"
#include "preload/real.h"

#include <fcntl.h>
#include <stdarg.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <unistd.h>

PP_EXPORT ssize_t write(int fd, const void *bytes, size_t size)
{
	return pp_pending_may_write(fd, 0) ? real_write(fd, bytes, size) : -1;
}

PP_EXPORT ssize_t writev(int fd, const struct iovec *vector, int count)
{
	return pp_pending_may_write(fd, 0) ? real_writev(fd, vector, count)
					   : -1;
}

/* A socket has no offset, but takes -1 for it. */
#define PWRITEV2(name, offset_type)                                        \
	PP_EXPORT ssize_t name(int fd, const struct iovec *vector,         \
			       int count, offset_type offset, int flags)   \
	{                                                                  \
		return pp_pending_may_write(fd, PP_PENDING_RWF(flags))     \
			       ? real_##name(fd, vector, count, offset,    \
					     flags)                        \
			       : -1;                                       \
	}
#ifdef HAVE_PWRITEV2
#undef pwritev2
ssize_t pwritev2(int fd, const struct iovec *vector, int count, off_t offset,
		 int flags);
PWRITEV2(pwritev2, off_t)
#endif
#ifdef HAVE_PWRITEV64V2
#undef pwritev64v2
ssize_t pwritev64v2(int fd, const struct iovec *vector, int count,
		    pp_offset offset, int flags);
PWRITEV2(pwritev64v2, pp_offset)
#endif

PP_EXPORT ssize_t send(int fd, const void *bytes, size_t size, int flags)
{
	return pp_pending_may_write(fd, flags)
		       ? real_send(fd, bytes, size, flags)
		       : -1;
}

PP_EXPORT ssize_t sendto(int fd, const void *bytes, size_t size, int flags,
			 const struct sockaddr *address, socklen_t length)
{
	return pp_pending_may_write(fd, flags)
		       ? real_sendto(fd, bytes, size, flags, address, length)
		       : -1;
}

#define SENDMSG(name)                                                      \
	PP_EXPORT ssize_t name(int fd, const struct msghdr *message,       \
			       int flags)                                  \
	{                                                                  \
		return pp_pending_may_write(fd, flags)                     \
			       ? real_##name(fd, message, flags)           \
			       : -1;                                       \
	}
SENDMSG(sendmsg)

#define SENDMMSG(name)                                                     \
	PP_EXPORT int name(int fd, struct mmsghdr *messages,               \
			   unsigned count, pp_mmsg_flags flags)            \
	{                                                                  \
		return pp_pending_may_write(fd, (int)flags)                \
			       ? real_##name(fd, messages, count, flags)   \
			       : -1;                                       \
	}
SENDMMSG(sendmmsg)

#ifdef HAVE___SENDMSG64
ssize_t __sendmsg64(int fd, const struct msghdr *message, int flags);
SENDMSG(__sendmsg64)
int __sendmmsg64(int fd, struct mmsghdr *messages, unsigned count,
		 pp_mmsg_flags flags);
SENDMMSG(__sendmmsg64)
#endif

PP_EXPORT ssize_t sendfile(int to, int from, off_t *offset, size_t size)
{
	return pp_pending_may_write(to, 0)
		       ? real_sendfile(to, from, offset, size)
		       : -1;
}

#ifdef HAVE_SENDFILE64
#undef sendfile64
PP_EXPORT ssize_t sendfile64(int to, int from, pp_offset *offset, size_t size)
{
	return pp_pending_may_write(to, 0)
		       ? real_sendfile64(to, from, offset, size)
		       : -1;
}
#endif

/* Reads, too. */
PP_EXPORT ssize_t splice(int from, pp_offset *from_offset, int to,
			 pp_offset *to_offset, size_t size, unsigned flags)
{
	int how = flags & SPLICE_F_NONBLOCK ? MSG_DONTWAIT : 0;

	return pp_pending_may_read(from, how) && pp_pending_may_write(to, 0)
		       ? real_splice(from, from_offset, to, to_offset, size,
				     flags)
		       : -1;
}

PP_EXPORT int getsockopt(int fd, int level, int option, void *value,
			 socklen_t *length)
{
	if (level == SOL_SOCKET && option == SO_ERROR && pp_pending_any())
		pp_pending_say(fd);
	return real_getsockopt(fd, level, option, value, length);
}

/* The header goes ahead of the end, if it can go. */
PP_EXPORT int shutdown(int fd, int how)
{
	if (how != SHUT_RD && pp_pending_any())
		pp_pending_say(fd);
	return real_shutdown(fd, how);
}

/* A call that made to, or failed, has returned it. */
static int duplicated(int from, int to)
{
	if (to >= 0 && pp_pending_any())
		pp_pending_duplicate(from, to);
	return to;
}

PP_EXPORT int dup(int fd)
{
	return duplicated(fd, real_dup(fd));
}

PP_EXPORT int dup2(int from, int to)
{
	return duplicated(from, real_dup2(from, to));
}

PP_EXPORT int dup3(int from, int to, int flags)
{
	return duplicated(from, real_dup3(from, to, flags));
}

/* What fcntl returned is a descriptor for these commands. */
static int controlled(int fd, int command, int result)
{
	if (command == F_DUPFD || command == F_DUPFD_CLOEXEC)
		return duplicated(fd, result);
	return result;
}

/* As in names_hooks.c: the argument is whatever is there. */
#define PP_HOOK_VARIADIC(type, name, parameters, arguments)                           \
	PP_EXPORT int name(int fd, int command, ...)                       \
	{                                                                  \
		va_list list;                                              \
		intptr_t argument;                                         \
                                                                           \
		va_start(list, command);                                   \
		argument = va_arg(list, intptr_t);                         \
		va_end(list);                                              \
		return controlled(fd, command, real_##name arguments);     \
	}
/* those that no header declares under their own name */
#undef fcntl
#undef fcntl64
int fcntl64(int fd, int command, ...);
int __fcntl_time64(int fd, int command, ...);
#include PP_HOOKS
