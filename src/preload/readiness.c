/* SPDX-License-Identifier: ISC */
/* Waiting for rooms with poll(2) and select(2); see readiness.h. */
#include <config.h>

#include "readiness.h"

#include "listeners.h"
#include "real.h"
#include "table.h"
#include "wait.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

/* Sets up to this size need no memory of their own. */
#define NEAR_POLL 64
#define NEAR_SELECT 1024

#define WORD_BITS (8 * sizeof(unsigned long))

/*
 * The room to wait for beside a descriptor: its own, or -1. In a process with
 * threads a listener gets its room before it needs one: while this thread
 * sleeps another may let a connection wait.
 */
static int room_beside(int fd)
{
	struct pp_listener *listener = pp_listeners_find(fd);

	if (listener == NULL)
		return -1;
	if (atomic_load(&listener->wake) == 0 && pp_has_threads())
		pp_listeners_open(listener);
	return atomic_load(&listener->wake) - 1;
}

static bool is_readable_asked(const struct pollfd *fd)
{
	return fd->fd >= 0 && (fd->events & (POLLIN | POLLRDNORM));
}

/* Can a room be among what the program waits for? Two loads if not. */
static bool may_concern(void)
{
	return pp_listeners_any_open() ||
	       (pp_listeners_any() && pp_has_threads());
}

static void note_watched(int fd)
{
	struct pp_listener *listener = pp_listeners_find(fd);

	if (listener != NULL)
		pp_listeners_note_watched(listener);
}

static nfds_t count_rooms(const struct pollfd *fds, nfds_t count)
{
	nfds_t rooms = 0;

	for (nfds_t i = 0; i < count; i++)
		if (is_readable_asked(&fds[i]) && room_beside(fds[i].fd) >= 0)
			rooms++;
	return rooms;
}

bool pp_readiness_concerns_poll(struct pollfd *fds, nfds_t count)
{
	int error = errno;
	bool concerns;

	if (fds == NULL)
		return false;
	if (pp_listeners_any_unwatched())
		for (nfds_t i = 0; i < count; i++)
			if (is_readable_asked(&fds[i]))
				note_watched(fds[i].fd);
	concerns = may_concern() && count_rooms(fds, count) > 0;
	errno = error;
	return concerns;
}

const struct timespec *pp_readiness_time(int milliseconds,
					 struct timespec *time)
{
	if (milliseconds < 0)
		return NULL;
	time->tv_sec = milliseconds / 1000;
	time->tv_nsec = milliseconds % 1000 * 1000000L;
	return time;
}

/* What is no timeout is for the kernel to refuse. */
static bool is_timeout(const struct timespec *timeout)
{
	return timeout == NULL ||
	       (timeout->tv_sec >= 0 && timeout->tv_nsec >= 0 &&
		timeout->tv_nsec < 1000000000);
}

/* A timeout that goes on over several waits, in nanoseconds of the clock. */
struct timer {
	bool endless;
	int64_t end;
};

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static struct timer start_timer(const struct timespec *timeout)
{
	struct timer timer = { .endless = timeout == NULL };

	if (timeout == NULL)
		return timer;
	if (timeout->tv_sec > INT32_MAX)
		timer.endless = true;
	else
		timer.end = now_ns() + (int64_t)timeout->tv_sec * 1000000000 +
			    timeout->tv_nsec;
	return timer;
}

static const struct timespec *time_left(const struct timer *timer,
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
			room = room_beside(polling->fds[i].fd);
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
	struct timer timer = start_timer(timeout);
	struct timespec left;
	int result, answers;

	do {
		fill_polling(&polling, size, fds, count);
		result = real_ppoll(polling.fds, polling.all,
				    time_left(&timer, &left), mask);
		if (result < 0)
			return result;
		show_rooms(&polling);
		answers = copy_answers(&polling, fds, count);
	} while (answers == 0 && result > 0);
	return answers;
}

/* Memory for as long as a function of the program's waits. */
struct memory {
	void *at;
	size_t size;
};

static void free_memory(void *argument)
{
	const struct memory *memory = argument;
	int error = errno;

	munmap(memory->at, memory->size);
	errno = error;
}

