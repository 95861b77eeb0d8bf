/* SPDX-License-Identifier: ISC */
/*
 * The version 1 line (section 2.1): strict, and judged at the first byte that
 * makes it impossible, so that no bad line is waited for.
 */
#include <config.h>

#include "protocol/header.h"

#include <arpa/inet.h>
#include <string.h>

/* Where reading of the line stands. */
struct line {
	const uint8_t *bytes;
	size_t size;	/* of what is there of the line, CR and LF not counted */
	size_t at;
	bool closed;	/* the CR is there: no more words will come */
};

/* A word of the line: up to a space or the end of what is there. */
struct word {
	char text[PP_V1_MAX];
	size_t length;
	bool ended;	/* by a space or the end of the line */
	bool last;	/* by the end of the line */
};

static struct word next_word(struct line *line)
{
	const uint8_t *start = line->bytes + line->at;
	size_t left = line->size - line->at;
	const uint8_t *space = memchr(start, ' ', left);
	struct word word = { .length = left };

	if (space != NULL)
		word.length = (size_t)(space - start);
	word.ended = space != NULL || line->closed;
	word.last = space == NULL && line->closed;
	memcpy(word.text, start, word.length);
	line->at += word.length + (space != NULL);
	return word;
}

/* Can the word be, or if it has not ended yet become, the literal? */
static bool word_fits(const struct word *word, const char *literal)
{
	size_t length = strlen(literal);

	if (word->length > length || (word->ended && word->length < length))
		return false;
	return memcmp(word->text, literal, word->length) == 0;
}

/* Which families it means is in the header's addresses then. */
static bool protocol_fits(const struct word *word, struct pp_header *header)
{
	static const struct {
		const char *name;
		sa_family_t family;
		unsigned protocol;
	} protocols[] = {
		{ "UNKNOWN", AF_UNSPEC, 0 },
		{ "TCP4", AF_INET, 0x11 },
		{ "TCP6", AF_INET6, 0x21 },
	};

	for (size_t i = 0; i < sizeof(protocols) / sizeof(*protocols); i++)
		if (word_fits(word, protocols[i].name)) {
			header->protocol = protocols[i].protocol;
			header->source.sa.sa_family = protocols[i].family;
			header->destination.sa.sa_family = protocols[i].family;
			return true;
		}
	return false;
}

static bool address_fits(const struct word *word, union pp_address *to)
{
	bool inet = to->sa.sa_family == AF_INET;
	const char *digits = inet ? "0123456789." : "0123456789abcdefABCDEF:.";
	size_t longest = (inet ? INET_ADDRSTRLEN : INET6_ADDRSTRLEN) - 1;
	void *ip = inet ? (void *)&to->in.sin_addr : (void *)&to->in6.sin6_addr;

	if (word->length > longest ||
	    strspn(word->text, digits) != word->length)
		return false;
	return !word->ended ||
	       inet_pton(to->sa.sa_family, word->text, ip) == 1;
}

/*
 * nginx takes the line's family from the client, and writes the address that
 * the client reached as it is: of the other family where a real_ip module has
 * replaced the client. It is v4-mapped or unmapped then, or AF_UNSPEC where
 * that cannot be.
 */
static bool destination_fits(const struct word *word, union pp_address *to)
{
	const sa_family_t family = to->sa.sa_family;
	union pp_address other = { .sa.sa_family = AF_INET };

	if (address_fits(word, to))
		return true;
	if (family == AF_INET)
		other.sa.sa_family = AF_INET6;
	if (!address_fits(word, &other))
		return false;
	if (!word->ended)
		return true;
	pp_address_on_socket(to, &other, family);
	if (to->sa.sa_family != family)
		memset(to, 0, sizeof(*to));
	return true;
}

static bool port_fits(const struct word *word, union pp_address *to)
{
	unsigned port = 0;

	if (word->length == 0 && !word->ended)
		return true;
	if (!pp_number(word->text, word->length, 65535, &port))
		return false;
	if (to->sa.sa_family != AF_UNSPEC)
		pp_address_set_port(to, htons((in_port_t)port));
	return true;
}

/*
 * Finds the end of the line. A CR or LF that is not half of the CRLF is a
 * fault wherever it stands, in the text behind UNKNOWN too: no line ends there
 * and none goes on.
 */
static enum pp_verdict find_end(struct line *line, struct pp_header *header)
{
	size_t size = line->size;
	size_t limit = size < PP_V1_MAX ? size : PP_V1_MAX;

	for (size_t i = 0; i < limit; i++) {
		if (line->bytes[i] == '\n')
			return pp_header_malformed(header, "LF without CR");
		if (line->bytes[i] != '\r')
			continue;
		line->size = i;
		line->closed = true;
		if (i + 1 == limit)
			break;
		if (line->bytes[i + 1] != '\n')
			return pp_header_malformed(header, "CR without LF");
		header->length = i + 2;
		return PP_HEADER_COMPLETE;
	}
	if (size >= PP_V1_MAX)
		return pp_header_malformed(header, "no CRLF in 107 bytes");
	return pp_header_more(header, size + 1);
}

static bool nth_word_fits(size_t n, const struct word *word,
			  struct pp_header *header)
{
	switch (n) {
	case 0:
		return word_fits(word, "PROXY");
	case 1:
		return protocol_fits(word, header);
	case 2:
		return address_fits(word, &header->source);
	case 3:
		return destination_fits(word, &header->destination);
	case 4:
		return port_fits(word, &header->source);
	default:
		return port_fits(word, &header->destination);
	}
}

/* What is wrong with the words that are there, or NULL. */
static const char *find_fault(struct line *line, struct pp_header *header)
{
	static const char *const faults[] = {
		"no space behind PROXY", "protocol is not TCP4, TCP6, UNKNOWN",
		"bad source address",	 "bad destination address",
		"bad source port",	 "bad destination port",
	};

	for (size_t i = 0; i < 6; i++) {
		struct word word = next_word(line);

		if (!nth_word_fits(i, &word, header))
			return faults[i];
		/* behind UNKNOWN there may be anything */
		if (!word.ended || (i == 1 && header->protocol == 0))
			return NULL;
		if (word.last != (i == 5))
			return faults[i];
	}
	return NULL;
}

enum pp_verdict pp_header_parse_v1(const uint8_t *bytes, size_t size,
				   struct pp_header *header)
{
	struct line line = { .bytes = bytes, .size = size };
	enum pp_verdict end;
	const char *fault;

	header->version = 1;
	header->command = PP_COMMAND_PROXY;
	end = find_end(&line, header);
	if (end == PP_HEADER_MALFORMED)
		return end;
	fault = find_fault(&line, header);
	return fault != NULL ? pp_header_malformed(header, fault) : end;
}
