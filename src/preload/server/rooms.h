/* SPDX-License-Identifier: ISC */
/*
 * The waiting rooms of the program's listeners: what listeners.c needs of them.
 * Others find their functions in listeners.h.
 */
#ifndef PP_PRELOAD_SERVER_ROOMS_H
#define PP_PRELOAD_SERVER_ROOMS_H

#include "preload/server/listeners.h"

/* Closes a room that is not of the socket that is on the descriptor now. */
void pp_rooms_check(struct pp_listener *listener);

/* Does with the room, if it is open, what epoll_ctl(2) did with the listener. */
void pp_rooms_follow(struct pp_listener *listener, int epoll, int operation,
		     const struct epoll_event *event);

/* The listener is about to be closed: so is its room. */
void pp_rooms_close(struct pp_listener *listener);

#endif
