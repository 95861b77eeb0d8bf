/* SPDX-License-Identifier: ISC */
/* Waiting for rooms with poll(2); see poll.h. */
#include <config.h>

#include "preload/server/poll.h"

#include "memory.h"
#include "preload/real.h"
#include "preload/server/listeners.h"
#include "preload/server/poll_parts.h"
#include "preload/table.h"

#include <errno.h>
#include <pthread.h>

/* So many need no memory of their own. */
#define NEAR_POLL 64

static bool is_readable_asked(const struct pollfd *fd)
{
	return fd->fd >= 0 && (fd->events & (POLLIN | POLLRDNORM));
}

static nfds_t count_rooms(const struct pollfd *fds, nfds_t count)
{
	nfds_t rooms = 0;

	for (nfds_t i = 0; i < count; i++)
		if (is_readable_asked(&fds[i]) &&
		    pp_readiness_room(fds[i].fd) >= 0)
			rooms++;
	return rooms;
}

/* Notes which listeners the program waits for, where poll(2) is content. */
static int note_polled(int result, const struct pollfd *fds, nfds_t count)
{
	if (result >= 0 && pp_listeners_any_unwatched())
		for (nfds_t i = 0; i < count; i++)
			if (is_readable_asked(&fds[i]))
				pp_readiness_note_watched(fds[i].fd);
	return result;
}

/* Is a listener with an open room among them? Keeps errno. */
static bool concerns(const struct pollfd *fds, nfds_t count)
{
	int error = errno;
	bool rooms = count_rooms(fds, count) > 0;

	errno = error;
	return rooms;
}

/* The timeout of poll(2) in that of ppoll(2): NULL for a negative one. */
static const struct timespec *to_time(int milliseconds, struct timespec *time)
{
	if (milliseconds < 0)
		return NULL;
	time->tv_sec = milliseconds / 1000;
	time->tv_nsec = milliseconds % 1000 * 1000000L;
	return time;
}

/* What is waited for: the program's descriptors, and the rooms behind them. */
struct polling {
	struct pollfd *fds;
	nfds_t own;	/* of the program's, those that are any */
	nfds_t all;
};

/*
 * Fills it, up to size. What is no descriptor is left out: the kernel takes no
 * more than the program may open, which may be as many as it has here.
 */
static void fill_polling(struct polling *polling, nfds_t size,
			 const struct pollfd *fds, nfds_t count)
{
	polling->own = 0;
	for (nfds_t i = 0; i < count; i++)
		if (fds[i].fd >= 0)
			polling->fds[polling->own++] = fds[i];
	polling->all = polling->own;
	for (nfds_t i = 0; i < polling->own && polling->all < size; i++) {
		int room = -1;

		if (is_readable_asked(&polling->fds[i]))
			room = pp_readiness_room(polling->fds[i].fd);
		if (room >= 0)
			polling->fds[polling->all++] = (struct pollfd){
				.fd = room, .events = POLLIN
			};
	}
}

/* Looks into the rooms that have moved; shows who is ready as readable. */
static void show_rooms(const struct polling *polling)
{
	for (nfds_t i = 0; i < polling->own; i++) {
		struct pollfd *fd = &polling->fds[i];
		struct pp_listener *listener;

		if (!is_readable_asked(fd))
			continue;
		listener = pp_listeners_find(fd->fd);
		if (listener == NULL)
			continue;
		for (nfds_t at = polling->own; at < polling->all; at++)
			if (polling->fds[at].revents != 0 &&
			    polling->fds[at].fd ==
				    atomic_load(&listener->wake) - 1 &&
			    pp_listeners_ready(listener))
				fd->revents = (short)(fd->revents |
						      (fd->events &
						       (POLLIN | POLLRDNORM)));
	}
}

/* Hands the answers to the program. How many there are. */
static int copy_answers(const struct polling *polling, struct pollfd *fds,
			nfds_t count)
{
	const struct pollfd *from = polling->fds;
	int answers = 0;

	for (nfds_t i = 0; i < count; i++) {
		fds[i].revents = fds[i].fd < 0 ? 0 : from++->revents;
		answers += fds[i].revents != 0;
	}
	return answers;
}

static int poll_extended(struct pollfd *fds, nfds_t count,
			 struct pollfd *extended, nfds_t size,
			 const struct timespec *timeout, const sigset_t *mask)
{
	struct polling polling = { .fds = extended };
	struct pp_timer timer = pp_timer_start(timeout);
	struct timespec left;
	int result, answers;

	do {
		fill_polling(&polling, size, fds, count);
		result = real_ppoll(polling.fds, polling.all,
				    pp_timer_left(&timer, &left), mask);
		/* with the rooms there may be more than the program may open */
		if (result < 0 && errno == EINVAL)
			return real_ppoll(fds, count,
					  pp_timer_left(&timer, &left), mask);
		if (result < 0)
			return result;
		show_rooms(&polling);
		answers = copy_answers(&polling, fds, count);
	} while (answers == 0 && result > 0 && !pp_timer_is_over(&timer));
	return answers;
}

