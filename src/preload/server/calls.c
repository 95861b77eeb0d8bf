/* SPDX-License-Identifier: ISC */
/* What connection/ calls, in a process of the program's; see calls.h there. */
#include <config.h>

#include "connection/calls.h"

#include "preload/real.h"

#include <sys/syscall.h>
#include <unistd.h>

/* As the kernel has it: the client library's hook would send a header. */
static int connect_raw(int fd, const struct sockaddr *address,
		       socklen_t length)
{
	return (int)syscall(SYS_connect, fd, address, length);
}

const struct pp_calls pp_calls = {
	.close = real_close,
	.connect = connect_raw,
	.epoll_create1 = real_epoll_create1,
	.epoll_ctl = real_epoll_ctl,
	.epoll_wait = epoll_wait,
	.getsockname = real_getsockname,
	.getsockopt = getsockopt,
	.recv = recv,
};
