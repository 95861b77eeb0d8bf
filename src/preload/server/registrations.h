/* SPDX-License-Identifier: ISC */
/*
 * With which of the program's epolls a listener is registered, and the same
 * registrations for its waiting room: so a program that waits with epoll is
 * woken when somebody in the room can be handed over.
 */
#ifndef PP_PRELOAD_SERVER_REGISTRATIONS_H
#define PP_PRELOAD_SERVER_REGISTRATIONS_H

#include "preload/server/listeners.h"

/* Notes a successful epoll_ctl(2) of what is not known as a listener. */
void pp_registrations_note_early(struct pp_early *early, int epoll,
				 int operation,
				 const struct epoll_event *event);

/* The same of a listener. */
void pp_registrations_note(struct pp_listener *listener, int epoll,
			   int operation, const struct epoll_event *event);

/* Takes what was noted before the listener was known as one. Was anything? */
bool pp_registrations_adopt(struct pp_listener *listener,
			    struct pp_early *early);

/* Is any registration of the listener known? */
bool pp_registrations_any(const struct pp_listener *listener);

/* Registers the room, just opened, wherever the listener is. Locked. */
void pp_registrations_add_room(struct pp_listener *listener);

/* Does with the room what the program did with the listener. Locked. */
void pp_registrations_follow(struct pp_listener *listener, int epoll,
			     int operation, const struct epoll_event *event);

#endif
