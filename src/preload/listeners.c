/* SPDX-License-Identifier: ISC */
/*
 * The program's listeners; see listeners.h. One lock for all the rooms of the
 * process: it is taken only where somebody waits.
 */
#include <config.h>

#include "listeners.h"

#include "accept.h"
#include "configuration.h"
#include "epolls.h"
#include "identity.h"
#include "lock.h"
#include "policy.h"
#include "real.h"
#include "registrations.h"
#include "table.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#ifndef SO_COOKIE
#define SO_COOKIE 57
#endif

/* What is known of a descriptor. */
struct entry {
	/* NULL: nothing; &something_else: it is no TCP listener */
	struct pp_listener *_Atomic listener;
	/* for an inherited listener that is not known as one yet */
	struct pp_registration last;
};

static struct entry near_entries[PP_TABLE_NEAR];
static struct pp_table table;
static struct pp_listener something_else;
static _Atomic bool any_listener;
static _Atomic int unwatched_count;

static struct pp_lock lock;
static struct pp_listener *open_listeners;
static _Atomic int open_count;

static struct entry *get_entry(int fd, bool make)
{
	return pp_table_slot(&table, near_entries, sizeof(*near_entries), fd,
			     make);
}

static uint64_t get_cookie(int fd)
{
	uint64_t cookie = 0;
	socklen_t length = sizeof(cookie);

	getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &length);
	return cookie;
}

static void note_used(struct pp_listener *listener)
{
	atomic_store(&listener->used, pp_room_is_used(&listener->room));
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

static void close_gate(struct pp_listener *listener)
{
	int gate = atomic_exchange(&listener->gate, 0);

	if (gate != 0)
		real_close(gate - 1);
}

static void discard_room(struct pp_listener *listener,
			 void (*how)(struct pp_room *room))
{
	atomic_store(&listener->wake, 0);
	atomic_store(&listener->used, false);
	close_gate(listener);
	unlink_open(listener);
	how(&listener->room);
}

void pp_listeners_before_fork(void)
{
	if (pp_listeners_any())
		pp_lock_before_fork(&lock);
}

void pp_listeners_after_fork(void)
{
	if (pp_lock_forks(&lock))
		pp_lock_after_fork(&lock);
}

void pp_listeners_after_fork_in_child(void)
{
	while (open_listeners != NULL)
		discard_room(open_listeners, pp_room_abandon);
	if (pp_lock_forks(&lock))
		pp_lock_after_fork(&lock);
	else
		pp_lock_renew(&lock);
}

/*
 * Is the room there, of this process and of the socket that is on the
 * descriptor now? What is not is discarded.
 */
static bool room_holds(struct pp_listener *listener)
{
	if (atomic_load(&listener->wake) == 0)
		return false;
	if (listener->owner != getpid()) {
		discard_room(listener, pp_room_abandon);
		return false;
	}
	if (listener->cookie == get_cookie(listener->fd))
		return true;
	discard_room(listener, pp_room_close);
	return false;
}

static bool open_room(struct pp_listener *listener)
{
	struct pp_room_policy policy = { .must_use = pp_configuration()->must_use,
					 .tell_drop = pp_tell_drop,
					 .close = real_close,
					 .epoll_create1 = real_epoll_create1,
					 .epoll_ctl = real_epoll_ctl };

	if (room_holds(listener))
		return true;
	if (!pp_room_open(&listener->room, &policy))
		return false;
	listener->owner = getpid();
	listener->cookie = get_cookie(listener->fd);
	listener->next_open = open_listeners;
	open_listeners = listener;
	atomic_fetch_add(&open_count, 1);
	atomic_store(&listener->wake, listener->room.epoll + 1);
	pp_registrations_add_room(listener);
	pp_epolls_look_up(listener);
	return true;
}

/* Half of what the process may open is the program's. */
static bool rooms_are_full(void)
{
	struct rlimit limit;
	size_t count = 0;

	for (struct pp_listener *l = open_listeners; l != NULL;
	     l = l->next_open)
		count += l->room.count;
	return getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
	       count >= limit.rlim_cur / 2;
}

static bool give_up_oldest(void)
{
	struct pp_listener *oldest = NULL;

	for (struct pp_listener *l = open_listeners; l != NULL;
	     l = l->next_open)
		if (l->room.oldest != NULL &&
		    (oldest == NULL || l->room.oldest->deadline <
					       oldest->room.oldest->deadline))
			oldest = l;
	if (oldest == NULL || oldest->owner != getpid())
		return false;
	pp_room_give_up_oldest(&oldest->room);
	note_used(oldest);
	return true;
}

bool pp_listeners_give_up_oldest(void)
{
	sigset_t before;
	bool given_up;

	if (!pp_listeners_any_open())
		return false;
	pp_lock_take(&lock, &before);
	given_up = give_up_oldest();
	pp_lock_release(&lock, &before);
	return given_up;
}

bool pp_listeners_enter(struct pp_listener *listener,
			const struct pp_waiting *waiting)
{
	bool entered = false;
	sigset_t before;

	pp_lock_take(&lock, &before);
	if (open_room(listener)) {
		if (rooms_are_full())
			give_up_oldest();
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
	if (room_holds(listener)) {
		pp_room_advance(&listener->room);
		left = pp_room_leave(&listener->room, waiting);
		note_used(listener);
	}
	pp_lock_release(&lock, &before);
	return left;
}

bool pp_listeners_ready(struct pp_listener *listener)
{
	bool ready = false;
	sigset_t before;

	pp_lock_take(&lock, &before);
	if (room_holds(listener)) {
		ready = pp_room_advance(&listener->room);
		pp_room_show_ready(&listener->room);
		note_used(listener);
	}
	pp_lock_release(&lock, &before);
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
					  .data.fd = listener->fd };
	struct epoll_event room = { .events = EPOLLIN,
				    .data.fd = listener->room.epoll };
	int gate = real_epoll_create1(EPOLL_CLOEXEC);

	if (gate < 0)
		return -1;
	if (real_epoll_ctl(gate, EPOLL_CTL_ADD, listener->fd, &connection) == 0 &&
	    real_epoll_ctl(gate, EPOLL_CTL_ADD, listener->room.epoll, &room) == 0) {
		atomic_store(&listener->gate, gate + 1);
		return gate;
	}
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
		if (gate < 0)
			gate = make_gate(listener);
	}
	pp_lock_release(&lock, &before);
	return gate;
}

