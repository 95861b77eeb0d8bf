/* SPDX-License-Identifier: ISC */
/*
 * Sets of internet addresses; see lists.h. They are a binary tree, of a level
 * for each bit of an address: nothing is to be sorted, networks may overlap,
 * and what a lookup costs does not grow with their number.
 */
#include <config.h>

#include "settings/lists.h"

#include <assert.h>
#include <arpa/inet.h>
#include <string.h>

/* The longest word: IPv6 text, its '\0' counted, and "/128". */
#define WORD_MAX (INET6_ADDRSTRLEN + 4)

/*
 * Which nodes the next bit leads to; at the top, IPv4 or IPv6. The top itself
 * is nobody's child: 0 stands for no network there.
 */
struct node {
	uint32_t child[2];
};

/* In place of a child: every address from here on is in the set. */
#define WHOLE UINT32_MAX

static unsigned bit_of(const uint8_t *bytes, unsigned bit)
{
	return bytes[bit / 8] >> (7 - bit % 8) & 1;
}

bool pp_network_parse(const struct pp_word *word, union pp_address *address,
		      unsigned *prefix)
{
	char text[WORD_MAX];
	unsigned bits;
	char *slash;

	if (word->length >= sizeof(text))
		return false;
	memcpy(text, word->start, word->length);
	text[word->length] = '\0';
	slash = strchr(text, '/');
	if (slash != NULL)
		*slash++ = '\0';
	memset(address, 0, sizeof(*address));
	if (inet_pton(AF_INET, text, &address->in.sin_addr) == 1)
		address->sa.sa_family = AF_INET;
	else if (inet_pton(AF_INET6, text, &address->in6.sin6_addr) == 1)
		address->sa.sa_family = AF_INET6;
	else
		return false;
	*prefix = bits = address->sa.sa_family == AF_INET ? 32 : 128;
	if (slash != NULL && !pp_number(slash, strlen(slash), bits, prefix))
		return false;
	for (unsigned bit = *prefix; bit < bits; bit++)
		if (bit_of(pp_address_ip(address), bit))
			return false;
	return true;
}

static bool add_network(const struct pp_word *word, struct pp_bytes *networks)
{
	struct node *nodes = networks->at;
	union pp_address address;
	unsigned prefix;
	uint32_t *at;

	if (!pp_network_parse(word, &address, &prefix))
		return false;
	if (address.sa.sa_family == AF_INET6) {
		pp_address_unmap(&address);
		/* a v4-mapped one has a bit set at 95 */
		if (address.sa.sa_family == AF_INET)
			prefix -= 96;
	}
	at = &nodes->child[address.sa.sa_family == AF_INET6];
	for (unsigned bit = 0; bit < prefix && *at != WHOLE; bit++) {
		if (*at == 0)
			*at = (uint32_t)++networks->length;
		at = &nodes[*at].child[bit_of(pp_address_ip(&address), bit)];
	}
	*at = WHOLE;
	assert((networks->length + 1) * sizeof(*nodes) <= networks->mapped);
	return true;
}

const struct pp_list pp_networks = {
	.none = PP_NETWORKS_EVERYONE,
	.separators = PP_SEPARATORS,
	.size = sizeof(struct node),
	.word_size = 128 * sizeof(struct node),
	.add = add_network,
};

bool pp_networks_have(const struct pp_bytes *networks,
		      const union pp_address *address)
{
	const struct node *nodes = networks->at;
	union pp_address plain = *address;
	uint32_t at;

	if (nodes == NULL)
		return true;
	if (!pp_family_is_internet(plain.sa.sa_family))
		return false;
	pp_address_unmap(&plain);
	at = nodes->child[plain.sa.sa_family == AF_INET6];
	for (unsigned bit = 0; at != 0 && at != WHOLE; bit++)
		at = nodes[at].child[bit_of(pp_address_ip(&plain), bit)];
	return at == WHOLE;
}
