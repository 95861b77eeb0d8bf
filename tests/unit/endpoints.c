/* SPDX-License-Identifier: ISC */
/* Addresses and networks with ports: LIBPROXYPROTO_TO. */
#include <config.h>

#include "settings/lists.h"

#include "suites.h"
#include "support.h"

#include <stdio.h>
#include <string.h>

/* Is the address, with its port, in the list? */
static bool has(const char *list, const char *host, unsigned port)
{
	struct pp_bytes endpoints = { NULL, 0, 0 };
	const char *bad = pp_list_parse(&pp_endpoints, list, &endpoints);
	union pp_address address = address_of(host, port);
	bool found;

	ck_assert_msg(bad == NULL, "\"%s\": \"%s\" is bad", list, bad);
	found = pp_endpoints_have(&endpoints, &address);
	pp_bytes_free(&endpoints);
	return found;
}

SUITE("endpoints");

TEST(what_is_in_a_list)
{
	static const struct {
		const char *list, *host;
		unsigned port;
		bool is_in;
	} rows[] = {
		{ "127.0.0.1:8080", "127.0.0.1", 8080, true },
		{ "127.0.0.1:8080", "127.0.0.1", 8081, false },
		{ "127.0.0.1:8080", "127.0.0.2", 8080, false },
		{ "127.0.0.1:8080", "::ffff:127.0.0.1", 8080, true },
		{ "127.0.0.1:8080", "::1", 8080, false },
		{ "127.0.0.1", "127.0.0.1", 1, true },
		{ "127.0.0.1", "127.0.0.1", 65535, true },
		{ "127.0.0.1", "127.0.0.3", 1, false },
		{ "10.0.0.0/8", "10.255.0.9", 443, true },
		{ "10.0.0.0/8", "11.0.0.0", 443, false },
		{ "10.0.0.0/9:443", "10.127.0.9", 443, true },
		{ "10.0.0.0/9:443", "10.128.0.9", 443, false },
		{ "10.0.0.0/9:443", "10.127.0.9", 444, false },
		{ "10.0.0.0/8:8000-8099", "10.1.1.1", 8000, true },
		{ "10.0.0.0/8:8000-8099", "10.1.1.1", 8099, true },
		{ "10.0.0.0/8:8000-8099", "10.1.1.1", 7999, false },
		{ "10.0.0.0/8:8000-8099", "10.1.1.1", 8100, false },
		{ "0.0.0.0/0", "255.1.2.3", 5, true },
		{ "0.0.0.0/0", "2001:db8::1", 5, false },
		{ "::/0", "2001:db8::1", 5, true },
		{ "::/0", "192.0.2.1", 5, false },
		{ "::/0", "::ffff:192.0.2.1", 5, false },
		{ "::1", "::1", 5, true },
		{ "::1:80", "::1:80", 5, true },
		{ "::1:80", "::1", 80, false },
		{ "[::1]", "::1", 5, true },
		{ "[::1]:80", "::1", 80, true },
		{ "[::1]:80", "::1", 81, false },
		{ "[2001:db8::]/32:443", "2001:db8:9::1", 443, true },
		{ "[2001:db8::]/32:443", "2001:db9::1", 443, false },
		{ "[2001:db8::]/32:443", "2001:db8::1", 80, false },
		{ "[2001:db8::/33]:443", "2001:db8:7fff::1", 443, true },
		{ "[2001:db8::/33]:443", "2001:db8:8000::1", 443, false },
		{ "[2001:db8::]/32", "2001:db8:9::1", 9, true },
		{ "2001:db8::/32", "2001:db8:9::1", 9, true },
		{ "::ffff:10.0.0.0/104", "10.9.9.9", 9, true },
		{ "[::ffff:10.0.0.1]:9", "10.0.0.1", 9, true },
		{ "[::ffff:10.0.0.1]:9", "10.0.0.1", 8, false },
		{ "[::ffff:0:0]/96:9", "10.0.0.1", 9, true },
		{ "*:80", "10.0.0.1", 80, true },
		{ "*:80", "2001:db8::1", 80, true },
		{ ":80-81", "::ffff:10.0.0.1", 81, true },
		{ "*:80", "10.0.0.1", 81, false },
		{ "*", "2001:db8::1", 7, true },
		{ "all", "2001:db8::1", 7, true },
		{ "ALL", "10.0.0.1", 7, true },
		{ "127.0.0.1:80, 10.0.0.0/8 [::1]:9\t*:7", "10.0.0.1", 1, true },
		{ "127.0.0.1:80, 10.0.0.0/8 [::1]:9\t*:7", "::1", 9, true },
		{ "127.0.0.1:80, 10.0.0.0/8 [::1]:9\t*:7", "::2", 7, true },
		{ "127.0.0.1:80, 10.0.0.0/8 [::1]:9\t*:7", "::1", 8, false },
		{ "127.0.0.1:80, 10.0.0.0/8 [::1]:9\t*:7", "127.0.0.1", 81,
		  false },
	};

	for (size_t i = 0; i < COUNT(rows); i++)
		ck_assert_msg(has(rows[i].list, rows[i].host, rows[i].port) ==
				      rows[i].is_in,
			      "\"%s\": %s, %u", rows[i].list, rows[i].host,
			      rows[i].port);
}

