/* SPDX-License-Identifier: ISC */
/* Waiting for rooms, with whatever function; see poll_parts.h. */
#include <config.h>

#include "preload/server/poll_parts.h"

#include "preload/server/listeners.h"
#include "preload/server/threads.h"

#include <errno.h>
#include <sys/mman.h>

int pp_readiness_room(int fd)
{
	struct pp_listener *listener = pp_listeners_find(fd);

	return listener == NULL ? -1 : atomic_load(&listener->wake) - 1;
}

bool pp_readiness_may_concern(void)
{
	return pp_listeners_any_open() ||
	       (pp_listeners_any() && pp_has_threads());
}

void pp_readiness_note_watched(int fd)
{
	struct pp_listener *listener = pp_listeners_find(fd);

	if (listener != NULL)
		pp_listeners_note_watched(listener);
}

bool pp_is_timeout(const struct timespec *timeout)
{
	return timeout == NULL ||
	       (timeout->tv_sec >= 0 && timeout->tv_nsec >= 0 &&
		timeout->tv_nsec < 1000000000);
}

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

struct pp_timer pp_timer_start(const struct timespec *timeout)
{
	struct pp_timer timer = { .endless = timeout == NULL };

	if (timeout == NULL)
		return timer;
	if (timeout->tv_sec > INT32_MAX)
		timer.endless = true;
	else
		timer.end = now_ns() + (int64_t)timeout->tv_sec * 1000000000 +
			    timeout->tv_nsec;
	return timer;
}

const struct timespec *pp_timer_left(const struct pp_timer *timer,
				     struct timespec *left)
{
	int64_t ns = timer->endless ? 0 : timer->end - now_ns();

	if (timer->endless)
		return NULL;
	if (ns < 0)
		ns = 0;
	left->tv_sec = (time_t)(ns / 1000000000);
	left->tv_nsec = (long)(ns % 1000000000);
	return left;
}

bool pp_timer_is_over(const struct pp_timer *timer)
{
	return !timer->endless && timer->end <= now_ns();
}

void pp_mapping_free(void *argument)
{
	const struct pp_mapping *mapping = argument;
	int error = errno;

	munmap(mapping->at, mapping->size);
	errno = error;
}
