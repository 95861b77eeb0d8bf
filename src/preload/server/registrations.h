/* SPDX-License-Identifier: ISC */
/*
 * With which of the program's epolls a listener is registered, and the same
 * registrations for its waiting room: so a program that waits with epoll is
 * woken when a connection in the room can be handed over.
 */
#ifndef PP_PRELOAD_SERVER_REGISTRATIONS_H
#define PP_PRELOAD_SERVER_REGISTRATIONS_H

#include "preload/server/listeners.h"

/* Keeps a successful epoll_ctl(2) in one of count places. */
void pp_registrations_keep(struct pp_registration *places, size_t count,
			   int epoll, int operation,
			   const struct epoll_event *event);

/*
 * Gives the listener what was kept in other places. Has it any registration
 * now?
 */
bool pp_registrations_move(struct pp_listener *listener,
			   struct pp_registration *from, size_t count);

/* The listener is closed. */
void pp_registrations_clear(struct pp_listener *listener);

/* Is any registration of the listener known? */
bool pp_registrations_any(const struct pp_listener *listener);

/*
 * Registers the room wherever the listener is, and forgets where it is not any
 * more. Locked.
 */
void pp_registrations_add_room(struct pp_listener *listener);

/*
 * With EPOLL_CTL_DEL takes a room, whose epoll is given, out of them again:
 * where a forked process has it open, too, closing it would not be enough. With
 * EPOLL_CTL_MOD makes them once more what the program asked for, and adds these
 * events, where they are level triggered: for others that would be one more
 * event. Locked.
 */
void pp_registrations_change_room(struct pp_listener *listener, int room,
				  int operation, uint32_t added);

/* Does with the room, if it is open, what epoll_ctl(2) did with the listener. */
void pp_registrations_follow(struct pp_listener *listener, int epoll,
			     int operation, const struct epoll_event *event);

/*
 * The listener's room was opened. Where the program was never seen to wait for
 * it, though it must (by raw system calls, or by io_uring(7), as libuv does),
 * its registrations are looked up, and kept as by pp_listeners_after_epoll_ctl.
 * Locked. No cancellation point, keeps errno.
 */
void pp_epolls_look_up(struct pp_listener *listener);

#endif
