/* SPDX-License-Identifier: ISC */
/* Accepting without waiting; see kernel_accept.h. */
#include <config.h>

#include "supervisor/kernel_accept.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <time.h>

static timer_t alarm_timer;

static void interrupt(int signal)
{
	(void)signal;
}

bool pp_kernel_accept_begin(void)
{
	struct sigaction action = { .sa_handler = interrupt };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL,
				  .sigev_signo = SIGALRM };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	return sigaction(SIGALRM, &action, NULL) == 0 &&
	       timer_create(CLOCK_MONOTONIC, &event, &alarm_timer) == 0 &&
	       sigprocmask(SIG_UNBLOCK, &set, NULL) == 0;
}

/* Interrupts us each millisecond: one that comes too early is not the last. */
static void set_alarm(bool on)
{
	const long ns = on ? 1000000 : 0;
	const struct itimerspec often = { .it_interval.tv_nsec = ns,
					  .it_value.tv_nsec = ns };

	timer_settime(alarm_timer, 0, &often, NULL);
}

bool pp_kernel_has_connection(int listener)
{
	struct pollfd here = { .fd = listener, .events = POLLIN };

	return poll(&here, 1, 0) == 1;
}

int pp_kernel_accept(int listener, bool blocks, int flags,
		     union pp_address *peer)
{
	socklen_t length = sizeof(*peer);
	int fd;

	if (!pp_kernel_has_connection(listener))
		return -EAGAIN;
	/* what another one takes meanwhile would be waited for */
	if (blocks)
		set_alarm(true);
	fd = accept4(listener, &peer->sa, &length,
		     SOCK_CLOEXEC | (flags & SOCK_NONBLOCK));
	if (fd < 0)
		fd = errno == EINTR ? -EAGAIN : -errno;
	if (blocks)
		set_alarm(false);
	return fd;
}
