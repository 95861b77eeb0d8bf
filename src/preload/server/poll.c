/* SPDX-License-Identifier: ISC */
/* Waiting for rooms with poll(2); see poll.h. */
#include <config.h>

#include "preload/server/poll.h"

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

bool pp_poll_has_room(int fd)
{
	struct pp_listener *listener = pp_listeners_find_polled(fd);

	if (listener == NULL)
		return false;
	pp_listeners_note_polled(listener);
	return atomic_load(&listener->wake) != 0;
}

void pp_poll_note(int fd)
{
	struct pp_listener *listener = pp_listeners_find(fd);

	if (listener != NULL)
		pp_listeners_note_polled(listener);
}

/* Adds the rooms of those listeners that have one. How many there are in all. */
static nfds_t add_rooms(struct pp_polling *polling)
{
	nfds_t all = polling->count;

	for (nfds_t i = 0; i < polling->count && all < polling->size; i++) {
		struct pp_listener *listener;
		int room;

		if (!is_readable_asked(&polling->fds[i]))
			continue;
		listener = pp_listeners_find(polling->fds[i].fd);
		room = listener == NULL ? -1 : atomic_load(&listener->wake) - 1;
		if (room >= 0)
			polling->fds[all++] = (struct pollfd){
				.fd = room, .events = POLLIN
			};
	}
	return all;
}

/* Looks into a room that has changed; shows who is ready as readable. */
static void show_room(const struct pp_polling *polling, int room)
{
	for (nfds_t i = 0; i < polling->count; i++) {
		struct pollfd *fd = &polling->fds[i];
		struct pp_listener *listener;

		if (!is_readable_asked(fd))
			continue;
		listener = pp_listeners_find(fd->fd);
		if (listener != NULL &&
		    atomic_load(&listener->wake) == room + 1 &&
		    pp_listeners_ready(listener))
			fd->revents |= (short)(fd->events & READABLE);
	}
}

int pp_poll_once(struct pp_polling *polling)
{
	nfds_t all = add_rooms(polling);
	struct timespec left;
	int result = real_ppoll(polling->fds, all,
				pp_timeout_left(&polling->timeout, &left),
				polling->mask);

	/* with the rooms there may be more than the program may open */
	if (result < 0 && errno == EINVAL && all > polling->count) {
		all = polling->count;
		result = real_ppoll(polling->fds, all,
				    pp_timeout_left(&polling->timeout, &left),
				    polling->mask);
	}
	for (nfds_t i = polling->count; result > 0 && i < all; i++)
		if (polling->fds[i].revents != 0)
			show_room(polling, polling->fds[i].fd);
	return result;
}

struct memory {
	void *at;
	size_t size;
};

/* As pthread_cleanup_push(3) has it. Keeps errno. */
static void free_memory(void *argument)
{
	const struct memory *memory = argument;
	int error = errno;

	munmap(memory->at, memory->size);
	errno = error;
}

int pp_poll_run(struct pp_polling *polling,
		int (*wait)(struct pp_polling *polling, void *argument),
		void *argument)
{
	struct pollfd near[NEAR];
	struct memory memory = { .size = polling->size * sizeof(*near) };
	int result;

	polling->fds = near;
	if (polling->size <= NEAR)
		return wait(polling, argument);
	memory.at = pp_memory_map(memory.size);
	polling->fds = memory.at;
	if (memory.at == NULL) {
		errno = ENOMEM;
		return -1;
	}
	pthread_cleanup_push(free_memory, &memory);
	result = wait(polling, argument);
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
static void copy_asked(struct pp_polling *polling, const struct polled *polled)
{
	polling->count = 0;
	for (nfds_t i = 0; i < polled->count; i++)
		if (polled->fds[i].fd >= 0)
			polling->fds[polling->count++] = polled->fds[i];
}

/* Hands the answers to the program. How many there are. */
static int copy_answers(const struct pp_polling *polling,
			const struct polled *polled)
{
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

static int poll_rooms(struct pp_polling *polling, void *argument)
{
	const struct polled *polled = argument;
	int result, answers = 0;

	copy_asked(polling, polled);
	do {
		result = pp_poll_once(polling);
		if (result < 0)
			return result;
		answers = copy_answers(polling, polled);
	} while (answers == 0 && result > 0 &&
		 !pp_timeout_is_over(&polling->timeout));
	return answers;
}

/* How many of the listeners among them have a room. Keeps errno. */
static nfds_t count_rooms(const struct pollfd *fds, nfds_t count)
{
	int error = errno;
	nfds_t rooms = 0;

	if (!pp_is_address(fds))
		return 0;
	for (nfds_t i = 0; i < count; i++)
		if (is_readable_asked(&fds[i]))
			rooms += pp_poll_has_room(fds[i].fd);
	errno = error;
	return rooms;
}

/* ppoll(2) with so many rooms, at least one. */
static int poll_with_rooms(struct pollfd *fds, nfds_t count, nfds_t rooms,
			   const struct timespec *timeout,
			   const sigset_t *mask)
{
	struct polled polled = { .fds = fds, .count = count };
	struct pp_polling polling = { .size = count + rooms,
				      .mask = mask,
				      .timeout = pp_timeout_start(timeout) };

	return pp_poll_run(&polling, poll_rooms, &polled);
}

/* Notes which listeners the program waited for, where poll(2) is content. */
static int note_polled(int result, const struct pollfd *fds, nfds_t count)
{
	if (result >= 0 && pp_listeners_any_unwatched())
		for (nfds_t i = 0; i < count; i++)
			if (is_readable_asked(&fds[i]))
				pp_poll_note(fds[i].fd);
	return result;
}

int pp_poll(struct pollfd *fds, nfds_t count, int timeout)
{
	const struct timespec time = {
		.tv_sec = timeout / 1000,
		.tv_nsec = timeout % 1000 * 1000000L,
	};
	nfds_t rooms;

	if (!pp_listeners_any_open())
		return note_polled(real_poll(fds, count, timeout), fds, count);
	rooms = count_rooms(fds, count);
	if (rooms == 0)
		return real_poll(fds, count, timeout);
	return poll_with_rooms(fds, count, rooms, timeout < 0 ? NULL : &time,
			       NULL);
}

int pp_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
	     const sigset_t *mask)
{
	nfds_t rooms = 0;

	if (!pp_listeners_any_open())
		return note_polled(real_ppoll(fds, count, timeout, mask), fds,
				   count);
	if (pp_timeout_is_valid(timeout))
		rooms = count_rooms(fds, count);
	if (rooms == 0)
		return real_ppoll(fds, count, timeout, mask);
	return poll_with_rooms(fds, count, rooms, timeout, mask);
}