int pp_readiness_poll(struct pollfd *fds, nfds_t count,
		      const struct timespec *timeout, const sigset_t *mask)
{
	nfds_t size = count + count_rooms(fds, count);
	struct pollfd near[NEAR_POLL];
	struct memory memory = { .size = size * sizeof(*fds) };
	int result;

	if (!is_timeout(timeout))
		return real_ppoll(fds, count, timeout, mask);
	if (size <= NEAR_POLL)
		return poll_extended(fds, count, near, size, timeout, mask);
	memory.at = pp_table_map(memory.size);
	if (memory.at == NULL)
		return real_ppoll(fds, count, timeout, mask);
	pthread_cleanup_push(free_memory, &memory);
	result = poll_extended(fds, count, memory.at, size, timeout, mask);
	pthread_cleanup_pop(1);
	return result;
}

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
			int room = room_beside(fd);

			if (room >= size)
				size = room + 1;
		}
	return size;
}

/* Does the kernel's table of descriptors end behind FD_SETSIZE? */
static bool is_table_large(void)
{
	unsigned long set[FD_SETSIZE / WORD_BITS + 1] = { 0 };
	const struct timespec now = { .tv_sec = 0 };

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
	bool concerns = false, may = may_concern();

	if (readable == NULL || (!may && !pp_listeners_any_unwatched()))
		return false;
	count = given_count(count);
	for (int fd = 0; fd < count; fd++) {
		if (!is_set((const unsigned long *)(const void *)readable, fd))
			continue;
		note_watched(fd);
		concerns |= may && room_beside(fd) >= 0;
	}
	errno = error;
	return concerns;
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
	}
	for (int fd = 0; fd < selection->count; fd++)
		if (is_set(readable, fd)) {
			int room = room_beside(fd);

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
		for (size_t word = 0; word < set_words(selection->count); word++)
			program[word] &= selection->own[i][word];
	}
}

static int select_extended(const struct selection *selection,
			   const struct timer *timer, const sigset_t *mask)
{
	struct timespec left;
	int result, answers;

	do {
		fill_sets(selection);
		result = real_pselect(selection->size,
				      (fd_set *)(void *)selection->own[0],
				      (fd_set *)(void *)selection->own[1],
				      (fd_set *)(void *)selection->own[2],
				      time_left(timer, &left), mask);
		if (result < 0)
			return result;
		answers = show_sets(selection);
	} while (answers == 0 && result > 0);
	copy_sets(selection);
	return answers;
}

/* Gives the sets their memory and selects. */
static int select_with_sets(struct selection *selection,
			    const struct timer *timer, const sigset_t *mask)
{
	unsigned long near[3][NEAR_SELECT / WORD_BITS];
	size_t words = set_words(selection->size);
	struct memory memory = { .size = 3 * words * sizeof(unsigned long) };
	int result;

	for (size_t i = 0; i < 3; i++)
		selection->own[i] = near[i];
	if (selection->size <= NEAR_SELECT)
		return select_extended(selection, timer, mask);
	memory.at = pp_table_map(memory.size);
	if (memory.at == NULL) {
		errno = ENOMEM;
		return -1;
	}
	for (size_t i = 0; i < 3; i++)
		selection->own[i] = (unsigned long *)memory.at + i * words;
	pthread_cleanup_push(free_memory, &memory);
	result = select_extended(selection, timer, mask);
	pthread_cleanup_pop(1);
	return result;
}

int pp_readiness_pselect(int count, fd_set *readable, fd_set *writable,
			 fd_set *exceptional, const struct timespec *timeout,
			 const sigset_t *mask)
{
	struct timer timer = start_timer(timeout);
	int given = given_count(count);
	struct selection selection = {
		.count = given,
		.program = { readable, writable, exceptional },
		.size = selection_size(given, readable),
	};

	if (!is_timeout(timeout))
		return real_pselect(count, readable, writable, exceptional,
				    timeout, mask);
	return select_with_sets(&selection, &timer, mask);
}

/* select(2) of Linux leaves in *timeout what remains of it. */
int pp_readiness_select(int count, fd_set *readable, fd_set *writable,
			fd_set *exceptional, struct timeval *timeout)
{
	struct timespec time = { .tv_sec = 0 };
	struct timer timer;
	int result;

	if (timeout == NULL)
		return pp_readiness_pselect(count, readable, writable,
					    exceptional, NULL, NULL);
	/* select(2) takes microseconds beyond a second */
	time.tv_sec = timeout->tv_sec + timeout->tv_usec / 1000000;
	time.tv_nsec = timeout->tv_usec % 1000000 * 1000L;
	if (!is_timeout(&time))
		return real_select(count, readable, writable, exceptional,
				   timeout);
	timer = start_timer(&time);
	result = pp_readiness_pselect(count, readable, writable, exceptional,
				      &time, NULL);
	if (!timer.endless) {
		time_left(&timer, &time);
		timeout->tv_sec = time.tv_sec;
		timeout->tv_usec = time.tv_nsec / 1000;
	}
	return result;
}
