/* SPDX-License-Identifier: ISC */
/*
 * The functions of the C library by which connection/ works on descriptors.
 * Under the names themselves they would be those of a library that hooks them,
 * which may wait for locks that are held meanwhile.
 */
#ifndef PP_CONNECTION_CALLS_H
#define PP_CONNECTION_CALLS_H

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/types.h>

struct pp_calls {
	int (*close)(int fd);
	int (*connect)(int fd, const struct sockaddr *address,
		       socklen_t length);
	int (*epoll_create1)(int flags);
	int (*epoll_ctl)(int epoll, int operation, int fd,
			 struct epoll_event *event);
	int (*epoll_wait)(int epoll, struct epoll_event *events, int count,
			  int timeout);
	int (*getsockname)(int fd, struct sockaddr *address, socklen_t *length);
	int (*getsockopt)(int fd, int level, int name, void *value,
			  socklen_t *length);
	ssize_t (*recv)(int fd, void *bytes, size_t size, int flags);
};

/* To be defined by whoever links connection/. */
extern const struct pp_calls pp_calls;

#endif
