/* SPDX-License-Identifier: ISC */
/* The hooks of poll(2) and ppoll(2), and waiting for rooms; see poll.h. */
#include <config.h>

#include "preload/server/poll.h"
#include "preload/server/rooms.h"

#include "api/proxyproto.h"
#include "memory.h"
#include "preload/real.h"
#include "preload/server/listeners.h"

#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>

/* So many places are on the stack. */
#define NEAR 64

/* The events by which a listener is waited for. */
#define READABLE (POLLIN | POLLRDNORM)

static bool is_readable_asked(const struct pollfd *fd)
{
	return fd->fd >= 0 && (fd->events & READABLE);
}

/* The listener that is waited for until it is readable, if it is one. */
static struct pp_listener *get_listener(const struct pollfd *fd)
{
	return is_readable_asked(fd) ? pp_listeners_find_polled(fd->fd) : NULL;
}

/* Adds the rooms of those listeners that have one. How many there are in all. */
static nfds_t add_rooms(struct pp_polling *polling)
{
	nfds_t all = polling->count;

	for (nfds_t i = 0; i < polling->count && all < polling->size; i++) {
		struct pp_listener *listener = get_listener(&polling->fds[i]);
		int room = listener == NULL
				   ? -1
				   : atomic_load(&listener->wake) - 1;

		if (room >= 0)
			polling->fds[all++] = (struct pollfd){
				.fd = room, .events = POLLIN
			};
	}
	return all;
}

/* Looks into a room that has changed: is its listener readable? */
static void mark_listener_readable(const struct pp_polling *polling, int room)
{
	for (nfds_t i = 0; i < polling->count; i++) {
		struct pollfd *fd = &polling->fds[i];
		struct pp_listener *listener = get_listener(fd);

		if (listener != NULL &&
		    atomic_load(&listener->wake) == room + 1 &&
		    pp_rooms_look_for_poll(listener))
			fd->revents |= (short)(fd->events & READABLE);
	}
}

/*
 * Waits once, for what is left of the timeout. Above 0: the answers are in the
 * revents of the program's descriptors, none if only a room has changed. 0: the
 * time is over. -1 with the errno of ppoll(2).
 */
static int poll_once(struct pp_polling *polling)
{
	nfds_t all = add_rooms(polling);
	struct timespec left;
	int result = real_ppoll(polling->fds, all,
				pp_timeout_left(polling->end, &left),
				polling->mask);

	/* with the rooms there may be more than the program may open */
	if (result < 0 && errno == EINVAL && all > polling->count) {
		all = polling->count;
		result = real_ppoll(polling->fds, all,
				    pp_timeout_left(polling->end, &left),
				    polling->mask);
	}
	for (nfds_t i = polling->count; result > 0 && i < all; i++)
		if (polling->fds[i].revents != 0)
			mark_listener_readable(polling, polling->fds[i].fd);
	return result;
}

/* As pthread_cleanup_push(3) has it. Keeps errno. */
static void free_places(void *argument)
{
	const struct pp_polling *polling = argument;
	int error = errno;

	munmap(polling->fds, polling->size * sizeof(*polling->fds));
	errno = error;
}

static int poll_until_answered(struct pp_polling *polling)
{
	int result, answers = 0;

	polling->fill(polling);
	do {
		result = poll_once(polling);
		if (result >= 0)
			answers = polling->answer(polling);
		if (result < 0 || answers < 0)
			return -1;
	} while (answers == 0 && result > 0 && pp_now_ns() < polling->end);
	return answers;
}

int pp_poll_run(struct pp_polling *polling)
{
	struct pollfd near[NEAR];
	int result;

	polling->fds = near;
	if (polling->size <= NEAR)
		return poll_until_answered(polling);
	polling->fds = pp_memory_map(polling->size * sizeof(*near));
	if (polling->fds == NULL) {
		errno = ENOMEM;
		return -1;
	}
	pthread_cleanup_push(free_places, polling);
	result = poll_until_answered(polling);
	pthread_cleanup_pop(1);
	return result;
}

/* What the program gave to poll(2). */
struct polled {
	struct pollfd *fds;
	nfds_t count;
};

/*
 * Copies what the program waits for. What is no descriptor is left out: the
 * kernel takes no more than the program may open, which may be as many as it
 * has here.
 */
static void copy_asked(struct pp_polling *polling)
{
	const struct polled *polled = polling->call;

	for (nfds_t i = 0; i < polled->count; i++)
		if (polled->fds[i].fd >= 0)
			polling->fds[polling->count++] = polled->fds[i];
}

/* Hands the answers to the program. How many there are. */
static int copy_answers(struct pp_polling *polling)
{
	const struct polled *polled = polling->call;
	const struct pollfd *from = polling->fds;
	const struct pollfd *end = from + polling->count;
	int answers = 0;

	for (nfds_t i = 0; i < polled->count; i++) {
		struct pollfd *fd = &polled->fds[i];

		fd->revents = fd->fd >= 0 && from < end ? from++->revents : 0;
		answers += fd->revents != 0;
	}
	return answers;
}

/*
 * While a room is open: polls, if one of the listeners has one and timeout is a
 * timeout, and leaves *result. Keeps errno if it does not poll.
 */
