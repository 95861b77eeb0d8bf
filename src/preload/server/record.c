/* SPDX-License-Identifier: ISC */
/* The packed record of a connection; see record.h. */
#include <config.h>

#include "preload/server/record.h"

#include "check.h"

#include <string.h>

/* Addresses are 16 bytes, an IPv4 one in the first four. */
enum word {
	WORD_KERNEL = 0,
	WORD_SOURCE = 4,
	WORD_DESTINATION = 8,
	WORD_KERNEL_PORT_FAMILY = 12,
	WORD_KERNEL_SCOPE = 13,
	WORD_PORTS = 14,
	WORD_FAMILY = 15,	/* of source and destination; peer->header above */
	WORD_CHECKSUM = 16,	/* of the other words */
};

static void pack_ip(unsigned *word, const union pp_address *address)
{
	if (address->sa.sa_family == AF_INET)
		memcpy(word, &address->in.sin_addr, 4);
	else if (address->sa.sa_family == AF_INET6)
		memcpy(word, &address->in6.sin6_addr, 16);
}

static unsigned port_of(const union pp_address *address)
{
	switch (address->sa.sa_family) {
	case AF_INET:
		return address->in.sin_port;
	case AF_INET6:
		return address->in6.sin6_port;
	default:
		return 0;
	}
}

static void unpack(union pp_address *address, unsigned family,
		   const unsigned *ip, unsigned port)
{
	memset(address, 0, sizeof(*address));
	address->sa.sa_family = (sa_family_t)family;
	if (family == AF_INET) {
		address->in.sin_port = (in_port_t)port;
		memcpy(&address->in.sin_addr, ip, 4);
	} else if (family == AF_INET6) {
		address->in6.sin6_port = (in_port_t)port;
		memcpy(&address->in6.sin6_addr, ip, 16);
	}
}

/* Tells a record from a mixture of two. */
static unsigned checksum(const struct pp_record *record)
{
	unsigned sum = 2166136261;

	for (size_t i = 0; i < WORD_CHECKSUM; i++) {
		sum = (sum ^ record->word[i]) * 16777619;
		sum ^= sum >> 15;
	}
	return sum;
}

void pp_record_pack(struct pp_record *record, const struct pp_peer *peer)
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
	record->word[WORD_FAMILY] =
		peer->header << 16 | peer->source.sa.sa_family;
	record->word[WORD_CHECKSUM] = checksum(record);
}

bool pp_record_unpack(struct pp_peer *peer, const struct pp_record *record)
{
	const unsigned *word = record->word;
	unsigned family = word[WORD_FAMILY] & 0xffff;

	if (word[WORD_CHECKSUM] != checksum(record))
		return false;
	unpack(&peer->kernel, word[WORD_KERNEL_PORT_FAMILY] & 0xffff,
	       word + WORD_KERNEL, word[WORD_KERNEL_PORT_FAMILY] >> 16);
	if (peer->kernel.sa.sa_family == AF_INET6)
		peer->kernel.in6.sin6_scope_id = word[WORD_KERNEL_SCOPE];
	unpack(&peer->source, family, word + WORD_SOURCE,
	       word[WORD_PORTS] >> 16);
	unpack(&peer->destination, family, word + WORD_DESTINATION,
	       word[WORD_PORTS] & 0xffff);
	peer->header = word[WORD_FAMILY] >> 16;
	return true;
}
