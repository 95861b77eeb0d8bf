/* SPDX-License-Identifier: ISC */
/*
 * With which of the program's epolls a listener is registered, and the same
 * registrations for its waiting room: so a program that waits with epoll is
 * woken when somebody in the room can be handed over.
 */
#ifndef PP_REGISTRATIONS_H
#define PP_REGISTRATIONS_H

#include "listeners.h"

/* Notes a successful epoll_ctl(2) in one place. */
void pp_registration_note(struct pp_registration *registration, int epoll,
			  int operation, const struct epoll_event *event);

/* The same for a listener, which may be registered with several epolls. */
void pp_registrations_note(struct pp_listener *listener, int epoll,
			   int operation, const struct epoll_event *event);

/* Takes what was noted before the listener was known as one. */
void pp_registrations_adopt(struct pp_listener *listener,
			    struct pp_registration *from);

/* Is any registration of the listener known? */
bool pp_registrations_any(const struct pp_listener *listener);

/* Registers the room, just opened, wherever the listener is. Locked. */
void pp_registrations_add_room(struct pp_listener *listener);

/* Does with the room what the program did with the listener. Locked. */
void pp_registrations_follow(struct pp_listener *listener, int epoll,
			     int operation, const struct epoll_event *event);

#endif
