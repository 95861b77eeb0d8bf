/* SPDX-License-Identifier: ISC */
/*
 * The waiting rooms of the program's listeners: what listeners.c needs of them.
 * Others find their functions in listeners.h.
 */
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

#endif
