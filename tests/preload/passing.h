/* SPDX-License-Identifier: ISC */
/* For calls.c: a descriptor in a message. */
#ifndef PP_TESTS_PASSING_H
#define PP_TESTS_PASSING_H

#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

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
static inline long pass_descriptor(int to, int fd, bool many)
{
	struct passing passing;
	struct cmsghdr *header = &passing.control.header;

	prepare_passing(&passing);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	if (many)
		return sendmmsg(to, &passing.message, 1, MSG_DONTWAIT);
	return sendmsg(to, &passing.message.msg_hdr, MSG_DONTWAIT);
}

/* By recvmsg(2), or recvmmsg(2): the descriptor, or -1. */
static inline long take_descriptor(int from, bool many)
{
	struct passing passing;
	long got;
	int fd = -1;

	prepare_passing(&passing);
	if (many)
		got = recvmmsg(from, &passing.message, 1, MSG_DONTWAIT, NULL);
	else
		got = recvmsg(from, &passing.message.msg_hdr, MSG_DONTWAIT);
	if (got == 1)
		memcpy(&fd, CMSG_DATA(&passing.control.header), sizeof(fd));
	return fd;
}

#endif
