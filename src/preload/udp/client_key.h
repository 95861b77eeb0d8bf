/* SPDX-License-Identifier: ISC */
/*
 * By what a client is known in the table, and in which buckets it may be; for
 * clients.c alone. Inline: it is on the way of each datagram.
 */
#ifndef PP_PRELOAD_UDP_CLIENT_KEY_H
#define PP_PRELOAD_UDP_CLIENT_KEY_H

#include "connection/digest.h"
#include "preload/udp/entries.h"
#include "protocol/address.h"

#include <string.h>

static inline void read_ip(const union pp_address *address, uint64_t ip[2])
{
	const uint8_t mapped[8] = { 0, 0, 0xff, 0xff };

	if (address->sa.sa_family == AF_INET6) {
		memcpy(ip, &address->in6.sin6_addr, 2 * sizeof(*ip));
		return;
	}
	ip[0] = 0;
	memcpy(&ip[1], mapped, sizeof(mapped));
	memcpy((uint8_t *)&ip[1] + 4, &address->in.sin_addr, 4);
}

/*
 * Where a client may be. By two secret numbers and one that is made of them:
 * nobody who does not know these can tell which clients meet.
 */
#ifdef __SIZEOF_INT128__
static inline uint64_t fold(uint64_t a, uint64_t b)
{
	const unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t digest_of(const struct pp_clients *clients,
				 const uint64_t words[3])
{
	const uint64_t first = fold(words[0] ^ clients->key[0],
				    words[1] ^ clients->key[1]);

	return fold(first ^ clients->key[2], words[2] ^ clients->key[0]);
}
#else
static inline uint64_t digest_of(const struct pp_clients *clients,
				 const uint64_t words[3])
{
	return pp_digest(clients->key, words, 3);
}
#endif

/* What is known of a client by its address alone: not where it may be. */
static inline struct pp_client client_of(const union pp_address *address,
					 in_port_t local)
{
	struct pp_client client;

	read_ip(address, client.ip);
	client.ports = (uint64_t)(address->sa.sa_family == AF_INET6
					  ? address->in6.sin6_port
					  : address->in.sin_port) << 16 |
		       (uint64_t)local << 32;
	client.places = 0;
	return client;
}

static inline void find_buckets(struct pp_clients *clients,
				struct pp_client *client)
{
	const uint64_t count = clients->count_of_buckets;
	const uint64_t digest =
		digest_of(clients, (uint64_t[]){ client->ip[0], client->ip[1],
						 client->ports });

	client->buckets[0] =
		&clients->buckets[(digest & UINT32_MAX) * count >> 32];
	client->buckets[1] = &clients->buckets[(digest >> 32) * count >> 32];
	client->places = client->buckets[0] == client->buckets[1] ? WAYS
								  : 2 * WAYS;
}

#endif
