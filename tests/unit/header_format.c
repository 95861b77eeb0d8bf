/* SPDX-License-Identifier: ISC */
/* Writing headers. */
#include <config.h>

#include "protocol/header.h"

#include "suites.h"
#include "support.h"

#include <string.h>

static const char longest[] = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";

/* Formats; the byte behind what size allows must stay as it is. */
static size_t format(unsigned version, const char *source, unsigned source_port,
		     const char *destination, unsigned destination_port,
		     uint8_t *bytes, size_t size)
{
	union pp_address from = address_of(source, source_port);
	union pp_address to = address_of(destination, destination_port);
	size_t length;

	ck_assert_uint_le(size, PP_FORMAT_MAX);
	memset(bytes, 0xaa, PP_FORMAT_MAX + 1);
	length = pp_header_format(version, &from, &to, bytes, size);
	ck_assert_uint_le(length, size);
	for (size_t i = length; i <= PP_FORMAT_MAX; i++)
		ck_assert_uint_eq(bytes[i], 0xaa);
	return length;
}

SUITE("header_format");

TEST(lines_of_version_1)
{
	static const struct {
		const char *source, *destination, *line;
	} rows[] = {
		{ "192.0.2.1", "192.0.2.2",
		  "PROXY TCP4 192.0.2.1 192.0.2.2 0 65535\r\n" },
		{ "2001:db8::1", "::1",
		  "PROXY TCP6 2001:db8::1 ::1 0 65535\r\n" },
		/* families that differ */
		{ "192.0.2.1", "2001:db8::1",
		  "PROXY TCP6 ::ffff:c000:201 2001:db8::1 0 65535\r\n" },
		{ "2001:db8::1", "192.0.2.1",
		  "PROXY TCP6 2001:db8::1 ::ffff:c000:201 0 65535\r\n" },
		/* and that need not */
		{ "192.0.2.1", "::ffff:192.0.2.2",
		  "PROXY TCP4 192.0.2.1 192.0.2.2 0 65535\r\n" },
		{ "::ffff:192.0.2.1", "192.0.2.2",
		  "PROXY TCP4 192.0.2.1 192.0.2.2 0 65535\r\n" },
		{ "::192.0.2.1", "2001:db8::1",
		  "PROXY TCP6 ::c000:201 2001:db8::1 0 65535\r\n" },
		{ "::ffff:192.0.2.1", "::ffff:0.0.0.1",
		  "PROXY TCP6 ::ffff:c000:201 ::ffff:0:1 0 65535\r\n" },
	};
	uint8_t bytes[PP_FORMAT_MAX + 1];

	for (size_t i = 0; i < COUNT(rows); i++) {
		const size_t length = strlen(rows[i].line);

		ck_assert_uint_eq(format(1, rows[i].source, 0,
					 rows[i].destination, 65535, bytes,
					 PP_FORMAT_MAX), length);
		ck_assert_mem_eq(bytes, rows[i].line, length);
	}
}

TEST(bytes_of_version_2)
{
	static struct bytes wanted;
	uint8_t bytes[PP_FORMAT_MAX + 1];

	inet_v2(&wanted);
	ck_assert_uint_eq(format(2, "192.0.2.1", 1111, "192.0.2.2", 2222, bytes,
				 PP_FORMAT_MAX), 28);
	ck_assert_mem_eq(bytes, wanted.at, 28);
	begin_v2(&wanted, 0x21, 0x21);
	add_inet6(&wanted);
	end_v2(&wanted);
	ck_assert_uint_eq(format(2, "2001:db8::1", 1111, "2001:db8::2", 2222,
				 bytes, PP_FORMAT_MAX), 52);
	ck_assert_mem_eq(bytes, wanted.at, 52);
}

