/* SPDX-License-Identifier: ISC */
/*
 * The waiting room; see room.h. Its epoll watches the connections, edge
 * triggered, so that half a header wakes nobody twice, and a timer for the
 * earliest deadline. Events are fetched one at a time and only as long as
 * none is ready: what is not fetched keeps the room readable.
 */
#include <config.h>

#include "connection/room.h"

#include "connection/calls.h"
#include "memory.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/timerfd.h>

#define FIRST_BATCH 32u	/* connections that memory is mapped for at first */

/* The batch that has the nth place: each has twice as many as that before. */
static unsigned batch_of(uint32_t n)
{
	return 31 - (unsigned)__builtin_clz(n / FIRST_BATCH + 1);
}

/* The nth place, of a batch that is there. */
static struct pp_waiting *place_of(const struct pp_room *room, uint32_t n)
{
	uint32_t before = (FIRST_BATCH << batch_of(n)) - FIRST_BATCH;

	return room->batches[batch_of(n)] + (n - before);
}

/* Memory for a connection, which does not move; NULL for none. */
static struct pp_waiting *get_memory(struct pp_room *room)
{
	struct pp_waiting *waiting = room->spare;
	unsigned batch = batch_of(room->made);
	size_t size = ((size_t)FIRST_BATCH << batch) * sizeof(*waiting);

	if (waiting != NULL) {
		room->spare = waiting->next;
		return waiting;
	}
	if (room->batches[batch] == NULL)
		room->batches[batch] = pp_memory_map(size);
	if (room->batches[batch] == NULL)
		return NULL;
	waiting = place_of(room, room->made);
	waiting->key = ++room->made;
	return waiting;
}

static void give_memory_back(struct pp_room *room, struct pp_waiting *waiting)
{
	waiting->next = room->spare;
	room->spare = waiting;
}

/*
 * A key stands for a connection where a pointer might outlive it: its place, 1
 * for the first, and above that how many have left it.
 */
#define KEY_GENERATION ((uint64_t)1 << 32)

/* The connection of a key; NULL if it has left the queue. */
static struct pp_waiting *find_waiting(const struct pp_room *room, uint64_t key)
{
	uint32_t n = (uint32_t)key - 1;
	struct pp_waiting *waiting = n < room->made ? place_of(room, n) : NULL;

	return waiting != NULL && waiting->key == key ? waiting : NULL;
}

/* Sets the timer to the first deadline, or to what is over where one is shown. */
static void set_timer(const struct pp_room *room)
{
	int64_t moment = room->shown ? 1 : 0;
	struct itimerspec timer = {
		.it_interval = { .tv_sec = PP_ROOM_REPEAT,
				 .tv_nsec = room->timer_mark },
	};

	if (!room->shown && room->oldest != NULL)
		moment = room->oldest->deadline;
	timer.it_value.tv_sec = (time_t)(moment / 1000);
	timer.it_value.tv_nsec = (long)(moment % 1000) * 1000000;
	timerfd_settime(room->timer, TFD_TIMER_ABSTIME, &timer, NULL);
}

/*
 * A timer cannot be told from another but by what it is set to. Its interval
 * is one that no program sets, and no other room.
 */
static void mark_timer(struct pp_room *room)
{
	room->timer_mark = (long)(((uintptr_t)room / 64 * 31 + ++room->opened) %
				  1000000000);
	set_timer(room);
}

/*
 * Registers the timer with an epoll (EPOLL_CTL_ADD), or asks whether it was
 * (EPOLL_CTL_MOD): else it cannot be changed, and the same is no change.
 */
static bool control_timer(const struct pp_room *room, int epoll, int operation,
			  uint32_t events)
{
	struct epoll_event event = { .events = events, .data.u64 = 0 };

	return pp_calls.epoll_ctl(epoll, operation, room->timer, &event) == 0;
}

/* Lets a descriptor of the room's go, and closes it if it is still that. */
static void let_descriptor_go(int fd, bool own)
{
	pp_calls.forget(fd);
	if (own)
		pp_calls.close(fd);
}

static void empty_queue(struct pp_room *room)
{
	room->oldest = NULL;
	room->newest = NULL;
	room->ready = NULL;
	room->shown = false;
}

bool pp_room_open(struct pp_room *room)
{
	int timer;

	empty_queue(room);
	room->epoll = pp_hide_fresh(pp_calls.epoll_create1(EPOLL_CLOEXEC));
	if (room->epoll < 0)
		return false;
	timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	room->timer = pp_hide_fresh(timer);
	if (room->timer >= 0) {
		mark_timer(room);
		if (control_timer(room, room->epoll, EPOLL_CTL_ADD, EPOLLIN))
			return true;
		let_descriptor_go(room->timer, true);
	}
	let_descriptor_go(room->epoll, true);
	return false;
}

