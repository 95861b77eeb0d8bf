/* SPDX-License-Identifier: ISC */
/* Descriptors and times; see loop.h. */
#include <config.h>

#include "supervisor/loop.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>

static int epoll;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Wakes the one that waits: there is an earlier timer than it knows of. */
static int earlier = -1;
static bool is_waiting;

/* The timers that run, a heap: the first at 1 is the earliest. */
static struct pp_timer **heap;
static size_t heap_size, heap_room;

void pp_loop_lock(void)
{
	pthread_mutex_lock(&lock);
}

void pp_loop_unlock(void)
{
	pthread_mutex_unlock(&lock);
}

static void earlier_arrived(struct pp_event *event, uint32_t events)
{
	eventfd_t count;

	(void)event;
	(void)events;
	eventfd_read(earlier, &count);
}

bool pp_loop_begin(void)
{
	static struct pp_event arrived = { earlier_arrived };

	epoll = epoll_create1(EPOLL_CLOEXEC);
	earlier = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pp_loop_lock();
	return epoll >= 0 && earlier >= 0 &&
	       pp_loop_add(earlier, EPOLLIN, &arrived);
}

static bool control_epoll(int operation, int fd, uint32_t events,
			  struct pp_event *event)
{
	struct epoll_event wanted = { .events = events, .data.ptr = event };

	return epoll_ctl(epoll, operation, fd, &wanted) == 0;
}

bool pp_loop_add(int fd, uint32_t events, struct pp_event *event)
{
	return control_epoll(EPOLL_CTL_ADD, fd, events, event);
}

bool pp_loop_change(int fd, uint32_t events, struct pp_event *event)
{
	return control_epoll(EPOLL_CTL_MOD, fd, events, event);
}

void pp_loop_remove(int fd)
{
	control_epoll(EPOLL_CTL_DEL, fd, 0, NULL);
}

static void put_timer(size_t place, struct pp_timer *timer)
{
	heap[place] = timer;
	timer->place = place;
}

/* Puts a timer where it belongs, from a free place on: up, or else down. */
static void sift_timer(size_t place, struct pp_timer *timer)
{
	while (place > 1 && timer->when < heap[place / 2]->when) {
		put_timer(place, heap[place / 2]);
		place /= 2;
	}
	for (;;) {
		size_t next = 2 * place;

		if (next < heap_size && heap[next + 1]->when < heap[next]->when)
			next++;
		if (next > heap_size || timer->when <= heap[next]->when)
			break;
		put_timer(place, heap[next]);
		place = next;
	}
	put_timer(place, timer);
}

static bool make_room(void)
{
	size_t room = heap_room == 0 ? 64 : 2 * heap_room;
	struct pp_timer **larger;

	if (heap_size + 1 < heap_room)
		return true;
	larger = realloc(heap, room * sizeof(*heap));
	if (larger == NULL)
		return false;
	heap = larger;
	heap_room = room;
	return true;
}

bool pp_timer_start(struct pp_timer *timer, int64_t when)
{
	if (timer->place == 0 && !make_room())
		return false;
	timer->when = when;
	sift_timer(timer->place != 0 ? timer->place : ++heap_size, timer);
	if (is_waiting && heap[1] == timer)
		eventfd_write(earlier, 1);
	return true;
}

void pp_timer_stop(struct pp_timer *timer)
{
	size_t place = timer->place;
	struct pp_timer *last;

	if (place == 0)
		return;
	timer->place = 0;
	last = heap[heap_size--];
	if (last != timer)
		sift_timer(place, last);
}

/* Milliseconds until the first timer expires; -1 where there is none. */
static int time_left(void)
{
	int64_t left;

	if (heap_size == 0)
		return -1;
	left = heap[1]->when - pp_now_ms();
	if (left < 0)
		return 0;
	return left < INT_MAX ? (int)left : INT_MAX;
}

/* Whatever there is then is asked for once the lock is there again. */
static void wait_unlocked(int left)
{
	struct pollfd here = { .fd = epoll, .events = POLLIN };

	is_waiting = true;
	pp_loop_unlock();
	poll(&here, 1, left);
	pp_loop_lock();
	is_waiting = false;
}

void pp_loop_step(void)
{
	struct epoll_event event;
	int left = time_left();
	struct pp_timer *timer;

	if (left == 0) {
		timer = heap[1];
		pp_timer_stop(timer);
		timer->expired(timer);
		/* what is ready has its turn, too */
	}
	wait_unlocked(left);
	if (epoll_wait(epoll, &event, 1, 0) == 1)
		((struct pp_event *)event.data.ptr)->ready(event.data.ptr,
							   event.events);
}