/* What is written is read again as what it was made of. */
TEST(round_trips)
{
	static const char *const texts[] = {
		"0.0.0.0", "192.0.2.1", "255.255.255.255", "::", "::1",
		"2001:db8::1", "::ffff:192.0.2.1", "::ffff:0.0.0.0",
		"::ffff:255.255.255.255", "::192.0.2.1", "1:2:3:4:5:6:7:8",
		"fe80::1", "64:ff9b::192.0.2.1", longest,
	};
	static const unsigned ports[] = { 0, 1, 256, 65535 };
	uint8_t bytes[PP_FORMAT_MAX + 1];
	struct pp_header header;

	for (size_t i = 0; i < COUNT(texts) * COUNT(texts) * 8; i++) {
		const char *from = texts[i / 8 % COUNT(texts)];
		const char *to = texts[i / 8 / COUNT(texts)];
		union pp_address source = address_of(from, ports[i / 2 % 4]);
		union pp_address destination = address_of(to, 65535);
		const unsigned version = 1 + i % 2;
		const size_t length = format(version, from, ports[i / 2 % 4],
					     to, 65535, bytes, PP_FORMAT_MAX);

		ck_assert_int_eq(pp_header_parse(bytes, length, PP_VERSION_BOTH,
						 &header), PP_HEADER_COMPLETE);
		ck_assert_uint_eq(header.length, length);
		ck_assert_uint_eq(header.version, version);
		ck_assert_int_eq(header.source.sa.sa_family,
				 header.destination.sa.sa_family);
		/* an IPv4 address and its mapped form are one and the same */
		pp_address_map(&source);
		pp_address_map(&destination);
		pp_address_map(&header.source);
		pp_address_map(&header.destination);
		ck_assert(pp_address_equal(&source, &header.source));
		ck_assert(pp_address_equal(&destination, &header.destination));
	}
}

TEST(the_longest_is_format_max)
{
	uint8_t bytes[PP_FORMAT_MAX + 1];

	ck_assert_uint_eq(PP_FORMAT_MAX, 104);
	ck_assert_uint_eq(format(1, longest, 65535, longest, 65535, bytes,
				 PP_FORMAT_MAX), PP_FORMAT_MAX);
}

/* Whole or not at all. */
TEST(a_size_too_small_writes_nothing)
{
	static const char *const texts[] = { "192.0.2.1", longest };
	uint8_t bytes[PP_FORMAT_MAX + 1];

	for (unsigned version = 1; version <= 2; version++)
		for (size_t i = 0; i < COUNT(texts); i++) {
			const size_t whole = format(version, texts[i], 65535,
						    texts[i], 65535, bytes,
						    PP_FORMAT_MAX);

			for (size_t size = 0; size < whole; size++)
				ck_assert_uint_eq(format(version, texts[i],
							 65535, texts[i], 65535,
							 bytes, size), 0);
			ck_assert_uint_eq(format(version, texts[i], 65535,
						 texts[i], 65535, bytes,
						 whole), whole);
		}
}

TEST(versions_that_are_none)
{
	uint8_t bytes[PP_FORMAT_MAX + 1];

	ck_assert_uint_eq(format(0, "192.0.2.1", 1, "192.0.2.2", 2, bytes,
				 PP_FORMAT_MAX), 0);
	ck_assert_uint_eq(format(3, "192.0.2.1", 1, "192.0.2.2", 2, bytes,
				 PP_FORMAT_MAX), 0);
}

TEST(addresses_that_are_none)
{
	union pp_address good = address_of("192.0.2.1", 1), none;
	uint8_t bytes[PP_FORMAT_MAX];

	memset(&none, 0, sizeof(none));
	for (unsigned version = 1; version <= 2; version++) {
		ck_assert_uint_eq(pp_header_format(version, &none, &good, bytes,
						   sizeof(bytes)), 0);
		ck_assert_uint_eq(pp_header_format(version, &good, &none, bytes,
						   sizeof(bytes)), 0);
		ck_assert_uint_eq(pp_header_format(version, &none, &none, bytes,
						   sizeof(bytes)), 0);
	}
}
