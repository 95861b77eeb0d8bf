/* SPDX-License-Identifier: ISC */
/* Sets of ports; see ports.h. */
#include <config.h>

#include "settings/ports.h"

#include "memory.h"
#include "settings/words.h"

#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#define PORT_MAX 65535
#define BITS_SIZE ((PORT_MAX + 1) / 8)

static bool parse_port(const char *digits, size_t length, unsigned *port)
{
	return pp_number(digits, length, PORT_MAX, port) && *port > 0;
}

/* "22" or "8000-8099" */
static bool parse_range(const struct pp_word *word, unsigned *first,
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

static void add(struct pp_ports *ports, unsigned first, unsigned last)
{
	for (unsigned port = first; port <= last; port++)
		ports->bits[port / 8] |= (uint8_t)(1u << port % 8);
}

const char *pp_ports_parse(const char *text, struct pp_ports *ports)
{
	struct pp_ports read = { NULL };
	size_t words = pp_word_count(text);
	const char *rest = text;
	struct pp_word word;
	unsigned first, last;

	if (words == 1 && pp_word_next(&rest, &word) &&
	    pp_word_is(&word, PP_PORTS_ALL)) {
		*ports = read;
		return NULL;
	}
	if (words == 0)
		return text;
	read.bits = pp_memory_map(BITS_SIZE);
	if (read.bits == NULL)
		return text;
	for (rest = text; pp_word_next(&rest, &word); add(&read, first, last)) {
		if (parse_range(&word, &first, &last))
			continue;
		pp_ports_free(&read);
		return word.start;
	}
	*ports = read;
	return NULL;
}

void pp_ports_free(struct pp_ports *ports)
{
	if (ports->bits != NULL)
		munmap(ports->bits, BITS_SIZE);
	ports->bits = NULL;
}

bool pp_ports_have(const struct pp_ports *ports, uint16_t port)
{
	return ports->bits == NULL || (ports->bits[port / 8] >> port % 8 & 1);
}
