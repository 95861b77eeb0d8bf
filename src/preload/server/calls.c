/* SPDX-License-Identifier: ISC */
/* What connection/ calls, in a process of the program's; see calls.h there. */
#include <config.h>

#include "connection/calls.h"

#include "preload/real.h"

const struct pp_calls pp_calls = {
	.close = real_close,
	.epoll_create1 = real_epoll_create1,
	.epoll_ctl = real_epoll_ctl,
	.epoll_wait = real_epoll_wait,
	.getsockopt = real_getsockopt,
	.recv = real_recv,
};
