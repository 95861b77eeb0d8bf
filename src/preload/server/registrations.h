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

/* The listener is closed. */
void pp_registrations_clear(struct pp_listener *listener);

/* Is any registration of the listener known? */
bool pp_registrations_any(const struct pp_listener *listener);

/* Registers the room, just opened, wherever the listener is. Locked. */
void pp_registrations_add_room(struct pp_listener *listener);

/*
 * Takes the room out of them again: where a forked child has it open, too,
 * closing it would not be enough. Locked.
 */
void pp_registrations_remove_room(struct pp_listener *listener);

/* Makes the room's registrations once more what the program asked for. Locked. */
void pp_registrations_renew_room(struct pp_listener *listener);

/*
 * Makes those of a room of the parent's, whose epoll is given, edge triggered.
 * Locked.
 */
void pp_registrations_quieten_room(struct pp_listener *listener, int room);

/* Does with the room what the program did with the listener. Locked. */
void pp_registrations_follow(struct pp_listener *listener, int epoll,
			     int operation, const struct epoll_event *event);

#endif
