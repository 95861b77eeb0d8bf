/* SPDX-License-Identifier: ISC */
/* The program's listeners, by descriptor; see listeners.h. */
#include <config.h>

#include "preload/server/listeners.h"

#include "connection/admission.h"
#include "connection/calls.h"
#include "connection/note.h"
#include "connection/socket_kind.h"
#include "memory.h"
#include "preload/configuration.h"
#include "preload/real.h"
#include "preload/server/registrations.h"
#include "preload/server/rooms.h"

#include <errno.h>
#include <limits.h>
#include <sys/socket.h>
#include <unistd.h>

/* What a descriptor is, as far as is known. */
enum kind { UNKNOWN, LISTENER, SOMETHING_ELSE };

/*
 * The latest registrations, before the first accept, of what may be a listener.
 * Later ones are of connections, which take no memory, or looked up.
 */
#define EARLY_EPOLLS 2

/* What is known of a descriptor. */
struct entry {
	_Atomic int kind;
	void *_Atomic listener;	/* its record; NULL if it never was one */
	struct pp_registration early[EARLY_EPOLLS];
	/* the record of another descriptor of the same socket, see find_duplicate */
	struct pp_listener *_Atomic duplicate;
	/* pp_rooms_opened when it was compared with all that are open */
	_Atomic unsigned compared;
};

/*
 * The near descriptors', and of the others pages that are mapped, and stay. In
 * .data, which is of the library's file: what is not would be one mapping more
 * for each process that starts, and what is mapped later one system call more of
 * a process that never listens.
 */
#define NEAR 1024
#define PAGE 4096
static struct entry near_entries[NEAR] __attribute__((section(".data")));
static void *_Atomic directory;
static _Atomic bool any_listener;
static _Atomic bool has_accepted;
static _Atomic int unwatched_count;
/* The process whose memory it is; 0 as long as that does not matter. */
static _Atomic pid_t owner;

/*
 * NULL for a negative fd, where none was made yet, or with make where there is
 * no memory. Lock-free, signal-safe.
 */
static struct entry *get_entry(int fd, bool make)
{
	const size_t pages = (size_t)INT_MAX / PAGE + 1;
	void *_Atomic *all;
	struct entry *page;

	if (fd < 0)
		return NULL;
	if (fd < NEAR)
		return &near_entries[fd];
	all = pp_memory_get(&directory, pages * sizeof(*all), make);
	if (all == NULL)
		return NULL;
	page = pp_memory_get(&all[fd / PAGE], PAGE * sizeof(*page), make);
	return page == NULL ? NULL : &page[fd % PAGE];
}

void pp_listeners_mark_watched(struct pp_listener *listener)
{
	if (atomic_load(&listener->only_accepted) &&
	    atomic_exchange(&listener->only_accepted, false))
		atomic_fetch_sub(&unwatched_count, 1);
}

bool pp_listeners_any_only_accepted(void)
{
	return atomic_load_explicit(&unwatched_count, memory_order_relaxed) > 0;
}

/* Starts a record over: another socket is on the descriptor. */
static void renew(struct pp_listener *listener)
{
	pp_rooms_check(listener);
	atomic_store(&listener->nonblocking, false);
	atomic_store(&listener->shared, false);
	atomic_store(&listener->was_told_eagain, false);
	atomic_store(&listener->patience, 0);
	atomic_store(&listener->polled, false);
	atomic_store(&listener->thread, 0);
	if (!atomic_exchange(&listener->only_accepted, true))
		atomic_fetch_add(&unwatched_count, 1);
}

