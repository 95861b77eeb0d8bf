/* SPDX-License-Identifier: ISC */
/*
 * The waiting rooms of the program's listeners; see rooms.h and listeners.h.
 * One lock for all the rooms of the process: it is taken only where a connection
 * waits.
 */
#include <config.h>

#include "preload/server/rooms.h"

#include "connection/calls.h"
#include "connection/report.h"
#include "preload/configuration.h"
#include "preload/lock.h"
#include "preload/real.h"
#include "preload/server/descriptors.h"
#include "preload/server/registrations.h"
#include "preload/server/wait.h"

#include <errno.h>
#include <sys/select.h>

static struct pp_lock lock;
static struct pp_listener *_Atomic open_listeners;
static _Atomic int used_count;	/* those with a connection in them */
static _Atomic unsigned opened_count = 1;	/* ever, see rooms.h */
static _Atomic uintptr_t forking;	/* the thread that does, with the lock */
static struct pp_rooms_held held_to_fork;

struct pp_rooms_held pp_rooms_hold(void)
{
	struct pp_rooms_held held = { .error = errno };

	pp_lock_take(&lock, &held.signals);
	return held;
}

void pp_rooms_release(struct pp_rooms_held *held)
{
	/* which may be of the next holder by then */
	const struct pp_rooms_held before = *held;

	pp_lock_release(&lock, &before.signals);
	errno = before.error;
}

struct pp_listener *pp_rooms_first(void)
{
	return open_listeners;
}

static void mark_used(struct pp_listener *listener)
{
	bool used = pp_room_is_used(&listener->room);

	if (atomic_exchange(&listener->used, used) != used)
		atomic_fetch_add(&used_count, used ? 1 : -1);
}

/* Takes the listener off the list of those with an open room. */
static void unlink_open(struct pp_listener *listener)
{
	struct pp_listener *_Atomic *at = &open_listeners;

	while (*at != NULL && *at != listener)
		at = &(*at)->next_open;
	if (*at != NULL)
		*at = listener->next_open;
}

/* Gives the epoll of threads up; closes it if the program has not. */
static void close_threads_epoll(struct pp_listener *listener)
{
	int epoll = atomic_exchange(&listener->threads_epoll, 0) - 1;
	bool known = epoll >= 0 && pp_room_is_intact(&listener->room) &&
		     pp_room_is_marked(&listener->room, epoll);

	if (epoll >= 0)
		pp_descriptors_forget(epoll);
	if (known)
		real_close(epoll);
}

static void discard_room(struct pp_listener *listener,
			 void (*how)(struct pp_room *room))
{
	atomic_store(&listener->wake, 0);
	close_threads_epoll(listener);
	unlink_open(listener);
	if (how == pp_room_close && listener->forked &&
	    pp_room_is_intact(&listener->room))
		pp_registrations_change_room(listener, listener->room.epoll,
					     EPOLL_CTL_DEL, 0);
	listener->forked = false;
	how(&listener->room);
	mark_used(listener);
}

void pp_rooms_discard(struct pp_listener *listener)
{
	discard_room(listener, pp_room_close);
}

/* In a child: its copies of the descriptors are closed at once. */
static void abandon_rooms(void)
{
	struct pp_listener *listener;

	while ((listener = open_listeners) != NULL) {
		bool stands = pp_room_is_intact(&listener->room);

		discard_room(listener, pp_room_abandon);
		if (stands && pp_registrations_any(listener))
			pp_parents_room_keep(listener);
	}
	pp_descriptors_close_all();
}

/* Signals are blocked from here to pp_rooms_after_fork or _in_child. */
void pp_rooms_before_fork(void)
{
	struct pp_rooms_held held;

	if (!pp_listeners_any())
		return;
	held = pp_rooms_hold();
	held_to_fork = held;
	for (struct pp_listener *l = open_listeners; l != NULL; l = l->next_open)
		l->forked = true;
	atomic_store(&forking, (uintptr_t)pthread_self());
}

void pp_rooms_after_fork(void)
{
	if (atomic_load(&forking) != (uintptr_t)pthread_self())
		return;
	atomic_store(&forking, 0);
	pp_rooms_release(&held_to_fork);
}

void pp_rooms_in_child(void)
{
	/* another thread's listen(2) may have been the first, meanwhile */
	if (atomic_load(&forking) != (uintptr_t)pthread_self())
		pp_lock_renew(&lock);
	abandon_rooms();
	pp_rooms_after_fork();
}

