/* SPDX-License-Identifier: ISC */
/*
 * poll(2), ppoll(2), select(2) and pselect(2) for programs that wait for a
 * listener with a waiting room: the room is waited for as well, and when a
 * connection in it can be handed over the listener is readable. Calls without
 * such a listener are the kernel's alone. While a room is open in the process
 * the hooks read the memory that they are given before the kernel does.
 */
#ifndef PP_PRELOAD_SERVER_POLL_H
#define PP_PRELOAD_SERVER_POLL_H

#include "connection/clock.h"
#include "preload/real.h"

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

/* What one call waits for: the program's descriptors, and rooms behind them. */
struct pp_polling {
	struct pollfd *fds;	/* see pp_poll_run */
	nfds_t count;	/* of the program's descriptors in it */
	nfds_t size;	/* places in it: for those, and one for each room */
	const sigset_t *mask;
	int64_t end;	/* of the timeout, see clock.h */
	/* writes what the program asked to fds, and their number to count */
	void (*fill)(struct pp_polling *polling);
	/*
	 * Gives it the answers in fds: how many, 0 for those that it does not
	 * ask for, -1 with errno set.
	 */
	int (*answer)(struct pp_polling *polling);
	void *call;	/* for both: what the program gave */
};

/* Could the program's memory be there? Else the kernel says what is wrong. */
static inline bool pp_is_address(const void *address)
{
	return (uintptr_t)address >= 4096;
}

#ifdef HAVE___SELECT64
/* A timeout of a program whose time_t has 32 bits, in *time; NULL for none. */
static inline const struct timespec *
pp_time_of(const struct pp_timespec32 *timeout, struct timespec *time)
{
	if (timeout == NULL)
		return NULL;
	time->tv_sec = timeout->tv_sec;
	time->tv_nsec = timeout->tv_nsec;
	return time;
}
#endif

/*
 * Gives *polling its places, fills them and waits until there is an answer or
 * the time is over. What the program's call returns, with the errno of ppoll(2),
 * or -1 with ENOMEM where there is no memory for many places.
 */
int pp_poll_run(struct pp_polling *polling);

/*
 * The kernel's poll(2), with a timeout in milliseconds, made as ppoll(2): that is
 * one call less for a program that confines itself to allow, and it is not gone
 * on with by another, restart_syscall(2).
 */
static inline int pp_poll_kernel(struct pollfd *fds, nfds_t count, int timeout)
{
	const struct timespec time = {
		.tv_sec = timeout / 1000,
		.tv_nsec = timeout % 1000 * 1000000L,
	};

	return real_ppoll(fds, count, timeout < 0 ? NULL : &time, NULL);
}

#endif
