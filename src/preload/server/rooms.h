/* SPDX-License-Identifier: ISC */
/* The waiting rooms of the program's listeners, and the lock of all. */
#ifndef PP_PRELOAD_SERVER_ROOMS_H
#define PP_PRELOAD_SERVER_ROOMS_H

#include "preload/server/listeners.h"

#include <signal.h>

/* A thread that has the lock of all rooms: what it was before. */
struct pp_rooms_held {
	sigset_t signals;
	int error;	/* errno, afterwards */
};

struct pp_rooms_held pp_rooms_hold(void);
void pp_rooms_release(struct pp_rooms_held *held);

/* Holds the lock as long as the block lasts. Then errno is held.error. */
#define PP_HOLD_ROOMS(held)                                         \
	__attribute__((cleanup(pp_rooms_release), unused))          \
	struct pp_rooms_held held = pp_rooms_hold()

/*
 * Lets a connection wait, where descriptors are short in place of the one that
 * has waited longest in this process. False where that is not possible; then
 * nothing was taken.
 */
bool pp_rooms_enter(struct pp_listener *listener,
		    const struct pp_waiting *waiting);

/*
 * The next connection that can be judged: 1, or 0 if there is none yet.
 * -1 with errno set where the program has no descriptor left for it. Looks at
 * some at a time, see pp_room_advance.
 */
int pp_rooms_take_ready(struct pp_listener *listener,
			struct pp_waiting *waiting, struct pp_room_look *look);

/* Can one be handed over? The program is about to be told so. */
bool pp_rooms_look_for_poll(struct pp_listener *listener);

/*
 * Descriptors are short: gives up the connection that has waited longest in
 * this process. False if none waits.
 */
bool pp_rooms_give_up_oldest(void);

/* Opens the room before it is needed, for those who wait for it. */
bool pp_rooms_open(struct pp_listener *listener);

/* The epoll at which threads wait for it, see wait.c, or -1. Makes it. */
int pp_rooms_threads_epoll(struct pp_listener *listener);

/* Is any room open? One load. */
bool pp_rooms_any_open(void);

/*
 * Are there open rooms, and are they of this process? A child of vfork has our
 * memory, and one of a bare clone(2) a copy of it, of which nobody told us.
 */
bool pp_rooms_are_own(void);

/*
 * Is the room there, of this process and of the socket that is on the
 * descriptor now, and has the program left it alone? What is not is discarded.
 * Locked.
 */
bool pp_rooms_validate(struct pp_listener *listener);

/* The first listener with an open room, and by next_open all others. Locked. */
struct pp_listener *pp_rooms_first(void);

/* Closes a room that is not of the socket that is on the descriptor now. */
void pp_rooms_check(struct pp_listener *listener);

/* Is a connection in any of them? One load. */
bool pp_rooms_any_used(void);

/* How many were opened, ever, and 1: it changes with each. */
unsigned pp_rooms_opened(void);

/* The listener with an open room whose socket has this cookie, or NULL. */
struct pp_listener *pp_rooms_find(uint64_t cookie);

/*
 * The listener is about to be closed: so is its room. But where a connection
 * waits, and the socket has another descriptor, the record is that one's from
 * now on: false.
 */
bool pp_rooms_close(struct pp_listener *listener);

/* Closes the room and all that wait in it. Locked. */
void pp_rooms_discard(struct pp_listener *listener);

/*
 * Around fork(2): no thread is at the rooms meanwhile. Those that wait are the
 * parent's: the child has none.
 */
void pp_rooms_before_fork(void);
void pp_rooms_after_fork(void);
void pp_rooms_in_child(void);

/*
 * An epoll that a forked process shares with its parent has the parent's room.
 * When a connection in there is ready both are woken, and only the parent's
 * accept(2) finds it. Where the parent does not accept, the other one would be
 * woken for ever: it gives the parent a second to come, and then makes the
 * registration edge triggered. For that its copies of the room's epoll, and of
 * the timer by which that is known, stay open. The parent's next accept makes it
 * what it was.
 */

/*
 * Keeps the epoll of the listener's room, which is abandoned, as that of the
 * parent's. It is marked no longer: the program may close it. Locked.
 */
void pp_parents_room_keep(struct pp_listener *listener);

/* Closes it, if there is one and the program has not. Locked. */
void pp_parents_room_close(struct pp_listener *listener);

/*
 * accept(2) found nothing. Where an epoll is shared with the parent, and its
 * room has woken this process, this sleeps for 5 ms, and after a second ends it.
 * One load where nothing is shared; keeps errno.
 */
void pp_parents_room_yield(struct pp_listener *listener);

#endif
