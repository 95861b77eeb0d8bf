/* SPDX-License-Identifier: ISC */
/*
 * The program's listeners; see listeners.h. One lock for all the rooms of the
 * process: it is taken only where somebody waits.
 */
#include <config.h>

#include "preload/server/listeners.h"

#include "connection/admission.h"
#include "memory.h"
#include "preload/configuration.h"
#include "preload/lock.h"
#include "preload/real.h"
#include "preload/server/accept.h"
#include "preload/server/descriptors.h"
#include "preload/server/epolls.h"
#include "preload/server/fork.h"
#include "preload/server/names.h"
#include "preload/server/registrations.h"
#include "preload/server/threads.h"
#include "preload/table.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* What is known of a descriptor. */
struct entry {
	/* NULL: nothing; &something_else: it is no TCP listener */
	struct pp_listener *_Atomic listener;
	/* for an inherited listener that is not known as one yet */
	struct pp_early early;
	/* with so many rooms opened, it was found to be none of their sockets */
	_Atomic unsigned compared;
};

static struct entry near_entries[PP_TABLE_NEAR];
static struct pp_table table;
static struct pp_listener something_else;
static _Atomic bool any_listener;
static _Atomic int unwatched_count;

static struct pp_lock lock;
static struct pp_listener *open_listeners;
static _Atomic int open_count;
static _Atomic int used_count;	/* rooms with somebody in them */
static _Atomic unsigned opened_count;	/* ever; see struct entry */
static _Atomic pid_t owner;	/* the process that opened them */

static struct entry *get_entry(int fd, bool make)
{
	return pp_table_slot(&table, near_entries, sizeof(*near_entries), fd,
			     make);
}

static void set_used(struct pp_listener *listener, bool used)
{
	if (atomic_exchange(&listener->used, used) != used)
		atomic_fetch_add(&used_count, used ? 1 : -1);
}

static void note_used(struct pp_listener *listener)
{
	set_used(listener, pp_room_is_used(&listener->room));
}

/* Takes the listener off the list of those with an open room. */
static void unlink_open(struct pp_listener *listener)
{
	struct pp_listener **at = &open_listeners;

	while (*at != NULL && *at != listener)
		at = &(*at)->next_open;
	if (*at == NULL)
		return;
	*at = listener->next_open;
	atomic_fetch_sub(&open_count, 1);
}

/* Gives up the gate; closes it if the program has not. */
static void close_gate(struct pp_listener *listener)
{
	int gate = atomic_exchange(&listener->gate, 0) - 1;
	bool known = gate >= 0 && pp_room_stands(&listener->room) &&
		     pp_room_knows(&listener->room, gate);

	if (gate >= 0)
		pp_own_mark(gate, false);
	if (known)
		real_close(gate);
}

static void discard_room(struct pp_listener *listener,
			 void (*how)(struct pp_room *room))
{
	atomic_store(&listener->wake, 0);
	set_used(listener, false);
	close_gate(listener);
	unlink_open(listener);
	how(&listener->room);
}

void pp_listeners_discard_room(struct pp_listener *listener)
{
	discard_room(listener, pp_room_close);
}

/*
 * What a thread of the parent was in the middle of may be half done. That is
 * left alone; its descriptors are open until the child executes or ends.
 */
static void forget_rooms(void)
{
	for (struct pp_listener *l = open_listeners; l != NULL;
	     l = l->next_open) {
		atomic_store(&l->wake, 0);
		set_used(l, false);
		atomic_store(&l->gate, 0);
	}
	open_listeners = NULL;
	atomic_store(&open_count, 0);
	atomic_store(&used_count, 0);
}

void pp_listeners_note_fork(void)
{
	if (pp_lock_renew(&lock))
		forget_rooms();
	while (open_listeners != NULL)
		discard_room(open_listeners, pp_room_abandon);
}

bool pp_listeners_have_own_rooms(void)
{
	if (!pp_listeners_any_open())
		return false;
	return atomic_load(&owner) == getpid();
}

bool pp_listeners_room_holds(struct pp_listener *listener)
{
	while (open_listeners != NULL && !pp_listeners_have_own_rooms())
		discard_room(open_listeners, pp_room_abandon);
	if (atomic_load(&listener->wake) == 0)
		return false;
	if (listener->cookie == pp_room_cookie(listener->fd) &&
	    pp_room_stands(&listener->room))
		return true;
	pp_listeners_discard_room(listener);
	return false;
}

