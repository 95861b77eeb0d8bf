/* SPDX-License-Identifier: ISC */
/*
 * Calls of accept that wait: for a connection to the listener, or for the
 * header of the one that they got.
 */
#ifndef PP_SUPERVISOR_PENDING_CALLS_H
#define PP_SUPERVISOR_PENDING_CALLS_H

#include "supervisor/filter.h"
#include "supervisor/listeners.h"
#include "supervisor/loop.h"
#include "supervisor/tracee.h"

struct pp_pending {
	struct pp_call call;
	struct pp_listener *listener;
	struct pp_tracee *process;
	struct pp_waiting *awaited;	/* its header; NULL: the listener */
	bool was_patient;		/* it waits for no other one's */
	struct pp_timer timeout;	/* SO_RCVTIMEO's, or of patience */
	int64_t deadline;		/* SO_RCVTIMEO's; 0: there is none */
	struct pp_pending *next;	/* of the same bucket */
	struct pp_pending *previous_here, *next_here;	/* of the listener */
	struct pp_pending *previous_of, *next_of;	/* of the process */
};

/* Adds one, the last of its listener and process. NULL without memory. */
struct pp_pending *pp_pending_add(const struct pp_call *call,
				  struct pp_listener *listener,
				  struct pp_tracee *process);

/* It is answered, or over. */
void pp_pending_end(struct pp_pending *pending);

/* It waits for that connection's header; or again, as the next, its listener. */
void pp_pending_await(struct pp_pending *pending, struct pp_waiting *awaited);
void pp_pending_join_listener(struct pp_pending *pending);

/* The one that the thread waits in, or NULL. */
struct pp_pending *pp_pending_of(int tid);

/* The thread waits in none any more. */
void pp_pending_is_over(int tid);

/* Nor do all of the process. */
void pp_pending_are_over(struct pp_tracee *process);

#endif