bool pp_rooms_are_own(void)
{
	return pp_rooms_any_open() && !pp_process_is_guest();
}

/*
 * Is the socket open by another number, as dup(2) makes one? Then those that
 * wait in the room are for accept(2) on that. In the table the two records
 * change places.
 */
static bool move_to_duplicate(struct pp_listener *listener)
{
	struct epoll_event connection = { .events = EPOLLIN | EPOLLONESHOT,
					  .data.ptr = listener };
	int fd = 0;

	if (!pp_room_is_used(&listener->room) ||
	    !pp_room_is_intact(&listener->room))
		return false;
	while (fd < FD_SETSIZE &&
	       (fd == listener->fd || pp_cookie_of(fd) != listener->cookie ||
		!pp_listeners_swap_to(listener, fd)))
		fd++;
	if (fd == FD_SETSIZE)
		return false;
	if (atomic_load(&listener->threads_epoll) != 0)
		real_epoll_ctl(atomic_load(&listener->threads_epoll) - 1,
			       EPOLL_CTL_ADD, fd, &connection);
	pp_registrations_add_room(listener);
	return true;
}

bool pp_rooms_validate(struct pp_listener *listener)
{
	uint64_t cookie;

	if (open_listeners != NULL && !pp_rooms_are_own())
		abandon_rooms();
	if (atomic_load(&listener->wake) == 0)
		return false;
	cookie = pp_cookie_of(listener->fd);
	if (cookie == listener->cookie && pp_room_is_intact(&listener->room))
		return true;
	if (cookie != 0 || !move_to_duplicate(listener))
		pp_rooms_discard(listener);
	return false;
}

static bool open_room(struct pp_listener *listener)
{
	/* one that has moved is open all the same */
	if (pp_rooms_validate(listener) || atomic_load(&listener->wake) != 0)
		return true;
	if (!pp_room_open(&listener->room))
		return false;
	/* the child of a bare clone(2), of which nobody told */
	if (pp_process_is_guest()) {
		pp_process_in_child();
		pp_wait_in_child();
	}
	listener->cookie = pp_cookie_of(listener->fd);
	listener->next_open = atomic_load(&open_listeners);
	open_listeners = listener;
	atomic_fetch_add(&opened_count, 1);
	atomic_store(&listener->wake, listener->room.epoll + 1);
	pp_registrations_add_room(listener);
	pp_epolls_look_up(listener);
	return true;
}

/*
 * Closes the connection that has waited longest. A room that turns out to be
 * lost gives its descriptors up as well: then there is none in *given_up.
 */
static bool give_up_oldest(struct pp_waiting *given_up)
{
	struct pp_listener *oldest = NULL;

	given_up->receive.fd = -1;
	PP_HOLD_ROOMS(held);
	for (struct pp_listener *l = open_listeners; l != NULL; l = l->next_open)
		if (l->room.oldest != NULL &&
		    (oldest == NULL || l->room.oldest->deadline <
					       oldest->room.oldest->deadline))
			oldest = l;
	if (oldest == NULL)
		return false;
	if (pp_rooms_validate(oldest)) {
		pp_room_give_up_oldest(&oldest->room, given_up);
		mark_used(oldest);
	}
	return true;
}

bool pp_rooms_give_up_oldest(void)
{
	struct pp_waiting given_up;

	if (!pp_rooms_any_open() || !give_up_oldest(&given_up))
		return false;
	/* not locked: where nobody reads stderr that takes for ever */
	if (given_up.receive.fd >= 0)
		pp_report_outcome(pp_configuration(), "accept",
				  given_up.receive.fd, &given_up.proxy,
				  "dropped",
				  "given up, descriptors are short");
	return true;
}

/*
 * Closes another listener's room that is empty. Not where there are threads:
 * one of them may be waiting for it.
 */
static bool close_empty_room(const struct pp_listener *but)
{
	struct pp_listener *listener = open_listeners;

	while (listener != NULL &&
	       (listener == but || pp_room_is_used(&listener->room)))
		listener = listener->next_open;
	if (listener == NULL || pp_has_threads())
		return false;
	pp_rooms_discard(listener);
	return true;
}

