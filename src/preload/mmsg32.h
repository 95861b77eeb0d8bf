/* SPDX-License-Identifier: ISC */
/*
 * recvmsg(2) and recvmmsg(2), also those of programs whose time_t has 32 bits;
 * see real.h. For the libraries that have hooks of them.
 */
#ifndef PP_PRELOAD_MMSG32_H
#define PP_PRELOAD_MMSG32_H

#include "preload/real.h"

#include <stdint.h>
#include <sys/socket.h>
#include <time.h>

/* The C library's, or for recvmmsg(2) one that calls it. */
typedef ssize_t pp_recvmsg(int fd, struct msghdr *message, int flags);
typedef int pp_recvmmsg(int fd, struct mmsghdr *messages, unsigned count,
			pp_mmsg_flags flags, struct timespec *timeout);

#ifdef HAVE___SELECT64
static inline void pp_copy_to_time32(struct pp_timespec32 *to,
				     const struct timespec *from)
{
	to->tv_sec = (int32_t)from->tv_sec;
	to->tv_nsec = (int32_t)from->tv_nsec;
}

static inline void pp_copy_from_time32(struct timespec *to,
				       const struct pp_timespec32 *from)
{
	to->tv_sec = from->tv_sec;
	to->tv_nsec = from->tv_nsec;
}

/* The real one as those are that take the other time. */
static inline int pp_call_recvmmsg32(int fd, struct mmsghdr *messages,
				     unsigned count, pp_mmsg_flags flags,
				     struct timespec *timeout)
{
	struct pp_timespec32 time;
	int result;

	if (timeout == NULL)
		return real_recvmmsg32(fd, messages, count, flags, NULL);
	pp_copy_to_time32(&time, timeout);
	result = real_recvmmsg32(fd, messages, count, flags, &time);
	pp_copy_from_time32(timeout, &time);
	return result;
}

/* Our own hook, which gets the function to call, with such a time. */
static inline int
pp_with_time32(int (*hook)(pp_recvmmsg *function, int fd,
			   struct mmsghdr *messages, unsigned count,
			   pp_mmsg_flags flags, struct timespec *timeout),
	       int fd, struct mmsghdr *messages, unsigned count,
	       pp_mmsg_flags flags, struct pp_timespec32 *timeout)
{
	struct timespec time;
	int result;

	if (timeout == NULL)
		return hook(pp_call_recvmmsg32, fd, messages, count, flags,
			    NULL);
	pp_copy_from_time32(&time, timeout);
	result = hook(pp_call_recvmmsg32, fd, messages, count, flags, &time);
	pp_copy_to_time32(timeout, &time);
	return result;
}
#endif

#endif
