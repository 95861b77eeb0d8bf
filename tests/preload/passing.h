/* SPDX-License-Identifier: ISC */
/* For calls.c: a descriptor in a message, or by its number elsewhere. */
#ifndef PP_TESTS_PASSING_H
#define PP_TESTS_PASSING_H

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* By the C library's functions, and by a call that no library can see. */
enum passing_way {
	ONE_MESSAGE,
	MANY_MESSAGES,
	RAW_CALL,
};

/* A message of one byte, with room for a descriptor. */
struct passing {
	struct iovec vector;
	char byte;
	struct mmsghdr message;
	/* has no end of its own, and is last */
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
};

static inline void prepare_passing(struct passing *passing)
{
	memset(passing, 0, sizeof(*passing));
	passing->vector = (struct iovec){ .iov_base = &passing->byte,
					  .iov_len = 1 };
	passing->message.msg_hdr = (struct msghdr){
		.msg_iov = &passing->vector,
		.msg_iovlen = 1,
		.msg_control = &passing->control,
		.msg_controllen = sizeof(passing->control),
	};
}

/* By sendmsg(2), or sendmmsg(2): what that returns. */
static inline long pass_descriptor(int to, int fd, enum passing_way way)
{
	struct passing passing;
	struct cmsghdr *header = &passing.control.header;

	prepare_passing(&passing);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	if (way == MANY_MESSAGES)
		return sendmmsg(to, &passing.message, 1, MSG_DONTWAIT);
	if (way == RAW_CALL)
		return syscall(SYS_sendmsg, to, &passing.message.msg_hdr,
			       MSG_DONTWAIT);
	return sendmsg(to, &passing.message.msg_hdr, MSG_DONTWAIT);
}

/* By recvmsg(2), or recvmmsg(2): the descriptor, or -1. */
static inline long take_descriptor(int from, enum passing_way way)
{
	struct passing passing;
	long got;
	int fd = -1;

	prepare_passing(&passing);
	if (way == MANY_MESSAGES)
		got = recvmmsg(from, &passing.message, 1, MSG_DONTWAIT, NULL);
	else if (way == RAW_CALL)
		got = syscall(SYS_recvmsg, from, &passing.message.msg_hdr,
			      MSG_DONTWAIT);
	else
		got = recvmsg(from, &passing.message.msg_hdr, MSG_DONTWAIT);
	if (got == 1)
		memcpy(&fd, CMSG_DATA(&passing.control.header), sizeof(fd));
	return fd;
}

/* not in every C library */
int pidfd_getfd(int process, int fd, unsigned flags) __attribute__((weak));

/* A duplicate, as from another process. */
static inline long get_own_descriptor(int fd)
{
	int self = (int)syscall(SYS_pidfd_open, getpid(), 0);
	/* the lowest number is for the duplicate */
	int far = fcntl(self, F_DUPFD, 500);
	long got;

	close(self);
	got = pidfd_getfd == NULL ? -2 : pidfd_getfd(far, fd, 0);
	close(far);
	return got;
}

#endif
