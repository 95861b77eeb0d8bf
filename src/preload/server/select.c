/* SPDX-License-Identifier: ISC */
/* Waiting for rooms with select(2); see poll.h. */
#include <config.h>

#include "preload/server/poll.h"

#include "memory.h"
#include "preload/real.h"
#include "preload/server/descriptors.h"
#include "preload/server/listeners.h"
#include "preload/server/poll_parts.h"
#include "preload/server/threads.h"
#include "preload/table.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>

/* Sets up to this size need no memory of their own. */
#define NEAR_SELECT 1024

#define WORD_BITS (8 * sizeof(unsigned long))

/* Descriptor sets of any size, as the kernel takes them. */
static bool is_set(const unsigned long *set, int fd)
{
	return (set[(size_t)fd / WORD_BITS] >> ((size_t)fd % WORD_BITS)) & 1;
}

static void set_bit(unsigned long *set, int fd)
{
	set[(size_t)fd / WORD_BITS] |= 1UL << ((size_t)fd % WORD_BITS);
}

static size_t set_words(int count)
{
	return ((size_t)count + WORD_BITS - 1) / WORD_BITS;
}

/*
 * Clears what a set of count descriptors has above them, in its last word.
 * select(2) does not look at it, and leaves nothing of it; the larger count
 * that the rooms need would have it asked about.
 */
static void clear_above(unsigned long *set, int count)
{
	size_t bits = (size_t)count % WORD_BITS;

	if (bits != 0)
		set[(size_t)count / WORD_BITS] &= (1UL << bits) - 1;
}

/* One call of select(2) and the larger sets that it works on. */
struct selection {
	int count;		/* descriptors that the program's sets have */
	fd_set *program[3];	/* readable, writable, exceptional */
	int size;		/* descriptors that each own set has */
	unsigned long *own[3];
};

/* The highest descriptor, rooms included, + 1. */
static int selection_size(int count, const fd_set *readable)
{
	int size = count;

	for (int fd = 0; fd < count; fd++)
		if (is_set((const unsigned long *)(const void *)readable, fd)) {
			int room = pp_readiness_room(fd);

			if (room >= size)
				size = room + 1;
		}
	return size;
}

/* Has the program, not the library, a descriptor behind FD_SETSIZE? */
static bool has_large_descriptor(void)
{
	for (int fd = FD_SETSIZE; fd < 8 * FD_SETSIZE; fd++)
		if (real_fcntl(fd, F_GETFD, 0) >= 0 && !pp_descriptors_has(fd))
			return true;
	return false;
}

/* Does the kernel's table of descriptors end behind FD_SETSIZE? */
static bool is_table_large(void)
{
	unsigned long set[FD_SETSIZE / WORD_BITS + 1] = { 0 };
	const struct timespec now = { .tv_sec = 0 };

	/* with the library's descriptors it does */
	if (pp_listeners_any_open())
		return has_large_descriptor();
	if (real_fcntl(FD_SETSIZE, F_GETFD, 0) >= 0)
		return true;
	set_bit(set, FD_SETSIZE);
	return real_pselect(FD_SETSIZE + 1, (fd_set *)(void *)set, NULL, NULL,
			    &now, NULL) < 0;
}

/*
 * How much of its sets the program has given: select(2) does not look at what
 * is above the table of descriptors, and so programs may say
 * getdtablesize() with sets of the usual size.
 */
static int given_count(int count)
{
	return count <= FD_SETSIZE || is_table_large() ? count : FD_SETSIZE;
}

bool pp_readiness_concerns_select(int count, const fd_set *readable)
{
	int error = errno;
	bool concerns = false;

	if (readable == NULL || !pp_readiness_may_concern())
		return false;
	count = given_count(count);
	for (int fd = 0; fd < count; fd++) {
		if (!is_set((const unsigned long *)(const void *)readable, fd))
			continue;
		pp_readiness_note_watched(fd);
		/* a thread in select(2) is not told of one that is opened later */
		if (pp_has_threads() && pp_listeners_find(fd) != NULL)
			pp_listeners_open(pp_listeners_find(fd));
		concerns |= pp_readiness_room(fd) >= 0;
	}
	errno = error;
	return concerns;
}

int pp_readiness_selected(int result, int count, const fd_set *readable)
{
	int error = errno;

	if (result <= 0 || readable == NULL || !pp_listeners_any_unwatched())
		return result;
	count = given_count(count);
	for (int fd = 0; fd < count; fd++)
		if (is_set((const unsigned long *)(const void *)readable, fd))
			pp_readiness_note_watched(fd);
	errno = error;
	return result;
}

/* Copies the program's sets and adds the rooms. */
static void fill_sets(const struct selection *selection)
{
	unsigned long *readable = selection->own[0];

	for (size_t i = 0; i < 3; i++) {
		memset(selection->own[i], 0,
		       set_words(selection->size) * sizeof(unsigned long));
		if (selection->program[i] != NULL)
			memcpy(selection->own[i], selection->program[i],
			       set_words(selection->count) *
				       sizeof(unsigned long));
		clear_above(selection->own[i], selection->count);
	}
	for (int fd = 0; fd < selection->count; fd++)
		if (is_set(readable, fd)) {
			int room = pp_readiness_room(fd);

			if (room >= 0 && room < selection->size)
				set_bit(readable, room);
		}
}

