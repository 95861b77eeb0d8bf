/* SPDX-License-Identifier: ISC */
/* Addresses and networks with ports; see lists.h. */
#include <config.h>

#include "settings/lists.h"

#include <stdio.h>
#include <string.h>

/* One that every address is in has AF_UNSPEC. */
struct endpoint {
	union pp_address network;
	unsigned prefix;
	unsigned first_port, last_port;
};

static bool parse_network(const struct pp_word *word, struct endpoint *endpoint)
{
	union pp_address *network = &endpoint->network;

	if (!pp_network_parse(word, network, &endpoint->prefix))
		return false;
	if (network->sa.sa_family == AF_INET6) {
		pp_address_unmap(network);
		/* a v4-mapped one has a bit set at 95 */
		if (network->sa.sa_family == AF_INET)
			endpoint->prefix -= 96;
	}
	return true;
}

/* "[2001:db8::1]", "[2001:db8::]/32" or "[2001:db8::/32]" */
static bool parse_brackets(const struct pp_word *word, const char *end,
			   struct endpoint *endpoint)
{
	char text[80];
	const char *rest = end + 1;
	const int inside = (int)(end - word->start) - 1;
	const int length =
		snprintf(text, sizeof(text), "%.*s%.*s", inside,
			 word->start + 1,
			 (int)(word->start + word->length - rest), rest);
	const struct pp_word network = { text, strlen(text) };

	return length < (int)sizeof(text) &&
	       memchr(word->start, ':', (size_t)inside + 1) != NULL &&
	       (*rest == '/' || rest == word->start + word->length) &&
	       parse_network(&network, endpoint);
}

/* All but the port; "*" and nothing stand for every address. */
static bool parse_host(const struct pp_word *word, struct endpoint *endpoint)
{
	const char *end;

	if (word->length == 0 || pp_text_is(word->start, word->length, "*"))
		return true;
	if (*word->start != '[')
		return parse_network(word, endpoint);
	end = memchr(word->start, ']', word->length);
	return end != NULL && parse_brackets(word, end, endpoint);
}

/*
 * The colon in front of the port, or NULL. One of IPv6 without brackets has no
 * port: it has more colons than one.
 */
static const char *find_colon(const struct pp_word *word)
{
	const char *from = word->start, *colon;
	const char *end = word->start + word->length;

	if (*from == '[')
		from = memchr(from, ']', word->length);
	colon = from == NULL ? NULL : memchr(from, ':', (size_t)(end - from));
	if (colon == NULL ||
	    memchr(colon + 1, ':', (size_t)(end - colon) - 1) != NULL)
		return NULL;
	return colon;
}

static bool add_endpoint(const struct pp_word *word, struct pp_bytes *endpoints)
{
	struct endpoint *to = endpoints->at, read = { .last_port = 65535 };
	const char *colon = find_colon(word);
	struct pp_word host = *word, ports;

	if (colon != NULL) {
		host.length = (size_t)(colon - word->start);
		ports.start = colon + 1;
		ports.length = word->length - host.length - 1;
		if (!pp_port_range_parse(&ports, &read.first_port,
					 &read.last_port))
			return false;
	}
	if (!parse_host(&host, &read))
		return false;
	to[endpoints->length++] = read;
	return true;
}

const struct pp_list pp_endpoints = {
	.none = PP_ENDPOINTS_ALL,
	.separators = PP_SEPARATORS,
	.word_size = sizeof(struct endpoint),
	.add = add_endpoint,
};

/* Do two addresses begin with the same bits? */
static bool have_same_prefix(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	const unsigned whole = bits / 8, rest = bits % 8;

	return memcmp(a, b, whole) == 0 &&
	       (rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0);
}

static bool is_at(const struct endpoint *endpoint,
		  const union pp_address *address)
{
	const unsigned port = ntohs(pp_address_port(address));
	const union pp_address *network = &endpoint->network;

	if (port < endpoint->first_port || port > endpoint->last_port)
		return false;
	return network->sa.sa_family == AF_UNSPEC ||
	       (network->sa.sa_family == address->sa.sa_family &&
		have_same_prefix(pp_address_ip(network), pp_address_ip(address),
				 endpoint->prefix));
}

bool pp_endpoints_have(const struct pp_bytes *endpoints,
		       const union pp_address *address)
{
	const struct endpoint *list = endpoints->at;
	union pp_address plain = *address;

	if (list == NULL)
		return true;
	if (!pp_family_is_internet(plain.sa.sa_family))
		return false;
	pp_address_unmap(&plain);
	for (size_t i = 0; i < endpoints->length; i++)
		if (is_at(&list[i], &plain))
			return true;
	return false;
}
