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

#include "peers.h"

#include "check.h"

#include <stdatomic.h>
#include <string.h>

/* Tries before a reader or writer takes the other writer to be gone. */
#define PATIENCE 1000

/* The packed record. Addresses are 16 bytes, an IPv4 one in the first four. */
enum word {
	WORD_KERNEL = 0,
	WORD_SOURCE = 4,
	WORD_DESTINATION = 8,
	WORD_KERNEL_PORT_FAMILY = 12,
	WORD_KERNEL_SCOPE = 13,
	WORD_PORTS = 14,
	WORD_FAMILY = 15,	/* of source and destination; 0 for no record */
	WORD_CHECKSUM = 16,	/* of the other words */
};

struct record {
	unsigned word[PP_PEERS_WORDS];
};

/* The slot of fd, or NULL where there is none (or, with make, no memory). */
static struct pp_peers_slot *find_slot(struct pp_peers *peers, int fd,
				       bool make)
{
	return pp_table_slot(&peers->table, peers->near, sizeof(*peers->near),
			     fd, make);
}

static void pack_ip(unsigned *word, const union pp_address *address)
{
	if (address->sa.sa_family == AF_INET)
		memcpy(word, &address->in.sin_addr, 4);
	else if (address->sa.sa_family == AF_INET6)
		memcpy(word, &address->in6.sin6_addr, 16);
}

static unsigned port_of(const union pp_address *address)
{
	return address->sa.sa_family == AF_INET ? address->in.sin_port
						: address->in6.sin6_port;
}

static void unpack(union pp_address *address, unsigned family,
		   const unsigned *ip, unsigned port)
{
	memset(address, 0, sizeof(*address));
	address->sa.sa_family = (sa_family_t)family;
	if (family == AF_INET) {
		address->in.sin_port = (in_port_t)port;
		memcpy(&address->in.sin_addr, ip, 4);
	} else {
		address->in6.sin6_port = (in_port_t)port;
		memcpy(&address->in6.sin6_addr, ip, 16);
	}
}

/* Tells a record from a mixture of two. */
static unsigned checksum(const struct record *record)
{
	unsigned sum = 2166136261;

	for (size_t i = 0; i < WORD_CHECKSUM; i++) {
		sum = (sum ^ record->word[i]) * 16777619;
		sum ^= sum >> 15;
	}
	return sum;
}

static void pack_peer(struct record *record, const struct pp_peer *peer)
{
	PP_CHECK(peer->source.sa.sa_family == peer->destination.sa.sa_family);
	memset(record, 0, sizeof(*record));
	pack_ip(record->word + WORD_KERNEL, &peer->kernel);
	pack_ip(record->word + WORD_SOURCE, &peer->source);
	pack_ip(record->word + WORD_DESTINATION, &peer->destination);
	record->word[WORD_KERNEL_PORT_FAMILY] =
		port_of(&peer->kernel) << 16 | peer->kernel.sa.sa_family;
	if (peer->kernel.sa.sa_family == AF_INET6)
		record->word[WORD_KERNEL_SCOPE] =
			peer->kernel.in6.sin6_scope_id;
	record->word[WORD_PORTS] =
		port_of(&peer->source) << 16 | port_of(&peer->destination);
	record->word[WORD_FAMILY] = peer->source.sa.sa_family;
	record->word[WORD_CHECKSUM] = checksum(record);
}

static void unpack_peer(struct pp_peer *peer, const struct record *record)
{
	const unsigned *word = record->word;

	unpack(&peer->kernel, word[WORD_KERNEL_PORT_FAMILY] & 0xffff,
	       word + WORD_KERNEL, word[WORD_KERNEL_PORT_FAMILY] >> 16);
	if (peer->kernel.sa.sa_family == AF_INET6)
		peer->kernel.in6.sin6_scope_id = word[WORD_KERNEL_SCOPE];
	unpack(&peer->source, word[WORD_FAMILY], word + WORD_SOURCE,
	       word[WORD_PORTS] >> 16);
	unpack(&peer->destination, word[WORD_FAMILY], word + WORD_DESTINATION,
	       word[WORD_PORTS] & 0xffff);
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
			 const struct record *record)
{
	unsigned odd = begin_write(slot);

	for (size_t i = 0; i < PP_PEERS_WORDS; i++)
		atomic_store_explicit(&slot->word[i], record->word[i],
				      memory_order_release);
	atomic_store_explicit(&slot->sequence, odd + 1, memory_order_release);
}

static bool read_record(struct pp_peers_slot *slot, struct record *record)
{
	for (int patience = PATIENCE; patience > 0; patience--) {
		unsigned before = atomic_load_explicit(&slot->sequence,
						       memory_order_acquire);

		for (size_t i = 0; i < PP_PEERS_WORDS; i++)
			record->word[i] = atomic_load_explicit(
				&slot->word[i], memory_order_acquire);
		if (!(before & 1) &&
		    before == atomic_load_explicit(&slot->sequence,
						   memory_order_relaxed))
			return record->word[WORD_FAMILY] != 0 &&
			       record->word[WORD_CHECKSUM] == checksum(record);
	}
	return false;
}

bool pp_peers_set(struct pp_peers *peers, int fd, const struct pp_peer *peer)
{
	struct pp_peers_slot *slot = find_slot(peers, fd, true);
	struct record record;

	if (slot == NULL)
		return false;
	pack_peer(&record, peer);
	write_record(slot, &record);
	atomic_store_explicit(&peers->used, true, memory_order_release);
	return true;
}

void pp_peers_forget(struct pp_peers *peers, int fd)
{
	struct pp_peers_slot *slot;
	struct record none = { .word = { 0 } };

	if (!pp_peers_used(peers))
		return;
	slot = find_slot(peers, fd, false);
	if (slot != NULL && atomic_load_explicit(&slot->sequence,
						 memory_order_relaxed) != 0)
		write_record(slot, &none);
}

bool pp_peers_get(struct pp_peers *peers, int fd,
		  const union pp_address *kernel, struct pp_peer *peer)
{
	struct pp_peers_slot *slot = find_slot(peers, fd, false);
	struct record record;

	if (slot == NULL || !read_record(slot, &record))
		return false;
	unpack_peer(peer, &record);
	return pp_address_equal(&peer->kernel, kernel);
}

bool pp_peers_used(struct pp_peers *peers)
{
	return atomic_load_explicit(&peers->used, memory_order_acquire);
}
