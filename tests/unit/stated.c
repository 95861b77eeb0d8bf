/* SPDX-License-Identifier: ISC */
/* The header that settings make. */
#include <config.h>

#include "connection/send.h"

#include "suites.h"
#include "support.h"

#include <stdlib.h>
#include <string.h>

static struct pp_settings settings;
static struct pp_stated stated;
static uint8_t made[PP_V2_MAX];

/* Settings from names and values, ended by NULL. */
static void set(const char *const *words)
{
	struct pp_settings_error error = { "" };

	pp_settings_defaults(pp_client_settings, &settings);
	for (; words[0] != NULL; words += 2)
		take_setting(pp_client_settings, words[0], words[1],
				 &settings, &error);
	ck_assert_str_eq(error.text, "");
}

#define SET(...) set((const char *const[]){ __VA_ARGS__, NULL })

/* The header to 192.0.2.2:2222, or to 2001:db8::2 for a source like it. */
static size_t make(uint64_t place, size_t size)
{
	union pp_address connected = address_of("192.0.2.2", 2222);

	if (settings.source.sa.sa_family == AF_INET6)
		connected = address_of("2001:db8::2", 2222);
	return pp_outgoing_format(&settings, place, &connected, made, size,
				  &stated);
}

/* Fails unless exactly the expected bytes come of it, in just that room. */
static void assert_made(const struct bytes *expected)
{
	size_t size = pp_outgoing_size(&settings);

	ck_assert_uint_ge(size, expected->size);
	ck_assert_uint_eq(make(0, size), expected->size);
	ck_assert_mem_eq(made, expected->at, expected->size);
	ck_assert_uint_eq(make(0, expected->size), expected->size);
	ck_assert_uint_eq(make(0, expected->size - 1), 0);
}

static struct bytes expected;

SUITE("outgoing");

TEST(as_it_is_anyway)
{
	SET("ADDR", "192.0.2.1", "PORT", "1111");
	inet_v2(&expected);
	assert_made(&expected);
	assert_address(&stated.source, "192.0.2.1", 1111);
	assert_address(&stated.destination, "192.0.2.2", 2222);
}

TEST(another_destination)
{
	SET("ADDR", "192.0.2.1", "PORT", "1111", "DEST_ADDR", "192.0.2.9",
	    "DEST_PORT", "9");
	make(0, sizeof(made));
	assert_address(&stated.destination, "192.0.2.9", 9);
	SET("DEST_ADDR", "192.0.2.9");
	make(0, sizeof(made));
	assert_address(&stated.destination, "192.0.2.9", 2222);
	SET("DEST_PORT", "0");
	make(0, sizeof(made));
	assert_address(&stated.destination, "192.0.2.2", 0);
	SET("VERSION", "1", "ADDR", "192.0.2.1", "DEST_ADDR", "2001:db8::9");
	expected.size = 0;
	add_text(&expected, "PROXY TCP6 ::ffff:c000:201 2001:db8::9 8080 "
			    "2222\r\n");
	assert_made(&expected);
}

TEST(local)
{
	SET("COMMAND", "LOCAL");
	begin_v2(&expected, 0x20, 0);
	end_v2(&expected);
	assert_made(&expected);
	assert_address(&stated.source, NULL, 0);
	assert_address(&stated.destination, NULL, 0);
	SET("COMMAND", "LOCAL", "TLV", "alpn=h2", "CRC32C", "1");
	begin_v2(&expected, 0x20, 0);
	add_tlv(&expected, 0x01, "h2", 2);
	end_v2_with_crc(&expected, 0);
	assert_made(&expected);
}

TEST(vectors_and_a_checksum)
{
	SET("ADDR", "192.0.2.1", "PORT", "1111", "TLV", "alpn=h2 0xEA=0a");
	begin_v2(&expected, 0x21, 0x11);
	add_inet(&expected);
	add_tlv(&expected, 0x01, "h2", 2);
	add_tlv(&expected, 0xea, "\n", 1);
	end_v2(&expected);
	assert_made(&expected);
	SET("ADDR", "192.0.2.1", "PORT", "1111", "CRC32C", "1");
	begin_v2(&expected, 0x21, 0x11);
	add_inet(&expected);
	end_v2_with_crc(&expected, 0);
	assert_made(&expected);
}

/* What stands there to be wrong stays so. */
TEST(a_checksum_that_is_given)
{
	SET("ADDR", "192.0.2.1", "PORT", "1111", "TLV", "0x03=01020304");
	begin_v2(&expected, 0x21, 0x11);
	add_inet(&expected);
	add_tlv(&expected, 0x03, "\1\2\3\4", 4);
	end_v2(&expected);
	assert_made(&expected);
}

TEST(the_longest)
{
	struct pp_header header;

	SET("ADDR", "2001:db8::1", "PORT", "1111", "TLV", "noop=65489",
	    "CRC32C", "1");
	begin_v2(&expected, 0x21, 0x21);
	add_inet6(&expected);
	add_fill(&expected, 4, 1);
	add_fill(&expected, 0xff, 1);
	add_fill(&expected, 0xd1, 1);
	add_fill(&expected, 0, 65489);
	end_v2_with_crc(&expected, 0);
	ck_assert_uint_eq(expected.size, PP_V2_MAX);
	assert_made(&expected);
	ck_assert_int_eq(pp_header_parse(made, PP_V2_MAX, PP_VERSION_2,
					 &header), PP_HEADER_COMPLETE);
}

TEST(raw)
{
	SET("RAW", "PROXY nonsense\\n");
	expected.size = 0;
	add_text(&expected, "PROXY nonsense\n");
	assert_made(&expected);
	assert_address(&stated.source, NULL, 0);
}

/* Fails unless these places of a network are these addresses. */
static void assert_place(const char *network, uint64_t place, const char *text)
{
	SET("ADDR", network);
	ck_assert_uint_gt(make(place, sizeof(made)), 0);
	assert_address(&stated.source, text, 8080);
}

TEST(places_in_a_network)
{
	assert_place("192.0.2.7", 5, "192.0.2.7");
	assert_place("198.51.100.0/24", 0, "198.51.100.1");
	assert_place("198.51.100.0/24", 253, "198.51.100.254");
	assert_place("198.51.100.0/24", 254, "198.51.100.1");
	assert_place("10.0.0.0/8", 256, "10.0.1.1");
	assert_place("192.0.2.6/31", 3, "192.0.2.7");
	assert_place("0.0.0.0/0", UINT64_C(4294967293), "255.255.255.254");
	assert_place("2001:db8::/112", 0x12345, "2001:db8::2345");
	assert_place("2001:db8::/64", UINT64_MAX,
		     "2001:db8::ffff:ffff:ffff:ffff");
	assert_place("2001:db8::/32", 258, "2001:db8::102");
}
