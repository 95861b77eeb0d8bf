/* SPDX-License-Identifier: ISC */
/*
 * The hooks of libproxyproto.so, but for those by which a program waits for a
 * connection, in poll.c and select.c, gets one, in accept.c, or asks about one,
 * in names.c; and that of dlopen, in preload/dlopen.c. epoll_wait(2) needs no
 * hook: see registrations.h.
 */
#include <config.h>

#include "api/proxyproto.h"
#include "connection/calls.h"
#include "connection/report.h"
#include "preload/configuration.h"
#include "preload/real.h"
#include "preload/server/accept.h"
#include "preload/server/descriptors.h"
#include "preload/server/listeners.h"
#include "preload/server/names.h"
#include "preload/server/rooms.h"
#include "preload/server/wait.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

/* As the kernel has it: the client library's hook would send a header. */
static int connect_raw(int fd, const struct sockaddr *address,
		       socklen_t length)
{
	return (int)syscall(SYS_connect, fd, address, length);
}

/* For connection/, in a process of the program's; see calls.h there. */
const struct pp_calls pp_calls = {
	.close = real_close,
	.connect = connect_raw,
	.epoll_create1 = epoll_create1,
	.epoll_ctl = real_epoll_ctl,
	.epoll_wait = epoll_wait,
	.getpeername = real_getpeername,
	.getsockname = real_getsockname,
	.getsockopt = getsockopt,
	.ppoll = real_ppoll,
	.recv = recv,
	.hide = pp_descriptors_hide,
	.forget = pp_descriptors_forget,
};

static void start_child(void)
{
	pp_process_in_child();
	pp_wait_in_child();
	pp_headers_in_child();
	/* the last: signals are open from then on, and a handler may accept */
	pp_rooms_in_child();
}

/*
 * Before main: no system call but what the environment asks for. The handlers of
 * fork(3) are so the last to be called before it, and the first behind it: none
 * of the program's waits for a thread that waits for our lock.
 */
__attribute__((constructor)) static void start_library(void)
{
	if (!pp_configuration_start())
		return;
	pthread_atfork(pp_rooms_before_fork, pp_rooms_after_fork, start_child);
	pp_inetd_start();
}

/* Settings that cannot be used are told of before a client is kept waiting. */
PP_EXPORT int listen(int fd, int backlog)
{
	int error = errno;

	if (!pp_configuration_require_valid(fd) || real_listen(fd, backlog) != 0)
		return -1;
	pp_configuration_report("listen", fd);
	/* where there is no memory for it accept will say so */
	if (pp_is_on())
		pp_listeners_examine(fd);
	errno = error;
	return 0;
}

/*
 * The settings file is that of the root directory that the program started
 * in. A server that goes to jail before its first accept would find none in
 * there, and believe everyone.
 */
PP_EXPORT int chroot(const char *path)
{
	pp_configuration_complete();
	return real_chroot(path);
}

PP_EXPORT int close(int fd)
{
	if (pp_descriptors_has(fd)) {
		errno = EBADF;
		return -1;
	}
	pp_report_before_close((unsigned)fd, (unsigned)fd);
	pp_listeners_before_close(fd);
	return real_close(fd);
}

#ifdef HAVE_CLOSE_RANGE
#define CLOEXEC (1 << 2)	/* CLOSE_RANGE_CLOEXEC: ours have it */
#define UNSHARE (1 << 1)	/* CLOSE_RANGE_UNSHARE */
int close_range(unsigned first, unsigned last, int flags);

PP_EXPORT int close_range(unsigned first, unsigned last, int flags)
{
	int result;

	if (!(flags & CLOEXEC))
		pp_report_before_close(first, last);
	if (!pp_rooms_any_open() || first > last || (flags & CLOEXEC))
		return real_close_range(first, last, flags);
	result = pp_descriptors_close_range(first, last, flags);
	/* what a thread unshares is still open in the others */
	if (result == 0 && !((flags & UNSHARE) && pp_has_threads()))
		pp_descriptors_after_close(first, last);
	return result;
}
#endif

#ifdef HAVE_CLOSEFROM
void closefrom(int first);

PP_EXPORT void closefrom(int first)
{
	if (first < 0)
		first = 0;
	pp_report_before_close((unsigned)first, INT_MAX);
	if (!pp_rooms_any_open()) {
		real_closefrom(first);
		return;
	}
	pp_descriptors_close_from(first);
	pp_descriptors_after_close((unsigned)first, INT_MAX);
}
#endif

PP_EXPORT int epoll_ctl(int epoll, int operation, int fd,
			struct epoll_event *event)
{
	int result = real_epoll_ctl(epoll, operation, fd, event);

	if (result == 0 && pp_is_on())
		pp_listeners_after_epoll_ctl(epoll, operation, fd, event);
	return result;
}

PP_EXPORT int proxyproto_get_proxy(int fd, struct sockaddr *address,
				   socklen_t *length)
{
	return real_getpeername(fd, address, length);
}

PP_EXPORT const char *proxyproto_version(void)
{
	return PACKAGE_VERSION;
}
