/* SPDX-License-Identifier: ISC */
/*
 * Headers kept whole; see kept.h. They lie in a ring, one behind the other,
 * and are found by chains through it, one for all cookies of the same
 * remainder, from the newest to the oldest.
 */
#include <config.h>

#include "preload/server/kept.h"

#include "check.h"
#include "memory.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

/* What is in front of a header's bytes. */
struct entry {
	uint64_t cookie;
	uint64_t older;	/* of the same chain: its place */
	size_t length;
	union pp_address kernel;
};

/* How whoever has the lock had the thread before. */
struct hold {
	sigset_t signals;
	int cancel_state;
};

#define YIELDS 100
#define PAUSES 1000	/* of a millisecond */

/*
 * False where nobody gives the lock back for long: a child that was forked by
 * a call that tells nobody may have found it taken.
 */
static bool lock_kept(struct pp_kept *kept, struct hold *hold)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	sigset_t all;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &hold->cancel_state);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &hold->signals);
	for (int i = 0; i < YIELDS + PAUSES; i++) {
		if (!atomic_exchange_explicit(&kept->locked, true,
					      memory_order_acquire))
			return true;
		/* a thread of real-time priority yields to no other */
		if (i < YIELDS)
			sched_yield();
		else
			nanosleep(&pause, NULL);
	}
	pthread_sigmask(SIG_SETMASK, &hold->signals, NULL);
	pthread_setcancelstate(hold->cancel_state, NULL);
	return false;
}

static void unlock_kept(struct pp_kept *kept, const struct hold *hold)
{
	atomic_store_explicit(&kept->locked, false, memory_order_release);
	pthread_sigmask(SIG_SETMASK, &hold->signals, NULL);
	pthread_setcancelstate(hold->cancel_state, NULL);
}

void pp_kept_note_fork(struct pp_kept *kept)
{
	/* memory that is not written to is not copied */
	if (!atomic_load(&kept->locked))
		return;
	if (kept->is_changing)
		kept->first = ++kept->end;
	kept->is_changing = false;
	atomic_store(&kept->locked, false);
}

bool pp_kept_is_started(const struct pp_kept *kept)
{
	return atomic_load_explicit(&kept->ring, memory_order_acquire) != NULL;
}

bool pp_kept_start(struct pp_kept *kept)
{
	uint8_t *expected = NULL, *ring;

	if (pp_kept_is_started(kept))
		return true;
	ring = pp_memory_map(PP_KEPT_SIZE);
	if (ring == NULL)
		return false;
	if (!atomic_compare_exchange_strong(&kept->ring, &expected, ring))
		munmap(ring, PP_KEPT_SIZE);
	return true;
}

/* Copies into the ring, or out of it, around its end. */
static void copy_in(struct pp_kept *kept, uint64_t place, const void *from,
		    size_t size)
{
	uint8_t *ring = atomic_load(&kept->ring);
	size_t at = place % PP_KEPT_SIZE, first = PP_KEPT_SIZE - at;

	if (first > size)
		first = size;
	memcpy(ring + at, from, first);
	memcpy(ring, (const uint8_t *)from + first, size - first);
}

static void copy_out(struct pp_kept *kept, uint64_t place, void *to,
		     size_t size)
{
	const uint8_t *ring = atomic_load(&kept->ring);
	size_t at = place % PP_KEPT_SIZE, first = PP_KEPT_SIZE - at;

	if (first > size)
		first = size;
	if (size == 0)
		return;
	memcpy(to, ring + at, first);
	memcpy((uint8_t *)to + first, ring, size - first);
}

void pp_kept_put(struct pp_kept *kept, uint64_t cookie,
		 const union pp_address *kernel, const uint8_t *bytes,
		 size_t length)
{
	uint64_t *chain = &kept->chains[cookie % PP_KEPT_CHAINS];
	struct entry entry = { .cookie = cookie, .length = length,
			       .kernel = *kernel };
	uint64_t place;
	struct hold hold;

	PP_CHECK(length > 0 && length < PP_KEPT_SIZE / 2);
	if (!lock_kept(kept, &hold))
		return;
	kept->is_changing = true;
	place = kept->end == 0 ? 1 : kept->end;
	kept->end = place + sizeof(entry) + length;
	if (kept->end > PP_KEPT_SIZE && kept->first < kept->end - PP_KEPT_SIZE)
		kept->first = kept->end - PP_KEPT_SIZE;
	entry.older = *chain;
	copy_in(kept, place, &entry, sizeof(entry));
	copy_in(kept, place + sizeof(entry), bytes, length);
	*chain = place;
	kept->is_changing = false;
	unlock_kept(kept, &hold);
}

/* The place of the header of a socket, and what is in front of it; or 0. */
static uint64_t find_entry(struct pp_kept *kept, uint64_t cookie,
			   const union pp_address *kernel, struct entry *entry)
{
	uint64_t place = kept->chains[cookie % PP_KEPT_CHAINS];

	while (place != 0 && place >= kept->first) {
		copy_out(kept, place, entry, sizeof(*entry));
		if (entry->cookie == cookie &&
		    pp_address_equal(&entry->kernel, kernel))
			return place;
		place = entry->older;
	}
	return 0;
}

size_t pp_kept_get(struct pp_kept *kept, uint64_t cookie,
		   const union pp_address *kernel, uint8_t *bytes, size_t size)
{
	struct entry entry = { .length = 0 };
	struct hold hold;
	uint64_t place;

	if (!pp_kept_is_started(kept) || !lock_kept(kept, &hold))
		return 0;
	place = find_entry(kept, cookie, kernel, &entry);
	if (place != 0)
		copy_out(kept, place + sizeof(entry), bytes,
			 size < entry.length ? size : entry.length);
	unlock_kept(kept, &hold);
	return place != 0 ? entry.length : 0;
}
