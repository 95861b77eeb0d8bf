/* SPDX-License-Identifier: ISC */
/*
 * The waiting room; see room.h. Its epoll watches the connections, edge
 * triggered, so that half a header wakes nobody twice, and a timer for the
 * earliest deadline. Events are fetched one at a time and only as long as
 * nobody is ready: what is not fetched keeps the room readable.
 */
#include <config.h>

#include "connection/room.h"

#include "check.h"
#include "memory.h"

#include <errno.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>

/* Memory is first mapped for so many, and kept for the next ones. */
#define BATCH 32

int64_t pp_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Sets the timer to a moment of CLOCK_MONOTONIC; 0 stops it. */
static void set_timer(const struct pp_room *room, int64_t moment)
{
	const struct itimerspec timer = {
		.it_interval = { .tv_sec = PP_ROOM_REPEAT,
				 .tv_nsec = room->timer_mark },
		.it_value = { .tv_sec = (time_t)(moment / 1000),
			      .tv_nsec = (long)(moment % 1000) * 1000000 },
	};

	timerfd_settime(room->timer, TFD_TIMER_ABSTIME, &timer, NULL);
}

static void set_timer_to_oldest(const struct pp_room *room)
{
	set_timer(room, room->oldest == NULL ? 0 : room->oldest->deadline);
}

/* epoll_ctl(2) of the room's own epoll. */
static int control(const struct pp_room *room, int operation, int fd,
		   struct epoll_event *event)
{
	return room->policy.epoll_ctl(room->epoll, operation, fd, event);
}

/*
 * A timer cannot be told from another but by what it is set to. Its interval
 * is one that no program sets, and no other room.
 */
static void mark_timer(struct pp_room *room)
{
	room->opened++;
	room->timer_mark = (long)(((uintptr_t)room / 64 * 31 + room->opened) %
				  1000000000);
	set_timer(room, 0);
}

/* Gives up a descriptor of the room's, and closes it if it is still that. */
static void let_go(const struct pp_room *room, int fd, bool own)
{
	room->policy.mark(fd, false);
	if (own)
		room->policy.close(fd);
}

static void empty(struct pp_room *room)
{
	room->oldest = NULL;
	room->newest = NULL;
	room->ready = NULL;
	room->shown = false;
	room->count = 0;
}

bool pp_room_open(struct pp_room *room, const struct pp_room_policy *policy)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = 0 };

	empty(room);
	room->policy = *policy;
	room->epoll = policy->epoll_create1(EPOLL_CLOEXEC);
	if (room->epoll < 0)
		return false;
	policy->mark(room->epoll, true);
	room->timer = timerfd_create(CLOCK_MONOTONIC,
				     TFD_CLOEXEC | TFD_NONBLOCK);
	if (room->timer >= 0) {
		policy->mark(room->timer, true);
		mark_timer(room);
		if (control(room, EPOLL_CTL_ADD, room->timer, &event) == 0)
			return true;
		let_go(room, room->timer, true);
	}
	let_go(room, room->epoll, true);
	return false;
}

/*
 * Where a connection of that index is in the room's memory: the first batch
 * has BATCH of them, each further one twice as many as that before.
 */
static struct pp_waiting *at_index(const struct pp_room *room, uint32_t index)
{
	size_t batch = 0, first = 0, size = BATCH;

	while (batch < PP_ROOM_BATCHES && index >= first + size) {
		first += size;
		size *= 2;
		batch++;
	}
	return batch < PP_ROOM_BATCHES && room->batches[batch] != NULL
		       ? &room->batches[batch][index - first]
		       : NULL;
}

/* Maps the batch that follows those there are. */
static bool add_batch(struct pp_room *room)
{
	size_t batch = 0;

	while (batch < PP_ROOM_BATCHES && room->batches[batch] != NULL)
		batch++;
	if (batch == PP_ROOM_BATCHES)
		return false;
	room->batches[batch] = pp_memory_map(((size_t)BATCH << batch) *
					    sizeof(struct pp_waiting));
	return room->batches[batch] != NULL;
}

static struct pp_waiting *get_memory(struct pp_room *room)
{
	struct pp_waiting *waiting = room->spare;

	if (waiting != NULL) {
		room->spare = waiting->next;
		return waiting;
	}
	if (at_index(room, room->made) == NULL && !add_batch(room))
		return NULL;
	waiting = at_index(room, room->made);
	waiting->index = room->made++;
	return waiting;
}

