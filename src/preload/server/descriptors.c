/* SPDX-License-Identifier: ISC */
/* The library's descriptors; see descriptors.h. */
#include <config.h>

#include "preload/server/descriptors.h"

#include "memory.h"
#include "preload/real.h"
#include "preload/server/rooms.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Theirs are below: what a process may open is seldom more. */
#define MARKS (1 << 20)

/* A bit for each number that they may have, in pages mapped when needed. */
#define PAGE 4096
#define PAGE_BITS (8 * PAGE)
static void *_Atomic pages[MARKS / PAGE_BITS];
static _Atomic int end;	/* from here on none is marked */
static rlim_t count;

/* Where a number's bit is; NULL where it has none, or with make no memory. */
static _Atomic unsigned char *find_byte(int fd, bool make)
{
	_Atomic unsigned char *page;

	if (fd < 0 || fd >= MARKS)
		return NULL;
	page = pp_memory_get(&pages[fd / PAGE_BITS], PAGE, make);
	return page == NULL ? NULL : &page[fd % PAGE_BITS / 8];
}

static unsigned char bit_of(int fd)
{
	return (unsigned char)(1u << fd % 8);
}

/* Reads memory only. */
static bool is_marked(int fd)
{
	const _Atomic unsigned char *byte = find_byte(fd, false);

	return byte != NULL && (atomic_load(byte) & bit_of(fd));
}

/* False where there is no bit for it, or no memory. Locked. */
static bool mark_descriptor(int fd)
{
	_Atomic unsigned char *byte = find_byte(fd, true);

	if (byte == NULL)
		return false;
	if (fd >= atomic_load(&end))
		atomic_store(&end, fd + 1);
	/* one that the program has closed may have left it */
	count += !(atomic_fetch_or(byte, bit_of(fd)) & bit_of(fd));
	return true;
}

int pp_descriptors_hide(int fd)
{
	struct rlimit limit;
	int hidden, first = FD_SETSIZE;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return -1;
	errno = EMFILE;
	if (count >= limit.rlim_cur / 4)
		return -1;
	if (limit.rlim_cur <= FD_SETSIZE)
		first = (int)(limit.rlim_cur - limit.rlim_cur / 4);
	hidden = fcntl(fd, F_DUPFD_CLOEXEC, first);
	if (hidden < 0 || mark_descriptor(hidden))
		return hidden;
	real_close(hidden);
	errno = hidden < MARKS ? ENOMEM : EMFILE;
	return -1;
}

void pp_descriptors_forget(int fd)
{
	_Atomic unsigned char *byte = find_byte(fd, false);

	if (byte != NULL &&
	    (atomic_fetch_and(byte, (unsigned char)~bit_of(fd)) & bit_of(fd)))
		count--;
}

/* Closes what is open from first up to last. No cancellation point. */
static void close_between(int first, int last)
{
#ifdef HAVE_CLOSE_RANGE
	if (real_close_range((unsigned)first, (unsigned)last, 0) == 0)
		return;
#endif
	for (int fd = first; fd <= last; fd++)
		syscall(SYS_close, fd);
}

/* From those that follow each other, one call closes all. */
void pp_descriptors_close_all(void)
{
	const int stop = atomic_load(&end);
	int next;

	for (int fd = 0; fd < stop; fd = next + 1) {
		for (next = fd; next < stop && is_marked(next); next++)
			pp_descriptors_forget(next);
		if (next > fd)
			close_between(fd, next - 1);
	}
}

/* Is fd a descriptor of this room? A room that does not stand has none. */
static bool is_of_room(struct pp_listener *listener, int fd)
{
	if (!pp_room_is_intact(&listener->room)) {
		pp_rooms_discard(listener);
		return false;
	}
	if (fd == atomic_load(&listener->threads_epoll) - 1)
		return pp_room_is_marked(&listener->room, fd);
	return pp_room_has(&listener->room, fd);
}

bool pp_descriptors_has(int fd)
{
	struct pp_listener *next = NULL;
	bool has = false;

	if (!pp_rooms_any_open() || !is_marked(fd) || !pp_rooms_are_own())
		return false;
	PP_HOLD_ROOMS(held);
	for (struct pp_listener *l = pp_rooms_first(); l != NULL && !has;
	     l = next) {
		next = l->next_open;
		has = is_of_room(l, fd);
	}
	return has;
}

void pp_descriptors_after_close(unsigned first, unsigned last)
{
	struct pp_listener *next = NULL;

	if (!pp_rooms_are_own())
		return;
	PP_HOLD_ROOMS(held);
	for (struct pp_listener *l = pp_rooms_first(); l != NULL; l = next) {
		unsigned fd = (unsigned)l->fd;

		next = l->next_open;
		if (fd >= first && fd <= last)
			pp_rooms_validate(l);
	}
}

#ifdef HAVE_CLOSE_RANGE
int pp_descriptors_close_range(unsigned first, unsigned last, int flags)
{
	const unsigned stop = (unsigned)atomic_load(&end);
	int result = 0;

	for (unsigned fd = first; fd < stop && fd <= last && result == 0; fd++) {
		if (!pp_descriptors_has((int)fd))
			continue;
		if (first < fd)
			result = real_close_range(first, fd - 1, flags);
		first = fd + 1;
	}
	if (result != 0)
		return result;
	/* where nothing is left the flags still have a meaning */
	return first <= last ? real_close_range(first, last, flags)
			     : real_close_range(UINT_MAX, UINT_MAX, flags);
}
#endif

#ifdef HAVE_CLOSEFROM
void pp_descriptors_close_from(int first)
{
	const int stop = atomic_load(&end);
	int error = errno;

	for (; first < stop; first++)
		if (!pp_descriptors_has(first))
			syscall(SYS_close, first);
	errno = error;
	real_closefrom(first);
}
#endif