/*
 * Lets the kernel keep a silent client to itself for a second. Only where all
 * clients are expected to speak first, and where the program has not decided.
 */
static void defer_accept(int fd)
{
	const struct pp_settings *settings = pp_configuration();
	int seconds = 0;
	socklen_t length = sizeof(seconds);

	if (!settings->must_use && settings->trusted.ranges != NULL)
		return;
	if (!pp_policy_has_port(settings, fd))
		return;
	if (getsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds,
		       &length) != 0 ||
	    seconds != 0)
		return;
	seconds = 1;
	setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds,
		   sizeof(seconds));
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
	sigset_t before;

	pp_lock_take(&lock, &before);
	room_holds(listener);
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
	struct pp_listener *fresh = pp_table_map(sizeof(*fresh));

	if (fresh == NULL)
		return NULL;
	fresh->fd = fd;
	pp_registrations_adopt(fresh, &entry->last);
	fresh->watched = atomic_load(&entry->last.epoll) != 0;
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

void pp_listeners_note(int fd)
{
	struct entry *entry = get_entry(fd, true);
	struct pp_listener *listener;

	pp_identity_prepare();
	if (entry == NULL)
		return;
	listener = atomic_load(&entry->listener);
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
	defer_accept(fd);
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

struct pp_listener *pp_listeners_get(int fd)
{
	struct entry *entry = get_entry(fd, false);
	int error = errno;

	if (entry != NULL && atomic_load(&entry->listener) != NULL)
		return pp_listeners_find(fd);
	pp_listeners_note(fd);
	errno = error;
	return pp_listeners_find(fd);
}

void pp_listeners_note_epoll(int epoll, int operation, int fd,
			     const struct epoll_event *event)
{
	struct entry *entry = get_entry(fd, operation != EPOLL_CTL_DEL);
	struct pp_listener *listener;
	sigset_t before;

	if (entry == NULL)
		return;
	listener = atomic_load(&entry->listener);
	if (listener == NULL || listener == &something_else) {
		pp_registration_note(&entry->last, epoll, operation, event);
		return;
	}
	pp_registrations_note(listener, epoll, operation, event);
	if (operation != EPOLL_CTL_DEL)
		pp_listeners_note_watched(listener);
	if (atomic_load(&listener->wake) == 0)
		return;
	pp_lock_take(&lock, &before);
	if (room_holds(listener))
		pp_registrations_follow(listener, epoll, operation, event);
	pp_lock_release(&lock, &before);
}

void pp_listeners_note_close(int fd)
{
	struct pp_listener *listener;
	sigset_t before;

	if (!pp_listeners_any_open())
		return;
	listener = pp_listeners_find(fd);
	/* not for a child of vfork, which has our memory for a while */
	if (listener == NULL || atomic_load(&listener->wake) == 0 ||
	    listener->owner != getpid())
		return;
	pp_lock_take(&lock, &before);
	if (atomic_load(&listener->wake) != 0)
		discard_room(listener, pp_room_close);
	pp_lock_release(&lock, &before);
}

bool pp_listeners_any_open(void)
{
	return atomic_load_explicit(&open_count, memory_order_acquire) > 0;
}

bool pp_listeners_any(void)
{
	return atomic_load_explicit(&any_listener, memory_order_acquire);
}