static bool try_poll_with_rooms(struct pollfd *fds, nfds_t count,
				const struct timespec *timeout,
				const sigset_t *mask, int *result)
{
	struct polled polled = { .fds = fds, .count = count };
	struct pp_polling polling = { .size = count,
				      .mask = mask,
				      .fill = copy_asked,
				      .answer = copy_answers,
				      .call = &polled };
	int error = errno;

	if (!pp_rooms_any_open() || !pp_timeout_is_valid(timeout) ||
	    !pp_is_address(fds))
		return false;
	for (nfds_t i = 0; i < count; i++)
		if (is_readable_asked(&fds[i]))
			polling.size += pp_listeners_mark_polled(fds[i].fd);
	errno = error;
	if (polling.size == count)
		return false;
	polling.end = pp_timeout_end(timeout);
	*result = pp_poll_run(&polling);
	return true;
}

/* Marks which listeners the program waited for, where poll(2) is content. */
static int mark_polled(int result, const struct pollfd *fds, nfds_t count)
{
	if (result >= 0 && pp_listeners_any_only_accepted())
		for (nfds_t i = 0; i < count; i++)
			if (is_readable_asked(&fds[i]))
				pp_listeners_mark_polled(fds[i].fd);
	return result;
}

static int poll_or_rooms(struct pollfd *fds, nfds_t count, int timeout)
{
	const struct timespec time = {
		.tv_sec = timeout / 1000,
		.tv_nsec = timeout % 1000 * 1000000L,
	};
	int result;

	if (try_poll_with_rooms(fds, count, timeout < 0 ? NULL : &time, NULL,
				&result))
		return result;
	return mark_polled(real_poll(fds, count, timeout), fds, count);
}

PP_EXPORT int poll(struct pollfd *fds, nfds_t count, int timeout)
{
	return poll_or_rooms(fds, count, timeout);
}

static int ppoll_or_rooms(struct pollfd *fds, nfds_t count,
			  const struct timespec *timeout, const sigset_t *mask)
{
	int result;

	if (try_poll_with_rooms(fds, count, timeout, mask, &result))
		return result;
	return mark_polled(real_ppoll(fds, count, timeout, mask), fds, count);
}

PP_EXPORT int ppoll(struct pollfd *fds, nfds_t count,
		    const struct timespec *timeout, const sigset_t *mask)
{
	return ppoll_or_rooms(fds, count, timeout, mask);
}

#ifdef HAVE___SELECT64
static int ppoll32_or_rooms(struct pollfd *fds, nfds_t count,
			    const struct pp_timespec32 *timeout,
			    const sigset_t *mask)
{
	struct timespec time;
	int result;

	if (try_poll_with_rooms(fds, count, pp_time_of(timeout, &time), mask,
				&result))
		return result;
	return mark_polled(real_ppoll32(fds, count, timeout, mask), fds, count);
}

int ppoll32(struct pollfd *fds, nfds_t count,
	    const struct pp_timespec32 *timeout, const sigset_t *mask)
	__asm__("ppoll");

PP_EXPORT int ppoll32(struct pollfd *fds, nfds_t count,
		      const struct pp_timespec32 *timeout, const sigset_t *mask)
{
	return ppoll32_or_rooms(fds, count, timeout, mask);
}
#endif

/* What _FORTIFY_SOURCE makes of them. */
#ifdef HAVE___POLL_CHK
int __poll_chk(struct pollfd *fds, nfds_t count, int timeout, size_t size);

PP_EXPORT int __poll_chk(struct pollfd *fds, nfds_t count, int timeout,
			 size_t size)
{
	if (size / sizeof(*fds) < count)
		__chk_fail();
	return poll_or_rooms(fds, count, timeout);
}
#endif

#ifdef HAVE___SELECT64
#define PPOLL_CHK "__ppoll64_chk"
#else
#define PPOLL_CHK "__ppoll_chk"
#endif

#if defined(HAVE___PPOLL64_CHK) || \
	(defined(HAVE___PPOLL_CHK) && !defined(HAVE___SELECT64))
int ppoll_chk(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
	      const sigset_t *mask, size_t size) __asm__(PPOLL_CHK);

PP_EXPORT int ppoll_chk(struct pollfd *fds, nfds_t count,
			const struct timespec *timeout, const sigset_t *mask,
			size_t size)
{
	if (size / sizeof(*fds) < count)
		__chk_fail();
	return ppoll_or_rooms(fds, count, timeout, mask);
}
#endif

#if defined(HAVE___PPOLL_CHK) && defined(HAVE___SELECT64)
int ppoll_chk32(struct pollfd *fds, nfds_t count,
		const struct pp_timespec32 *timeout, const sigset_t *mask,
		size_t size) __asm__("__ppoll_chk");

PP_EXPORT int ppoll_chk32(struct pollfd *fds, nfds_t count,
			  const struct pp_timespec32 *timeout,
			  const sigset_t *mask, size_t size)
{
	if (size / sizeof(*fds) < count)
		__chk_fail();
	return ppoll32_or_rooms(fds, count, timeout, mask);
}
#endif