static bool keep_listener(struct entry *entry, int fd, bool is_unix)
{
	struct pp_listener *listener =
		pp_memory_get(&entry->listener, sizeof(*listener), true);
	int none = 0;

	if (listener == NULL)
		return false;
	/* one that has it may be moved meanwhile */
	atomic_compare_exchange_strong(&listener->fd, &none, fd);
	renew(listener);
	atomic_store(&listener->is_unix, is_unix);
	if (atomic_load(&entry->kind) != LISTENER &&
	    pp_registrations_move(listener, entry->early, EARLY_EPOLLS))
		pp_listeners_mark_watched(listener);
	atomic_store(&entry->kind, LISTENER);
	atomic_store(&any_listener, true);
	pp_note_prepare();
	return true;
}

/* Is it a TCP socket that the library applies to? It looks no further than so. */
static bool is_tcp_of_ours(int fd)
{
	return pp_admission_has_port(pp_configuration(), fd) &&
	       pp_is_internet_socket(fd) && pp_is_tcp_socket(fd);
}

bool pp_listeners_examine(int fd)
{
	struct entry *entry = get_entry(fd, true);
	bool is_unix;

	/* before the first pp_process_is_guest that counts */
	if (atomic_load(&owner) == 0)
		atomic_store(&owner, getpid());
	is_unix = pp_is_unix_stream(fd);
	if (!is_unix && !is_tcp_of_ours(fd)) {
		if (entry != NULL && atomic_load(&entry->kind) == UNKNOWN)
			atomic_store(&entry->kind, SOMETHING_ELSE);
		return true;
	}
	if (entry == NULL || !keep_listener(entry, fd, is_unix))
		return false;
	if (!is_unix)
		pp_admission_defer_accept(pp_configuration(), fd);
	return true;
}

bool pp_listeners_is_something_else(int fd)
{
	struct entry *entry = get_entry(fd, false);

	return entry != NULL && atomic_load(&entry->kind) == SOMETHING_ELSE;
}

struct pp_listener *pp_listeners_find(int fd)
{
	struct entry *entry = get_entry(fd, false);

	return entry != NULL && atomic_load(&entry->kind) == LISTENER
		       ? atomic_load(&entry->listener)
		       : NULL;
}

bool pp_is_listening(int fd)
{
	int listens = 0;
	socklen_t length = sizeof(listens);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens,
			  &length) == 0 && listens;
}

/*
 * The record of another descriptor of fd's socket, if that has an open room.
 * It is looked for once of each room that is opened.
 */
static struct pp_listener *find_duplicate(int fd)
{
	struct entry *entry = get_entry(fd, true);
	unsigned opened = pp_rooms_opened();
	struct pp_listener *listener;

	if (entry == NULL)
		return NULL;
	if (atomic_load(&entry->compared) != opened) {
		atomic_store(&entry->compared, opened);
		atomic_store(&entry->duplicate,
			     pp_is_listening(fd)
				     ? pp_rooms_find(pp_cookie_of(fd))
				     : NULL);
	}
	listener = atomic_load(&entry->duplicate);
	if (listener == NULL || atomic_load(&listener->wake) == 0)
		return NULL;
	if (pp_cookie_of(listener->fd) != atomic_load(&listener->cookie))
		pp_rooms_check(listener);
	if (pp_cookie_of(fd) == atomic_load(&listener->cookie))
		return listener;
	atomic_store(&entry->duplicate, NULL);
	return NULL;
}

/* The record of fd, or that of a duplicate which has an open room. */
static struct pp_listener *find_with_room(int fd)
{
	struct pp_listener *listener = pp_listeners_find(fd);
	struct pp_listener *duplicate = NULL;

	if (listener == NULL || atomic_load(&listener->wake) == 0)
		duplicate = find_duplicate(fd);
	return duplicate == NULL ? listener : duplicate;
}

struct pp_listener *pp_listeners_find_polled(int fd)
{
	return pp_rooms_any_used() ? find_with_room(fd) : pp_listeners_find(fd);
}

bool pp_listeners_mark_polled(int fd)
{
	struct pp_listener *listener = pp_listeners_find_polled(fd);

	if (listener == NULL)
		return false;
	atomic_store_explicit(&listener->polled, true, memory_order_relaxed);
	pp_listeners_mark_watched(listener);
	return atomic_load(&listener->wake) != 0;
}

