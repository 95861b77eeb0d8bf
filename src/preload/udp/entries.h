/* SPDX-License-Identifier: ISC */
/*
 * The entries of a table of clients, for clients.c and eviction.c.
 *
 * Buckets of eight entries. A client may be in either of two, which its digest
 * tells, and goes to the emptier one; there is a quarter more room than the
 * limit, so that both are hardly ever full before the limit is reached.
 *
 * The tag of an entry is a word that has the ports and a sequence number. Who
 * writes makes that odd first, by a compare and exchange, and even again with
 * the new ports last. Who reads has a whole entry where the tag is even and the
 * same before and after. Each word is stored with release and loaded with
 * acquire, which costs nothing where most of this runs.
 */
#ifndef PP_PRELOAD_UDP_ENTRIES_H
#define PP_PRELOAD_UDP_ENTRIES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WAYS 8

/* An entry but for its tag. IPv4 addresses are v4-mapped. */
struct pp_entry {
	_Atomic uint64_t client[2];
	_Atomic uint64_t proxy[2];
	_Atomic uint32_t used;	/* the clock when it was last used */
	_Atomic uint32_t scope;	/* the proxy's; or the edge's port */
};

struct pp_bucket {
	_Atomic uint64_t tags[WAYS];
	struct pp_entry entries[WAYS];
};

struct pp_clients {
	uint64_t key[3];
	size_t mapped;
	_Atomic uint64_t *edges; /* two words each entry, or NULL */
	uint32_t limit;
	uint32_t count_of_buckets;
	_Atomic uint32_t count;
	_Atomic uint32_t clock;	/* how often another entry was used */
	_Atomic uint32_t hand;	/* where the next search for the oldest begins */
	struct pp_bucket buckets[];
};

_Static_assert(sizeof(struct pp_bucket) / WAYS * 5 / 4 <= 64,
	       "an entry takes more than 64 bytes");

/*
 * A tag: from its lowest bits the sequence number, the client's port, the local
 * one and the proxy's. Nobody is bound to port 0: such an entry is free. A
 * proxy's of 0 is that of an address which is a proxy's own; see clients.c.
 */
#define TAG_BUSY UINT64_C(1)
#define TAG_SEQUENCE UINT64_C(0xffff)
#define TAG_KEY UINT64_C(0x0000ffffffff0000)
#define TAG_LOCAL UINT64_C(0x0000ffff00000000)

/* A client as the table has it. */
struct pp_client {
	uint64_t ip[2];
	uint64_t ports;		/* the key's part of a tag */
	struct pp_bucket *buckets[2];
	unsigned places;	/* in both; they may be one and the same */
};

/* Where an entry is, and what its tag was. */
struct pp_place {
	_Atomic uint64_t *tag;
	struct pp_entry *entry;
	_Atomic uint64_t *edge;	/* or NULL */
	uint64_t value;
};

static inline uint64_t get_word(_Atomic uint64_t *word)
{
	return atomic_load_explicit(word, memory_order_acquire);
}

static inline void put_word(_Atomic uint64_t *word, uint64_t value)
{
	atomic_store_explicit(word, value, memory_order_release);
}

static inline struct pp_place place_of(struct pp_clients *clients,
				       struct pp_bucket *bucket, unsigned way)
{
	size_t n = (size_t)(bucket - clients->buckets) * WAYS + way;

	return (struct pp_place){ &bucket->tags[way], &bucket->entries[way],
			       clients->edges == NULL ? NULL
						      : clients->edges + 2 * n,
			       get_word(&bucket->tags[way]) };
}

static inline bool is_free(const struct pp_place *place)
{
	return (place->value & TAG_LOCAL) == 0;
}

static inline void note_first_use(struct pp_clients *clients,
				  struct pp_entry *entry)
{
	uint32_t before = atomic_fetch_add_explicit(&clients->clock, 1,
						    memory_order_relaxed);

	atomic_store_explicit(&entry->used, before + 1, memory_order_relaxed);
}

/* Only another one's use moves the clock on. */
static inline void note_use(struct pp_clients *clients, struct pp_entry *entry)
{
	if (atomic_load_explicit(&entry->used, memory_order_relaxed) !=
	    atomic_load_explicit(&clients->clock, memory_order_relaxed))
		note_first_use(clients, entry);
}

/* Only the one that it returns true to may write the entry. */
static inline bool claim_entry(const struct pp_place *place)
{
	uint64_t expected = place->value;

	return !(expected & TAG_BUSY) &&
	       atomic_compare_exchange_strong(place->tag, &expected,
					      expected | TAG_BUSY);
}

static inline void release_entry(const struct pp_place *place, uint64_t ports)
{
	put_word(place->tag,
		 ports | ((place->value + 2) & TAG_SEQUENCE & ~TAG_BUSY));
}

/* Takes a client out, if nobody else writes to the entry now. */
void pp_entry_forget(struct pp_clients *clients, const struct pp_place *place);

/* Forgets one client, the oldest of all or of a number of them. */
void pp_entries_forget_oldest(struct pp_clients *clients);

/*
 * The place for a new client: a free one, or the oldest of its two buckets. Its
 * tag is NULL where all of them are being written.
 */
struct pp_place pp_entries_choose(struct pp_clients *clients,
				  const struct pp_client *client);

#endif
