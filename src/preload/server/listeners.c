/* SPDX-License-Identifier: ISC */
/* The program's listeners, by descriptor; see listeners.h. */
#include <config.h>

#include "preload/server/listeners.h"

#include "connection/admission.h"
#include "memory.h"
#include "preload/configuration.h"
#include "preload/process.h"
#include "preload/real.h"
#include "preload/server/registrations.h"
#include "preload/server/rooms.h"
#include "preload/server/threads.h"
#include "preload/table.h"

#include <errno.h>
#include <poll.h>
#include <sys/mman.h>

/*
 * Milliseconds that a thread waits for others to see a room, once a listener.
 * On a machine that is not overloaded one will do.
 */
#define SLEEPERS_TRIES 250

/* What a descriptor is, as far as is known. */
enum kind { UNKNOWN, LISTENER, SOMETHING_ELSE };

/* What is known of a descriptor. */
struct entry {
	_Atomic int kind;
	struct pp_listener *_Atomic listener;	/* NULL if it never was one */
	/* for an inherited listener that is not known as one yet */
	struct pp_early early;
};

static struct entry near_entries[PP_TABLE_NEAR];
static struct pp_table table;
static _Atomic bool any_listener;
static _Atomic int unwatched_count;

static struct entry *get_entry(int fd, bool make)
{
	return pp_table_slot(&table, near_entries, sizeof(*near_entries), fd,
			     make);
}

void pp_listeners_note_watched(struct pp_listener *listener)
{
	if (!atomic_load(&listener->watched) &&
	    !atomic_exchange(&listener->watched, true))
		atomic_fetch_sub(&unwatched_count, 1);
}

bool pp_listeners_any_unwatched(void)
{
	return atomic_load_explicit(&unwatched_count, memory_order_relaxed) > 0;
}

/* Starts a record over: another socket is on the descriptor. */
static void renew(struct pp_listener *listener)
{
	pp_rooms_check(listener);
	atomic_store(&listener->blocking, PP_BLOCKING_UNKNOWN);
	atomic_store(&listener->shared, false);
	atomic_store(&listener->takes_again, false);
	atomic_store(&listener->patience, 0);
	atomic_store(&listener->thread, 0);
	if (atomic_exchange(&listener->watched, false))
		atomic_fetch_add(&unwatched_count, 1);
}

/* The memory of the entry's record, which stays. NULL where there is none. */
static struct pp_listener *get_record(struct entry *entry, int fd)
{
	struct pp_listener *expected = atomic_load(&entry->listener);
	struct pp_listener *fresh;

	if (expected != NULL)
		return expected;
	fresh = pp_memory_map(sizeof(*fresh));
	if (fresh == NULL)
		return NULL;
	fresh->fd = fd;
	/* it is not counted yet as one that is not */
	fresh->watched = true;
	if (atomic_compare_exchange_strong(&entry->listener, &expected, fresh))
		return fresh;
	munmap(fresh, sizeof(*fresh));
	return expected;
}

static void note_listener(struct entry *entry, int fd)
{
	struct pp_listener *listener = get_record(entry, fd);

	if (listener == NULL)
		return;
	renew(listener);
	if (atomic_load(&entry->kind) != LISTENER &&
	    pp_registrations_adopt(listener, &entry->early))
		pp_listeners_note_watched(listener);
	atomic_store(&entry->kind, LISTENER);
	atomic_store(&any_listener, true);
}

void pp_listeners_note(int fd)
{
	struct entry *entry = get_entry(fd, true);

	pp_process_prepare();
	if (entry == NULL)
		return;
	/* where the library does not apply, it looks no further */
	if (!pp_admission_has_port(pp_configuration(), fd) ||
	    !pp_is_internet_socket(fd) || !pp_is_tcp_socket(fd)) {
		if (atomic_load(&entry->kind) == UNKNOWN)
			atomic_store(&entry->kind, SOMETHING_ELSE);
		return;
	}
	note_listener(entry, fd);
	pp_admission_defer_accept(pp_configuration(), fd);
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

void pp_listeners_begin_sleep(struct pp_listener *listener)
{
	atomic_fetch_add(&listener->sleepers, 1);
	if (atomic_load(&listener->accepting) != 0)
		pp_listeners_open(listener);
}

void pp_listeners_end_sleep(struct pp_listener *listener)
{
	atomic_fetch_sub(&listener->sleepers, 1);
}

/*
 * Threads sleep in poll(2) that would not hear of a room which is opened only
 * now. The connection that is there wakes them, as long as nobody takes it:
 * that is waited for, once, and not for long.
 */
static void open_for_sleepers(struct pp_listener *listener)
{
	struct pollfd queue = { .fd = listener->fd, .events = POLLIN };

	if (!pp_listeners_open(listener))
		return;
	for (int tries = 0; tries < SLEEPERS_TRIES &&
	     atomic_load(&listener->sleepers) > 0 &&
	     real_poll(&queue, 1, 0) == 1; tries++)
		real_poll(NULL, 0, 1);
}

struct pp_listener *pp_listeners_get(int fd)
{
	struct pp_listener *listener = pp_listeners_find(fd);
	int error = errno;

	if (listener == NULL && !pp_listeners_is_something_else(fd)) {
		pp_listeners_note(fd);
		listener = pp_listeners_find(fd);
	}
	if (listener != NULL && pp_has_threads()) {
		atomic_fetch_add(&listener->accepting, 1);
		if (atomic_load(&listener->sleepers) > 0 &&
		    atomic_load(&listener->wake) == 0)
			open_for_sleepers(listener);
	}
	errno = error;
	return listener;
}

void pp_listeners_put(struct pp_listener *listener)
{
	if (listener != NULL && pp_has_threads())
		atomic_fetch_sub(&listener->accepting, 1);
}

void pp_listeners_note_epoll(int epoll, int operation, int fd,
			     const struct epoll_event *event)
{
	struct entry *entry = get_entry(fd, operation != EPOLL_CTL_DEL);
	struct pp_listener *listener;
	int error = errno;

	if (entry == NULL)
		return;
	listener = atomic_load(&entry->listener);
	if (atomic_load(&entry->kind) != LISTENER) {
		pp_registrations_note_early(&entry->early, epoll, operation,
					    event);
		return;
	}
	pp_registrations_note(listener, epoll, operation, event);
	if (operation != EPOLL_CTL_DEL)
		pp_listeners_note_watched(listener);
	pp_rooms_follow(listener, epoll, operation, event);
	errno = error;
}

void pp_listeners_note_close(int fd)
{
	struct entry *entry = get_entry(fd, false);
	struct pp_listener *listener = pp_listeners_find(fd);
	int error = errno;

	/* a child of vfork has our memory for a while */
	if (listener == NULL || pp_process_is_guest())
		return;
	pp_listeners_note_watched(listener);
	atomic_store(&entry->kind, UNKNOWN);
	pp_rooms_close(listener);
	pp_registrations_clear(listener);
	errno = error;
}

bool pp_listeners_any(void)
{
	return atomic_load_explicit(&any_listener, memory_order_acquire);
}
