/* SPDX-License-Identifier: ISC */
/*
 * poll(2), ppoll(2), select(2) and pselect(2) for programs that wait for a
 * listener with somebody in its waiting room: the room is waited for as well,
 * and when one of those in it can be handed over the listener is readable.
 */
#ifndef PP_PRELOAD_SERVER_POLL_H
#define PP_PRELOAD_SERVER_POLL_H

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/select.h>
#include <time.h>

/*
 * As the functions of these names, with their errno. Cancellation points. The
 * program's memory is for the kernel to look at first.
 */
int pp_readiness_poll(struct pollfd *fds, nfds_t count, int timeout);
int pp_readiness_ppoll(struct pollfd *fds, nfds_t count,
		       const struct timespec *timeout, const sigset_t *mask);

/*
 * Is a listener with an open room among those waited for? Reads the program's
 * memory, where there may be any.
 */
bool pp_readiness_concerns_select(int count, const fd_set *readable);

/*
 * Notes the listeners that the program was told of by a select(2) that
 * returned result. Returns that, keeps errno.
 */
int pp_readiness_selected(int result, int count, const fd_set *readable);

/* As the functions of these names, with their errno. Cancellation points. */
int pp_readiness_select(int count, fd_set *readable, fd_set *writable,
			fd_set *exceptional, struct timeval *timeout);
int pp_readiness_pselect(int count, fd_set *readable, fd_set *writable,
			 fd_set *exceptional, const struct timespec *timeout,
			 const sigset_t *mask);

#endif