static int poll_with_rooms(struct pollfd *fds, nfds_t count,
			   const struct timespec *timeout,
			   const sigset_t *mask)
{
	nfds_t size = count + count_rooms(fds, count);
	struct pollfd near[NEAR_POLL];
	struct pp_mapping memory = { .size = size * sizeof(*fds) };
	int result;

	if (size <= NEAR_POLL)
		return poll_extended(fds, count, near, size, timeout, mask);
	memory.at = pp_memory_map(memory.size);
	if (memory.at == NULL)
		return real_ppoll(fds, count, timeout, mask);
	pthread_cleanup_push(pp_mapping_free, &memory);
	result = poll_extended(fds, count, memory.at, size, timeout, mask);
	pthread_cleanup_pop(1);
	return result;
}

/* Counts this thread for each listener, or (by is -1) no longer. */
static void count_sleeper(const struct pollfd *fds, nfds_t count, int by)
{
	for (nfds_t i = 0; i < count; i++) {
		struct pp_listener *listener =
			is_readable_asked(&fds[i])
				? pp_listeners_find(fds[i].fd)
				: NULL;

		if (listener != NULL && by > 0)
			pp_listeners_begin_sleep(listener);
		else if (listener != NULL)
			pp_listeners_end_sleep(listener);
	}
}

/* One call of poll(2) or ppoll(2), as the program made it. */
struct call {
	struct pollfd *fds;
	nfds_t count;
	int timeout;	/* poll's */
	const struct timespec *time;	/* ppoll's, and of poll_with_rooms */
	const sigset_t *mask;
	bool by_ppoll;
};

static void end_sleep(void *argument)
{
	const struct call *call = argument;

	count_sleeper(call->fds, call->count, -1);
}

static int poll_bare(const struct call *call)
{
	if (call->by_ppoll)
		return real_ppoll(call->fds, call->count, call->time,
				  call->mask);
	return real_poll(call->fds, call->count, call->timeout);
}

/*
 * Sleeps where no room is open. One that is opened from now on is seen: the
 * thread that opens it waits until this one has left the kernel.
 */
static int poll_without_rooms(struct call *call)
{
	int result = -1;
	bool concerned;

	count_sleeper(call->fds, call->count, 1);
	pthread_cleanup_push(end_sleep, call);
	concerned = concerns(call->fds, call->count);
	if (!concerned)
		result = poll_bare(call);
	pthread_cleanup_pop(1);
	return concerned ? poll_with_rooms(call->fds, call->count, call->time,
					   call->mask)
			 : result;
}

/*
 * Before it is known whether a room is concerned, the kernel is asked who is
 * ready now: it says what is wrong with the call, as a bad address. Only who
 * has to wait asks twice, and by the name that the program did.
 */
int pp_readiness_poll(struct pollfd *fds, nfds_t count, int timeout)
{
	struct timespec time;
	int ready;

	if (!pp_readiness_may_concern())
		return note_polled(real_poll(fds, count, timeout), fds, count);
	ready = note_polled(real_poll(fds, count, 0), fds, count);
	if (ready >= 0 && concerns(fds, count))
		return poll_with_rooms(fds, count, to_time(timeout, &time),
				       NULL);
	if (ready != 0 || timeout == 0)
		return ready;
	return poll_without_rooms(&(struct call){
		.fds = fds, .count = count, .timeout = timeout,
		.time = to_time(timeout, &time) });
}

int pp_readiness_ppoll(struct pollfd *fds, nfds_t count,
		       const struct timespec *timeout, const sigset_t *mask)
{
	const struct timespec now = { .tv_sec = 0 };
	int ready;

	if (!pp_readiness_may_concern() || !pp_is_timeout(timeout))
		return note_polled(real_ppoll(fds, count, timeout, mask), fds,
				   count);
	ready = note_polled(real_ppoll(fds, count, &now, mask), fds, count);
	if (ready >= 0 && concerns(fds, count))
		return poll_with_rooms(fds, count, timeout, mask);
	if (ready != 0)
		return ready;
	return poll_without_rooms(&(struct call){
		.fds = fds, .count = count, .time = timeout, .mask = mask,
		.by_ppoll = true });
}
