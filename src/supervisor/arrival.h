/* SPDX-License-Identifier: ISC */
/*
 * One call of accept, and what it is given: a connection is accepted here,
 * judged (admission.h), and handed over to the thread that waits.
 */
#ifndef PP_SUPERVISOR_ARRIVAL_H
#define PP_SUPERVISOR_ARRIVAL_H

#include "supervisor/filter.h"
#include "supervisor/held_connections.h"
#include "supervisor/listeners.h"
#include "supervisor/memory.h"
#include "supervisor/tracee.h"

/* One call, and the connection that it is at. */
struct pp_arrival {
	const struct pp_call *call;
	struct pp_tracee *process;
	struct pp_rules *rules;
	struct pp_listener *listener;
	int fd;			/* the listener */
	bool blocks;
	bool has_accepted;	/* something, in this call */
	bool was_patient;	/* in this call */
	struct pp_waiting *awaited;	/* a connection's header */
	int more_tries;
	struct pp_memory_name to;
	struct pp_waiting at;	/* the connection */
};

/* What became of a call. */
enum pp_outcome {
	PP_GOES_ON,	/* with the next connection */
	PP_ANSWERED,
	PP_WAITS,		/* for the listener, or what is awaited */
};

/* The flags of accept4; 0 of accept. */
int pp_arrival_flags(const struct pp_call *call);

/* Finds a connection for the call: it is answered, or waits. */
enum pp_outcome pp_arrival_serve(struct pp_arrival *arrival);

/*
 * The call does not wait any more for a connection that stays late: hands over
 * what stands in for that. False where the call may go on with the next one.
 */
bool pp_arrival_stand_in(struct pp_arrival *arrival,
			 const struct pp_waiting *late);

#endif
