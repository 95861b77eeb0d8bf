/* SPDX-License-Identifier: ISC */
/*
 * Headers kept whole; see kept_headers.h. They lie in a ring, one behind the other,
 * none around its end, and are found by chains through it, one for all cookies
 * of the same remainder, from the newest to the oldest.
 */
#include <config.h>

#include "preload/server/kept_headers.h"

#include "memory.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

/* A header, and what is in front of its bytes. */
struct entry {
	uint64_t cookie;
	uint64_t older;	/* of the same chain: its place */
	size_t length;
	union pp_address kernel;
	uint8_t bytes[];
};

#define TRIES (PP_LOCK_YIELDS + 1000)	/* a second, and more */

/* Once it was started. */
static struct pp_kept_memory *memory_of(struct pp_kept *kept)
{
	return atomic_load_explicit(&kept->memory, memory_order_acquire);
}

/*
 * False where nobody gives the lock back for long: a child that was forked by
 * a call that tells nobody may have found it taken.
 */
static bool lock_kept(struct pp_kept *kept, sigset_t *before)
{
	for (int tries = 0; tries < TRIES; tries++)
		if (pp_lock_try(&kept->lock, before, tries))
			return true;
	return false;
}

void pp_kept_in_child(struct pp_kept *kept)
{
	if (!pp_lock_renew(&kept->lock) || !kept->is_changing)
		return;
	memset(memory_of(kept)->chains, 0, sizeof(memory_of(kept)->chains));
	kept->is_changing = false;
}

bool pp_kept_is_started(const struct pp_kept *kept)
{
	return atomic_load_explicit(&kept->memory, memory_order_acquire) != NULL;
}

bool pp_kept_start(struct pp_kept *kept)
{
	return pp_memory_get(&kept->memory, sizeof(struct pp_kept_memory),
			     true) != NULL;
}

static struct entry *entry_at(struct pp_kept *kept, uint64_t place)
{
	return (void *)(memory_of(kept)->ring + place % PP_KEPT_SIZE);
}

/* The place of a new entry, which takes that of the oldest. */
static uint64_t take_place(struct pp_kept *kept, size_t size)
{
	const size_t unit = _Alignof(struct entry);
	uint64_t place = kept->end == 0 ? unit : kept->end;

	size = (size + unit - 1) / unit * unit;
	if (place % PP_KEPT_SIZE + size > PP_KEPT_SIZE)
		place += PP_KEPT_SIZE - place % PP_KEPT_SIZE;
	kept->end = place + size;
	return place;
}

void pp_kept_put(struct pp_kept *kept, uint64_t cookie,
		 const union pp_address *kernel, const uint8_t *bytes,
		 size_t length)
{
	uint64_t *chain = &memory_of(kept)->chains[cookie % PP_KEPT_CHAINS];
	struct entry *entry;
	sigset_t before;
	uint64_t place;

	assert(length > 0 && length < PP_KEPT_SIZE / 2);
	if (!lock_kept(kept, &before))
		return;
	kept->is_changing = true;
	place = take_place(kept, offsetof(struct entry, bytes) + length);
	entry = entry_at(kept, place);
	entry->cookie = cookie;
	entry->older = *chain;
	entry->length = length;
	entry->kernel = *kernel;
	memcpy(entry->bytes, bytes, length);
	*chain = place;
	kept->is_changing = false;
	pp_lock_release(&kept->lock, &before);
}

/* The header of a socket, or NULL. */
static const struct entry *find_entry(struct pp_kept *kept, uint64_t cookie,
				      const union pp_address *kernel)
{
	uint64_t place = memory_of(kept)->chains[cookie % PP_KEPT_CHAINS];

	while (place != 0 && place + PP_KEPT_SIZE >= kept->end) {
		const struct entry *entry = entry_at(kept, place);

		if (entry->cookie == cookie &&
		    pp_address_equal(&entry->kernel, kernel))
			return entry;
		place = entry->older;
	}
	return NULL;
}

size_t pp_kept_get(struct pp_kept *kept, uint64_t cookie,
		   const union pp_address *kernel, uint8_t *bytes, size_t size)
{
	const struct entry *entry;
	size_t length = 0;
	sigset_t before;

	if (!pp_kept_is_started(kept) || !lock_kept(kept, &before))
		return 0;
	entry = find_entry(kept, cookie, kernel);
	if (entry != NULL)
		length = entry->length;
	if (length > 0 && size > 0)
		memcpy(bytes, entry->bytes, size < length ? size : length);
	pp_lock_release(&kept->lock, &before);
	return length;
}
