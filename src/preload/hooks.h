/* SPDX-License-Identifier: ISC */
/*
 * Every function that the libraries intercept, with its type. From this table
 * come the real_* functions (real.h), the lookup (real.c) and the test that
 * the libraries export these names and no others (tests/preload/symbols):
 * PP_SERVER_HOOKS and PP_CLIENT_HOOKS.
 *
 *	HOOK(type, name, (parameters), (arguments))
 */
#ifndef PP_HOOKS_H
#define PP_HOOKS_H

#include "export.h"

#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

/* What is missing from some C libraries. */
#ifdef HAVE_EXECVEAT
#define PP_HOOK_EXECVEAT(HOOK)                                             \
	HOOK(int, execveat,                                                \
	     (int directory, const char *path, char *const argv[],         \
	      char *const envp[], int flags),                              \
	     (directory, path, argv, envp, flags))
#else
#define PP_HOOK_EXECVEAT(HOOK)
#endif
/* fcntl where off_t has 64 bits, and where time_t has them on 32-bit systems */
#ifdef HAVE_FCNTL64
#define PP_HOOK_FCNTL64(HOOK)                                              \
	HOOK(int, fcntl64, (int fd, int command, intptr_t argument),       \
	     (fd, command, argument))
#else
#define PP_HOOK_FCNTL64(HOOK)
#endif
#ifdef HAVE___FCNTL_TIME64
#define PP_HOOK_FCNTL_TIME64(HOOK)                                         \
	HOOK(int, __fcntl_time64, (int fd, int command, intptr_t argument), \
	     (fd, command, argument))
#else
#define PP_HOOK_FCNTL_TIME64(HOOK)
#endif

/* what carries messages where time_t has 64 bits on 32-bit systems */
#ifdef HAVE___SENDMSG64
#define PP_HOOK_SENDMSG64(HOOK)                                            \
	HOOK(ssize_t, __sendmsg64,                                         \
	     (int fd, const struct msghdr *message, int flags),            \
	     (fd, message, flags))                                         \
	HOOK(int, __sendmmsg64,                                            \
	     (int fd, struct mmsghdr *messages, unsigned count,            \
	      pp_mmsg_flags flags),                                        \
	     (fd, messages, count, flags))
#define PP_HOOK_RECVMSG64(HOOK)                                            \
	HOOK(ssize_t, __recvmsg64,                                         \
	     (int fd, struct msghdr *message, int flags),                  \
	     (fd, message, flags))                                         \
	HOOK(int, __recvmmsg64,                                            \
	     (int fd, struct mmsghdr *messages, unsigned count,            \
	      pp_mmsg_flags flags, void *timeout),                         \
	     (fd, messages, count, flags, timeout))
#else
#define PP_HOOK_SENDMSG64(HOOK)
#define PP_HOOK_RECVMSG64(HOOK)
#endif
#ifdef HAVE_PIDFD_GETFD
#define PP_HOOK_PIDFD_GETFD(HOOK)                                          \
	HOOK(int, pidfd_getfd, (int process, int fd, unsigned flags),      \
	     (process, fd, flags))
#else
#define PP_HOOK_PIDFD_GETFD(HOOK)
#endif

/* since glibc 2.39 */
#ifdef HAVE_PIDFD_SPAWN
#define PP_HOOK_PIDFD_SPAWN(HOOK)                                          \
	HOOK(int, pidfd_spawn,                                             \
	     (int *pidfd, const char *path,                                \
	      const posix_spawn_file_actions_t *actions,                   \
	      const posix_spawnattr_t *attributes, char *const argv[],     \
	      char *const envp[]),                                         \
	     (pidfd, path, actions, attributes, argv, envp))               \
	HOOK(int, pidfd_spawnp,                                            \
	     (int *pidfd, const char *file,                                \
	      const posix_spawn_file_actions_t *actions,                   \
	      const posix_spawnattr_t *attributes, char *const argv[],     \
	      char *const envp[]),                                         \
	     (pidfd, file, actions, attributes, argv, envp))
#else
#define PP_HOOK_PIDFD_SPAWN(HOOK)
#endif

