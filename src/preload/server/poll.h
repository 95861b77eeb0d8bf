/* SPDX-License-Identifier: ISC */
/*
 * poll(2), ppoll(2), select(2) and pselect(2) for programs that wait for a
 * listener with a waiting room: the room is waited for as well, and when a
 * connection in it can be handed over the listener is readable. Calls without
 * such a listener are the kernel's alone.
 */
#ifndef PP_PRELOAD_SERVER_POLL_H
#define PP_PRELOAD_SERVER_POLL_H

#include "connection/clock.h"

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/select.h>

/*
 * As the functions of these names, with their errno. Cancellation points,
 * signal-safe. While a room is open in the process they read the memory that
 * they are given before the kernel does.
 */
int pp_poll(struct pollfd *fds, nfds_t count, int timeout);
int pp_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
	     const sigset_t *mask);
int pp_select(int count, fd_set *readable, fd_set *writable,
	      fd_set *exceptional, struct timeval *timeout);
int pp_pselect(int count, fd_set *readable, fd_set *writable,
	       fd_set *exceptional, const struct timespec *timeout,
	       const sigset_t *mask);

/* What is below is for poll.c and select.c. */

/* What one call waits for: the program's descriptors, and rooms behind them. */
struct pp_polling {
	struct pollfd *fds;	/* see pp_poll_run */
	nfds_t count;	/* of the program's descriptors in it */
	nfds_t size;	/* places in it: for those, and one for each room */
	const sigset_t *mask;
	struct pp_timeout timeout;
};

/* Could the program's memory be there? Else the kernel says what is wrong. */
static inline bool pp_is_address(const void *address)
{
	return (uintptr_t)address >= 4096;
}

/*
 * Has fd, which is waited for until it is readable, a room that is open? Notes
 * that the program waits for it.
 */
bool pp_poll_has_room(int fd);

/* The same, only noting it, where there may be something to note. */
void pp_poll_note(int fd);

/*
 * Waits once, for what is left of the timeout. Above 0: the answers are in the
 * revents of the program's descriptors, none if only a room has changed. 0: the
 * time is over. -1 with the errno of ppoll(2).
 */
int pp_poll_once(struct pp_polling *polling);

/*
 * Gives *polling its places and runs wait with it and argument, whose result it
 * returns; -1 with ENOMEM where there is no memory for many places.
 */
int pp_poll_run(struct pp_polling *polling,
		int (*wait)(struct pp_polling *polling, void *argument),
		void *argument);

#endif
