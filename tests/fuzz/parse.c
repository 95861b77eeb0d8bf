/* SPDX-License-Identifier: ISC */
/* libFuzzer: the bytes that a stream begins with. */
#include <config.h>

#include "proxyproto.h"

#include <stdlib.h>
#include <string.h>

#define HOLDS(condition)         \
	do {                     \
		if (!(condition)) \
			abort();  \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* What is valid says the same when written again. */
static void check_written(const struct proxyproto_header *header)
{
	static uint8_t written[PROXYPROTO_V2_MAX], again[PROXYPROTO_V2_MAX];
	struct proxyproto_header read;
	ssize_t length = proxyproto_format(header, written, sizeof(written));

	/* a line of version 1 with an IPv6 destination of an IPv4 client */
	if (header->version == 1 &&
	    header->source.sa.sa_family == AF_INET &&
	    header->destination.sa.sa_family == AF_UNSPEC) {
		HOLDS(length == PROXYPROTO_UNFIT);
		return;
	}
	HOLDS(length > 0);
	HOLDS(proxyproto_parse(written, (size_t)length, &read) ==
	      PROXYPROTO_COMPLETE);
	HOLDS(read.length == (size_t)length);
	HOLDS(read.version == header->version);
	HOLDS(read.command == header->command);
	HOLDS(read.transport == header->transport);
	HOLDS(read.tlvs_length == header->tlvs_length);
	HOLDS(memcmp(read.tlvs, header->tlvs, read.tlvs_length) == 0);
	HOLDS(proxyproto_format(&read, again, sizeof(again)) == length);
	HOLDS(memcmp(written, again, (size_t)length) == 0);
}

/* However the bytes arrive, the verdict on all of them is the same. */
static void check_parts(const uint8_t *bytes, size_t size, int verdict)
{
	struct proxyproto_header header;
	size_t have = 0;
	int part;

	while ((part = proxyproto_parse(bytes, have, &header)) ==
		       PROXYPROTO_MORE &&
	       have < size) {
		HOLDS(header.length > have);
		have = header.length < size ? header.length : size;
	}
	HOLDS(part == verdict);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct proxyproto_header header;
	int verdict = proxyproto_parse(bytes, size, &header);

	switch (verdict) {
	case PROXYPROTO_COMPLETE:
		HOLDS(header.length <= size);
		check_written(&header);
		break;
	case PROXYPROTO_MORE:
		HOLDS(header.length > size);
		break;
	case PROXYPROTO_MALFORMED:
		HOLDS(header.reason != NULL);
		break;
	default:
		HOLDS(verdict == PROXYPROTO_ABSENT);
	}
	check_parts(bytes, size, verdict);
	return 0;
}
