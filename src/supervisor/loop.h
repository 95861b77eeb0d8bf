/* SPDX-License-Identifier: ISC */
/*
 * What the supervisor waits for: descriptors, and times. One thing at a time,
 * so that what is dealt with may end whatever else was waited for. Calls are
 * waited for by a thread of their own (notifications.h); only who holds the lock
 * deals with anything.
 */
#ifndef PP_SUPERVISOR_LOOP_H
#define PP_SUPERVISOR_LOOP_H

#include "connection/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>

/* Part of whatever waits for a descriptor. */
struct pp_event {
	void (*ready)(struct pp_event *event, uint32_t events);
};

/* Part of whatever has a deadline; zeroed it has none. */
struct pp_timer {
	void (*expired)(struct pp_timer *timer);
	int64_t when;	/* by pp_now_ms */
	size_t place;	/* of those that run, from 1 */
};

/* The structure that a part is part of. */
#define PP_WHOLE(part, type, name) \
	((type *)(void *)((char *)(part) - offsetof(type, name)))

/* By the thread that calls pp_loop_step, which has the lock from then on. */
bool pp_loop_begin(void);

void pp_loop_lock(void);
void pp_loop_unlock(void);

/* As epoll_ctl(2); false with errno set. */
bool pp_loop_add(int fd, uint32_t events, struct pp_event *event);
bool pp_loop_change(int fd, uint32_t events, struct pp_event *event);
void pp_loop_remove(int fd);

/* Has it expire then, instead of when it was to. False without memory. */
bool pp_timer_start(struct pp_timer *timer, int64_t when);
void pp_timer_stop(struct pp_timer *timer);

/* Waits for one thing, without the lock, and deals with it. */
void pp_loop_step(void);

#endif
