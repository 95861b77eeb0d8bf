/* SPDX-License-Identifier: ISC */
/* epoll_ctl(2) by io_uring(7), as libuv does it: no such call is made. */
#ifndef URING_H
#define URING_H

#include <stdbool.h>
#include <sys/epoll.h>

/* False where the kernel has no io_uring, or not for everybody. */
bool uring_open(void);

/* As epoll_ctl(2). For one thread. */
int uring_epoll_ctl(int epoll, int operation, int fd,
		    struct epoll_event *event);

#endif
