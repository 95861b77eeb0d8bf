/* SPDX-License-Identifier: ISC */
/*
 * What the program reads and writes waits for the header; see
 * pending.h. It waits as the call itself would: for so long, and with
 * signals and cancellation ending it.
 */
#include <config.h>

#include "preload/client/pending.h"
#include "preload/interrupted.h"
#include "preload/real.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sys/time.h>

static bool is_nonblocking(int fd)
{
	int flags = real_fcntl(fd, F_GETFL, 0);

	return flags >= 0 && (flags & O_NONBLOCK);
}

/* The program's SO_SNDTIMEO or SO_RCVTIMEO for poll(2). */
static int timeout_of(int fd, int option)
{
	struct timeval time = { .tv_sec = 0 };
	socklen_t length = sizeof(time);

	getsockopt(fd, SOL_SOCKET, option, &time, &length);
	if ((time.tv_sec == 0 && time.tv_usec == 0) ||
	    time.tv_sec > INT_MAX / 1000 - 1)
		return -1;
	return (int)time.tv_sec * 1000 + (int)((time.tv_usec + 999) / 1000);
}

/* Returns 0, or the error that the call ends with. */
static int wait_connected(int fd, int option, int cancel)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLOUT };
	int timeout = timeout_of(fd, option);
	int result, error;

	pthread_setcancelstate(cancel, NULL);
	result = real_poll(&poll_fd, 1, timeout);
	error = errno;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	if (result > 0)
		return 0;
	if (result == 0)
		return EAGAIN;
	return error == EINTR && timeout < 0 && pp_handlers_restart() ? 0
								      : error;
}

/*
 * Waits until it is worth another try, and returns 0; or the error that the
 * call ends with. Another thread's work is waited for in any case: when it is
 * done nothing tells of it.
 */
static int wait_for(int fd, int flags, int option, int cancel,
		    enum pp_tried why)
{
	switch (why) {
	case PP_TRIED_BUSY:
		real_poll(NULL, 0, 1);
		return 0;
	case PP_TRIED_EARLY:
		if (!(flags & MSG_DONTWAIT) && !is_nonblocking(fd))
			return wait_connected(fd, option, cancel);
		return EAGAIN;
	default:
		return EAGAIN;
	}
}

/* Returns 0 once the header is said, or the error that the call ends with. */
static int say_or_wait(int fd, int flags, int option, int cancel)
{
	for (;;) {
		int result = pp_pending_try(fd, NULL);
		int error;

		/* a call of its own raises the signal that it may expect */
		if (result == PP_TRIED_SAID || result == -EPIPE ||
		    result == PP_TRIED_UNBEGUN)
			return 0;
		/* there may be one to say on what it is now */
		if (result == -ESTALE)
			continue;
		if (result < 0)
			return -result;
		error = wait_for(fd, flags, option, cancel,
				 (enum pp_tried)result);
		if (error != 0)
			return error;
	}
}

bool pp_pending_allows(int fd, int flags, int option)
{
	int before = errno, cancel, error;

	if (!pp_pending_is_noted(fd))
		return true;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	error = say_or_wait(fd, flags, option, cancel);
	pthread_setcancelstate(cancel, NULL);
	errno = error == 0 ? before : error;
	return error == 0;
}
