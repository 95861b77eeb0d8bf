/* SPDX-License-Identifier: ISC */
/* What waiting with poll(2) and with select(2) have in common. */
#ifndef PP_PRELOAD_SERVER_POLL_PARTS_H
#define PP_PRELOAD_SERVER_POLL_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/*
 * The room to wait for beside a descriptor: its own, or -1. In a process with
 * threads a listener gets its room before it needs one: while this thread
 * sleeps another may let a connection wait.
 */
int pp_readiness_room(int fd);

/* Can a room be among what the program waits for? Two loads if not. */
bool pp_readiness_may_concern(void);

/* Notes that the program waits for this descriptor, if it is a listener. */
void pp_readiness_note_watched(int fd);

/* False for what is no timeout, and is for the kernel to refuse. */
bool pp_is_timeout(const struct timespec *timeout);

/* A timeout that goes on over several waits, in nanoseconds of the clock. */
struct pp_timer {
	bool endless;
	int64_t end;
};

/* One that begins now; NULL for no timeout. */
struct pp_timer pp_timer_start(const struct timespec *timeout);

/* What is left of it, in *left; NULL where it has no end. */
const struct timespec *pp_timer_left(const struct pp_timer *timer,
				     struct timespec *left);

/* Has it run out? */
bool pp_timer_is_over(const struct pp_timer *timer);

/* Memory for as long as a function of the program's waits. */
struct pp_mapping {
	void *at;
	size_t size;
};

/* Gives it back, as pthread_cleanup_push(3) has it. Keeps errno. */
void pp_mapping_free(void *mapping);

#endif
