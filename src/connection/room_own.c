/* SPDX-License-Identifier: ISC */
/* Whether the waiting room's descriptors are its own; see room.h. */
#include <config.h>

#include "connection/room.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#ifndef SO_COOKIE
#define SO_COOKIE 57
#endif

uint64_t pp_room_cookie(int fd)
{
	uint64_t cookie = 0;
	socklen_t length = sizeof(cookie);

	getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &length);
	return cookie;
}

bool pp_room_has_timer(const struct pp_room *room)
{
	struct itimerspec timer;

	return timerfd_gettime(room->timer, &timer) == 0 &&
	       timer.it_interval.tv_sec == PP_ROOM_REPEAT &&
	       timer.it_interval.tv_nsec == room->timer_mark;
}

/*
 * Only an epoll that the room's timer was registered with lets that be
 * changed, and the same again is no change.
 */
static bool watches_timer(const struct pp_room *room, int epoll,
			  uint32_t events)
{
	struct epoll_event event = { .events = events, .data.u64 = 0 };

	return room->policy.epoll_ctl(epoll, EPOLL_CTL_MOD, room->timer,
				      &event) == 0;
}

bool pp_room_stands(const struct pp_room *room)
{
	return pp_room_has_timer(room) && watches_timer(room, room->epoll, EPOLLIN);
}

bool pp_room_has(const struct pp_room *room, int fd)
{
	struct epoll_event nothing = { .events = 0 };

	if (fd == room->epoll || fd == room->timer)
		return true;
	/* what is in the epoll already cannot be added */
	if (room->policy.epoll_ctl(room->epoll, EPOLL_CTL_ADD, fd,
				   &nothing) != 0)
		return errno == EEXIST;
	room->policy.epoll_ctl(room->epoll, EPOLL_CTL_DEL, fd, NULL);
	return false;
}

bool pp_room_introduce(const struct pp_room *room, int epoll)
{
	struct epoll_event nothing = { .events = 0 };

	return room->policy.epoll_ctl(epoll, EPOLL_CTL_ADD, room->timer,
				      &nothing) == 0;
}

bool pp_room_knows(const struct pp_room *room, int epoll)
{
	return watches_timer(room, epoll, 0);
}
