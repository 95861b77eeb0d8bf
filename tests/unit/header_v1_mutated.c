/* SPDX-License-Identifier: ISC */
/*
 * Lines of version 1 with any one byte changed, added or taken away, judged
 * by the parser and by a slow reading of section 2.1 that shares nothing with
 * it: words are parsed, written again in canonical form, and compared. The
 * destination may be of either family, as nginx writes it.
 */
#include <config.h>

#include "protocol/header.h"

#include "suites.h"
#include "support.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const lines[] = {
	"PROXY TCP4 192.0.2.1 10.20.130.240 1111 2222\r\n",
	"PROXY TCP4 0.0.0.0 255.255.255.255 0 65535\r\n",
	"PROXY TCP6 2001:db8::1 ::ffff:192.0.2.1 1111 2222\r\n",
	"PROXY TCP6 :: 1:2:3:4:5:6:7:8 0 65535\r\n",
	"PROXY TCP4 192.0.2.1 2001:db8::1 1111 2222\r\n",
	"PROXY TCP4 192.0.2.1 ::ffff:192.0.2.1 1111 2222\r\n",
	"PROXY TCP6 2001:db8::1 192.0.2.1 1111 2222\r\n",
	"PROXY UNKNOWN\r\n",
	"PROXY UNKNOWN ab\r\n",
};

static bool port_ok(const char *word)
{
	char canonical[16];
	unsigned long port = strtoul(word, NULL, 10);

	snprintf(canonical, sizeof(canonical), "%lu", port);
	return port <= 65535 && strcmp(word, canonical) == 0;
}

static bool address_ok(const char *word, int family)
{
	struct in6_addr ip;
	char canonical[INET6_ADDRSTRLEN];

	if (inet_pton(family, word, &ip) != 1)
		return false;
	if (family == AF_INET6)
		return true;
	inet_ntop(family, &ip, canonical, sizeof(canonical));
	return strcmp(word, canonical) == 0;
}

/* The line without its CRLF, ended by a zero, which is not in it. */
static bool words_ok(char *line)
{
	char *word[6] = { line };
	int family;

	for (size_t i = 1; i < COUNT(word); i++) {
		char *space = strchr(word[i - 1], ' ');

		if (space == NULL)
			return false;
		*space = '\0';
		word[i] = space + 1;
	}
	family = strcmp(word[1], "TCP4") == 0 ? AF_INET : AF_INET6;
	return (family == AF_INET || strcmp(word[1], "TCP6") == 0) &&
	       strcmp(word[0], "PROXY") == 0 && address_ok(word[2], family) &&
	       (address_ok(word[3], AF_INET) ||
		address_ok(word[3], AF_INET6)) &&
	       port_ok(word[4]) && port_ok(word[5]);
}

/* What the specification says of bytes of which there are 107 and more. */
static enum pp_verdict judge(const struct bytes *bytes)
{
	char line[PP_V1_MAX];
	size_t size = 0;

	if (memcmp(bytes->at, "PROXY", 5) != 0)
		return PP_HEADER_ABSENT;
	while (size < PP_V1_MAX && bytes->at[size] != '\r' &&
	       bytes->at[size] != '\n')
		size++;
	if (size + 2 > PP_V1_MAX || memcmp(bytes->at + size, "\r\n", 2) != 0)
		return PP_HEADER_MALFORMED;
	memcpy(line, bytes->at, size);
	line[size] = '\0';
	if (strncmp(line, "PROXY UNKNOWN", 13) == 0 &&
	    (size == 13 || line[13] == ' '))
		return PP_HEADER_COMPLETE;
	return strlen(line) == size && words_ok(line) ? PP_HEADER_COMPLETE
						      : PP_HEADER_MALFORMED;
}

/* A line with what follows: so much that nothing is left open. */
static void begin(struct bytes *stream, const char *line, size_t size)
{
	stream->size = 0;
	add_bytes(stream, line, size);
}

static void end(struct bytes *stream, const char *rest)
{
	struct pp_header header;
	enum pp_verdict wanted;

	add_text(stream, rest);
	add_fill(stream, 'x', PP_V1_MAX);
	wanted = judge(stream);
	HOLDS(pp_header_parse(stream->at, stream->size, PP_VERSION_BOTH,
			      &header) == wanted,
	      "not %d: %.60s", (int)wanted, (char *)stream->at);
}

SUITE("header_v1_mutated");

TEST(one_byte_changed)
{
	static struct bytes stream;

	for (size_t i = 0; i < COUNT(lines); i++)
		for (size_t at = 0; lines[i][at] != '\0'; at++)
			for (int byte = 0; byte < 256; byte++) {
				begin(&stream, lines[i], at);
				add_fill(&stream, byte, 1);
				end(&stream, lines[i] + at + 1);
			}
}

TEST(one_byte_added)
{
	static struct bytes stream;

	for (size_t i = 0; i < COUNT(lines); i++)
		for (size_t at = 0; at <= strlen(lines[i]); at++)
			for (int byte = 0; byte < 256; byte++) {
				begin(&stream, lines[i], at);
				add_fill(&stream, byte, 1);
				end(&stream, lines[i] + at);
			}
}

TEST(some_bytes_taken_away)
{
	static struct bytes stream;

	for (size_t i = 0; i < COUNT(lines); i++)
		for (size_t at = 0; at <= strlen(lines[i]); at++)
			for (size_t to = at; to <= strlen(lines[i]); to++) {
				begin(&stream, lines[i], at);
				end(&stream, lines[i] + to);
			}
}

TEST(some_bytes_doubled)
{
	static struct bytes stream;

	for (size_t i = 0; i < COUNT(lines); i++)
		for (size_t to = 0; to <= strlen(lines[i]); to++)
			for (size_t from = 0; from <= to; from++) {
				begin(&stream, lines[i], to);
				end(&stream, lines[i] + from);
			}
}
