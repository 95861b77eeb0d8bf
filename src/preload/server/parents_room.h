/* SPDX-License-Identifier: ISC */
/*
 * An epoll that a forked process shares with its parent has the parent's room.
 * When a connection in there is ready both are woken, and only the parent's
 * accept(2) finds it. Where the parent does not accept, the other one would be
 * woken for ever: it gives the parent a second to come, and then makes the
 * registration edge triggered. For that its copies of the room's epoll, and of
 * the timer by which that is known, stay open. The parent's next accept makes it
 * what it was.
 *
 * All of this is for the holder of the lock of rooms.c.
 */
#ifndef PP_PRELOAD_SERVER_PARENTS_ROOM_H
#define PP_PRELOAD_SERVER_PARENTS_ROOM_H

#include "preload/server/listeners.h"

/*
 * Keeps the epoll of the listener's room, which is abandoned, as that of the
 * parent's. It is marked no longer: whoever closes it may.
 */
void pp_parents_room_keep(struct pp_listener *listener);

/* Closes it, if there is one and the program has not. */
void pp_parents_room_close(struct pp_listener *listener);

#endif
