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

static uint64_t rotate(uint64_t word, int bits)
{
	return word << bits | word >> (64 - bits);
}

static void mix_rounds(uint64_t v[4], int rounds)
{
	while (rounds-- > 0) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = rotate(v[1], 13) ^ v[0];
		v[3] = rotate(v[3], 16) ^ v[2];
		v[0] = rotate(v[0], 32);
		v[2] += v[1];
		v[0] += v[3];
		v[1] = rotate(v[1], 17) ^ v[2];
		v[3] = rotate(v[3], 21) ^ v[0];
		v[2] = rotate(v[2], 32);
	}
}

static void add_word(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	mix_rounds(v, 2);
	v[0] ^= word;
}

uint64_t pp_digest(const uint64_t key[2], const uint64_t *words, size_t count)
{
	uint64_t v[4] = {
		key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d,
		key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573,
	};

	for (size_t i = 0; i < count; i++)
		add_word(v, words[i]);
	add_word(v, (uint64_t)count * 8 << 56);
	v[2] ^= 0xff;
	mix_rounds(v, 4);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

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
