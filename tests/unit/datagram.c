/* SPDX-License-Identifier: ISC */
/* What becomes of a datagram. */
#include <config.h>

#include "preload/udp/datagram.h"

#include "suites.h"
#include "support.h"

#include <string.h>

static struct bytes bytes;
static struct pp_settings settings;
static struct pp_settings_error error;
static struct pp_datagram datagram;
static const char *sender = "127.0.0.1";

static void begin(void)
{
	memset(&bytes, 0, sizeof(bytes));
	error.text[0] = '\0';
	sender = "127.0.0.1";
	pp_settings_defaults(pp_server_settings, &settings);
}

static void set(const char *name, const char *value)
{
	take_setting(pp_server_settings, name, value, &settings, &error);
	ck_assert_str_eq(error.text, "");
}

/* In memory behind which nothing may be read. */
static bool judge(size_t size)
{
	const union pp_address from = address_of(sender, 4711);

	return pp_datagram_judge(&settings, &from, guarded(bytes.at, size),
				 size, &datagram);
}

SUITE_AROUND("datagram", begin, NULL);

TEST(client4)
{
	begin_v2(&bytes, 0x21, 0x12);
	add_inet(&bytes);
	end_v2(&bytes);
	add_text(&bytes, "hello");
	ck_assert(judge(bytes.size));
	ck_assert_uint_eq(datagram.header, 28);
	assert_address(&datagram.client, "192.0.2.1", 1111);
	ck_assert_ptr_null(datagram.reason);
}

TEST(client6)
{
	begin_v2(&bytes, 0x21, 0x22);
	add_inet6(&bytes);
	add_tlv(&bytes, 0xea, "x", 1);
	end_v2_with_crc(&bytes, 0);
	ck_assert(judge(bytes.size));
	ck_assert_uint_eq(datagram.header, bytes.size);
	assert_address(&datagram.client, "2001:db8::1", 1111);
}

/* Every byte of the command and the protocol. */
TEST(commands_and_protocols)
{
	for (unsigned i = 0; i < 0x10000; i++) {
		unsigned command = i >> 8, protocol = i & 0xff;
		bool local = command == 0x20;
		bool proxy = command == 0x21 && protocol >> 4 <= 3 &&
			     (protocol & 15) <= 2;
		bool stream = proxy && (protocol & 15) == 1 &&
			      protocol >> 4 != 0;
		bool client = proxy && (protocol == 0x12 || protocol == 0x22);
		bool good;

		bytes.size = 0;
		begin_v2(&bytes, command, protocol);
		add_fill(&bytes, 7, 216);
		if ((protocol == 0x22 || protocol == 0x21) && proxy)
			bytes.size -= 180; /* or they would be vectors */
		if ((protocol == 0x12 || protocol == 0x11) && proxy)
			bytes.size -= 204;
		end_v2(&bytes);
		good = judge(bytes.size);
		HOLDS(good == ((local || proxy) && !stream), "%#x", i);
		HOLDS(!good || datagram.header == bytes.size, "%#x", i);
		HOLDS((datagram.client.sa.sa_family != AF_UNSPEC) ==
			      (client && good),
		      "%#x", i);
	}
}

TEST(each_prefix)
{
	begin_v2(&bytes, 0x21, 0x12);
	add_inet(&bytes);
	add_tlv(&bytes, 0xea, "hello", 5);
	end_v2_with_crc(&bytes, 0);
	for (size_t size = 0; size <= bytes.size; size++) {
		/* so much of the signature is none */
		HOLDS(judge(size) == (size < 12 || size == bytes.size), "%zu",
		      size);
		HOLDS(datagram.header == (size == bytes.size ? size : 0),
		      "%zu", size);
	}
}

/* Each bit of it, which a checksum tells, if it is still taken for one. */
TEST(each_mutation)
{
	begin_v2(&bytes, 0x21, 0x12);
	add_inet(&bytes);
	end_v2_with_crc(&bytes, 0);
	for (size_t bit = 0; bit < bytes.size * 8; bit++) {
		const size_t at = bit / 8;
		const bool is_type = at == 28;
		bool good;

		bytes.at[at] ^= (uint8_t)(1 << bit % 8);
		good = judge(bytes.size);
		/* no signature; LOCAL, whose vectors do not count */
		HOLDS(good == (at < 12 || is_type || (at == 12 && bit % 8 == 0) ||
			       (at == 13 && bytes.at[13] >> 4 == 0) ||
			       (at == 13 && (bytes.at[13] & 15) == 0)),
		      "bit %zu", bit);
		HOLDS((datagram.client.sa.sa_family != AF_UNSPEC) == is_type,
		      "bit %zu", bit);
		bytes.at[at] ^= (uint8_t)(1 << bit % 8);
	}
}

TEST(version_1_is_no_header)
{
	add_text(&bytes, "PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\nhello");
	ck_assert(judge(bytes.size));
	ck_assert_uint_eq(datagram.header, 0);
	set("MUST_USE_PROTOCOL_HEADER", "1");
	ck_assert(!judge(bytes.size));
}

TEST(must_use)
{
	set("MUST_USE_PROTOCOL_HEADER", "1");
	ck_assert(!judge(0));
	add_text(&bytes, "\r\n\r\n");
	ck_assert(!judge(bytes.size));
	bytes.size = 0;
	begin_v2(&bytes, 0x20, 0);
	ck_assert(judge(bytes.size));
	ck_assert_uint_eq(datagram.header, 16);
}

TEST(trusted)
{
	begin_v2(&bytes, 0x21, 0x12);
	add_inet(&bytes);
	end_v2(&bytes);
	set("TRUSTED", "192.0.2.10, 2001:db8::/32");
	ck_assert(judge(bytes.size));
	ck_assert_uint_eq(datagram.header, 0);
	ck_assert_int_eq(datagram.client.sa.sa_family, AF_UNSPEC);
	sender = "::ffff:192.0.2.10";
	ck_assert(judge(bytes.size));
	ck_assert_uint_eq(datagram.header, 28);
	sender = "2001:db8::7";
	ck_assert(judge(bytes.size));
	ck_assert_uint_eq(datagram.header, 28);
	set("MUST_USE_PROTOCOL_HEADER", "1");
	ck_assert(judge(bytes.size));
	sender = "2001:db9::7";
	ck_assert(!judge(bytes.size));
}
