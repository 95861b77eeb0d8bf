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
	char text[INET6_ADDRSTRLEN];
	size_t length;	/* as found; text holds at most its size less one */
	bool ended;	/* by a space or the end of the line */
	bool last;	/* by the end of the line */
};

static struct word next_word(struct line *line)
{
	const uint8_t *start = line->bytes + line->at;
	size_t left = line->size - line->at;
	const uint8_t *space = memchr(start, ' ', left);
	struct word word = { .length = left };
	size_t kept;

	if (space != NULL)
		word.length = (size_t)(space - start);
	word.ended = space != NULL || line->closed;
	word.last = space == NULL && line->closed;
	kept = word.length < sizeof(word.text) ? word.length
					       : sizeof(word.text) - 1;
	memcpy(word.text, start, kept);
	word.text[kept] = '\0';
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

static bool address_fits(const struct word *word, int family, void *to)
{
	const char *digits = family == AF_INET ? "0123456789."
					       : "0123456789abcdefABCDEF:.";
	size_t longest = family == AF_INET ? INET_ADDRSTRLEN - 1
					   : INET6_ADDRSTRLEN - 1;

	if (word->length > longest || strlen(word->text) != word->length ||
	    strspn(word->text, digits) != word->length)
		return false;
	return !word->ended || inet_pton(family, word->text, to) == 1;
}

static bool port_fits(const struct word *word, in_port_t *port)
{
	unsigned value = 0;

	if (word->length > 5 || (word->ended && word->length == 0) ||
	    (word->length > 1 && word->text[0] == '0'))
		return false;
	for (size_t i = 0; i < word->length; i++) {
		if (word->text[i] < '0' || word->text[i] > '9')
			return false;
		value = value * 10 + (unsigned)(word->text[i] - '0');
	}
	*port = htons((in_port_t)value);
	return value <= 65535;
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

static enum pp_verdict parse_addresses(struct line *line, int family,
				       struct pp_header *header)
{
	union pp_address *ends[] = { &header->source, &header->destination };
	struct word word;

	for (size_t i = 0; i < 2; i++) {
		void *to = family == AF_INET
				   ? (void *)&ends[i]->in.sin_addr
				   : (void *)&ends[i]->in6.sin6_addr;

		word = next_word(line);
		if (!address_fits(&word, family, to) || word.last)
			return pp_header_malformed(
				header, i == 0 ? "bad source address"
					       : "bad destination address");
		ends[i]->sa.sa_family = (sa_family_t)family;
		if (!word.ended)
			return PP_HEADER_MORE;
	}
	for (size_t i = 0; i < 2; i++) {
		in_port_t *to = family == AF_INET ? &ends[i]->in.sin_port
						  : &ends[i]->in6.sin6_port;

		word = next_word(line);
		if (!port_fits(&word, to) || (word.ended && word.last != (i == 1)))
			return pp_header_malformed(header,
						   i == 0 ? "bad source port"
							  : "bad destination port");
		if (!word.ended)
			return PP_HEADER_MORE;
	}
	return PP_HEADER_COMPLETE;
}

static enum pp_verdict parse_line(struct line *line, struct pp_header *header)
{
	static const struct {
		const char *name;
		int family;
		unsigned protocol;
	} protocols[] = {
		{ "UNKNOWN", AF_UNSPEC, 0 },
		{ "TCP4", AF_INET, 0x11 },
		{ "TCP6", AF_INET6, 0x21 },
	};
	struct word word = next_word(line);

	if (!word_fits(&word, "PROXY") || word.last)
		return pp_header_malformed(header, "no space behind PROXY");
	word = next_word(line);
	for (size_t i = 0; i < sizeof(protocols) / sizeof(*protocols); i++) {
		if (!word_fits(&word, protocols[i].name))
			continue;
		if (!word.ended)
			return PP_HEADER_MORE;
		if (protocols[i].family == AF_UNSPEC)
			return PP_HEADER_COMPLETE;
		if (word.last)
			break;
		header->protocol = protocols[i].protocol;
		return parse_addresses(line, protocols[i].family, header);
	}
	return pp_header_malformed(header, "protocol is not TCP4, TCP6, UNKNOWN");
}

enum pp_verdict pp_header_parse_v1(const uint8_t *bytes, size_t size,
				   struct pp_header *header)
{
	struct line line = { .bytes = bytes, .size = size };
	enum pp_verdict end, fields;

	header->version = 1;
	header->command = PP_COMMAND_PROXY;
	end = find_end(&line, header);
	if (end == PP_HEADER_MALFORMED)
		return end;
	fields = parse_line(&line, header);
	if (fields == PP_HEADER_MALFORMED)
		return fields;
	return end;
}