static void give_memory_back(struct pp_room *room, struct pp_waiting *waiting)
{
	waiting->generation++;
	waiting->queued = false;
	waiting->next = room->spare;
	room->spare = waiting;
}

/*
 * What the epoll has for a connection. A pointer would outlive it, where the
 * socket does: a child of the program may hold it open.
 */
static uint64_t key_of(const struct pp_waiting *waiting)
{
	return (uint64_t)waiting->generation << 32 | (waiting->index + 1);
}

/* Whom a key, not the timer's, is of. NULL if he has left. */
static struct pp_waiting *find(const struct pp_room *room, uint64_t key)
{
	struct pp_waiting *waiting = at_index(room, (uint32_t)key - 1);

	return waiting != NULL && waiting->queued && key_of(waiting) == key
		       ? waiting
		       : NULL;
}

/* Is his connection still behind his descriptor? */
static bool is_there(const struct pp_waiting *waiting)
{
	return pp_room_cookie(waiting->receive.fd) == waiting->cookie;
}

/* Copies what the caller knows of a connection. */
static void fill(struct pp_waiting *waiting, const struct pp_waiting *from)
{
	const uint32_t index = waiting->index;
	const uint32_t generation = waiting->generation;

	*waiting = *from;
	waiting->index = index;
	waiting->generation = generation;
	waiting->cookie = pp_room_cookie(from->receive.fd);
	waiting->queued = true;
}

static void append(struct pp_room *room, struct pp_waiting *waiting)
{
	PP_CHECK(room->newest == NULL ||
		 room->newest->deadline <= waiting->deadline);
	waiting->next = NULL;
	waiting->previous = room->newest;
	if (room->newest != NULL)
		room->newest->next = waiting;
	room->newest = waiting;
	room->count++;
	if (room->oldest == NULL) {
		room->oldest = waiting;
		set_timer_to_oldest(room);
	}
}

bool pp_room_enter(struct pp_room *room, const struct pp_waiting *from)
{
	struct pp_waiting *waiting = get_memory(room);
	struct epoll_event event = { .events = EPOLLIN | EPOLLRDHUP |
					       EPOLLET };

	if (waiting == NULL)
		return false;
	fill(waiting, from);
	event.data.u64 = key_of(waiting);
	if (control(room, EPOLL_CTL_ADD, waiting->receive.fd, &event) != 0) {
		give_memory_back(room, waiting);
		return false;
	}
	room->policy.mark(waiting->receive.fd, true);
	append(room, waiting);
	return true;
}

/* Takes a connection out of the queue, before its descriptor is let go. */
static void unlink_waiting(struct pp_room *room, struct pp_waiting *waiting)
{
	/* a forked child may hold it open: closing would not be enough */
	control(room, EPOLL_CTL_DEL, waiting->receive.fd, NULL);
	waiting->queued = false;
	room->count--;
	if (waiting->next != NULL)
		waiting->next->previous = waiting->previous;
	else
		room->newest = waiting->previous;
	if (waiting->previous != NULL) {
		waiting->previous->next = waiting->next;
	} else {
		room->oldest = waiting->next;
		set_timer_to_oldest(room);
	}
}

/* Ends with him whose connection is to be closed, or is not there any more. */
static void end(struct pp_room *room, struct pp_waiting *waiting, bool own)
{
	pp_receive_end(&waiting->receive);
	let_go(room, waiting->receive.fd, own);
}

static void forget(struct pp_room *room, struct pp_waiting *waiting, bool own)
{
	end(room, waiting, own);
	give_memory_back(room, waiting);
}

/* To tell may block: that is for the caller, when nothing is locked. */
static void keep_dropped(struct pp_room *room, struct pp_waiting *waiting,
			 const char *reason)
{
	waiting->reason = reason;
	waiting->next = NULL;
	if (room->first_dropped == NULL)
		room->first_dropped = waiting;
	else
		room->last_dropped->next = waiting;
	room->last_dropped = waiting;
}

bool pp_room_next_dropped(struct pp_room *room, struct pp_waiting *to)
{
	struct pp_waiting *waiting = room->first_dropped;

	if (waiting == NULL)
		return false;
	room->first_dropped = waiting->next;
	*to = *waiting;
	give_memory_back(room, waiting);
	return true;
}