/* Two C libraries, two types; musl's off_t has 64 bits everywhere. */
#ifdef __GLIBC__
typedef int pp_mmsg_flags;
typedef off64_t pp_offset;
#else
typedef unsigned pp_mmsg_flags;
typedef off_t pp_offset;
#endif

/* What both libraries hook, each for its own reasons. */
#define PP_DUP_HOOKS(HOOK)                                                 \
	HOOK(int, dup, (int fd), (fd))                                     \
	HOOK(int, dup2, (int from, int to), (from, to))                    \
	HOOK(int, dup3, (int from, int to, int flags), (from, to, flags))
#define PP_SENDMSG_HOOKS(HOOK)                                             \
	HOOK(ssize_t, sendmsg,                                             \
	     (int fd, const struct msghdr *message, int flags),            \
	     (fd, message, flags))                                         \
	HOOK(int, sendmmsg,                                                \
	     (int fd, struct mmsghdr *messages, unsigned count,            \
	      pp_mmsg_flags flags),                                        \
	     (fd, messages, count, flags))                                 \
	PP_HOOK_SENDMSG64(HOOK)
#define PP_RECVMSG_HOOKS(HOOK)                                             \
	HOOK(ssize_t, recvmsg, (int fd, struct msghdr *message, int flags), \
	     (fd, message, flags))                                         \
	HOOK(int, recvmmsg,                                                \
	     (int fd, struct mmsghdr *messages, unsigned count,            \
	      pp_mmsg_flags flags, struct timespec *timeout),              \
	     (fd, messages, count, flags, timeout))                        \
	PP_HOOK_RECVMSG64(HOOK)
#define PP_EXECV_HOOKS(HOOK)                                               \
	HOOK(int, execve,                                                  \
	     (const char *path, char *const argv[], char *const envp[]),   \
	     (path, argv, envp))                                           \
	HOOK(int, execv, (const char *path, char *const argv[]),           \
	     (path, argv))                                                 \
	HOOK(int, execvp, (const char *file, char *const argv[]),          \
	     (file, argv))                                                 \
	HOOK(int, execvpe,                                                 \
	     (const char *file, char *const argv[], char *const envp[]),   \
	     (file, argv, envp))
/* Variadic, and called with one argument or none behind the command. */
#define PP_FCNTL_ROWS(HOOK)                                                \
	HOOK(int, fcntl, (int fd, int command, intptr_t argument),         \
	     (fd, command, argument))                                      \
	PP_HOOK_FCNTL64(HOOK)                                              \
	PP_HOOK_FCNTL_TIME64(HOOK)

#define PP_CONNECT_HOOK(HOOK)                                              \
	HOOK(int, connect,                                                 \
	     (int fd, const struct sockaddr *address, socklen_t length),   \
	     (fd, address, length))

/* Who is behind a descriptor: server_identity.c and server_exec.c. */
#ifdef PP_GETPEERNAME_CACHE
#define PP_IDENTITY_HOOKS(HOOK)                                            \
	HOOK(int, getpeername,                                             \
	     (int fd, struct sockaddr *address, socklen_t *length),        \
	     (fd, address, length))                                        \
	HOOK(int, getsockname,                                             \
	     (int fd, struct sockaddr *address, socklen_t *length),        \
	     (fd, address, length))                                        \
	PP_CONNECT_HOOK(HOOK)                                              \
	PP_DUP_HOOKS(HOOK)                                                 \
	PP_SENDMSG_HOOKS(HOOK)                                             \
	PP_RECVMSG_HOOKS(HOOK)                                             \
	PP_HOOK_PIDFD_GETFD(HOOK)                                          \
	PP_EXECV_HOOKS(HOOK)                                               \
	HOOK(int, fexecve, (int fd, char *const argv[], char *const envp[]), \
	     (fd, argv, envp))                                             \
	PP_HOOK_EXECVEAT(HOOK)                                             \
	HOOK(int, posix_spawn,                                             \
	     (pid_t *pid, const char *path,                                \
	      const posix_spawn_file_actions_t *actions,                   \
	      const posix_spawnattr_t *attributes, char *const argv[],     \
	      char *const envp[]),                                         \
	     (pid, path, actions, attributes, argv, envp))                 \
	HOOK(int, posix_spawnp,                                            \
	     (pid_t *pid, const char *file,                                \
	      const posix_spawn_file_actions_t *actions,                   \
	      const posix_spawnattr_t *attributes, char *const argv[],     \
	      char *const envp[]),                                         \
	     (pid, file, actions, attributes, argv, envp))                 \
	PP_HOOK_PIDFD_SPAWN(HOOK)                                          \
	HOOK(int, posix_spawn_file_actions_adddup2,                        \
	     (posix_spawn_file_actions_t * actions, int from, int to),     \
	     (actions, from, to))                                          \
	HOOK(int, system, (const char *command), (command))                \
	HOOK(FILE *, popen, (const char *command, const char *type),       \
	     (command, type))