/* And where in the list the bad one is, so that nothing is guessed at. */
TEST(what_is_bad)
{
	static const char too_long[] =
		"[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]/128/128/128"
		"/128/128/128/128:80";
	static const char *const bad[] = {
		"localhost", "localhost:80", "80", "127.0.0.1:", "127.0.0.1:0",
		"127.0.0.1:65536", "127.0.0.1:http", "127.0.0.1:9-8",
		"127.0.0.1:1-", "127.0.0.1:080", "127.0.0.1/33", "127.0.0.1/8",
		"127.0.0.1:80/32", "127.0.0:80", "[127.0.0.1]:80", "[::1]:",
		"[::1]80", "[::1", "::1]", "[]", "[]:80", "[:80", "[::1]:80:81",
		"[::1]/:80", "[::1]/129", "[2001:db8::]/16:80", "[::1/128]/128",
		"[::1%lo]:80", "[[::1]]:80", "**", "*:", ":", "*/8", "*80",
		"all:80", "everyone", "127.0.0.1:all",
		too_long,
	};
	struct pp_bytes endpoints = { NULL, 0, 0 };
	char list[200];

	ck_assert_ptr_nonnull(pp_list_parse(&pp_endpoints, "", &endpoints));
	ck_assert_ptr_nonnull(pp_list_parse(&pp_endpoints, ",\n", &endpoints));
	for (size_t i = 0; i < COUNT(bad); i++) {
		snprintf(list, sizeof(list), "127.0.0.1:80, %s *", bad[i]);
		ck_assert_msg(pp_list_parse(&pp_endpoints, list, &endpoints) ==
				      list + strlen("127.0.0.1:80, "),
			      "%s", bad[i]);
		ck_assert_ptr_null(endpoints.at);
	}
	/* not beside others */
	ck_assert_ptr_nonnull(
		pp_list_parse(&pp_endpoints, "127.0.0.1 all", &endpoints));
}

TEST(many_of_them)
{
	static char list[2000 * 20];
	struct pp_bytes endpoints = { NULL, 0, 0 };
	size_t before = mapped_bytes;
	char *end = list;

	for (unsigned i = 0; i < 2000; i++)
		end += sprintf(end, "10.0.%u.%u:%u,", i / 256, i % 256, i + 1);
	ck_assert_ptr_null(pp_list_parse(&pp_endpoints, list, &endpoints));
	for (unsigned i = 0; i < 2000; i++) {
		char host[20];
		union pp_address address;

		snprintf(host, sizeof(host), "10.0.%u.%u", i / 256, i % 256);
		address = address_of(host, i + 1);
		ck_assert(pp_endpoints_have(&endpoints, &address));
		address = address_of(host, i + 2);
		ck_assert(!pp_endpoints_have(&endpoints, &address));
	}
	pp_bytes_free(&endpoints);
	ck_assert_uint_eq(mapped_bytes, before);
}

TEST(nobody_s_address)
{
	struct pp_bytes endpoints = { NULL, 0, 0 };
	const union pp_address none = { .sa.sa_family = AF_UNSPEC };

	ck_assert_ptr_null(pp_list_parse(&pp_endpoints, "*", &endpoints));
	ck_assert(!pp_endpoints_have(&endpoints, &none));
	pp_bytes_free(&endpoints);
}
