/* SPDX-License-Identifier: ISC */
/*
 * Every function that the libraries intercept, with its type. From this table
 * come the real_* functions (real.h), the lookup (real.c) and the test that
 * the libraries export these names and no others (tests/preload/symbols).
 *
 *	HOOK(name, (parameters), (arguments))	all of them return int
 */
#ifndef PP_HOOKS_H
#define PP_HOOKS_H

#include <sys/socket.h>

#ifdef PP_GETPEERNAME_CACHE
#define PP_HOOK_GETPEERNAME(HOOK)                                          \
	HOOK(getpeername,                                                  \
	     (int fd, struct sockaddr *address, socklen_t *length),        \
	     (fd, address, length))
#else
#define PP_HOOK_GETPEERNAME(HOOK)
#endif

#define PP_SERVER_HOOKS(HOOK)                                              \
	HOOK(accept, (int fd, struct sockaddr *address, socklen_t *length), \
	     (fd, address, length))                                        \
	HOOK(accept4,                                                      \
	     (int fd, struct sockaddr *address, socklen_t *length,         \
	      int flags),                                                  \
	     (fd, address, length, flags))                                 \
	HOOK(listen, (int fd, int backlog), (fd, backlog))                 \
	HOOK(chroot, (const char *path), (path))                           \
	PP_HOOK_GETPEERNAME(HOOK)

#define PP_CLIENT_HOOKS(HOOK)                                              \
	HOOK(connect,                                                      \
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
