/* SPDX-License-Identifier: ISC */
/* Which entry is free, and which client is forgotten; see entries.h. */
#include <config.h>

#include "preload/udp/entries.h"

/* For small tables the oldest of all goes, else the oldest of so many. */
#define BUCKETS_SEARCHED 16

void pp_entry_forget(struct pp_clients *clients, const struct pp_place *place)
{
	if (!claim_entry(place))
		return;
	atomic_fetch_sub_explicit(&clients->count, 1, memory_order_relaxed);
	release_entry(place, 0);
}

/* The one that was not used for the longest time becomes *oldest. */
static void keep_older(struct pp_clients *clients, const struct pp_place *place,
		       struct pp_place *oldest)
{
	uint32_t now = atomic_load_explicit(&clients->clock,
					    memory_order_relaxed);

	if (is_free(place) || (place->value & TAG_BUSY))
		return;
	if (oldest->tag == NULL ||
	    now - atomic_load_explicit(&place->entry->used,
				       memory_order_relaxed) >
		    now - atomic_load_explicit(&oldest->entry->used,
					       memory_order_relaxed))
		*oldest = *place;
}

void pp_entries_forget_oldest(struct pp_clients *clients)
{
	uint32_t count = clients->count_of_buckets, first = 0;
	struct pp_place oldest = { .tag = NULL };

	if (count > BUCKETS_SEARCHED) {
		first = atomic_fetch_add_explicit(&clients->hand,
						  BUCKETS_SEARCHED,
						  memory_order_relaxed);
		count = BUCKETS_SEARCHED;
	}
	for (uint32_t i = 0; i < count * WAYS; i++) {
		uint32_t n = (first + i / WAYS) % clients->count_of_buckets;
		struct pp_place place =
			place_of(clients, &clients->buckets[n], i % WAYS);

		keep_older(clients, &place, &oldest);
	}
	if (oldest.tag != NULL)
		pp_entry_forget(clients, &oldest);
}

/* A free place in a bucket; how many there are. */
static unsigned find_free(struct pp_clients *clients, struct pp_bucket *bucket,
			  struct pp_place *free)
{
	unsigned count = 0;

	for (unsigned way = 0; way < WAYS; way++) {
		struct pp_place place = place_of(clients, bucket, way);

		if (is_free(&place) && !(place.value & TAG_BUSY)) {
			/* the first is looked at first by who finds it */
			if (count++ == 0)
				*free = place;
		}
	}
	return count;
}

struct pp_place pp_entries_choose(struct pp_clients *clients,
				  const struct pp_client *client)
{
	struct pp_place free[2], oldest = { .tag = NULL };
	unsigned counts[2];

	for (unsigned i = 0; i < 2; i++)
		counts[i] = find_free(clients, client->buckets[i], &free[i]);
	if (counts[0] > 0 || counts[1] > 0)
		return free[counts[1] > counts[0]];
	for (unsigned i = 0; i < client->places; i++) {
		struct pp_place place =
			place_of(clients, client->buckets[i / WAYS],
				 i % WAYS);

		keep_older(clients, &place, &oldest);
	}
	return oldest;
}