static bool open_room(struct pp_listener *listener)
{
	struct pp_room_policy policy = { .must_use = pp_configuration()->must_use,
					 .tell = pp_configuration()->debug,
					 .close = real_close,
					 .epoll_create1 = real_epoll_create1,
					 .epoll_ctl = real_epoll_ctl,
					 .mark = pp_own_mark };

	if (pp_listeners_room_holds(listener))
		return true;
	if (!pp_room_open(&listener->room, &policy))
		return false;
	atomic_store(&owner, getpid());
	listener->cookie = pp_room_cookie(listener->fd);
	listener->next_open = open_listeners;
	open_listeners = listener;
	atomic_fetch_add(&opened_count, 1);
	atomic_fetch_add(&open_count, 1);
	atomic_store(&listener->wake, listener->room.epoll + 1);
	pp_registrations_add_room(listener);
	pp_epolls_look_up(listener);
	return true;
}

static bool next_dropped(struct pp_listener *listener,
			 struct pp_waiting *waiting)
{
	sigset_t before;
	bool dropped;

	pp_lock_take(&lock, &before);
	dropped = pp_room_next_dropped(&listener->room, waiting);
	pp_lock_release(&lock, &before);
	return dropped;
}

/*
 * Releases the lock, and tells of those who were dropped meanwhile. Where
 * nobody reads stderr that takes for ever, for this thread alone.
 */
static void release_and_tell(struct pp_listener *listener,
			     const sigset_t *before)
{
	bool dropped = listener->room.first_dropped != NULL;
	struct pp_waiting waiting;

	pp_lock_release(&lock, before);
	while (dropped && next_dropped(listener, &waiting))
		pp_tell_drop(&waiting, waiting.reason);
}

bool pp_listeners_give_up_oldest(struct pp_listener *listener)
{
	bool given_up = false;
	sigset_t before;

	pp_lock_take(&lock, &before);
	if (pp_listeners_room_holds(listener)) {
		given_up = pp_room_give_up_oldest(&listener->room);
		note_used(listener);
	}
	release_and_tell(listener, &before);
	return given_up;
}

bool pp_listeners_enter(struct pp_listener *listener,
			const struct pp_waiting *waiting)
{
	bool entered = false;
	sigset_t before;

	pp_lock_take(&lock, &before);
	if (open_room(listener)) {
		entered = pp_room_enter(&listener->room, waiting);
		note_used(listener);
	}
	pp_lock_release(&lock, &before);
	return entered;
}

bool pp_listeners_leave(struct pp_listener *listener,
			struct pp_waiting *waiting)
{
	bool left = false;
	sigset_t before;

	pp_lock_take(&lock, &before);
	if (pp_listeners_room_holds(listener)) {
		pp_room_advance(&listener->room);
		left = pp_room_leave(&listener->room, waiting);
		note_used(listener);
	}
	release_and_tell(listener, &before);
	return left;
}

bool pp_listeners_ready(struct pp_listener *listener)
{
	bool ready = false;
	sigset_t before;

	pp_lock_take(&lock, &before);
	if (pp_listeners_room_holds(listener)) {
		ready = pp_room_advance(&listener->room);
		pp_room_show_ready(&listener->room);
		note_used(listener);
	}
	release_and_tell(listener, &before);
	return ready;
}

bool pp_listeners_open(struct pp_listener *listener)
{
	sigset_t before;
	bool opened;

	pp_lock_take(&lock, &before);
	opened = open_room(listener);
	pp_lock_release(&lock, &before);
	return opened;
}

static int make_gate(struct pp_listener *listener)
{
	struct epoll_event connection = { .events = EPOLLIN | EPOLLONESHOT,
					  .data.ptr = listener };
	struct epoll_event room = { .events = EPOLLIN,
				    .data.ptr = &listener->room };
	int gate = real_epoll_create1(EPOLL_CLOEXEC);

	if (gate < 0)
		return -1;
	pp_own_mark(gate, true);
	if (pp_room_introduce(&listener->room, gate) &&
	    real_epoll_ctl(gate, EPOLL_CTL_ADD, listener->fd, &connection) == 0 &&
	    real_epoll_ctl(gate, EPOLL_CTL_ADD, listener->room.epoll, &room) == 0) {
		atomic_store(&listener->gate, gate + 1);
		return gate;
	}
	pp_own_mark(gate, false);
	real_close(gate);
	return -1;
}

