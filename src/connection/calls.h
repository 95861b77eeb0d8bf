/* SPDX-License-Identifier: ISC */
/*
 * Those functions of the C library which connection/ calls and one of the
 * libraries hooks. Under the names themselves they would be those of a library
 * that hooks them, which may wait for locks that are held meanwhile.
 */
#ifndef PP_CONNECTION_CALLS_H
#define PP_CONNECTION_CALLS_H

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
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
	int (*getpeername)(int fd, struct sockaddr *address, socklen_t *length);
	int (*getsockname)(int fd, struct sockaddr *address, socklen_t *length);
	int (*getsockopt)(int fd, int level, int name, void *value,
			  socklen_t *length);
	int (*ppoll)(struct pollfd *fds, nfds_t count,
		     const struct timespec *timeout, const sigset_t *mask);
	ssize_t (*recv)(int fd, void *bytes, size_t size, int flags);

	/*
	 * Not of the C library: a close-on-exec duplicate of a room's
	 * descriptor where it is in nobody's way, or -1 with errno set.
	 */
	int (*hide)(int fd);
	/* What hide returned is about to be closed, or is not the room's now. */
	void (*forget)(int fd);
};

/* To be defined by whoever links connection/. */
extern const struct pp_calls pp_calls;

#ifndef SO_COOKIE
#define SO_COOKIE 57
#endif

/*
 * A number of the socket that no other has had of late: SO_COOKIE, or where
 * the kernel has none (before 4.6) that of its inode. 0 for what is no socket,
 * or cannot be asked: it equals nothing. Changes errno. Signal-safe.
 */
static inline uint64_t pp_cookie_of(int fd)
{
	uint64_t cookie = 0;
	socklen_t length = sizeof(cookie);
	struct stat status;

	if (pp_calls.getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie,
				&length) == 0)
		return cookie;
	if (errno != ENOPROTOOPT || fstat(fd, &status) != 0 ||
	    !S_ISSOCK(status.st_mode))
		return 0;
	return status.st_ino;
}

/* Hides a descriptor that was just made; -1 where there is no other for it. */
static inline int pp_hide_fresh(int fd)
{
	int number = fd < 0 ? -1 : pp_calls.hide(fd);

	if (fd >= 0)
		pp_calls.close(fd);
	return number;
}

/*
 * Is fd registered with the epoll? What is there already cannot be added. What
 * was not has no events but EPOLLERR and EPOLLHUP meanwhile. Changes errno.
 */
static inline bool pp_epoll_has(int epoll, int fd)
{
	struct epoll_event nothing = { .events = 0 };

	if (pp_calls.epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &nothing) != 0)
		return errno == EEXIST;
	pp_calls.epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL);
	return false;
}

#endif
