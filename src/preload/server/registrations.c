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

/* The place of an epoll among count of them, or with make one for it. */
static struct pp_registration *find_place(struct pp_registration *places,
					  size_t count, int epoll, bool make)
{
	int none;

	for (size_t i = 0; i < count; i++)
		if (atomic_load(&places[i].epoll) == epoll + 1)
			return &places[i];
	if (!make)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		none = 0;
		if (atomic_compare_exchange_strong(&places[i].epoll, &none,
						   epoll + 1))
			return &places[i];
	}
	/* what was registered by another file of the number gives way */
	return &places[(size_t)epoll % count];
}

void pp_registrations_note(struct pp_registration *places, size_t count,
			   int epoll, int operation,
			   const struct epoll_event *event)
{
	bool make = operation != EPOLL_CTL_DEL;
	struct pp_registration *place = find_place(places, count, epoll, make);

	if (place == NULL)
		return;
	if (make) {
		atomic_store_explicit(&place->events, event->events,
				      memory_order_relaxed);
		atomic_store_explicit(&place->data, event->data.u64,
				      memory_order_relaxed);
	}
	atomic_store(&place->epoll, make ? epoll + 1 : 0);
}

bool pp_registrations_move(struct pp_listener *listener,
			   struct pp_registration *from, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct epoll_event event = {
			.events = atomic_load(&from[i].events),
			.data.u64 = atomic_load(&from[i].data),
		};
		int epoll = atomic_load(&from[i].epoll) - 1;

		if (epoll < 0)
			continue;
		atomic_store(&from[i].epoll, 0);
		pp_registrations_note(listener->registrations,
				      PP_LISTENER_EPOLLS, epoll, EPOLL_CTL_ADD,
				      &event);
	}
	return pp_registrations_any(listener);
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

/* The epoll in a place, and the room's part of the event; -1 for none. */
static int get_registration(const struct pp_registration *place,
			    struct epoll_event *event)
{
	*event = for_room(atomic_load(&place->events),
			  atomic_load(&place->data));
	return atomic_load(&place->epoll) - 1;
}

static void set_room(int epoll, int room, struct epoll_event *event)
{
	if (real_epoll_ctl(epoll, EPOLL_CTL_MOD, room, event) != 0 &&
	    errno == ENOENT)
		real_epoll_ctl(epoll, EPOLL_CTL_ADD, room, event);
}

void pp_registrations_add_room(struct pp_listener *listener)
{
	for (size_t i = 0; i < PP_LISTENER_EPOLLS; i++) {
		struct pp_registration *place = &listener->registrations[i];
		struct epoll_event event;
		int epoll = get_registration(place, &event);

		if (epoll >= 0 && is_registered(listener, epoll))
			set_room(epoll, listener->room.epoll, &event);
		else if (epoll >= 0)
			atomic_store(&place->epoll, 0);
	}
}

void pp_registrations_change_room(struct pp_listener *listener, int room,
				  int operation, uint32_t added)
{
	const uint32_t once = operation == EPOLL_CTL_DEL
				      ? 0
				      : EPOLLET | EPOLLONESHOT;

	for (size_t i = 0; i < PP_LISTENER_EPOLLS; i++) {
		struct epoll_event event;
		int epoll = get_registration(&listener->registrations[i],
					     &event);

		if (epoll < 0 || (event.events & once))
			continue;
		event.events |= added;
		real_epoll_ctl(epoll, operation, room, &event);
	}
}

void pp_registrations_follow(struct pp_listener *listener, int epoll,
			     int operation, const struct epoll_event *event)
{
	struct epoll_event own;

	if (operation == EPOLL_CTL_DEL) {
		real_epoll_ctl(epoll, operation, listener->room.epoll, NULL);
		return;
	}
	own = for_room(event->events, event->data.u64);
	set_room(epoll, listener->room.epoll, &own);
}
