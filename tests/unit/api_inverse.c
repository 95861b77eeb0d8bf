/* SPDX-License-Identifier: ISC */
/* Properties: what is written is read again, what is read can be written. */
#include <config.h>

#include "proxyproto.h"

#include "suites.h"
#include "support.h"

#include <string.h>

#define ROUNDS 20000

/* The same numbers each time, on every machine: xorshift. */
static uint32_t state;

static uint32_t random_below(uint32_t limit)
{
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state % limit;
}

static void random_bytes(void *to, size_t size)
{
	uint8_t *at = to;

	while (size-- > 0)
		*at++ = (uint8_t)random_below(256);
}

/* A header that can be written, without TLVs. */
static struct proxyproto_header random_header(void)
{
	static const sa_family_t families[] = { AF_UNSPEC, AF_INET, AF_INET6,
						AF_UNIX };
	struct proxyproto_header header;

	memset(&header, 0, sizeof(header));
	header.version = 1 + random_below(2);
	header.command = PROXYPROTO_PROXY;
	if (header.version == 2 && random_below(8) == 0)
		return header.command = PROXYPROTO_LOCAL, header;
	random_bytes(&header.source, sizeof(header.source));
	random_bytes(&header.destination, sizeof(header.destination));
	header.source.sa.sa_family =
		families[random_below(header.version == 1 ? 3 : 4)];
	header.destination.sa.sa_family = header.source.sa.sa_family;
	if (header.source.sa.sa_family != AF_UNSPEC)
		header.transport = header.version == 2 && random_below(2)
					   ? PROXYPROTO_DGRAM
					   : PROXYPROTO_STREAM;
	return header;
}

static bool same_address(const union proxyproto_address *a,
			 const union proxyproto_address *b)
{
	if (a->sa.sa_family != b->sa.sa_family)
		return false;
	switch (a->sa.sa_family) {
	case AF_INET:
		return a->in.sin_port == b->in.sin_port &&
		       a->in.sin_addr.s_addr == b->in.sin_addr.s_addr;
	case AF_INET6:
		return a->in6.sin6_port == b->in6.sin6_port &&
		       memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr, 16) == 0;
	case AF_UNIX:
		return memcmp(a->un.sun_path, b->un.sun_path, 108) == 0;
	default:
		return true;
	}
}

static bool same_header(const struct proxyproto_header *a,
			const struct proxyproto_header *b)
{
	return a->version == b->version && a->command == b->command &&
	       a->transport == b->transport &&
	       same_address(&a->source, &b->source) &&
	       same_address(&a->destination, &b->destination) &&
	       a->tlvs_length == b->tlvs_length &&
	       (a->tlvs_length == 0 ||
		memcmp(a->tlvs, b->tlvs, a->tlvs_length) == 0);
}

/* Appends at random; what is refused changes nothing. Returns the length. */
static size_t random_tlvs(uint8_t *bytes, size_t size, size_t length)
{
	uint8_t value[300];

	random_bytes(value, sizeof(value));
	for (uint32_t left = random_below(8); left > 0; left--) {
		const uint32_t value_length = random_below(sizeof(value));
		ssize_t longer;

		switch (random_below(4)) {
		case 0:
			longer = proxyproto_add_crc32c(bytes, size);
			break;
		case 1:
			longer = proxyproto_add_ssl(bytes, size,
						    random_below(8), state);
			break;
		case 2:
			longer = proxyproto_add_ssl_tlv(bytes, size,
							random_below(256),
							value, value_length);
			break;
		default:
			longer = proxyproto_add_tlv(bytes, size,
						    random_below(256), value,
						    value_length);
		}
		HOLDS(longer == PROXYPROTO_UNFIT || longer > (ssize_t)length,
		      "%zd after %zu", longer, length);
		if (longer > 0)
			length = (size_t)longer;
	}
	return length;
}

SUITE("api_inverse");

TEST(parse_reverses_format)
{
	static uint8_t bytes[4096], again[4096];

	state = 1;
	for (int i = 0; i < ROUNDS; i++) {
		const struct proxyproto_header said = random_header();
		const ssize_t plain = proxyproto_format(&said, bytes,
							sizeof(bytes));
		struct proxyproto_header read;
		size_t length;

		HOLDS(plain > 0, "round %d: %zd", i, plain);
		HOLDS(proxyproto_parse(bytes, (size_t)plain, &read) ==
			      PROXYPROTO_COMPLETE, "round %d", i);
		HOLDS(read.length == (size_t)plain, "round %d", i);
		HOLDS(same_header(&said, &read), "round %d", i);
		length = random_tlvs(bytes, sizeof(bytes), (size_t)plain);
		/* each part of it is the beginning of a header */
		for (size_t size = 0; size < length; size++)
			HOLDS(proxyproto_parse(bytes, size, &read) ==
					      PROXYPROTO_MORE &&
				      read.length > size &&
				      read.length <= length,
			      "round %d: %zu of %zu", i, size, length);
		HOLDS(proxyproto_parse(bytes, length, &read) ==
			      PROXYPROTO_COMPLETE, "round %d", i);
		HOLDS(proxyproto_format(&read, again, sizeof(again)) ==
				      (ssize_t)length &&
			      memcmp(bytes, again, length) == 0,
		      "round %d: is not written as it was read", i);
	}
}

/* What is valid, and by whoever written, says the same when written again. */
TEST(format_reverses_parse)
{
	static struct bytes bytes;
	static uint8_t again[PROXYPROTO_V2_MAX];
	struct proxyproto_header first, second;
	int count = 0;

	for (size_t n = 0; valid_header(n, &bytes); n++) {
		ssize_t length;

		ck_assert_int_eq(proxyproto_parse(bytes.at, bytes.size, &first),
				 PROXYPROTO_COMPLETE);
		length = proxyproto_format(&first, again, sizeof(again));
		count++;
		/* a destination that is left out, as of the other family */
		if (first.source.sa.sa_family != AF_UNSPEC &&
		    first.destination.sa.sa_family == AF_UNSPEC) {
			ck_assert_int_eq(length, PROXYPROTO_UNFIT);
			continue;
		}
		ck_assert_int_gt(length, 0);
		ck_assert_int_eq(proxyproto_parse(again, (size_t)length,
						  &second),
				 PROXYPROTO_COMPLETE);
		ck_assert_msg(same_header(&first, &second), "header %zu", n);
	}
	ck_assert_int_gt(count, 10);
}

/* Whole or not at all, with nothing written behind. */
TEST(format_keeps_to_its_room)
{
	static uint8_t bytes[4096];

	state = 2;
	for (int i = 0; i < ROUNDS / 100; i++) {
		const struct proxyproto_header said = random_header();
		const ssize_t whole = proxyproto_format(&said, bytes,
							sizeof(bytes));

		for (size_t size = 0; size < (size_t)whole; size++) {
			memset(bytes, 0xaa, sizeof(bytes));
			HOLDS(proxyproto_format(&said, bytes, size) ==
					      PROXYPROTO_SHORT &&
				      bytes[size] == 0xaa,
			      "round %d: %zu of %zd", i, size, whole);
		}
	}
}