/*
 * Shows who is ready, and hides what the program did not ask for. How many
 * answers there are for it.
 */
static int show_sets(const struct selection *selection)
{
	const unsigned long *asked =
		(const unsigned long *)(const void *)selection->program[0];
	int answers = 0;

	for (int fd = 0; fd < selection->count; fd++) {
		struct pp_listener *listener;
		int room;

		if (!is_set(asked, fd))
			continue;
		listener = pp_listeners_find(fd);
		if (listener == NULL)
			continue;
		room = atomic_load(&listener->wake) - 1;
		if (room >= 0 && room < selection->size &&
		    is_set(selection->own[0], room) &&
		    pp_listeners_ready(listener))
			set_bit(selection->own[0], fd);
	}
	for (size_t i = 0; i < 3; i++)
		for (int fd = 0; fd < selection->count; fd++) {
			const unsigned long *program =
				(const unsigned long *)(const void *)
					selection->program[i];

			if (program == NULL || !is_set(program, fd))
				continue;
			answers += is_set(selection->own[i], fd);
		}
	return answers;
}

/* Writes the answers over what the program asked. */
static void copy_sets(const struct selection *selection)
{
	for (size_t i = 0; i < 3; i++) {
		unsigned long *program =
			(unsigned long *)(void *)selection->program[i];

		if (program == NULL)
			continue;
		clear_above(selection->own[i], selection->count);
		for (size_t word = 0; word < set_words(selection->count); word++)
			program[word] &= selection->own[i][word];
	}
}

static int select_extended(const struct selection *selection,
			   const struct pp_timer *timer, const sigset_t *mask)
{
	struct timespec left;
	int result, answers = 0;

	do {
		fill_sets(selection);
		result = real_pselect(selection->size,
				      (fd_set *)(void *)selection->own[0],
				      (fd_set *)(void *)selection->own[1],
				      (fd_set *)(void *)selection->own[2],
				      pp_timer_left(timer, &left), mask);
		if (result >= 0)
			answers = show_sets(selection);
		else if (errno != EBADF || !pp_descriptors_forget_lost())
			return result;
	} while (result < 0 ||
		 (answers == 0 && result > 0 && !pp_timer_is_over(timer)));
	copy_sets(selection);
	return answers;
}

/* Gives the sets their memory and selects. */
static int select_with_sets(struct selection *selection,
			    const struct pp_timer *timer, const sigset_t *mask)
{
	unsigned long near[3][NEAR_SELECT / WORD_BITS];
	size_t words = set_words(selection->size);
	struct pp_mapping memory = { .size = 3 * words * sizeof(unsigned long) };
	int result;

	for (size_t i = 0; i < 3; i++)
		selection->own[i] = near[i];
	if (selection->size <= NEAR_SELECT)
		return select_extended(selection, timer, mask);
	memory.at = pp_memory_map(memory.size);
	if (memory.at == NULL) {
		errno = ENOMEM;
		return -1;
	}
	for (size_t i = 0; i < 3; i++)
		selection->own[i] = (unsigned long *)memory.at + i * words;
	pthread_cleanup_push(pp_mapping_free, &memory);
	result = select_extended(selection, timer, mask);
	pthread_cleanup_pop(1);
	return result;
}

int pp_readiness_pselect(int count, fd_set *readable, fd_set *writable,
			 fd_set *exceptional, const struct timespec *timeout,
			 const sigset_t *mask)
{
	struct pp_timer timer = pp_timer_start(timeout);
	int given = given_count(count);
	struct selection selection = {
		.count = given,
		.program = { readable, writable, exceptional },
		.size = selection_size(given, readable),
	};

	if (!pp_is_timeout(timeout))
		return real_pselect(count, readable, writable, exceptional,
				    timeout, mask);
	return select_with_sets(&selection, &timer, mask);
}

/* select(2) of Linux leaves in *timeout what remains of it. */
int pp_readiness_select(int count, fd_set *readable, fd_set *writable,
			fd_set *exceptional, struct timeval *timeout)
{
	struct timespec time = { .tv_sec = 0 };
	struct pp_timer timer;
	int result;

	if (timeout == NULL)
		return pp_readiness_pselect(count, readable, writable,
					    exceptional, NULL, NULL);
	/* select(2) takes microseconds beyond a second */
	time.tv_sec = timeout->tv_sec + timeout->tv_usec / 1000000;
	time.tv_nsec = timeout->tv_usec % 1000000 * 1000L;
	if (!pp_is_timeout(&time))
		return real_select(count, readable, writable, exceptional,
				   timeout);
	timer = pp_timer_start(&time);
	result = pp_readiness_pselect(count, readable, writable, exceptional,
				      &time, NULL);
	if (!timer.endless) {
		pp_timer_left(&timer, &time);
		timeout->tv_sec = time.tv_sec;
		timeout->tv_usec = time.tv_nsec / 1000;
	}
	return result;
}
