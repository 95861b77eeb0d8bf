/* SPDX-License-Identifier: ISC */
/*
 * The table of peers; see peers.h. A slot is guarded by a
 * sequence number that is odd while it is written; every word is atomic, so
 * that a reader who came in between sees words of two records and the changed
 * sequence, but nothing undefined. A writer that was held up for so long that
 * another went ahead leaves words of both and an even sequence; then the
 * checksum does not match, and nothing is known of the descriptor.
 */
#include <config.h>

#include "preload/server/peers.h"

#include <limits.h>
#include <stdatomic.h>

/* Tries before a reader or writer takes the other writer to be gone. */
#define PATIENCE 1000

/* The slot of fd, or NULL where there is none (or, with make, no memory). */
static struct pp_peers_slot *find_slot(struct pp_peers *peers, int fd,
				       bool make)
{
	return pp_table_slot(&peers->table, peers->near, sizeof(*peers->near),
			     fd, make);
}

/*
 * Makes the sequence odd. Whoever finds it odd already waits a little for the
 * other writer and then goes on: that one was a thread that did not come along
 * through fork.
 */
static unsigned begin_write(struct pp_peers_slot *slot)
{
	unsigned sequence =
		atomic_load_explicit(&slot->sequence, memory_order_relaxed);
	int patience = PATIENCE;

	for (;;) {
		unsigned odd = (sequence + 1) | 1;

		if ((sequence & 1) && patience-- > 0) {
			sequence = atomic_load_explicit(&slot->sequence,
							memory_order_relaxed);
			continue;
		}
		if (atomic_compare_exchange_weak_explicit(
			    &slot->sequence, &sequence, odd,
			    memory_order_acq_rel, memory_order_relaxed))
			return odd;
	}
}

static void write_record(struct pp_peers_slot *slot,
			 const struct pp_record *record)
{
	unsigned odd = begin_write(slot);

	for (size_t i = 0; i < PP_RECORD_WORDS; i++)
		atomic_store_explicit(&slot->word[i], record->word[i],
				      memory_order_release);
	atomic_store_explicit(&slot->sequence, odd + 1, memory_order_release);
}

/* False where no whole record was seen. */
static bool read_record(struct pp_peers_slot *slot, struct pp_record *record)
{
	for (int patience = PATIENCE; patience > 0; patience--) {
		unsigned before = atomic_load_explicit(&slot->sequence,
						       memory_order_acquire);

		/* never written: nothing to be read */
		if (before == 0)
			return false;
		for (size_t i = 0; i < PP_RECORD_WORDS; i++)
			record->word[i] = atomic_load_explicit(
				&slot->word[i], memory_order_acquire);
		if (!(before & 1) &&
		    before == atomic_load_explicit(&slot->sequence,
						   memory_order_relaxed))
			return true;
	}
	return false;
}

/* So that nobody who goes through all of them goes further than needed. */
static void note_end(struct pp_peers *peers, int fd)
{
	int end = atomic_load_explicit(&peers->end, memory_order_relaxed);

	while (fd >= end &&
	       !atomic_compare_exchange_weak_explicit(
		       &peers->end, &end, fd == INT_MAX ? fd : fd + 1,
		       memory_order_release, memory_order_relaxed))
		;
}

static bool set_record(struct pp_peers *peers, int fd,
		       const struct pp_record *record)
{
	struct pp_peers_slot *slot = find_slot(peers, fd, true);

	if (slot == NULL)
		return false;
	write_record(slot, record);
	note_end(peers, fd);
	return true;
}

bool pp_peers_set(struct pp_peers *peers, int fd, const struct pp_peer *peer)
{
	struct pp_record record;

	pp_record_pack(&record, peer);
	return set_record(peers, fd, &record);
}

void pp_peers_forget(struct pp_peers *peers, int fd)
{
	struct pp_peers_slot *slot;
	struct pp_record none = { .word = { 0 } };

	if (!pp_peers_used(peers))
		return;
	slot = find_slot(peers, fd, false);
	if (slot != NULL && atomic_load_explicit(&slot->sequence,
						 memory_order_relaxed) != 0)
		write_record(slot, &none);
}

bool pp_peers_look(struct pp_peers *peers, int fd, struct pp_peer *peer)
{
	struct pp_peers_slot *slot = find_slot(peers, fd, false);
	struct pp_record record;

	return slot != NULL && read_record(slot, &record) &&
	       pp_record_unpack(peer, &record);
}

bool pp_peers_get(struct pp_peers *peers, int fd,
		  const union pp_address *kernel, struct pp_peer *peer)
{
	return pp_peers_look(peers, fd, peer) &&
	       pp_family_is_internet(peer->source.sa.sa_family) &&
	       pp_address_equal(&peer->kernel, kernel);
}

int pp_peers_end(struct pp_peers *peers)
{
	return atomic_load_explicit(&peers->end, memory_order_acquire);
}

bool pp_peers_used(struct pp_peers *peers)
{
	return pp_peers_end(peers) != 0;
}
