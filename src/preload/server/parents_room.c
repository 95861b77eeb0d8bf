/* SPDX-License-Identifier: ISC */
/* A room of the parent's that may wake this process; see parents_room.h. */
#include <config.h>

#include "preload/server/parents_room.h"

#include "preload/real.h"
#include "preload/server/descriptors.h"
#include "preload/server/registrations.h"

#include <poll.h>

/* It has woken this process so often in vain, and for so long. */
#define USELESS_TRIES 16
#define USELESS_SLEEP 5		/* milliseconds */
#define USELESS_TIME 1000

void pp_parents_room_close(struct pp_listener *listener)
{
	struct pp_room *room = &listener->parents;
	bool timed;

	if (!atomic_exchange(&listener->has_parents, false))
		return;
	timed = pp_room_has_timer(room);
	if (pp_room_stands(room))
		real_close(room->epoll);
	if (timed)
		real_close(room->timer);
}

void pp_parents_room_keep(struct pp_listener *listener)
{
	pp_parents_room_close(listener);
	listener->parents = listener->room;
	listener->useless = 0;
	pp_descriptors_forget(listener->room.epoll);
	pp_descriptors_forget(listener->room.timer);
	atomic_store(&listener->has_parents, true);
}

int pp_parents_room_sleep(struct pp_listener *listener)
{
	struct pollfd room = { .fd = listener->parents.epoll, .events = POLLIN };
	int64_t now = pp_now();

	if (!pp_room_stands(&listener->parents)) {
		pp_parents_room_close(listener);
		return 0;
	}
	if (real_poll(&room, 1, 0) != 1) {
		listener->useless = 0;
		return 0;
	}
	if (listener->useless++ == 0)
		listener->useless_since = now;
	if (listener->useless <= USELESS_TRIES)
		return 0;
	if (now - listener->useless_since < USELESS_TIME)
		return USELESS_SLEEP;
	pp_registrations_quieten_room(listener, room.fd);
	pp_parents_room_close(listener);
	return 0;
}
