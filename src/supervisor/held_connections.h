/* SPDX-License-Identifier: ISC */
/*
 * Connections that the supervisor holds: late ones, whose header is not whole
 * yet, and those that are ready, for the next call of accept.
 */
#ifndef PP_SUPERVISOR_HELD_CONNECTIONS_H
#define PP_SUPERVISOR_HELD_CONNECTIONS_H

#include "connection/admission.h"
#include "supervisor/listeners.h"
#include "supervisor/loop.h"
#include "supervisor/process_settings.h"

struct pp_pending;

struct pp_waiting {
	struct pp_receive receive;
	struct pp_decision decision;
	struct pp_listener *listener;
	const struct pp_rules *rules;
	union pp_address proxy;		/* as the kernel names it */
	union pp_address name;		/* as it will be told, once ready */
	struct pp_pending *pending;	/* the call that waits for this one */
	int low_water;			/* SO_RCVLOWAT, as it was accepted */
	struct pp_event moved;
	struct pp_timer overdue;
	struct pp_waiting *next;	/* of those that are ready */
	struct pp_waiting *older, *newer;	/* of those that are late */
};

/* So many descriptors may be of connections that are late. */
void pp_waiting_begin(size_t most);

/*
 * Has a connection wait for its header. It has *receive from now on. NULL
 * without memory or descriptors: nothing has changed.
 */
struct pp_waiting *pp_waiting_add_late(struct pp_listener *listener,
				       const struct pp_rules *rules,
				       const union pp_address *proxy,
				       const struct pp_receive *receive);

/* Keeps one that was judged, and not handed over; it is the next. */
void pp_waiting_keep(struct pp_listener *listener,
		     const struct pp_waiting *connection);

/* The next one that is ready: the caller's, to be freed or put back. */
struct pp_waiting *pp_waiting_take_ready(struct pp_listener *listener);
void pp_waiting_put_back(struct pp_waiting *waiting);

/* Makes it as its client's reset would have left it, with the note of that. */
void pp_waiting_reset(struct pp_waiting *waiting);

/* Closes it, and frees it; or only the latter. */
void pp_waiting_close(struct pp_waiting *waiting);
void pp_waiting_free(struct pp_waiting *waiting);

/* Judges the oldest late one as if its time were up. False: there is none. */
bool pp_waiting_give_up_oldest(void);

/*
 * One is to be handed over, by its decision: leaves its note, where it had a
 * header, which is in peeked or in memory of its own, and finds what will be
 * told of it.
 */
void pp_waiting_admit(struct pp_waiting *waiting, const uint8_t *peeked);

#endif
