/* SPDX-License-Identifier: ISC */
/*
 * The hooks of recvmsg(2) and recvmmsg(2), for the two libraries that have them.
 * To be included behind receive_message() and receive_messages() of theirs, which
 * get the function to call, and which a compiler puts in here: that is the way
 * of each datagram.
 */
#include "preload/mmsg32.h"

#include <sys/socket.h>

PP_EXPORT ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
	return receive_message(real_recvmsg, fd, message, flags);
}

PP_EXPORT int recvmmsg(int fd, struct mmsghdr *messages, unsigned count,
		       pp_mmsg_flags flags, struct timespec *timeout)
{
	return receive_messages(real_recvmmsg, fd, messages, count, flags,
				timeout);
}

/* For programs whose time_t has 32 bits; see preload/real.h. */
#ifdef HAVE___SELECT64
ssize_t recvmsg32(int fd, struct msghdr *message, int flags)
	__asm__("recvmsg");
int recvmmsg32(int fd, struct mmsghdr *messages, unsigned count,
	       pp_mmsg_flags flags, struct pp_timespec32 *timeout)
	__asm__("recvmmsg");

PP_EXPORT ssize_t recvmsg32(int fd, struct msghdr *message, int flags)
{
	return receive_message(real_recvmsg32, fd, message, flags);
}

PP_EXPORT int recvmmsg32(int fd, struct mmsghdr *messages, unsigned count,
			 pp_mmsg_flags flags, struct pp_timespec32 *timeout)
{
	return pp_with_time32(receive_messages, fd, messages, count, flags,
			      timeout);
}
#endif
