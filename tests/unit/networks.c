/* SPDX-License-Identifier: ISC */
#include <config.h>

#include "settings/lists.h"

#include "suites.h"
#include "support.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct pp_bytes parsed(const char *text)
{
	struct pp_bytes networks = { NULL, 0, 0 };
	const char *bad = pp_list_parse(&pp_networks, text, &networks);

	ck_assert_msg(bad == NULL, "\"%s\": \"%s\" is bad", text, bad);
	return networks;
}

static bool have(const struct pp_bytes *networks, const char *text)
{
	union pp_address address = address_of(text, 4711);

	return pp_networks_have(networks, &address);
}

/* Which of the addresses, up to NULL, are in the list: "1" or "0" for each. */
static void assert_have(const char *list, const char *const *addresses,
			const char *expected)
{
	struct pp_bytes networks = parsed(list);

	for (; *addresses != NULL; addresses++, expected++)
		ck_assert_msg(have(&networks, *addresses) == (*expected == '1'),
			      "\"%s\": %s", list, *addresses);
	ck_assert_int_eq(*expected, '\0');
	pp_bytes_free(&networks);
}

#define ASSERT_HAVE(list, expected, ...)                                   \
	assert_have(list, (const char *const[]){ __VA_ARGS__, NULL }, expected)

SUITE("networks");