/* Those that take their arguments one by one, and end in execv or execvp. */
#define PP_EXECL_HOOKS(HOOK)                                               \
	HOOK(int, execl, (const char *path, const char *argument, ...), ()) \
	HOOK(int, execlp, (const char *file, const char *argument, ...), ()) \
	HOOK(int, execle, (const char *path, const char *argument, ...), ())
#define PP_FCNTL_HOOKS(HOOK) PP_FCNTL_ROWS(HOOK)
#define PP_UNHOOKED(HOOK)
#define PP_FCNTL_UNHOOKED(HOOK)
#else
#define PP_IDENTITY_HOOKS(HOOK)
#define PP_EXECL_HOOKS(HOOK)
#define PP_FCNTL_HOOKS(HOOK)
/* What the library itself calls has a real_* all the same. */
#define PP_UNHOOKED(HOOK)                                                  \
	HOOK(int, getpeername,                                             \
	     (int fd, struct sockaddr *address, socklen_t *length),        \
	     (fd, address, length))                                        \
	HOOK(int, getsockname,                                             \
	     (int fd, struct sockaddr *address, socklen_t *length),        \
	     (fd, address, length))
#define PP_FCNTL_UNHOOKED(HOOK)                                            \
	HOOK(int, fcntl, (int fd, int command, intptr_t argument),         \
	     (fd, command, argument))
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

#define PP_WAIT_HOOKS(HOOK)                                                \
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
	PP_HOOK_PPOLL_CHK(HOOK)

#ifdef HAVE_CLOSE_RANGE
#define PP_HOOK_CLOSE_RANGE(HOOK)                                          \
	HOOK(int, close_range, (unsigned first, unsigned last, int flags), \
	     (first, last, flags))
#else
#define PP_HOOK_CLOSE_RANGE(HOOK)
#endif
#ifdef HAVE_CLOSEFROM
#define PP_HOOK_CLOSEFROM(HOOK) HOOK(void, closefrom, (int first), (first))
#else
#define PP_HOOK_CLOSEFROM(HOOK)
#endif

#define PP_CLOSE_HOOKS(HOOK)                                               \
	HOOK(int, close, (int fd), (fd))                                   \
	PP_HOOK_CLOSE_RANGE(HOOK)                                          \
	PP_HOOK_CLOSEFROM(HOOK)
#define PP_ACCEPT_HOOKS(HOOK)                                              \
	HOOK(int, accept,                                                  \
	     (int fd, struct sockaddr *address, socklen_t *length),        \
	     (fd, address, length))                                        \
	HOOK(int, accept4,                                                 \
	     (int fd, struct sockaddr *address, socklen_t *length,         \
	      int flags),                                                  \
	     (fd, address, length, flags))                                 \
	HOOK(int, listen, (int fd, int backlog), (fd, backlog))            \
	PP_CLOSE_HOOKS(HOOK)                                               \
	HOOK(int, epoll_create, (int size), (size))                        \
	HOOK(int, epoll_create1, (int flags), (flags))                     \
	HOOK(int, epoll_ctl,                                               \
	     (int epoll, int operation, int fd, struct epoll_event *event), \
	     (epoll, operation, fd, event))                                \
	PP_WAIT_HOOKS(HOOK)                                                \
	HOOK(int, chroot, (const char *path), (path))

#define PP_SERVER_HOOKS(HOOK)                                              \
	PP_ACCEPT_HOOKS(HOOK)                                              \
	PP_IDENTITY_HOOKS(HOOK)                                            \
	PP_EXECL_HOOKS(HOOK)                                               \
	PP_FCNTL_HOOKS(HOOK)