bool pp_room_has_timer(const struct pp_room *room)
{
	struct itimerspec timer;

	return timerfd_gettime(room->timer, &timer) == 0 &&
	       timer.it_interval.tv_sec == PP_ROOM_REPEAT &&
	       timer.it_interval.tv_nsec == room->timer_mark;
}

bool pp_room_is_intact(const struct pp_room *room)
{
	return pp_room_has_timer(room) &&
	       control_timer(room, room->epoll, EPOLL_CTL_MOD, EPOLLIN);
}

bool pp_room_has(const struct pp_room *room, int fd)
{
	return fd == room->epoll || fd == room->timer ||
	       pp_epoll_has(room->epoll, fd);
}

bool pp_room_mark_epoll(const struct pp_room *room, int epoll)
{
	return control_timer(room, epoll, EPOLL_CTL_ADD, 0);
}

bool pp_room_is_marked(const struct pp_room *room, int epoll)
{
	return control_timer(room, epoll, EPOLL_CTL_MOD, 0);
}

/* Is the connection still behind its descriptor? */
static bool is_there(const struct pp_waiting *waiting)
{
	return pp_cookie_of(waiting->receive.fd) == waiting->cookie;
}

static void append_waiting(struct pp_room *room, struct pp_waiting *waiting)
{
	/* a thread that was earlier may come later */
	if (room->newest != NULL && room->newest->deadline > waiting->deadline)
		waiting->deadline = room->newest->deadline;
	waiting->next = NULL;
	waiting->previous = room->newest;
	if (room->newest != NULL)
		room->newest->next = waiting;
	room->newest = waiting;
	if (room->oldest == NULL) {
		room->oldest = waiting;
		set_timer(room);
	}
}

bool pp_room_enter(struct pp_room *room, const struct pp_waiting *from)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLRDHUP | EPOLLET };
	struct pp_waiting *waiting = get_memory(room);
	uint64_t cookie = pp_cookie_of(from->receive.fd);
	int fd;

	if (waiting == NULL)
		return false;
	fd = cookie == 0 ? -1 : pp_calls.hide(from->receive.fd);
	if (fd >= 0) {
		event.data.u64 = waiting->key;
		*waiting = *from;
		waiting->receive.fd = fd;
		waiting->key = event.data.u64;
		waiting->cookie = cookie;
		waiting->low_water = pp_receive_expect_rest(&waiting->receive);
		if (pp_calls.epoll_ctl(room->epoll, EPOLL_CTL_ADD, fd,
				       &event) == 0) {
			append_waiting(room, waiting);
			pp_calls.close(from->receive.fd);
			return true;
		}
		pp_receive_set_low_water(fd, waiting->low_water);
		let_descriptor_go(fd, true);
	}
	give_memory_back(room, waiting);
	return false;
}

/* Takes a connection out of the queue, before its descriptor is let go. */
static void unlink_waiting(struct pp_room *room, struct pp_waiting *waiting)
{
	/* a forked child may hold it open: closing would not be enough */
	pp_calls.epoll_ctl(room->epoll, EPOLL_CTL_DEL, waiting->receive.fd,
			   NULL);
	waiting->key += KEY_GENERATION;
	if (waiting->next != NULL)
		waiting->next->previous = waiting->previous;
	else
		room->newest = waiting->previous;
	if (waiting->previous != NULL) {
		waiting->previous->next = waiting->next;
	} else {
		room->oldest = waiting->next;
		set_timer(room);
	}
}

/* Closes one if it is there still, without a wait for its client. */
static void close_waiting(struct pp_room *room, struct pp_waiting *waiting)
{
	bool there = is_there(waiting);

	if (there)
		pp_receive_stop_linger(waiting->receive.fd);
	pp_receive_free(&waiting->receive);
	let_descriptor_go(waiting->receive.fd, there);
	give_memory_back(room, waiting);
}

/* Looks at one connection; last says that no more of it will come. */
static void look_at_waiting(struct pp_room *room, struct pp_waiting *waiting,
			    bool last, struct pp_room_look *look)
{
	uint8_t peeked[PP_RECEIVE_PEEK];

	if (!is_there(waiting)) {
		unlink_waiting(room, waiting);
		close_waiting(room, waiting);
		return;
	}
	waiting->received = pp_receive_try(&waiting->receive, last, peeked);
	if (waiting->received == PP_RECEIVED_MORE) {
		look->peer = waiting->proxy;
		if (waiting->receive.header.version == 2)
			pp_receive_expect_rest(&waiting->receive);
		return;
	}
	unlink_waiting(room, waiting);
	room->ready = waiting;
	if (waiting->received == PP_RECEIVED_HEADER)
		pp_receive_keep(&waiting->receive, peeked);
}