TEST(single_addresses)
{
	ASSERT_HAVE("192.0.2.1", "1000", "192.0.2.1", "192.0.2.0", "192.0.2.2",
		    "::c000:201");
	ASSERT_HAVE("2001:db8::1", "100", "2001:db8::1", "2001:db8::",
		    "2001:db8::2");
	ASSERT_HAVE("0.0.0.0", "10", "0.0.0.0", "0.0.0.1");
	ASSERT_HAVE("255.255.255.255", "10", "255.255.255.255", "0.0.0.0");
	ASSERT_HAVE("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "10",
		    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::");
	ASSERT_HAVE("::", "10", "::", "::1");
}

TEST(networks_up_to_their_edges)
{
	ASSERT_HAVE("10.0.0.0/8", "1100", "10.0.0.0", "10.255.255.255",
		    "9.255.255.255", "11.0.0.0");
	ASSERT_HAVE("192.0.2.128/25", "1100", "192.0.2.128", "192.0.2.255",
		    "192.0.2.127", "192.0.3.0");
	ASSERT_HAVE("192.0.2.6/31", "1100", "192.0.2.6", "192.0.2.7",
		    "192.0.2.5", "192.0.2.8");
	ASSERT_HAVE("192.0.2.1/32", "10", "192.0.2.1", "192.0.2.2");
	ASSERT_HAVE("2001:db8::/32", "1100", "2001:db8::",
		    "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
		    "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::");
	ASSERT_HAVE("2001:db8::/64", "110", "2001:db8::",
		    "2001:db8::ffff:ffff:ffff:ffff", "2001:db8:0:1::");
	ASSERT_HAVE("2001:db8:0:2::/63", "11100", "2001:db8:0:2::",
		    "2001:db8:0:3::", "2001:db8:0:3:ffff:ffff:ffff:ffff",
		    "2001:db8:0:1:ffff:ffff:ffff:ffff", "2001:db8:0:4::");
	ASSERT_HAVE("2001:db8::8000:0:0:0/65", "110", "2001:db8::8000:0:0:0",
		    "2001:db8::ffff:ffff:ffff:ffff",
		    "2001:db8::7fff:ffff:ffff:ffff");
	ASSERT_HAVE("2001:db8::1/128", "10", "2001:db8::1", "2001:db8::2");
}

TEST(mapped_peers_are_ipv4)
{
	ASSERT_HAVE("10.0.0.0/8", "110", "10.1.2.3", "::ffff:10.1.2.3",
		    "::ffff:11.1.2.3");
	ASSERT_HAVE("::ffff:10.0.0.0/104", "1100", "10.1.2.3",
		    "::ffff:10.1.2.3", "11.0.0.0", "::10.1.2.3");
	ASSERT_HAVE("::ffff:192.0.2.1", "110", "192.0.2.1", "::ffff:192.0.2.1",
		    "192.0.2.2");
	ASSERT_HAVE("::ffff:0:0/96", "1100", "0.0.0.0", "255.255.255.255", "::",
		    "::1:0:0:0");
}

TEST(all_of_one_family_is_nobody_of_the_other)
{
	ASSERT_HAVE("0.0.0.0/0", "111000", "0.0.0.0", "255.255.255.255",
		    "::ffff:1.2.3.4", "::", "::fffe:ffff:ffff", "::1:0:0:0");
	ASSERT_HAVE("::/0", "111100000", "::", "::fffe:ffff:ffff", "::1:0:0:0",
		    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "0.0.0.0",
		    "255.255.255.255", "::ffff:0.0.0.0",
		    "::ffff:255.255.255.255", "::ffff:1.2.3.4");
	ASSERT_HAVE("::/0 0.0.0.0/0", "1111", "::", "::1", "1.2.3.4",
		    "::ffff:1.2.3.4");
	/* whatever covers ::ffff:0:0/96, up to its very edge */
	ASSERT_HAVE("::/79", "1100", "::1:0:0:0", "::fffe:ffff:ffff", "1.2.3.4",
		    "::ffff:1.2.3.4");
	ASSERT_HAVE("::/80", "11000", "::", "::fffe:ffff:ffff", "::1:0:0:0",
		    "1.2.3.4", "255.255.255.255");
	ASSERT_HAVE("::8000:0:0/81", "1000", "::8000:0:0", "1.2.3.4", "0.0.0.0",
		    "::ffff:0.0.0.0");
	ASSERT_HAVE("::fffe:0:0/95", "1100", "::fffe:0:0", "::fffe:ffff:ffff",
		    "0.0.0.0", "::ffff:1.2.3.4");
}

TEST(scope_and_port_do_not_count)
{
	struct pp_bytes networks = parsed("fe80::/10");
	union pp_address address = address_of("fe80::1", 1);

	address.in6.sin6_scope_id = 7;
	ck_assert(pp_networks_have(&networks, &address));
	address.in6.sin6_port = 0;
	address.in6.sin6_flowinfo = 99;
	ck_assert(pp_networks_have(&networks, &address));
	pp_bytes_free(&networks);
}

TEST(everyone_is_no_list)
{
	union pp_address none = { .sa = { .sa_family = AF_UNSPEC } };
	struct pp_bytes networks = parsed(" EveryOne,");

	ck_assert_ptr_null(networks.at);
	ck_assert(have(&networks, "1.2.3.4"));
	ck_assert(have(&networks, "2001:db8::1"));
	networks = parsed("0.0.0.0/0 ::/0");
	ck_assert_ptr_nonnull(networks.at);
	ck_assert(!pp_networks_have(&networks, &none));
	pp_bytes_free(&networks);
	ck_assert_ptr_null(networks.at);
}

/* Who names some beside it would be surprised. */
TEST(everyone_stands_alone)
{
	struct pp_bytes networks = { NULL, 0, 0 };
	const char *text = "everyone, 10.0.0.1";

	ck_assert_ptr_eq(pp_list_parse(&pp_networks, text, &networks), text);
}

TEST(separators_in_any_mixture)
{
	static const char *const lists[] = {
		"10.0.0.1,10.0.0.3", "10.0.0.1 10.0.0.3",
		"10.0.0.1, 10.0.0.3", "\t,10.0.0.1 ,,\n10.0.0.3\r\n, ",
	};

	for (size_t i = 0; i < COUNT(lists); i++)
		ASSERT_HAVE(lists[i], "10100", "10.0.0.1", "10.0.0.2",
			    "10.0.0.3", "10.0.0.4", "::1");
}

TEST(bad_words_are_pointed_at)
{
	static const char *const words[] = {
		"10.0.0.1/8",	     "192.0.2.1/31",
		"1.2.3",	     "1.2.3.4.5",
		"01.2.3.4",	     "1.2.3.256",
		"1.2.3.4/",	     "1.2.3.4/33",
		"1.2.3.4/032",	     "1.2.3.4/+8",
		"1.2.3.4/-1",	     "1.2.3.4/32/32",
		"1.2.3.4/255.255.255.255", "1.2.3.4/99999999999",
		"/8",		     "/",
		"1.2.3.4:80",	     "[::1]",
		"::1/129",	     "::1/64",
		"2001:db8::/16",     "fe80::1%lo",
		"fe80::%1/64",	     "::ffff:10.0.0.0/8",
		"::ffff:0:0/95",     "::ffff:10.0.0.1/127",
		"localhost",	     "everyone",
		"*",		     "10.*",
		"10.0.0.0-10.0.0.9", "1.2.3.4;1.2.3.5",
		"0",		     "0/0",
		"1234:1234:1234:1234:1234:1234:123.123.123.123/1280",
		"1111111111111111111111111111111111111111111111111111111111111",
	};

	for (size_t i = 0; i < COUNT(words); i++) {
		struct pp_bytes networks = { NULL, 77, 88 };
		const char *bad;
		char list[200];

		snprintf(list, sizeof(list), "192.0.2.1, %s, ::1, also bad",
			 words[i]);
		bad = pp_list_parse(&pp_networks, list, &networks);
		ck_assert_msg(bad == list + 11, "%s", words[i]);
		ck_assert_ptr_null(networks.at);
		ck_assert_uint_eq(networks.length, 77);
		ck_assert_uint_eq(networks.mapped, 88);
	}
}

TEST(networks_that_overlap)
{
	static const char *const lists[] = {
		"10.0.0.0/8 10.1.0.0/16 10.2.3.4",
		"10.2.3.4 10.1.0.0/16 10.0.0.0/8",
		"10.1.0.0/16, 10.0.0.0/9, 10.128.0.0/9",
		"10.128.0.0/9, 10.0.0.0/9, 10.0.0.0/9",
	};

	for (size_t i = 0; i < COUNT(lists); i++)
		ASSERT_HAVE(lists[i], "1111100", "10.0.0.0", "10.2.3.4",
			    "10.1.255.255", "10.127.0.1", "10.255.255.255",
			    "9.255.255.255", "11.0.0.0");
	ASSERT_HAVE("10.0.0.3 10.0.0.1 10.0.0.2 10.0.0.1", "011100",
		    "10.0.0.0", "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4",
		    "::1");
	ASSERT_HAVE("::/0 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ::", "110",
		    "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		    "0.0.0.0");
	ASSERT_HAVE("::1 10.0.0.0/8 ::2 11.0.0.0/8", "11110", "::1", "::2",
		    "10.0.0.1", "11.0.0.1", "::3");
}

/* They have nothing in common but the first bits: no list needs more memory. */
TEST(addresses_far_from_each_other)
{
	char list[256 * sizeof("ff00::1 ")] = "";
	struct pp_bytes networks;

	for (unsigned i = 0; i < 256; i++)
		sprintf(list + strlen(list), "%x::1 ", i << 8);
	networks = parsed(list);
	ck_assert_uint_gt(networks.length, 256 * (128 - 8));
	for (unsigned i = 0; i < 256; i++) {
		char text[16];

		sprintf(text, "%x::1", i << 8);
		ck_assert(have(&networks, text));
		sprintf(text, "%x::", i << 8);
		ck_assert(!have(&networks, text));
	}
	pp_bytes_free(&networks);
}

/* A network as a model has it: bytes and a prefix length. */
struct model {
	unsigned char bytes[16];
	unsigned prefix;
	bool ipv4;
};

static bool is_mapped(const unsigned char *bytes)
{
	static const unsigned char prefix[12] = { [10] = 0xff, [11] = 0xff };

	return memcmp(bytes, prefix, sizeof(prefix)) == 0;
}

/* Bit by bit, from the definition of a prefix. */
static bool model_has(const struct model *model, const unsigned char *bytes)
{
	if (model->ipv4 != is_mapped(bytes))
		return false;
	for (unsigned i = 0; i < model->prefix; i++)
		if ((bytes[i / 8] ^ model->bytes[i / 8]) >> (7 - i % 8) & 1)
			return false;
	return true;
}

/* Near the edges of IPv4 within IPv6, and few bits, so that things meet. */
static void random_bytes(unsigned char *bytes)
{
	memset(bytes, 0, 16);
	switch (random() % 4) {
	case 0:
		memset(bytes, 0xff, 16);
		break;
	case 1:
		memset(bytes + 10, 0xff, 2);
		break;
	default:
		bytes[random() % 16] = (unsigned char)random();
	}
	bytes[random() % 16] ^= (unsigned char)(1 << random() % 8);
	bytes[8 + random() % 8] ^= (unsigned char)(1 << random() % 8);
}

static void random_network(struct model *model, char *text, size_t size)
{
	char address[INET6_ADDRSTRLEN];

	random_bytes(model->bytes);
	model->prefix = (unsigned)random() % 129;
	for (unsigned i = model->prefix; i < 128; i++)
		model->bytes[i / 8] &= (unsigned char)~(0x80 >> i % 8);
	model->ipv4 = is_mapped(model->bytes);
	if (model->ipv4 && random() % 2) {
		inet_ntop(AF_INET, model->bytes + 12, address, sizeof(address));
		snprintf(text, size, "%s/%u,", address, model->prefix - 96);
	} else {
		inet_ntop(AF_INET6, model->bytes, address, sizeof(address));
		snprintf(text, size, "%s/%u ", address, model->prefix);
	}
}

static void assert_model(const struct pp_bytes *networks,
			 const struct model *models, size_t count,
			 const unsigned char *bytes)
{
	union pp_address address = { .in6 = { .sin6_family = AF_INET6 } };
	bool expected = false;

	for (size_t i = 0; i < count; i++)
		expected = expected || model_has(&models[i], bytes);
	memcpy(&address.in6.sin6_addr, bytes, 16);
	ck_assert_int_eq(pp_networks_have(networks, &address), expected);
	pp_address_unmap(&address);
	ck_assert_int_eq(pp_networks_have(networks, &address), expected);
}

/* The first and last addresses of a network and those beside it. */
static void assert_edges(const struct pp_bytes *networks,
			 const struct model *models, size_t count,
			 const struct model *at)
{
	for (int edge = 0; edge < 4; edge++) {
		unsigned char bytes[16];
		bool up = edge % 2;
		int i = 15;

		memcpy(bytes, at->bytes, 16);
		for (unsigned bit = at->prefix; up && bit < 128; bit++)
			bytes[bit / 8] |= (unsigned char)(0x80 >> bit % 8);
		if (edge >= 2) /* with carry, and around */
			while (i >= 0 && (up ? ++bytes[i] == 0
					     : bytes[i]-- == 0))
				i--;
		assert_model(networks, models, count, bytes);
	}
}

TEST(random_lists_against_a_model)
{
	enum { LIST = 12 };
	struct model models[LIST];

	srandom(1);
	for (int round = 0; round < 5000; round++) {
		size_t count = 1 + (size_t)random() % LIST;
		char list[LIST * 56] = "";
		struct pp_bytes networks;

		for (size_t i = 0; i < count; i++) {
			size_t length = strlen(list);

			random_network(&models[i], list + length,
				       sizeof(list) - length);
		}
		networks = parsed(list);
		for (size_t i = 0; i < count; i++)
			assert_edges(&networks, models, count, &models[i]);
		for (int i = 0; i < 20; i++) {
			unsigned char bytes[16];

			random_bytes(bytes);
			assert_model(&networks, models, count, bytes);
		}
		pp_bytes_free(&networks);
	}
}

TEST(thousands_of_networks)
{
	enum { MANY = 20000 };
	char *list = malloc(MANY * 24), *end = list;
	struct pp_bytes networks;

	srandom(2);
	for (unsigned i = 0; i < MANY; i++) {
		/* every other /24 of 10.0.0.0/7, in an order of no use */
		unsigned n = i * 7919 % MANY * 2;

		end += sprintf(end, "%u.%u.%u.0/24 ", 10 + (n >> 16),
			       n >> 8 & 255, n & 255);
	}
	networks = parsed(list);
	for (unsigned n = 0; n < 2 * MANY; n++) {
		char text[16];

		sprintf(text, "%u.%u.%u.%u", 10 + (n >> 16), n >> 8 & 255,
			n & 255, n % 256);
		ck_assert_msg(have(&networks, text) == (n % 2 == 0), "%s",
			      text);
	}
	pp_bytes_free(&networks);
	free(list);
}