static void drop(struct pp_room *room, struct pp_waiting *waiting,
		 const char *reason)
{
	bool there = is_there(waiting);

	if (there)
		pp_receive_stop_linger(waiting->receive.fd);
	end(room, waiting, there);
	if (there && room->policy.tell)
		keep_dropped(room, waiting, reason);
	else
		give_memory_back(room, waiting);
}

/* Looks at one connection; last says that no more of it will come. */
static void judge(struct pp_room *room, struct pp_waiting *waiting, bool last)
{
	uint8_t peeked[PP_RECEIVE_PEEK];

	if (!is_there(waiting)) {
		unlink_waiting(room, waiting);
		forget(room, waiting, false);
		return;
	}
	waiting->received = pp_receive_step(&waiting->receive, last, peeked);
	if (waiting->received == PP_RECEIVED_MORE)
		return;
	unlink_waiting(room, waiting);
	if (waiting->received == PP_RECEIVED_MALFORMED)
		drop(room, waiting, waiting->receive.header.reason);
	else if (waiting->received == PP_RECEIVED_NONE && room->policy.must_use)
		drop(room, waiting, pp_receive_reason(&waiting->receive));
	else
		room->ready = waiting;
	if (waiting->received == PP_RECEIVED_HEADER)
		pp_receive_keep(&waiting->receive, peeked);
}

static void judge_overdue(struct pp_room *room)
{
	int64_t now = pp_now();

	while (room->ready == NULL && room->oldest != NULL &&
	       room->oldest->deadline <= now) {
		room->oldest->receive.is_overdue = true;
		judge(room, room->oldest, true);
	}
	set_timer_to_oldest(room);
}

bool pp_room_advance(struct pp_room *room)
{
	const uint32_t ended = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
	struct pp_waiting *waiting;
	struct epoll_event event;

	while (room->ready == NULL &&
	       epoll_wait(room->epoll, &event, 1, 0) == 1) {
		if (event.data.u64 == 0) {
			judge_overdue(room);
			continue;
		}
		waiting = find(room, event.data.u64);
		if (waiting != NULL)
			judge(room, waiting, (event.events & ended) != 0);
	}
	return room->ready != NULL;
}

bool pp_room_leave(struct pp_room *room, struct pp_waiting *to)
{
	struct pp_waiting *waiting = room->ready;
	bool there = waiting != NULL && is_there(waiting);

	if (waiting == NULL)
		return false;
	room->ready = NULL;
	if (room->shown)
		set_timer_to_oldest(room);
	room->shown = false;
	if (!there) {
		forget(room, waiting, false);
		return false;
	}
	*to = *waiting;
	room->policy.mark(to->receive.fd, false);
	give_memory_back(room, waiting);
	return true;
}

void pp_room_show_ready(struct pp_room *room)
{
	if (room->ready == NULL)
		return;
	set_timer(room, 1);
	room->shown = true;
}

bool pp_room_give_up_oldest(struct pp_room *room)
{
	struct pp_waiting *waiting = room->oldest;

	if (waiting == NULL)
		return false;
	unlink_waiting(room, waiting);
	drop(room, waiting, "given up, descriptors are short");
	return true;
}

bool pp_room_is_used(const struct pp_room *room)
{
	return room->oldest != NULL || room->ready != NULL;
}

static void close_all(struct pp_room *room)
{
	bool stands = pp_room_stands(room), timed = pp_room_has_timer(room);
	struct pp_waiting *waiting, *next;

	let_go(room, room->timer, timed);
	let_go(room, room->epoll, stands);
	for (waiting = room->oldest; waiting != NULL; waiting = next) {
		next = waiting->next;
		forget(room, waiting, is_there(waiting));
	}
	if (room->ready != NULL)
		forget(room, room->ready, is_there(room->ready));
	empty(room);
}

void pp_room_abandon(struct pp_room *room)
{
	struct pp_waiting told;

	close_all(room);
	/* the parent tells of them */
	while (pp_room_next_dropped(room, &told))
		;
}

void pp_room_close(struct pp_room *room)
{
	bool stands = pp_room_stands(room);
	struct pp_waiting *waiting;

	for (waiting = room->oldest; waiting != NULL; waiting = waiting->next) {
		/* out of the epoll first, see unlink_waiting */
		if (stands)
			control(room, EPOLL_CTL_DEL, waiting->receive.fd, NULL);
		if (is_there(waiting))
			pp_receive_stop_linger(waiting->receive.fd);
	}
	if (room->ready != NULL && is_there(room->ready))
		pp_receive_stop_linger(room->ready->receive.fd);
	close_all(room);
}
