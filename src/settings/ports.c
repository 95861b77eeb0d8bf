/* SPDX-License-Identifier: ISC */
/* Sets of ports, a bit each; see lists.h. */
#include <config.h>

#include "settings/lists.h"

#include <string.h>

#define PORT_MAX 65535

static bool parse_port(const char *digits, size_t length, unsigned *port)
{
	return pp_number(digits, length, PORT_MAX, port) && *port > 0;
}

bool pp_port_range_parse(const struct pp_word *word, unsigned *first,
			 unsigned *last)
{
	const char *dash = memchr(word->start, '-', word->length);
	size_t length = word->length;

	if (dash != NULL)
		length = (size_t)(dash - word->start);
	if (!parse_port(word->start, length, first))
		return false;
	*last = *first;
	return dash == NULL ||
	       (parse_port(dash + 1, word->length - length - 1, last) &&
		*first <= *last);
}

static bool add_range(const struct pp_word *word, struct pp_bytes *ports)
{
	uint8_t *bits = ports->at;
	unsigned first, last;

	if (!pp_port_range_parse(word, &first, &last))
		return false;
	for (unsigned port = first; port <= last; port++)
		bits[port / 8] |= (uint8_t)(1u << port % 8);
	return true;
}

const struct pp_list pp_ports = {
	.none = PP_PORTS_ALL,
	.separators = PP_SEPARATORS,
	.size = (PORT_MAX + 1) / 8,
	.add = add_range,
};

bool pp_ports_have(const struct pp_bytes *ports, uint16_t port)
{
	const uint8_t *bits = ports->at;

	return bits == NULL || (bits[port / 8] >> port % 8 & 1);
}
