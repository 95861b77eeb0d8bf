/* SPDX-License-Identifier: ISC */
/* Registrations with the program's epolls; see registrations.h. */
#include <config.h>

#include "preload/server/registrations.h"

#include "preload/real.h"

#include <errno.h>
#include <sys/socket.h>

/*
 * The room's part of what the program asked of its listener. EPOLLEXCLUSIVE is
 * not for an epoll within an epoll, and the room is of this process only.
 */
static struct epoll_event for_room(uint32_t events, uint64_t data)
{
	struct epoll_event event = { .data.u64 = data };

	if (events & (EPOLLIN | EPOLLRDNORM))
		event.events = EPOLLIN;
	event.events |= events & (EPOLLET | EPOLLONESHOT | EPOLLWAKEUP);
	return event;
}

static void note(struct pp_registration *registration, int epoll,
		 int operation, const struct epoll_event *event)
{
	if (operation == EPOLL_CTL_DEL) {
		if (atomic_load(&registration->epoll) == epoll + 1)
			atomic_store(&registration->epoll, 0);
		return;
	}
	atomic_store_explicit(&registration->events, event->events,
			      memory_order_relaxed);
	atomic_store_explicit(&registration->data, event->data.u64,
			      memory_order_relaxed);
	atomic_store_explicit(&registration->epoll, epoll + 1,
			      memory_order_seq_cst);
}

/* The place of an epoll among count of them, or with make a free one. */
static struct pp_registration *find_place(struct pp_registration *places,
					  size_t count, int epoll, bool make)
{
	int none;

	for (size_t i = 0; i < count; i++)
		if (atomic_load(&places[i].epoll) == epoll + 1)
			return &places[i];
	for (size_t i = 0; make && i < count; i++) {
		none = 0;
		if (atomic_compare_exchange_strong(&places[i].epoll, &none,
						   epoll + 1))
			return &places[i];
	}
	return NULL;
}

/*
 * Nobody tells when the descriptor is closed: those of others that had its
 * number are here as well, and give way.
 */
void pp_registrations_note_early(struct pp_early *early, int epoll,
				 int operation, const struct epoll_event *event)
{
	bool make = operation != EPOLL_CTL_DEL;
	struct pp_registration *place = find_place(
		early->registrations, PP_EARLY_EPOLLS, epoll, make);

	if (place == NULL && make)
		place = &early->registrations[atomic_fetch_add(&early->turn,
							       1) %
					      PP_EARLY_EPOLLS];
	if (place != NULL)
		note(place, epoll, operation, event);
}

void pp_registrations_note(struct pp_listener *listener, int epoll,
			   int operation, const struct epoll_event *event)
{
	struct pp_registration *place =
		find_place(listener->registrations, PP_LISTENER_EPOLLS, epoll,
			   operation != EPOLL_CTL_DEL);

	if (place != NULL)
		note(place, epoll, operation, event);
}

bool pp_registrations_adopt(struct pp_listener *listener,
			    struct pp_early *early)
{
	bool any = false;

	for (size_t i = 0; i < PP_EARLY_EPOLLS; i++) {
		struct pp_registration *from = &early->registrations[i];
		struct pp_registration *to = &listener->registrations[i];
		/* whoever has the number next has others */
		int epoll = atomic_exchange(&from->epoll, 0);

		if (epoll != 0) {
			atomic_store(&to->events, atomic_load(&from->events));
			atomic_store(&to->data, atomic_load(&from->data));
			atomic_store(&to->epoll, epoll);
		}
		any |= atomic_load(&to->epoll) != 0;
	}
	return any;
}

void pp_registrations_clear(struct pp_listener *listener)
{
	for (size_t i = 0; i < PP_LISTENER_EPOLLS; i++)
		if (atomic_load(&listener->registrations[i].epoll) != 0)
			atomic_store(&listener->registrations[i].epoll, 0);
}

bool pp_registrations_any(const struct pp_listener *listener)
{
	for (size_t i = 0; i < PP_LISTENER_EPOLLS; i++)
		if (atomic_load(&listener->registrations[i].epoll) != 0)
			return true;
	return false;
}

/*
 * Is the listener still registered there? The epoll may have been closed, and
 * another have its number: its owner must not hear of a listener it does not
 * know. Adding what is there already changes nothing and fails with EEXIST.
 * What was not there has no events but EPOLLERR and EPOLLHUP meanwhile, and
 * a socket that listens has neither: its owner hears of nothing.
 */
static bool is_registered(const struct pp_listener *listener, int epoll)
{
	struct epoll_event nothing = { .events = 0 };
	int listens = 0;

	if (getsockopt(listener->fd, SOL_SOCKET, SO_ACCEPTCONN, &listens,
		       &(socklen_t){ sizeof(listens) }) != 0 ||
	    !listens)
		return false;
	if (real_epoll_ctl(epoll, EPOLL_CTL_ADD, listener->fd, &nothing) == 0) {
		real_epoll_ctl(epoll, EPOLL_CTL_DEL, listener->fd, NULL);
		return false;
	}
	return errno == EEXIST;
}

void pp_registrations_add_room(struct pp_listener *listener)
{
	for (size_t i = 0; i < PP_LISTENER_EPOLLS; i++) {
		struct pp_registration *place = &listener->registrations[i];
		int epoll = atomic_load(&place->epoll) - 1;
		struct epoll_event event = for_room(
			atomic_load(&place->events), atomic_load(&place->data));

		if (epoll < 0)
			continue;
		if (is_registered(listener, epoll))
			real_epoll_ctl(epoll, EPOLL_CTL_ADD,
				       listener->room.epoll, &event);
		else
			atomic_store(&place->epoll, 0);
	}
}

void pp_registrations_remove_room(struct pp_listener *listener)
{
	for (size_t i = 0; i < PP_LISTENER_EPOLLS; i++) {
		int epoll = atomic_load(&listener->registrations[i].epoll) - 1;

		if (epoll >= 0)
			real_epoll_ctl(epoll, EPOLL_CTL_DEL,
				       listener->room.epoll, NULL);
	}
}

/*
 * Registers an epoll that is registered already, with these events added, where
 * it is level triggered: to others that would be one more event.
 */
static void change_room(struct pp_listener *listener, int room, uint32_t added)
{
	for (size_t i = 0; i < PP_LISTENER_EPOLLS; i++) {
		struct pp_registration *place = &listener->registrations[i];
		int epoll = atomic_load(&place->epoll) - 1;
		struct epoll_event event = for_room(
			atomic_load(&place->events), atomic_load(&place->data));

		if (epoll < 0 || (event.events & (EPOLLET | EPOLLONESHOT)))
			continue;
		event.events |= added;
		real_epoll_ctl(epoll, EPOLL_CTL_MOD, room, &event);
	}
}

void pp_registrations_renew_room(struct pp_listener *listener)
{
	change_room(listener, listener->room.epoll, 0);
}

void pp_registrations_quieten_room(struct pp_listener *listener, int room)
{
	change_room(listener, room, EPOLLET);
}

void pp_registrations_follow(struct pp_listener *listener, int epoll,
			     int operation, const struct epoll_event *event)
{
	int room = listener->room.epoll;
	struct epoll_event own;

	if (operation == EPOLL_CTL_DEL) {
		real_epoll_ctl(epoll, EPOLL_CTL_DEL, room, NULL);
		return;
	}
	own = for_room(event->events, event->data.u64);
	if (real_epoll_ctl(epoll, EPOLL_CTL_MOD, room, &own) != 0 &&
	    errno == ENOENT)
		real_epoll_ctl(epoll, EPOLL_CTL_ADD, room, &own);
}
