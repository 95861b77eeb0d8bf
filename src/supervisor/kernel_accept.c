/* SPDX-License-Identifier: ISC */
/* Accepting without waiting; see kernel_accept.h. */
#include <config.h>

#include "supervisor/kernel_accept.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <time.h>

/* How long a call may take: another process may have taken what there was. */
#define TICK 1000000	/* nanoseconds */

static sigset_t ticks;

static void interrupt(int signal)
{
	(void)signal;
}

/*
 * A timer interrupts us each millisecond while its signal is let through, and
 * does so at once when that has been longer ago. As long as one waits to be let
 * through the kernel does not start the timer again.
 */
bool pp_kernel_accept_begin(void)
{
	const struct itimerspec often = { .it_interval.tv_nsec = TICK,
					  .it_value.tv_nsec = TICK };
	struct sigaction action = { .sa_handler = interrupt };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL,
				  .sigev_signo = SIGALRM };
	timer_t timer;

	sigemptyset(&ticks);
	sigaddset(&ticks, SIGALRM);
	return sigprocmask(SIG_BLOCK, &ticks, NULL) == 0 &&
	       sigaction(SIGALRM, &action, NULL) == 0 &&
	       timer_create(CLOCK_MONOTONIC, &event, &timer) == 0 &&
	       timer_settime(timer, 0, &often, NULL) == 0;
}

bool pp_kernel_has_connection(int listener)
{
	struct pollfd here = { .fd = listener, .events = POLLIN };

	return poll(&here, 1, 0) == 1;
}

int pp_kernel_accept(int listener, int flags, union pp_address *peer)
{
	socklen_t length = sizeof(*peer);
	int fd;

	/* its O_NONBLOCK is the program's, which may change it meanwhile */
	if (!pp_kernel_has_connection(listener))
		return -EAGAIN;
	sigprocmask(SIG_UNBLOCK, &ticks, NULL);
	fd = accept4(listener, &peer->sa, &length,
		     SOCK_CLOEXEC | (flags & SOCK_NONBLOCK));
	if (fd < 0)
		fd = errno == EINTR ? -EAGAIN : -errno;
	sigprocmask(SIG_BLOCK, &ticks, NULL);
	return fd;
}