bool pp_listeners_find_or_make(int fd, struct pp_listener **found)
{
	struct pp_listener *listener = pp_listeners_find(fd);
	int error = errno;

	if (!atomic_load_explicit(&has_accepted, memory_order_relaxed))
		atomic_store(&has_accepted, true);
	if (listener == NULL && !pp_listeners_is_something_else(fd)) {
		if (!pp_listeners_examine(fd)) {
			errno = ENOMEM;
			return false;
		}
		listener = pp_listeners_find(fd);
	}
	if (listener != NULL && pp_rooms_any_open())
		listener = find_with_room(fd);
	if (listener != NULL &&
	    atomic_load_explicit(&listener->polled, memory_order_relaxed) &&
	    atomic_load(&listener->wake) == 0 && pp_has_threads())
		pp_rooms_open(listener);
	errno = error;
	*found = listener;
	return true;
}

bool pp_listeners_swap_to(struct pp_listener *listener, int fd)
{
	struct entry *from = get_entry(listener->fd, true);
	struct entry *to = get_entry(fd, true);
	struct pp_listener *other;

	if (from == NULL || to == NULL)
		return false;
	other = atomic_load(&to->listener);
	if (other != NULL) {
		if (atomic_load(&other->used))
			return false;
		if (atomic_load(&other->wake) != 0)
			pp_rooms_discard(other);
		pp_listeners_mark_watched(other);
		pp_registrations_move(listener, other->registrations,
				      PP_LISTENER_EPOLLS);
		other->fd = listener->fd;
	}
	if (pp_registrations_move(listener, to->early, EARLY_EPOLLS))
		pp_listeners_mark_watched(listener);
	listener->fd = fd;
	atomic_store(&to->listener, listener);
	atomic_store(&to->kind, LISTENER);
	atomic_store(&from->listener, other);
	atomic_store(&from->kind, UNKNOWN);
	return true;
}

void pp_listeners_after_epoll_ctl(int epoll, int operation, int fd,
				  const struct epoll_event *event)
{
	struct entry *entry = get_entry(fd, operation != EPOLL_CTL_DEL);
	struct pp_listener *listener = pp_listeners_find(fd);
	int error = errno;

	if (entry == NULL)
		return;
	if (listener == NULL) {
		if (atomic_load(&has_accepted))
			operation = EPOLL_CTL_DEL;
		pp_registrations_keep(entry->early, EARLY_EPOLLS, epoll,
				      operation, event);
		return;
	}
	pp_registrations_keep(listener->registrations, PP_LISTENER_EPOLLS,
			      epoll, operation, event);
	if (operation != EPOLL_CTL_DEL)
		pp_listeners_mark_watched(listener);
	pp_registrations_follow(listener, epoll, operation, event);
	errno = error;
}

void pp_listeners_before_close(int fd)
{
	struct entry *entry = get_entry(fd, false);
	struct pp_listener *listener = pp_listeners_find(fd);
	int error = errno;

	if (entry != NULL && pp_rooms_any_open())
		atomic_store_explicit(&entry->compared, 0,
				      memory_order_relaxed);
	/* a child of vfork has our memory for a while */
	if (listener == NULL || pp_process_is_guest())
		return;
	atomic_store(&entry->kind, UNKNOWN);
	if (pp_rooms_close(listener)) {
		pp_listeners_mark_watched(listener);
		pp_registrations_clear(listener);
	}
	errno = error;
}

bool pp_listeners_any(void)
{
	return atomic_load_explicit(&any_listener, memory_order_acquire);
}

void pp_process_in_child(void)
{
	if (atomic_load(&owner) != 0)
		atomic_store(&owner, getpid());
}

bool pp_process_is_guest(void)
{
	return atomic_load(&owner) != getpid();
}
