/* SPDX-License-Identifier: ISC */
/*
 * Registrations with the program's epolls; see registrations.h. The kernel lists
 * what is registered with one in /proc/self/fdinfo, see proc_pid_fdinfo(5), a
 * line each:
 *
 *	tfd:       10 events:       19 data:               2a  pos:0 ino:...
 *
 * tfd is the descriptor as it was registered, and may be another file's by now.
 */
#include <config.h>

#include "preload/server/registrations.h"

#include "connection/calls.h"
#include "preload/real.h"
#include "preload/server/rooms.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

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
	/* all places are taken: what was registered in another epoll gives way */
	return &places[(size_t)epoll % count];
}

void pp_registrations_keep(struct pp_registration *places, size_t count,
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
		pp_registrations_keep(listener->registrations,
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
 * know. A socket that listens has none of the events of pp_epoll_has.
 */
static bool is_registered(const struct pp_listener *listener, int epoll)
{
	return pp_is_listening(listener->fd) &&
	       pp_epoll_has(epoll, listener->fd);
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

	if (atomic_load(&listener->wake) == 0 || !pp_rooms_are_own())
		return;
	PP_HOLD_ROOMS(held);
	if (!pp_rooms_validate(listener))
		return;
	if (operation == EPOLL_CTL_DEL) {
		real_epoll_ctl(epoll, operation, listener->room.epoll, NULL);
		return;
	}
	own = for_room(event->events, event->data.u64);
	set_room(epoll, listener->room.epoll, &own);
}

/* Descriptors below this are looked at: event loops are made early. */
#define END 1024

/*
 * Is the descriptor an epoll, but that of the room? The room, just opened, is
 * in none: an epoll says so, and another file that it is no epoll.
 */
static bool is_epoll(int fd, int room)
{
	return real_epoll_ctl(fd, EPOLL_CTL_DEL, room, NULL) != 0 &&
	       errno == ENOENT;
}

/* The number behind a name in a line; 0 where it has none. */
static uint64_t get_number(const char *line, const char *name, int base)
{
	const char *at = strstr(line, name);

	return at == NULL ? 0 : strtoull(at + strlen(name), NULL, base);
}

/*
 * Is this line about the descriptor, whose file has this inode now? Then *event
 * is as it was registered. An older file of that number stays there as long as
 * it has another descriptor.
 */
static bool parse(const char *line, int fd, uint64_t inode,
		  struct epoll_event *event)
{
	/* not in every kernel's */
	uint64_t registered = get_number(line, " ino:", 16);

	if (strstr(line, " data:") == NULL ||
	    get_number(line, "tfd:", 10) != (uint64_t)fd ||
	    (registered != 0 && registered != inode))
		return false;
	event->events = (uint32_t)get_number(line, " events:", 16);
	event->data.u64 = get_number(line, " data:", 16);
	return true;
}

/* What is registered with the epoll, to be read; -1 where that cannot be. */
static int open_listing(int epoll)
{
	char path[] = "/proc/self/fdinfo/####";
	char *end = strchr(path, '#');

	/* without printf, which may lock; below END there are four digits */
	for (int unit = 1000; unit > 0; unit /= 10)
		if (epoll >= unit || unit == 1)
			*end++ = (char)('0' + epoll / unit % 10);
	*end = '\0';
	return (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
}

/*
 * Is the descriptor registered with the epoll, and how? By name open(2) and
 * read(2) would be cancellation points.
 */
static bool find(int epoll, int fd, uint64_t inode, struct epoll_event *event)
{
	int listing = open_listing(epoll);
	char text[1024], *line, *end;
	size_t length = 0;
	bool found = false;
	long got = 0;

	while (listing >= 0 && !found &&
	       (got = syscall(SYS_read, listing, text + length,
			      sizeof(text) - 1 - length)) > 0) {
		length += (size_t)got;
		text[length] = '\0';
		for (line = text; !found && (end = strchr(line, '\n')) != NULL;
		     line = end + 1) {
			*end = '\0';
			found = parse(line, fd, inode, event);
		}
		/* the rest is of a line that has not ended */
		length -= (size_t)(line - text);
		memmove(text, line, length);
	}
	if (listing >= 0)
		syscall(SYS_close, listing);
	return found;
}

/*
 * A registration for one event may have had it, and will be renewed with
 * no hook called: the room then is for each time that a connection moves.
 */
static void keep_found(struct pp_listener *listener, int epoll,
		       struct epoll_event *event)
{
	if (event->events & EPOLLONESHOT)
		event->events = EPOLLIN | EPOLLET;
	pp_registrations_keep(listener->registrations, PP_LISTENER_EPOLLS,
			      epoll, EPOLL_CTL_ADD, event);
}

/*
 * One that blocks is waited for in accept(2). The moment of wait.c does no
 * harm: then it is looked for, and not found.
 */
static bool is_sought(struct pp_listener *listener)
{
	return atomic_load(&listener->only_accepted) &&
	       !pp_registrations_any(listener) &&
	       (fcntl(listener->fd, F_GETFL, 0) & O_NONBLOCK) != 0;
}

void pp_epolls_look_up(struct pp_listener *listener)
{
	struct epoll_event event = { .events = 0 };
	struct stat status;
	int error = errno;

	if (is_sought(listener) && fstat(listener->fd, &status) == 0) {
		for (int epoll = 0; epoll < END; epoll++)
			if (is_epoll(epoll, listener->room.epoll) &&
			    find(epoll, listener->fd, status.st_ino, &event))
				keep_found(listener, epoll, &event);
		pp_registrations_add_room(listener);
		if (pp_registrations_any(listener))
			pp_listeners_mark_watched(listener);
	}
	errno = error;
}
