/* SPDX-License-Identifier: ISC */
/* Which bytes are a header, and every prefix of one. */
#include <config.h>

#include "protocol/header.h"

#include "suites.h"
#include "support.h"

#include <string.h>

/* What follows a header must not count; and none of it is read. */
static void assert_complete(const struct bytes *stream, size_t size,
			    size_t length)
{
	const uint8_t *bytes = guarded(stream->at, size);
	struct pp_header parsed;

	HOLDS(pp_header_parse(bytes, size, PP_VERSION_BOTH, &parsed) ==
			      PP_HEADER_COMPLETE &&
		      parsed.length == length && parsed.reason == NULL,
	      "%zu bytes, header of %zu", size, length);
}

/* Waiting for it must neither end too early nor be for too much. */
static void assert_more(const struct bytes *header, size_t size)
{
	const uint8_t *bytes = guarded(header->at, size);
	struct pp_header parsed;

	HOLDS(pp_header_parse(bytes, size, PP_VERSION_BOTH, &parsed) ==
			      PP_HEADER_MORE &&
		      parsed.length > size && parsed.length <= header->size,
	      "%zu bytes of %zu", size, header->size);
}

SUITE("header");

TEST(each_prefix_of_each_valid_header_wants_more)
{
	static struct bytes header;

	for (size_t n = 0; valid_header(n, &header); n++)
		for (size_t size = 0; size < header.size; size++)
			assert_more(&header, size);
}

TEST(each_valid_header_is_complete_whatever_follows)
{
	static const char *const payloads[] = {
		"", "\r\n", "\n", " ", "SSH-2.0-OpenSSH_9.2p1\r\n",
		"PROXY TCP4 198.51.100.1 198.51.100.2 5 6\r\n",
	};
	static struct bytes header;
	size_t valid = 0;

	for (; valid_header(valid, &header); valid++)
		for (size_t i = 0; i < COUNT(payloads); i++) {
			const size_t length = header.size;

			add_text(&header, payloads[i]);
			for (size_t size = length; size <= header.size; size++)
				assert_complete(&header, size, length);
			header.size = length;
		}
	ck_assert_uint_gt(valid, 30);
}

TEST(the_longest_header_and_its_prefixes)
{
	static struct bytes header;
	struct pp_header parsed;

	begin_v2(&header, 0x21, 0x11);
	add_inet(&header);
	add_bytes(&header, "\x04\xff\xf0", 3);
	add_fill(&header, 0x5a, 65520);
	end_v2(&header);
	ck_assert_uint_eq(header.size, PP_V2_MAX);
	for (size_t size = 16; size < header.size; size++) {
		HOLDS(pp_header_parse(header.at, size, PP_VERSION_BOTH,
				      &parsed) == PP_HEADER_MORE &&
			      parsed.length == PP_V2_MAX,
		      "%zu bytes", size);
	}
	for (size_t more = 0; more < 3; more++) {
		ck_assert_int_eq(pp_header_parse(header.at, header.size + more,
						 PP_VERSION_BOTH, &parsed),
				 PP_HEADER_COMPLETE);
		ck_assert_uint_eq(parsed.length, PP_V2_MAX);
		assert_address(&parsed.source, "192.0.2.1", 1111);
	}
}

static enum pp_verdict parse_text(const char *text, enum pp_versions versions)
{
	struct pp_header parsed;
	size_t size = strlen(text);

	return pp_header_parse(guarded((const uint8_t *)text, size), size,
			       versions, &parsed);
}

TEST(anything_else_is_absent_from_its_first_byte_on)
{
	static const char *const texts[] = {
		"G", "GET / HTTP/1.1\r\n", "SSH-2.0-x\r\n", "proxy TCP4 ",
		"Proxy", " PROXY", "\n", "\r\r", "\r\nP", "\r\n\r\n\r",
		"\r\n\r\nGET", "PR0XY", "PROX ", "PROXy TCP4", "P\r\n", "POST /",
		"Q", "\x16\x03\x01", "\xff",
	};

	for (size_t i = 0; i < COUNT(texts); i++)
		ck_assert_int_eq(parse_text(texts[i], PP_VERSION_BOTH),
				 PP_HEADER_ABSENT);
}

