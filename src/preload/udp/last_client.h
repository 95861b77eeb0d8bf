/* SPDX-License-Identifier: ISC */
/*
 * The client that a thread received from or sent to last. Where it and its proxy
 * have IPv4 addresses, and there are no edges, with its route: who is answered
 * at once, or sends several datagrams as most are, need not be searched again.
 *
 * It holds for as long as the tag of its entry is the same, and the addresses in
 * it: the tag's sequence number comes round again. A signal handler that comes in
 * the middle leaves it alone.
 */
#ifndef PP_PRELOAD_UDP_LAST_CLIENT_H
#define PP_PRELOAD_UDP_LAST_CLIENT_H

#include "preload/udp/entries.h"

#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct pp_last_client {
	struct pp_clients *clients;
	_Atomic uint64_t *tag;	/* NULL: nobody */
	struct pp_entry *entry;
	uint64_t value;		/* the tag's */
	uint64_t client, proxy;	/* see pp_in_word; or 0, which is nobody's */
	in_port_t local;
	volatile bool is_busy;
} __attribute__((aligned(64)));

extern __thread struct pp_last_client pp_last_client
	__attribute__((tls_model("initial-exec"), visibility("hidden")));

/* Family, port and address: all that counts of an IPv4 socket's address. */
static inline uint64_t pp_in_word(const void *address)
{
	uint64_t word;

	memcpy(&word, address, sizeof(word));
	return word;
}

static inline void pp_in_from_word(uint64_t word, struct sockaddr_in *address)
{
	*address = (struct sockaddr_in){ 0 };
	memcpy(address, &word, sizeof(word));
}

/* The address as an entry has it, v4-mapped: its second word. */
static inline uint64_t pp_in_mapped(uint64_t word)
{
	const uint8_t mapped[4] = { 0, 0, 0xff, 0xff };

	memcpy(&word, mapped, sizeof(mapped));
	return word;
}

/* Is the entry the last one's still? The tag is read last; see entries.h. */
static inline bool pp_last_client_stands(const struct pp_last_client *last)
{
	struct pp_entry *entry = last->entry;

	return get_word(&entry->client[0]) == 0 &&
	       get_word(&entry->client[1]) == pp_in_mapped(last->client) &&
	       get_word(&entry->proxy[1]) == pp_in_mapped(last->proxy) &&
	       get_word(last->tag) == last->value;
}

/* Is it this client of the local port? Then *proxy is its route; that is used. */
static inline bool pp_last_client_is(uint64_t client, in_port_t local,
				     uint64_t *proxy)
{
	struct pp_last_client *last = &pp_last_client;
	bool is;

	if (last->is_busy)
		return false;
	last->is_busy = true;
	atomic_signal_fence(memory_order_seq_cst);
	is = last->tag != NULL && last->client == client &&
	     last->local == local && pp_last_client_stands(last);
	if (is) {
		*proxy = last->proxy;
		note_use(last->clients, last->entry);
	}
	atomic_signal_fence(memory_order_seq_cst);
	last->is_busy = false;
	return is;
}

/* The thread's last one is now that, whose entry is there. */
static inline void pp_last_client_set(struct pp_clients *clients,
				      const struct pp_place *place,
				      uint64_t client, in_port_t local,
				      uint64_t proxy)
{
	struct pp_last_client *last = &pp_last_client;

	if (last->is_busy)
		return;
	last->is_busy = true;
	atomic_signal_fence(memory_order_seq_cst);
	last->clients = clients;
	last->tag = place->tag;
	last->entry = place->entry;
	last->value = place->value;
	last->client = client;
	last->local = local;
	last->proxy = proxy;
	atomic_signal_fence(memory_order_seq_cst);
	last->is_busy = false;
}

/* What came last has come through no proxy. */
static inline void pp_last_client_forget(void)
{
	if (!pp_last_client.is_busy)
		pp_last_client.tag = NULL;
}

#endif
