/* SPDX-License-Identifier: ISC */
/*
 * The waiting room; see room.h. Its epoll watches the connections, edge
 * triggered, so that half a header wakes nobody twice, and a timer for the
 * earliest deadline. Events are fetched one at a time and only as long as
 * nobody is ready: what is not fetched keeps the room readable.
 */
#include <config.h>

#include "room.h"

#include "check.h"
#include "table.h"

#include <errno.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>

/* Memory is mapped for so many at a time, and kept for the next ones. */
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

bool pp_room_open(struct pp_room *room, const struct pp_room_policy *policy)
{
	/* NULL stands for the timer; a connection has its own address */
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL };
	struct pp_waiting *spare = room->spare;

	memset(room, 0, sizeof(*room));
	room->spare = spare;
	room->policy = *policy;
	room->epoll = policy->epoll_create1(EPOLL_CLOEXEC);
	if (room->epoll < 0)
		return false;
	room->timer = timerfd_create(CLOCK_MONOTONIC,
				     TFD_CLOEXEC | TFD_NONBLOCK);
	if (room->timer >= 0 &&
	    control(room, EPOLL_CTL_ADD, room->timer, &event) == 0)
		return true;
	if (room->timer >= 0)
		room->policy.close(room->timer);
	room->policy.close(room->epoll);
	return false;
}

static struct pp_waiting *get_memory(struct pp_room *room)
{
	struct pp_waiting *waiting = room->spare;

	if (waiting == NULL) {
		waiting = pp_table_map(BATCH * sizeof(*waiting));
		if (waiting == NULL)
			return NULL;
		for (size_t i = 0; i + 1 < BATCH; i++)
			waiting[i].next = &waiting[i + 1];
	}
	room->spare = waiting->next;
	return waiting;
}

static void give_memory_back(struct pp_room *room, struct pp_waiting *waiting)
{
	waiting->next = room->spare;
	room->spare = waiting;
}

bool pp_room_enter(struct pp_room *room, const struct pp_waiting *from)
{
	struct pp_waiting *waiting = get_memory(room);
	struct epoll_event event = { .events = EPOLLIN | EPOLLRDHUP | EPOLLET,
				     .data.ptr = waiting };

	if (waiting == NULL)
		return false;
	*waiting = *from;
	if (control(room, EPOLL_CTL_ADD, waiting->receive.fd, &event) != 0) {
		give_memory_back(room, waiting);
		return false;
	}
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
	return true;
}

/* Takes a connection out of the queue, before its descriptor is let go. */
static void unlink_waiting(struct pp_room *room, struct pp_waiting *waiting)
{
	/* a forked child may hold it open: closing would not be enough */
	control(room, EPOLL_CTL_DEL, waiting->receive.fd, NULL);
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

static void drop(struct pp_room *room, struct pp_waiting *waiting,
		 const char *reason)
{
	if (reason != NULL)
		room->policy.tell_drop(waiting, reason);
	pp_receive_end(&waiting->receive);
	pp_receive_stop_linger(waiting->receive.fd);
	room->policy.close(waiting->receive.fd);
	give_memory_back(room, waiting);
}

/* Looks at one connection; last says that no more of it will come. */
static void judge(struct pp_room *room, struct pp_waiting *waiting, bool last)
{
	uint8_t peeked[PP_RECEIVE_PEEK];

	waiting->received = pp_receive_step(&waiting->receive, last, peeked);
	if (waiting->received == PP_RECEIVED_MORE)
		return;
	unlink_waiting(room, waiting);
	if (waiting->received == PP_RECEIVED_MALFORMED)
		drop(room, waiting, waiting->receive.header.reason);
	else if (waiting->received == PP_RECEIVED_NONE && room->policy.must_use)
		drop(room, waiting, "no header");
	else
		room->ready = waiting;
	if (waiting->received == PP_RECEIVED_HEADER)
		pp_receive_keep(&waiting->receive, peeked);
}

static void judge_overdue(struct pp_room *room)
{
	int64_t now = pp_now();

	while (room->ready == NULL && room->oldest != NULL &&
	       room->oldest->deadline <= now)
		judge(room, room->oldest, true);
	set_timer_to_oldest(room);
}

bool pp_room_advance(struct pp_room *room)
{
	const uint32_t ended = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
	struct epoll_event event;

	while (room->ready == NULL &&
	       epoll_wait(room->epoll, &event, 1, 0) == 1) {
		if (event.data.ptr == NULL)
			judge_overdue(room);
		else
			judge(room, event.data.ptr,
			      (event.events & ended) != 0);
	}
	return room->ready != NULL;
}

bool pp_room_leave(struct pp_room *room, struct pp_waiting *waiting)
{
	if (room->ready == NULL)
		return false;
	*waiting = *room->ready;
	give_memory_back(room, room->ready);
	room->ready = NULL;
	if (room->shown)
		set_timer_to_oldest(room);
	room->shown = false;
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

/* Closes every connection's descriptor and empties the queue. */
static void drop_all(struct pp_room *room)
{
	struct pp_waiting *waiting;

	while ((waiting = room->oldest) != NULL) {
		room->oldest = waiting->next;
		drop(room, waiting, NULL);
	}
	if (room->ready != NULL)
		drop(room, room->ready, NULL);
	room->newest = NULL;
	room->ready = NULL;
	room->count = 0;
}

bool pp_room_is_used(const struct pp_room *room)
{
	return room->oldest != NULL || room->ready != NULL;
}

void pp_room_abandon(struct pp_room *room)
{
	room->policy.close(room->timer);
	room->policy.close(room->epoll);
	drop_all(room);
}

void pp_room_close(struct pp_room *room)
{
	struct pp_waiting *waiting;

	/* out of the epoll first, see unlink_waiting */
	for (waiting = room->oldest; waiting != NULL; waiting = waiting->next)
		control(room, EPOLL_CTL_DEL, waiting->receive.fd, NULL);
	pp_room_abandon(room);
}