#define PP_SERVER_REALS(HOOK)                                              \
	PP_ACCEPT_HOOKS(HOOK)                                              \
	PP_IDENTITY_HOOKS(HOOK)                                            \
	PP_UNHOOKED(HOOK)
#define PP_SERVER_FCNTL_REALS(HOOK)                                        \
	PP_FCNTL_HOOKS(HOOK)                                               \
	PP_FCNTL_UNHOOKED(HOOK)

#ifdef HAVE_SENDFILE64
#define PP_HOOK_SENDFILE64(HOOK)                                           \
	HOOK(ssize_t, sendfile64,                                          \
	     (int to, int from, pp_offset *offset, size_t size),           \
	     (to, from, offset, size))
#else
#define PP_HOOK_SENDFILE64(HOOK)
#endif
#ifdef HAVE_EPOLL_PWAIT2
#define PP_HOOK_EPOLL_PWAIT2(HOOK)                                         \
	HOOK(int, epoll_pwait2,                                            \
	     (int epoll, struct epoll_event *events, int count,            \
	      const struct timespec *timeout, const sigset_t *mask),       \
	     (epoll, events, count, timeout, mask))
#else
#define PP_HOOK_EPOLL_PWAIT2(HOOK)
#endif

/* What _FORTIFY_SOURCE makes of reads. */
#ifdef HAVE___READ_CHK
#define PP_HOOK_READ_CHK(HOOK)                                             \
	HOOK(ssize_t, __read_chk,                                          \
	     (int fd, void *bytes, size_t size, size_t room),              \
	     (fd, bytes, size, room))
#else
#define PP_HOOK_READ_CHK(HOOK)
#endif
#ifdef HAVE___RECV_CHK
#define PP_HOOK_RECV_CHK(HOOK)                                             \
	HOOK(ssize_t, __recv_chk,                                          \
	     (int fd, void *bytes, size_t size, size_t room, int flags),   \
	     (fd, bytes, size, room, flags))
#else
#define PP_HOOK_RECV_CHK(HOOK)
#endif
#ifdef HAVE___RECVFROM_CHK
#define PP_HOOK_RECVFROM_CHK(HOOK)                                         \
	HOOK(ssize_t, __recvfrom_chk,                                      \
	     (int fd, void *bytes, size_t size, size_t room, int flags,    \
	      struct sockaddr *address, socklen_t *length),                \
	     (fd, bytes, size, room, flags, address, length))
#else
#define PP_HOOK_RECVFROM_CHK(HOOK)
#endif

/* Reads and writes with flags of their own, which sockets take, too. */
#ifdef HAVE_PREADV2
#define PP_HOOK_PREADV2(HOOK)                                              \
	HOOK(ssize_t, preadv2,                                             \
	     (int fd, const struct iovec *vector, int count, off_t offset, \
	      int flags),                                                  \
	     (fd, vector, count, offset, flags))
#else
#define PP_HOOK_PREADV2(HOOK)
#endif
#ifdef HAVE_PREADV64V2
#define PP_HOOK_PREADV64V2(HOOK)                                           \
	HOOK(ssize_t, preadv64v2,                                          \
	     (int fd, const struct iovec *vector, int count,               \
	      pp_offset offset, int flags),                                  \
	     (fd, vector, count, offset, flags))
#else
#define PP_HOOK_PREADV64V2(HOOK)
#endif
#ifdef HAVE_PWRITEV2
#define PP_HOOK_PWRITEV2(HOOK)                                             \
	HOOK(ssize_t, pwritev2,                                            \
	     (int fd, const struct iovec *vector, int count, off_t offset, \
	      int flags),                                                  \
	     (fd, vector, count, offset, flags))
#else
#define PP_HOOK_PWRITEV2(HOOK)
#endif
#ifdef HAVE_PWRITEV64V2
#define PP_HOOK_PWRITEV64V2(HOOK)                                          \
	HOOK(ssize_t, pwritev64v2,                                         \
	     (int fd, const struct iovec *vector, int count,               \
	      pp_offset offset, int flags),                                  \
	     (fd, vector, count, offset, flags))
#else
#define PP_HOOK_PWRITEV64V2(HOOK)
#endif