static bool try_enter(struct pp_listener *listener,
		      const struct pp_waiting *waiting)
{
	bool entered;

	PP_HOLD_ROOMS(held);
	do
		entered = open_room(listener) &&
			  pp_room_enter(&listener->room, waiting);
	while (!entered && errno == EMFILE && close_empty_room(listener));
	if (entered)
		mark_used(listener);
	else
		held.error = errno;
	return entered;
}

bool pp_rooms_enter(struct pp_listener *listener,
		    const struct pp_waiting *waiting)
{
	while (!try_enter(listener, waiting))
		if (errno != EMFILE || !pp_rooms_give_up_oldest())
			return false;
	return true;
}

int pp_rooms_take_ready(struct pp_listener *listener,
			struct pp_waiting *waiting, struct pp_room_look *look)
{
	int left;

	PP_HOLD_ROOMS(held);
	if (!pp_rooms_validate(listener))
		return 0;
	if (listener->forked)
		pp_registrations_change_room(listener, listener->room.epoll,
					     EPOLL_CTL_MOD, 0);
	pp_room_advance(&listener->room, look);
	left = pp_room_leave(&listener->room, waiting);
	if (left < 0)
		held.error = errno;
	mark_used(listener);
	return left;
}

bool pp_rooms_look_for_poll(struct pp_listener *listener)
{
	struct pp_room_look look;
	bool ready;

	PP_HOLD_ROOMS(held);
	if (!pp_rooms_validate(listener))
		return false;
	ready = pp_room_advance(&listener->room, &look);
	pp_room_stay_readable(&listener->room);
	mark_used(listener);
	return ready;
}

bool pp_rooms_open(struct pp_listener *listener)
{
	PP_HOLD_ROOMS(held);
	return open_room(listener);
}

static int make_threads_epoll(struct pp_listener *listener)
{
	struct epoll_event connection = { .events = EPOLLIN | EPOLLONESHOT,
					  .data.ptr = listener };
	struct epoll_event room = { .events = EPOLLIN,
				    .data.ptr = &listener->room };
	int epoll = pp_hide_fresh(epoll_create1(EPOLL_CLOEXEC));

	if (epoll < 0)
		return -1;
	if (pp_room_mark_epoll(&listener->room, epoll) &&
	    real_epoll_ctl(epoll, EPOLL_CTL_ADD, listener->fd, &connection) ==
		    0 &&
	    real_epoll_ctl(epoll, EPOLL_CTL_ADD, listener->room.epoll, &room) ==
		    0) {
		atomic_store(&listener->threads_epoll, epoll + 1);
		return epoll;
	}
	pp_descriptors_forget(epoll);
	real_close(epoll);
	return -1;
}

int pp_rooms_threads_epoll(struct pp_listener *listener)
{
	int epoll;

	PP_HOLD_ROOMS(held);
	if (!open_room(listener))
		return -1;
	epoll = atomic_load(&listener->threads_epoll) - 1;
	if (epoll >= 0 && pp_room_is_marked(&listener->room, epoll))
		return epoll;
	close_threads_epoll(listener);
	return make_threads_epoll(listener);
}

bool pp_rooms_any_open(void)
{
	return atomic_load_explicit(&open_listeners, memory_order_acquire) !=
	       NULL;
}

bool pp_rooms_any_used(void)
{
	return atomic_load(&used_count) > 0;
}

unsigned pp_rooms_opened(void)
{
	return atomic_load(&opened_count);
}

struct pp_listener *pp_rooms_find(uint64_t cookie)
{
	struct pp_listener *listener;

	PP_HOLD_ROOMS(held);
	listener = cookie == 0 ? NULL : open_listeners;
	while (listener != NULL && atomic_load(&listener->cookie) != cookie)
		listener = listener->next_open;
	return listener;
}

void pp_rooms_check(struct pp_listener *listener)
{
	PP_HOLD_ROOMS(held);
	pp_rooms_validate(listener);
}

bool pp_rooms_close(struct pp_listener *listener)
{
	if (atomic_load(&listener->wake) == 0 &&
	    !atomic_load(&listener->has_parents))
		return true;
	PP_HOLD_ROOMS(held);
	pp_parents_room_close(listener);
	if (atomic_load(&listener->wake) == 0)
		return true;
	if (pp_cookie_of(listener->fd) == listener->cookie &&
	    move_to_duplicate(listener))
		return false;
	pp_rooms_discard(listener);
	return true;
}