int pp_listeners_gate(struct pp_listener *listener)
{
	int gate = -1;
	sigset_t before;

	pp_lock_take(&lock, &before);
	if (open_room(listener)) {
		gate = atomic_load(&listener->gate) - 1;
		if (gate < 0 || !pp_room_knows(&listener->room, gate)) {
			close_gate(listener);
			gate = make_gate(listener);
		}
	}
	pp_lock_release(&lock, &before);
	return gate;
}

void pp_listeners_note_watched(struct pp_listener *listener)
{
	if (!atomic_load(&listener->watched) &&
	    !atomic_exchange(&listener->watched, true))
		atomic_fetch_sub(&unwatched_count, 1);
}

void pp_listeners_note_polled(struct pp_listener *listener)
{
	atomic_store_explicit(&listener->polled, true, memory_order_relaxed);
	pp_listeners_note_watched(listener);
}

void pp_listeners_prepare_accept(struct pp_listener *listener)
{
	int error = errno;

	if (!atomic_load_explicit(&listener->polled, memory_order_relaxed) ||
	    atomic_load(&listener->wake) != 0 || !pp_has_threads())
		return;
	pp_listeners_open(listener);
	errno = error;
}

bool pp_listeners_any_unwatched(void)
{
	return atomic_load_explicit(&unwatched_count, memory_order_relaxed) > 0;
}

/* Starts a record over: another socket is on the descriptor. */
static void renew(struct pp_listener *listener)
{
	sigset_t before;

	pp_lock_take(&lock, &before);
	pp_listeners_room_holds(listener);
	pp_lock_release(&lock, &before);
	atomic_store(&listener->blocking, PP_BLOCKING_UNKNOWN);
	atomic_store(&listener->shared, false);
	atomic_store(&listener->thread, 0);
	if (atomic_exchange(&listener->watched, false))
		atomic_fetch_add(&unwatched_count, 1);
}

static struct pp_listener *make_listener(struct entry *entry, int fd)
{
	struct pp_listener *expected = NULL;
	struct pp_listener *fresh = pp_memory_map(sizeof(*fresh));

	if (fresh == NULL)
		return NULL;
	fresh->fd = fd;
	fresh->watched = pp_registrations_adopt(fresh, &entry->early);
	if (atomic_load(&entry->listener) == &something_else)
		expected = &something_else;
	if (atomic_compare_exchange_strong(&entry->listener, &expected,
					   fresh)) {
		if (!fresh->watched)
			atomic_fetch_add(&unwatched_count, 1);
		return fresh;
	}
	munmap(fresh, sizeof(*fresh));
	return expected;
}

/*
 * The record in the entry of fd. That of another descriptor of the same socket
 * is forgotten where it is the same no more: nobody need tell of a close.
 */
static struct pp_listener *get_record(struct entry *entry, int fd)
{
	struct pp_listener *listener = atomic_load(&entry->listener);

	if (listener == NULL || listener == &something_else ||
	    listener->fd == fd || pp_room_cookie(fd) == listener->cookie)
		return listener;
	atomic_compare_exchange_strong(&entry->listener, &listener, NULL);
	return NULL;
}

void pp_listeners_note(int fd)
{
	struct entry *entry = get_entry(fd, true);
	struct pp_listener *listener;

	pp_fork_prepare();
	pp_identity_prepare();
	if (entry == NULL)
		return;
	listener = get_record(entry, fd);
	/* where the library does not apply, it looks no further */
	if (!pp_policy_has_port(pp_configuration(), fd) ||
	    !pp_is_internet_socket(fd) || !pp_is_tcp_socket(fd)) {
		if (listener == NULL)
			atomic_store(&entry->listener, &something_else);
		return;
	}
	if (listener == NULL || listener == &something_else)
		make_listener(entry, fd);
	else
		renew(listener);
	atomic_store(&any_listener, true);
	pp_policy_defer_accept(pp_configuration(), fd);
}

bool pp_listeners_is_something_else(int fd)
{
	struct entry *entry = get_entry(fd, false);

	return entry != NULL &&
	       atomic_load(&entry->listener) == &something_else;
}

struct pp_listener *pp_listeners_find(int fd)
{
	struct entry *entry = get_entry(fd, false);
	struct pp_listener *listener;

	if (entry == NULL)
		return NULL;
	listener = atomic_load(&entry->listener);
	return listener == &something_else ? NULL : listener;
}

/* Changes errno. */
static bool is_listening(int fd)
{
	int listens = 0;
	socklen_t length = sizeof(listens);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens,
			  &length) == 0 && listens;
}

