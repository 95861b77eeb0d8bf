/* SPDX-License-Identifier: ISC */
/*
 * Every function that the libraries intercept, with its type. From this table
 * come the real_* functions (real.h), the lookup (real.c) and the test that
 * the libraries export these names and no others (tests/preload/symbols).
 *
 *	HOOK(type, name, (parameters), (arguments))
 */
#ifndef PP_HOOKS_H
#define PP_HOOKS_H

#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>

#ifdef PP_GETPEERNAME_CACHE
#define PP_HOOK_GETPEERNAME(HOOK)                                          \
	HOOK(int, getpeername,                                             \
	     (int fd, struct sockaddr *address, socklen_t *length),        \
	     (fd, address, length))
#else
#define PP_HOOK_GETPEERNAME(HOOK)
#endif

/* What _FORTIFY_SOURCE makes of poll and ppoll. */
#ifdef HAVE___POLL_CHK
#define PP_HOOK_POLL_CHK(HOOK)                                             \
	HOOK(int, __poll_chk,                                              \
	     (struct pollfd * fds, nfds_t count, int timeout, size_t size), \
	     (fds, count, timeout, size))
#else
#define PP_HOOK_POLL_CHK(HOOK)
#endif
#ifdef HAVE___PPOLL_CHK
#define PP_HOOK_PPOLL_CHK(HOOK)                                            \
	HOOK(int, __ppoll_chk,                                             \
	     (struct pollfd * fds, nfds_t count,                           \
	      const struct timespec *timeout, const sigset_t *mask,        \
	      size_t size),                                                \
	     (fds, count, timeout, mask, size))
#else
#define PP_HOOK_PPOLL_CHK(HOOK)
#endif

#define PP_SERVER_HOOKS(HOOK)                                              \
	HOOK(int, accept,                                                  \
	     (int fd, struct sockaddr *address, socklen_t *length),        \
	     (fd, address, length))                                        \
	HOOK(int, accept4,                                                 \
	     (int fd, struct sockaddr *address, socklen_t *length,         \
	      int flags),                                                  \
	     (fd, address, length, flags))                                 \
	HOOK(int, listen, (int fd, int backlog), (fd, backlog))            \
	HOOK(int, close, (int fd), (fd))                                   \
	HOOK(int, epoll_ctl,                                               \
	     (int epoll, int operation, int fd, struct epoll_event *event), \
	     (epoll, operation, fd, event))                                \
	HOOK(int, poll, (struct pollfd * fds, nfds_t count, int timeout),  \
	     (fds, count, timeout))                                        \
	HOOK(int, ppoll,                                                   \
	     (struct pollfd * fds, nfds_t count,                           \
	      const struct timespec *timeout, const sigset_t *mask),       \
	     (fds, count, timeout, mask))                                  \
	HOOK(int, select,                                                  \
	     (int count, fd_set *readable, fd_set *writable,               \
	      fd_set *exceptional, struct timeval *timeout),               \
	     (count, readable, writable, exceptional, timeout))            \
	HOOK(int, pselect,                                                 \
	     (int count, fd_set *readable, fd_set *writable,               \
	      fd_set *exceptional, const struct timespec *timeout,         \
	      const sigset_t *mask),                                       \
	     (count, readable, writable, exceptional, timeout, mask))      \
	PP_HOOK_POLL_CHK(HOOK)                                             \
	PP_HOOK_PPOLL_CHK(HOOK)                                            \
	HOOK(int, chroot, (const char *path), (path))                      \
	PP_HOOK_GETPEERNAME(HOOK)

#define PP_CLIENT_HOOKS(HOOK)                                              \
	HOOK(int, connect,                                                 \
	     (int fd, const struct sockaddr *address, socklen_t length),   \
	     (fd, address, length))

/* Each library is compiled with its own part of the table. */
#ifdef PP_CLIENT
#define PP_HOOKS(HOOK) PP_CLIENT_HOOKS(HOOK)
#else
#define PP_HOOKS(HOOK) PP_SERVER_HOOKS(HOOK)
#endif

/* What a library shows of itself; all else is hidden. */
#define PP_EXPORT __attribute__((visibility("default")))

#endif
