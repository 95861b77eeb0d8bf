/* SPDX-License-Identifier: ISC */
/*
 * Destinations of IPv6 clients; see destinations.h. What is in a slot is
 * written once, before its state says so, and never changes nor goes: all that
 * have a digest are before the first slot that is free for it.
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

bool pp_destinations_find(struct pp_destinations *table, uint64_t digest,
			  struct in6_addr *address)
{
	for (unsigned n = 0; n < PP_DESTINATIONS_PLACES; n++) {
		struct pp_destination *slot = slot_of(table, digest, n);

		/* one that is being written was claimed by somebody else */
		if (atomic_load_explicit(&slot->state, memory_order_acquire) ==
			    SLOT_WRITTEN &&
		    slot->digest == digest) {
			*address = slot->address;
			return true;
		}
	}
	return false;
}

bool pp_destinations_add(struct pp_destinations *table, uint64_t digest,
			 const struct in6_addr *address)
{
	for (unsigned n = 0; n < PP_DESTINATIONS_PLACES; n++) {
		struct pp_destination *slot = slot_of(table, digest, n);
		unsigned state = SLOT_FREE;

		if (atomic_compare_exchange_strong(&slot->state, &state,
						   SLOT_BEING_WRITTEN)) {
			slot->address = *address;
			slot->digest = digest;
			atomic_store_explicit(&slot->state, SLOT_WRITTEN,
					      memory_order_release);
			return true;
		}
		if (state == SLOT_WRITTEN && slot->digest == digest)
			return memcmp(&slot->address, address,
				      sizeof(*address)) == 0;
	}
	return false;
}