/* client_read.c */
#define PP_READ_HOOKS(HOOK)                                                \
	HOOK(ssize_t, read, (int fd, void *bytes, size_t size),            \
	     (fd, bytes, size))                                            \
	HOOK(ssize_t, readv,                                               \
	     (int fd, const struct iovec *vector, int count),              \
	     (fd, vector, count))                                          \
	HOOK(ssize_t, recv,                                                \
	     (int fd, void *bytes, size_t size, int flags),                \
	     (fd, bytes, size, flags))                                     \
	HOOK(ssize_t, recvfrom,                                            \
	     (int fd, void *bytes, size_t size, int flags,                 \
	      struct sockaddr *address, socklen_t *length),                \
	     (fd, bytes, size, flags, address, length))                    \
	PP_RECVMSG_HOOKS(HOOK)                                             \
	PP_HOOK_READ_CHK(HOOK)                                             \
	PP_HOOK_RECV_CHK(HOOK)                                             \
	PP_HOOK_RECVFROM_CHK(HOOK)                                         \
	PP_HOOK_PREADV2(HOOK)                                              \
	PP_HOOK_PREADV64V2(HOOK)

/* client.c, client_wait.c, client_read.c and client_write.c. */
#define PP_CONNECT_HOOKS(HOOK)                                             \
	PP_CONNECT_HOOK(HOOK)                                              \
	PP_WAIT_HOOKS(HOOK)                                                \
	HOOK(int, epoll_wait,                                              \
	     (int epoll, struct epoll_event *events, int count,            \
	      int timeout),                                                \
	     (epoll, events, count, timeout))                              \
	HOOK(int, epoll_pwait,                                             \
	     (int epoll, struct epoll_event *events, int count,            \
	      int timeout, const sigset_t *mask),                          \
	     (epoll, events, count, timeout, mask))                        \
	PP_HOOK_EPOLL_PWAIT2(HOOK)                                         \
	PP_READ_HOOKS(HOOK)                                                \
	HOOK(ssize_t, write, (int fd, const void *bytes, size_t size),     \
	     (fd, bytes, size))                                            \
	HOOK(ssize_t, writev,                                              \
	     (int fd, const struct iovec *vector, int count),              \
	     (fd, vector, count))                                          \
	PP_HOOK_PWRITEV2(HOOK)                                             \
	PP_HOOK_PWRITEV64V2(HOOK)                                          \
	HOOK(ssize_t, send,                                                \
	     (int fd, const void *bytes, size_t size, int flags),          \
	     (fd, bytes, size, flags))                                     \
	HOOK(ssize_t, sendto,                                              \
	     (int fd, const void *bytes, size_t size, int flags,           \
	      const struct sockaddr *address, socklen_t length),           \
	     (fd, bytes, size, flags, address, length))                    \
	PP_SENDMSG_HOOKS(HOOK)                                             \
	HOOK(ssize_t, sendfile,                                            \
	     (int to, int from, off_t *offset, size_t size),               \
	     (to, from, offset, size))                                     \
	PP_HOOK_SENDFILE64(HOOK)                                           \
	HOOK(ssize_t, splice,                                              \
	     (int from, pp_offset *from_offset, int to, pp_offset *to_offset,  \
	      size_t size, unsigned flags),                                \
	     (from, from_offset, to, to_offset, size, flags))              \
	HOOK(int, getsockopt,                                              \
	     (int fd, int level, int option, void *value,                  \
	      socklen_t *length),                                          \
	     (fd, level, option, value, length))                           \
	HOOK(int, shutdown, (int fd, int how), (fd, how))                  \
	PP_DUP_HOOKS(HOOK)
#define PP_CLIENT_HOOKS(HOOK)                                              \
	PP_CONNECT_HOOKS(HOOK)                                             \
	PP_FCNTL_ROWS(HOOK)

/* Each library is compiled with its own part of the table. */
#ifdef PP_CLIENT
#define PP_REALS(HOOK) PP_CONNECT_HOOKS(HOOK)
#define PP_FCNTL_REALS(HOOK) PP_FCNTL_ROWS(HOOK)
#else
#define PP_REALS(HOOK) PP_SERVER_REALS(HOOK)
#define PP_FCNTL_REALS(HOOK) PP_SERVER_FCNTL_REALS(HOOK)
#endif

#endif
