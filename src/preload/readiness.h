/* SPDX-License-Identifier: ISC */
/*
 * poll(2), ppoll(2), select(2) and pselect(2) for programs that wait for a
 * listener with somebody in its waiting room: the room is waited for as well,
 * and when one of those in it can be handed over the listener is readable.
 */
#ifndef PP_READINESS_H
#define PP_READINESS_H

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/select.h>
#include <time.h>

/* Is a listener with an open room among those waited for? Reads memory. */
bool pp_readiness_concerns_poll(struct pollfd *fds, nfds_t count);
bool pp_readiness_concerns_select(int count, const fd_set *readable);

/* The timeout of poll(2) in that of ppoll(2): NULL for a negative one. */
const struct timespec *pp_readiness_time(int milliseconds,
					 struct timespec *time);

/* As the functions of these names, with their errno. Cancellation points. */
int pp_readiness_poll(struct pollfd *fds, nfds_t count,
		      const struct timespec *timeout, const sigset_t *mask);
int pp_readiness_select(int count, fd_set *readable, fd_set *writable,
			fd_set *exceptional, struct timeval *timeout);
int pp_readiness_pselect(int count, fd_set *readable, fd_set *writable,
			 fd_set *exceptional, const struct timespec *timeout,
			 const sigset_t *mask);

#endif