/* One bit wrong in either signature: not a header, and at that very byte. */
TEST(each_bit_of_the_signatures_counts)
{
	static const size_t signature_size[] = { 5, 12 };
	static struct bytes header[2];
	struct pp_header parsed;

	header[0].size = 0;
	add_text(&header[0], "PROXY UNKNOWN\r\n");
	begin_v2(&header[1], 0x20, 0);
	for (size_t i = 0; i < 2; i++)
		for (size_t bit = 0; bit < 8 * signature_size[i]; bit++) {
			uint8_t bytes[16];

			memcpy(bytes, header[i].at, 15);
			bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
			for (size_t size = bit / 8 + 1; size < 15; size++)
				ck_assert_int_eq(
					pp_header_parse(guarded(bytes, size),
							size, PP_VERSION_BOTH,
							&parsed),
					PP_HEADER_ABSENT);
		}
}

/* Not one byte of a version that is switched off is waited for. */
TEST(a_version_that_is_switched_off_is_absent)
{
	static struct bytes v1, v2;
	struct pp_header parsed;

	v1.size = 0;
	add_text(&v1, "PROXY TCP4 192.0.2.1 192.0.2.2 1111 2222\r\n");
	inet_v2(&v2);
	for (size_t size = 1; size <= v1.size; size++) {
		ck_assert_int_eq(pp_header_parse(v1.at, size, PP_VERSION_2,
						 &parsed), PP_HEADER_ABSENT);
		ck_assert_int_eq(pp_header_parse(v1.at, size, PP_VERSION_NONE,
						 &parsed), PP_HEADER_ABSENT);
	}
	for (size_t size = 1; size <= v2.size; size++) {
		ck_assert_int_eq(pp_header_parse(v2.at, size, PP_VERSION_1,
						 &parsed), PP_HEADER_ABSENT);
		ck_assert_int_eq(pp_header_parse(v2.at, size, PP_VERSION_NONE,
						 &parsed), PP_HEADER_ABSENT);
	}
	ck_assert_int_eq(pp_header_parse(v1.at, v1.size, PP_VERSION_1, &parsed),
			 PP_HEADER_COMPLETE);
	ck_assert_int_eq(pp_header_parse(v2.at, v2.size, PP_VERSION_2, &parsed),
			 PP_HEADER_COMPLETE);
}

TEST(without_a_byte_each_version_wants_one)
{
	struct pp_header parsed;

	for (int versions = PP_VERSION_1; versions <= PP_VERSION_BOTH;
	     versions++) {
		ck_assert_int_eq(pp_header_parse("", 0,
						 (enum pp_versions)versions,
						 &parsed), PP_HEADER_MORE);
		ck_assert_uint_eq(parsed.length, 1);
	}
	ck_assert_int_eq(pp_header_parse("", 0, PP_VERSION_NONE, &parsed),
			 PP_HEADER_ABSENT);
}

/* What lay in the structure before has no say. */
TEST(nothing_is_left_of_an_earlier_header)
{
	struct pp_header parsed;
	const char *line = "PROXY UNKNOWN\r\n";

	memset(&parsed, 0xff, sizeof(parsed));
	ck_assert_int_eq(pp_header_parse(line, strlen(line), PP_VERSION_BOTH,
					 &parsed), PP_HEADER_COMPLETE);
	ck_assert_uint_eq(parsed.version, 1);
	ck_assert_int_eq(parsed.command, PP_COMMAND_PROXY);
	ck_assert_uint_eq(parsed.protocol, 0);
	assert_address(&parsed.source, NULL, 0);
	assert_address(&parsed.destination, NULL, 0);
	ck_assert_uint_eq(parsed.tlv_offset, 0);
	ck_assert_uint_eq(parsed.tlv_length, 0);
	ck_assert_ptr_null(parsed.reason);
}