/* A descriptor, and the listener with an open room that it is one of. */
struct duplicate {
	uint64_t cookie;
	struct pp_listener *listener;
};

static bool is_duplicate(struct pp_listener *listener, void *argument)
{
	struct duplicate *duplicate = argument;

	if (listener->cookie != duplicate->cookie)
		return false;
	duplicate->listener = listener;
	return true;
}

struct pp_listener *pp_listeners_find_polled(int fd)
{
	struct entry *entry = get_entry(fd, atomic_load(&used_count) != 0);
	struct duplicate duplicate = { .listener = NULL };
	unsigned opened = atomic_load(&opened_count);
	struct pp_listener *listener;

	if (entry == NULL)
		return NULL;
	listener = get_record(entry, fd);
	if (listener == &something_else)
		listener = NULL;
	if (atomic_load(&used_count) == 0 ||
	    (listener != NULL && atomic_load(&listener->wake) != 0) ||
	    atomic_load(&entry->compared) == opened)
		return listener;
	atomic_store(&entry->compared, opened);
	if (!is_listening(fd))
		return listener;
	duplicate.cookie = pp_room_cookie(fd);
	if (duplicate.cookie != 0 &&
	    pp_listeners_any_room(is_duplicate, &duplicate))
		atomic_store(&entry->listener, duplicate.listener);
	return pp_listeners_find(fd);
}

struct pp_listener *pp_listeners_get(int fd)
{
	struct entry *entry = get_entry(fd, false);
	int error = errno;

	if (entry == NULL || get_record(entry, fd) == NULL)
		pp_listeners_note(fd);
	errno = error;
	return pp_listeners_find(fd);
}

void pp_listeners_note_epoll(int epoll, int operation, int fd,
			     const struct epoll_event *event)
{
	struct entry *entry = get_entry(fd, operation != EPOLL_CTL_DEL);
	struct pp_listener *listener;
	int error = errno;
	sigset_t before;

	if (entry == NULL)
		return;
	listener = atomic_load(&entry->listener);
	if (listener == NULL || listener == &something_else) {
		pp_registrations_note_early(&entry->early, epoll, operation,
					    event);
		return;
	}
	pp_registrations_note(listener, epoll, operation, event);
	if (operation != EPOLL_CTL_DEL)
		pp_listeners_note_watched(listener);
	if (atomic_load(&listener->wake) == 0 ||
	    !pp_listeners_have_own_rooms())
		return;
	pp_lock_take(&lock, &before);
	if (pp_listeners_room_holds(listener))
		pp_registrations_follow(listener, epoll, operation, event);
	pp_lock_release(&lock, &before);
	errno = error;
}

void pp_listeners_note_close(int fd)
{
	struct pp_listener *listener;
	struct entry *entry;
	int error = errno;
	sigset_t before;

	if (!pp_listeners_any_open())
		return;
	entry = get_entry(fd, false);
	if (entry == NULL)
		return;
	atomic_store_explicit(&entry->compared, 0, memory_order_relaxed);
	listener = pp_listeners_find(fd);
	/* not for a child of vfork, which has our memory for a while */
	if (listener == NULL || atomic_load(&listener->wake) == 0 ||
	    !pp_listeners_have_own_rooms())
		return;
	/* a duplicate: the listener stays open */
	if (listener->fd != fd) {
		atomic_store(&entry->listener, NULL);
		return;
	}
	pp_lock_take(&lock, &before);
	if (atomic_load(&listener->wake) != 0)
		pp_listeners_discard_room(listener);
	pp_lock_release(&lock, &before);
	errno = error;
}

bool pp_listeners_any_room(bool (*is)(struct pp_listener *listener,
				      void *argument),
			   void *argument)
{
	struct pp_listener *next = NULL;
	int error = errno;
	sigset_t before;
	bool found = false;

	if (!pp_listeners_any_open())
		return false;
	pp_lock_take(&lock, &before);
	for (struct pp_listener *l = open_listeners; l != NULL && !found;
	     l = next) {
		next = l->next_open;
		found = is(l, argument);
	}
	pp_lock_release(&lock, &before);
	errno = error;
	return found;
}

bool pp_listeners_any_open(void)
{
	return atomic_load_explicit(&open_count, memory_order_acquire) > 0;
}

bool pp_listeners_any(void)
{
	return atomic_load_explicit(&any_listener, memory_order_acquire);
}
