/* SPDX-License-Identifier: ISC */
/* A room of the parent's that may wake this process; see rooms.h. */
#include <config.h>

#include "preload/server/rooms.h"

#include "preload/real.h"
#include "preload/server/descriptors.h"
#include "preload/server/poll.h"
#include "preload/server/registrations.h"

#include <errno.h>
#include <poll.h>

/* It may wake this process in vain so often, which sleeps so long each time. */
#define TRIES 200
#define SLEEP 5		/* milliseconds */

void pp_parents_room_close(struct pp_listener *listener)
{
	struct pp_room *room = &listener->parents;
	bool timed;

	if (!atomic_exchange(&listener->has_parents, false))
		return;
	timed = pp_room_has_timer(room);
	if (pp_room_is_intact(room))
		real_close(room->epoll);
	if (timed)
		real_close(room->timer);
}

void pp_parents_room_keep(struct pp_listener *listener)
{
	pp_parents_room_close(listener);
	listener->parents = listener->room;
	listener->vain_wakes = 0;
	pp_descriptors_forget(listener->room.epoll);
	pp_descriptors_forget(listener->room.timer);
	atomic_store(&listener->has_parents, true);
}

/* Is this process to give the parent time? */
static bool wakes_in_vain(struct pp_listener *listener)
{
	struct pollfd room = { .events = POLLIN };

	PP_HOLD_ROOMS(held);
	room.fd = listener->parents.epoll;
	if (!atomic_load(&listener->has_parents))
		return false;
	if (!pp_room_is_intact(&listener->parents)) {
		pp_parents_room_close(listener);
		return false;
	}
	if (pp_poll_kernel(&room, 1, 0) != 1) {
		listener->vain_wakes = 0;
		return false;
	}
	if (++listener->vain_wakes < TRIES)
		return true;
	pp_registrations_change_room(listener, room.fd, EPOLL_CTL_MOD, EPOLLET);
	pp_parents_room_close(listener);
	return false;
}

void pp_parents_room_yield(struct pp_listener *listener)
{
	int error = errno;

	if (atomic_load(&listener->has_parents) && wakes_in_vain(listener))
		pp_poll_kernel(NULL, 0, SLEEP);
	errno = error;
}
