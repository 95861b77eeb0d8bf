/* SPDX-License-Identifier: ISC */
/* The library's own descriptors; see descriptors.h. */
#include <config.h>

#include "preload/server/descriptors.h"

#include "preload/real.h"
#include "preload/server/listeners.h"
#include "preload/table.h"

#include <limits.h>
#include <stdatomic.h>

static _Atomic bool near_marks[PP_TABLE_NEAR];
static struct pp_table table;
static _Atomic int end;

static _Atomic bool *get_mark(int fd, bool make)
{
	return pp_table_slot(&table, near_marks, sizeof(*near_marks), fd, make);
}

void pp_own_mark(int fd, bool own)
{
	_Atomic bool *mark = get_mark(fd, own);
	int before = atomic_load(&end);

	if (mark == NULL)
		return;
	while (own && before <= fd &&
	       !atomic_compare_exchange_weak(&end, &before, fd + 1))
		;
	atomic_store(mark, own);
}

/* Reads memory only. */
static bool is_marked(int fd)
{
	const _Atomic bool *mark = get_mark(fd, false);

	return mark != NULL && atomic_load(mark);
}

/* Is fd a descriptor of this room? A room that does not stand has none. */
static bool is_of_room(struct pp_listener *listener, void *argument)
{
	const int fd = *(const int *)argument;

	if (!pp_room_stands(&listener->room)) {
		pp_listeners_discard_room(listener);
		return false;
	}
	if (fd == atomic_load(&listener->gate) - 1)
		return pp_room_knows(&listener->room, fd);
	return pp_room_has(&listener->room, fd);
}

bool pp_own_is(int fd)
{
	return pp_listeners_any_open() && is_marked(fd) &&
	       pp_listeners_have_own_rooms() &&
	       pp_listeners_any_room(is_of_room, &fd);
}

static bool discard_room_of(struct pp_listener *listener, void *argument)
{
	if (!is_of_room(listener, argument))
		return false;
	pp_listeners_discard_room(listener);
	return true;
}

void pp_own_give_way(int fd)
{
	if (pp_listeners_any_open() && is_marked(fd) &&
	    pp_listeners_have_own_rooms())
		pp_listeners_any_room(discard_room_of, &fd);
}

struct range {
	unsigned first;
	unsigned last;
};

static bool check_closed(struct pp_listener *listener, void *argument)
{
	const struct range *closed = argument;

	if ((unsigned)listener->fd >= closed->first &&
	    (unsigned)listener->fd <= closed->last)
		pp_listeners_room_holds(listener);
	return false;
}

void pp_own_note_closed(unsigned first, unsigned last)
{
	struct range closed = { .first = first, .last = last };

	if (pp_listeners_have_own_rooms())
		pp_listeners_any_room(check_closed, &closed);
}

static bool is_lost(struct pp_listener *listener, void *argument)
{
	(void)argument;
	return !pp_listeners_room_holds(listener);
}

bool pp_own_forget_lost(void)
{
	return pp_listeners_any_room(is_lost, NULL);
}

#if defined(HAVE_CLOSE_RANGE) || defined(HAVE_CLOSEFROM)
/* The first of the library's own from first up to last; INT_MAX for none. */
static int next_own(unsigned first, unsigned last)
{
	unsigned stop = (unsigned)atomic_load(&end);

	for (unsigned fd = first; fd < stop && fd <= last; fd++)
		if (pp_own_is((int)fd))
			return (int)fd;
	return INT_MAX;
}
#endif

#ifdef HAVE_CLOSE_RANGE
int pp_own_close_range(unsigned first, unsigned last, int flags)
{
	int own, result = 0;

	while (result == 0 && first <= last &&
	       (own = next_own(first, last)) != INT_MAX) {
		if (first < (unsigned)own)
			result = real_close_range(first, (unsigned)own - 1,
						  flags);
		first = (unsigned)own + 1;
	}
	if (result != 0)
		return result;
	/* where nothing is left the flags still have a meaning */
	return first <= last ? real_close_range(first, last, flags)
			     : real_close_range(UINT_MAX, UINT_MAX, flags);
}
#endif

#ifdef HAVE_CLOSEFROM
void pp_own_close_from(int first)
{
	int error = errno;
	int own, state;

	if (first < 0)
		first = 0;
	/* unlike close(2), it is no cancellation point */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	while ((own = next_own((unsigned)first, INT_MAX)) != INT_MAX) {
		for (; first < own; first++)
			real_close(first);
		first = own + 1;
	}
	pthread_setcancelstate(state, NULL);
	errno = error;
	real_closefrom(first);
}
#endif
