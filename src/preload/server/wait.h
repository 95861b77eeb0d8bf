/* SPDX-License-Identifier: ISC */
/*
 * Whose turn it is in accept(2): somebody in the listener's waiting room or
 * the kernel's queue. Waits for either where the program's listener blocks.
 */
#ifndef PP_PRELOAD_SERVER_WAIT_H
#define PP_PRELOAD_SERVER_WAIT_H

#include "preload/server/accept.h"
#include "preload/server/listeners.h"

enum pp_turn {
	PP_TURN_ROOM,		/* look into the room */
	PP_TURN_KERNEL,		/* call accept(2) as it is */
	PP_TURN_KERNEL_NOW,	/* call it, but do not let it block */
	PP_TURN_NONE,		/* fail with errno */
};

/* What one call of accept keeps while it waits; zeroed at first. */
struct pp_patience {
	bool turned_away;	/* a connection was dropped, or let wait */
	bool waited;
	bool napped;		/* at the gate, see wait.c */
	int64_t deadline;	/* SO_RCVTIMEO's, once waited; -1 for none */
	int lapse;		/* errno when it is over */
	int gate;		/* to be armed again after the call, + 1 */
};

/* Waits as the program's listener does. A cancellation point. */
enum pp_turn pp_wait_turn(struct pp_listener *listener,
			  struct pp_patience *patience);

/* The accept(2) that PP_TURN_KERNEL and PP_TURN_KERNEL_NOW ask for. */
int pp_wait_accept(const struct pp_accept_call *call, enum pp_turn turn,
		   struct pp_patience *patience, struct sockaddr *address,
		   socklen_t *length);

/*
 * accept(2) failed with EAGAIN: was that because another process, or a thread,
 * had made the listener non-blocking for a moment?
 */
bool pp_wait_was_transient(struct pp_listener *listener);

/* In a forked child: the threads that wait are the parent's. */
void pp_wait_note_fork(void);

/* Does the program's accept on it block? One system call. */
bool pp_wait_blocks(struct pp_listener *listener);

#endif