/* Looks at those whose time is over, *left at most. */
static void judge_overdue(struct pp_room *room, int *left,
			  struct pp_room_look *look)
{
	int64_t now = pp_now_ms();

	for (; *left > 0 && room->ready == NULL && room->oldest != NULL &&
	       room->oldest->deadline <= now;
	     --*left) {
		room->oldest->receive.is_overdue = true;
		look_at_waiting(room, room->oldest, true, look);
	}
	/* for those that are left it is over, and the room readable */
	set_timer(room);
}

bool pp_room_advance(struct pp_room *room, struct pp_room_look *look)
{
	const uint32_t ended = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
	struct pp_waiting *waiting;
	struct epoll_event event;
	int left = PP_ROOM_PIECE;

	for (; left > 0 && room->ready == NULL &&
	       pp_calls.epoll_wait(room->epoll, &event, 1, 0) == 1;
	     left--) {
		if (event.data.u64 == 0) {
			judge_overdue(room, &left, look);
			continue;
		}
		waiting = find_waiting(room, event.data.u64);
		if (waiting != NULL)
			look_at_waiting(room, waiting,
					(event.events & ended) != 0, look);
	}
	look->more = left <= 0 && room->ready == NULL;
	return room->ready != NULL;
}

/* The one that was ready has left, or is lost. */
static void end_ready(struct pp_room *room)
{
	room->ready = NULL;
	if (room->shown) {
		room->shown = false;
		set_timer(room);
	}
}

int pp_room_leave(struct pp_room *room, struct pp_waiting *to)
{
	struct pp_waiting *waiting = room->ready;
	int fd;

	if (waiting == NULL)
		return 0;
	if (!is_there(waiting)) {
		end_ready(room);
		close_waiting(room, waiting);
		return 0;
	}
	fd = fcntl(waiting->receive.fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0) {
		pp_room_stay_readable(room);
		return -1;
	}
	end_ready(room);
	pp_receive_set_low_water(fd, waiting->low_water);
	*to = *waiting;
	to->receive.fd = fd;
	let_descriptor_go(waiting->receive.fd, true);
	give_memory_back(room, waiting);
	return 1;
}

void pp_room_stay_readable(struct pp_room *room)
{
	room->shown = room->ready != NULL;
	if (room->shown)
		set_timer(room);
}

/* In a forked child nothing is written to the parent's memory: see room.h. */
static void abandon_waiting(const struct pp_waiting *waiting)
{
	struct pp_receive receive = waiting->receive;

	pp_receive_free(&receive);
	if (!is_there(waiting))
		pp_calls.forget(receive.fd);
}

void pp_room_abandon(struct pp_room *room)
{
	if (!pp_room_is_intact(room))
		pp_calls.forget(room->epoll);
	if (!pp_room_has_timer(room))
		pp_calls.forget(room->timer);
	for (struct pp_waiting *w = room->oldest; w != NULL; w = w->next)
		abandon_waiting(w);
	if (room->ready != NULL)
		abandon_waiting(room->ready);
	empty_queue(room);
	/* nothing is written to it: the child need not copy it */
	room->made = 0;
	room->spare = NULL;
}

bool pp_room_give_up_oldest(struct pp_room *room, struct pp_waiting *given_up)
{
	struct pp_waiting *waiting = room->oldest;

	if (waiting == NULL)
		return false;
	*given_up = *waiting;
	unlink_waiting(room, waiting);
	close_waiting(room, waiting);
	return true;
}

void pp_room_close(struct pp_room *room)
{
	bool stands = pp_room_is_intact(room), timed = pp_room_has_timer(room);
	struct pp_waiting *waiting;

	while ((waiting = room->oldest) != NULL) {
		room->oldest = waiting->next;
		/* out of the epoll first, see unlink_waiting */
		if (stands)
			pp_calls.epoll_ctl(room->epoll, EPOLL_CTL_DEL,
					   waiting->receive.fd, NULL);
		close_waiting(room, waiting);
	}
	if (room->ready != NULL)
		close_waiting(room, room->ready);
	let_descriptor_go(room->timer, timed);
	let_descriptor_go(room->epoll, stands);
	empty_queue(room);
}
