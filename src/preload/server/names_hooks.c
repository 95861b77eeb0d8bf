/* SPDX-License-Identifier: ISC */
/*
 * The hooks of libproxyproto.so for who is behind a descriptor: asking,
 * duplicating, passing to another process. What they do is in names.c.
 */
#include <config.h>

#include "preload/real.h"
#include "preload/server/descriptors.h"
#include "preload/server/listeners.h"
#include "preload/server/names.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <unistd.h>

#ifdef PP_GETPEERNAME_CACHE

PP_EXPORT int getpeername(int fd, struct sockaddr *address, socklen_t *length)
{
	return pp_identity_getpeername(fd, address, length);
}

PP_EXPORT int getsockname(int fd, struct sockaddr *address, socklen_t *length)
{
	return pp_identity_getsockname(fd, address, length);
}

PP_EXPORT int connect(int fd, const struct sockaddr *address, socklen_t length)
{
	int result = real_connect(fd, address, length);

	if (result == 0 || errno == EINPROGRESS)
		pp_identity_forget_older(fd);
	return result;
}

/* A call that made to, or failed, has returned it. */
static int duplicated(int from, int to)
{
	if (to >= 0)
		pp_identity_duplicate(from, to);
	return to;
}

PP_EXPORT int dup(int fd)
{
	return duplicated(fd, real_dup(fd));
}

/* As duplicated; what was open on to is closed. */
static int replaced(int from, int to)
{
	if (to >= 0 && from != to)
		pp_descriptors_note_closed((unsigned)to, (unsigned)to);
	return duplicated(from, to);
}

PP_EXPORT int dup2(int from, int to)
{
	return replaced(from, real_dup2(from, to));
}

PP_EXPORT int dup3(int from, int to, int flags)
{
	return replaced(from, real_dup3(from, to, flags));
}

/* What fcntl returned is a descriptor for these commands. */
static int controlled(int fd, int command, int result)
{
	if (command == F_DUPFD || command == F_DUPFD_CLOEXEC)
		return duplicated(fd, result);
	return result;
}

/*
 * The argument, where there is one, is an int or a pointer. As the C library
 * does, it is taken as whatever is there, for the kernel to make sense of.
 */
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

#define SENDMSG(name)                                                      \
	PP_EXPORT ssize_t name(int fd, const struct msghdr *message,       \
			       int flags)                                  \
	{                                                                  \
		pp_identity_leave_by_message(message);                     \
		return real_##name(fd, message, flags);                    \
	}
SENDMSG(sendmsg)

#define SENDMMSG(name)                                                     \
	PP_EXPORT int name(int fd, struct mmsghdr *messages,               \
			   unsigned count, pp_mmsg_flags flags)            \
	{                                                                  \
		pp_identity_leave_by_messages(messages, count);            \
		return real_##name(fd, messages, count, flags);            \
	}
SENDMMSG(sendmmsg)

#define RECVMSG(name)                                                      \
	PP_EXPORT ssize_t name(int fd, struct msghdr *message, int flags)  \
	{                                                                  \
		ssize_t size = real_##name(fd, message, flags);            \
                                                                           \
		if (size >= 0)                                             \
			pp_identity_arrive_by_message(message);            \
		return size;                                               \
	}
RECVMSG(recvmsg)

#define RECVMMSG(name, timespec)                                           \
	PP_EXPORT int name(int fd, struct mmsghdr *messages,               \
			   unsigned count, pp_mmsg_flags flags,            \
			   timespec *timeout)                              \
	{                                                                  \
		int got = real_##name(fd, messages, count, flags, timeout); \
                                                                           \
		for (int i = 0; i < got; i++)                              \
			pp_identity_arrive_by_message(&messages[i].msg_hdr); \
		return got;                                                \
	}
RECVMMSG(recvmmsg, struct timespec)

#ifdef HAVE___SENDMSG64
ssize_t __sendmsg64(int fd, const struct msghdr *message, int flags);
SENDMSG(__sendmsg64)
int __sendmmsg64(int fd, struct mmsghdr *messages, unsigned count,
		 pp_mmsg_flags flags);
SENDMMSG(__sendmmsg64)
ssize_t __recvmsg64(int fd, struct msghdr *message, int flags);
RECVMSG(__recvmsg64)
int __recvmmsg64(int fd, struct mmsghdr *messages, unsigned count,
		 pp_mmsg_flags flags, void *timeout);
RECVMMSG(__recvmmsg64, void)
#endif

#ifdef HAVE_PIDFD_GETFD
int pidfd_getfd(int process, int fd, unsigned flags);

PP_EXPORT int pidfd_getfd(int process, int fd, unsigned flags)
{
	int got = real_pidfd_getfd(process, fd, flags);

	pp_identity_forget_older(got);
	return got;
}
#endif

#endif
