/* SPDX-License-Identifier: ISC */
/*
 * Destinations of IPv6 clients; see destinations.h. What is in a slot is
 * written once, before its state says so, and never changes.
 */
#include <config.h>

#include "connection/destinations.h"

#include <stdatomic.h>
#include <string.h>

enum { SLOT_FREE, SLOT_BEING_WRITTEN, SLOT_WRITTEN };

/* The nth place where an address of that digest may be. */
static struct pp_destination *slot_of(struct pp_destinations *table,
				      uint64_t digest, unsigned n)
{
	return &table->slots[(digest + n) % PP_DESTINATIONS];
}

/* The slot that has this digest, or NULL. */
static struct pp_destination *find_slot(struct pp_destinations *table,
					uint64_t digest)
{
	for (unsigned n = 0; n < PP_DESTINATIONS_PLACES; n++) {
		struct pp_destination *slot = slot_of(table, digest, n);

		/* one that is being written was claimed by somebody else */
		if (atomic_load_explicit(&slot->state, memory_order_acquire) ==
			    SLOT_WRITTEN &&
		    slot->digest == digest)
			return slot;
	}
	return NULL;
}

bool pp_destinations_find(struct pp_destinations *table, uint64_t digest,
			  struct in6_addr *address)
{
	const struct pp_destination *slot = find_slot(table, digest);

	if (slot != NULL)
		*address = slot->address;
	return slot != NULL;
}

bool pp_destinations_add(struct pp_destinations *table, uint64_t digest,
			 const struct in6_addr *address)
{
	struct pp_destination *slot = find_slot(table, digest);

	if (slot != NULL)
		return memcmp(&slot->address, address, sizeof(*address)) == 0;
	for (unsigned n = 0; n < PP_DESTINATIONS_PLACES; n++) {
		unsigned expected = SLOT_FREE;

		slot = slot_of(table, digest, n);
		if (!atomic_compare_exchange_strong(&slot->state, &expected,
						    SLOT_BEING_WRITTEN))
			continue;
		slot->address = *address;
		slot->digest = digest;
		atomic_store_explicit(&slot->state, SLOT_WRITTEN,
				      memory_order_release);
		return true;
	}
	return false;
}
