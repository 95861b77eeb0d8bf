/* SPDX-License-Identifier: ISC */
/*
 * What accept looks at next, the listener's waiting room or the kernel's queue,
 * how it waits for either where the program's listener blocks, and the call of
 * the kernel's accept(2).
 */
#ifndef PP_PRELOAD_SERVER_WAIT_H
#define PP_PRELOAD_SERVER_WAIT_H

#include "preload/server/listeners.h"

struct pp_accept_call;

enum pp_wait_for {
	PP_WAIT_ROOM,		/* look into the room */
	PP_WAIT_KERNEL,		/* call accept(2) as it is */
	PP_WAIT_KERNEL_NOW,	/* call it, but do not let it block */
	PP_WAIT_FAILED,		/* fail with errno */
};

/* What one call of accept keeps while it waits; zeroed at first. */
struct pp_wait {
	int64_t deadline;	/* SO_RCVTIMEO's; -1 for none, 0 not started */
	struct pp_listener *to_arm;	/* in this epoll, after accept(2) */
	int threads_epoll;
};

/*
 * Waits as the program's accept would, for a connection in the kernel's queue
 * or one in the room. A cancellation point.
 */
enum pp_wait_for pp_wait_next(struct pp_listener *listener,
			      struct pp_wait *wait);

/*
 * The program's accept goes on, though a connection came: its SO_RCVTIMEO, if
 * it has one, is counted from the first time on.
 */
void pp_wait_start(const struct pp_listener *listener, struct pp_wait *wait);

/* The accept(2) that PP_WAIT_KERNEL and PP_WAIT_KERNEL_NOW ask for. */
int pp_wait_kernel_accept(const struct pp_accept_call *call,
			  enum pp_wait_for what, struct pp_wait *wait,
			  struct sockaddr *address, socklen_t *length);

/*
 * accept(2) failed with EAGAIN: was that because a call of PP_WAIT_KERNEL_NOW,
 * in another thread or process, had made the listener non-blocking?
 */
bool pp_wait_was_borrowed(struct pp_listener *listener);

/* In a forked child: no other thread is there that borrows flags. */
void pp_wait_in_child(void);

/* Does the program's accept on this listener block? One system call. */
bool pp_wait_blocks(struct pp_listener *listener);

#endif
