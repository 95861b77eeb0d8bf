/* SPDX-License-Identifier: ISC */
#include <config.h>

#include "protocol/address.h"

#include "suites.h"
#include "support.h"

#include <limits.h>
#include <string.h>
#include <sys/un.h>

SUITE("address");

TEST(internet_families)
{
	ck_assert(pp_family_is_internet(AF_INET));
	ck_assert(pp_family_is_internet(AF_INET6));
	ck_assert(!pp_family_is_internet(AF_UNSPEC));
	ck_assert(!pp_family_is_internet(AF_UNIX));
	ck_assert(!pp_family_is_internet(-1));
}

TEST(lengths)
{
	union pp_address address = address_of("192.0.2.1", 1);

	ck_assert_uint_eq(pp_address_length(&address), 16);
	address = address_of("2001:db8::1", 1);
	ck_assert_uint_eq(pp_address_length(&address), 28);
	address.sa.sa_family = AF_UNSPEC;
	ck_assert_uint_eq(pp_address_length(&address), 0);
	address.sa.sa_family = AF_UNIX;
	ck_assert_uint_eq(pp_address_length(&address), 0);
}

TEST(from_kernel_takes_whole_internet_addresses)
{
	union pp_address kernel = address_of("192.0.2.1", 80), got;

	pp_address_from_kernel(&got, &kernel.sa, sizeof(kernel.in));
	assert_address(&got, "192.0.2.1", 80);
	kernel = address_of("fe80::1", 80);
	kernel.in6.sin6_scope_id = 7;
	kernel.in6.sin6_flowinfo = 9;
	pp_address_from_kernel(&got, &kernel.sa, sizeof(kernel.in6));
	ck_assert_mem_eq(&got.in6, &kernel.in6, sizeof(kernel.in6));
}

/* The kernel's length decides, also where fewer bytes than that are ours. */
TEST(from_kernel_short_is_none)
{
	static const struct {
		const char *text;
		socklen_t size;
	} whole[] = { { "192.0.2.1", 16 }, { "2001:db8::1", 28 } };

	for (size_t i = 0; i < COUNT(whole); i++)
		for (socklen_t length = 0; length < whole[i].size; length++) {
			union pp_address kernel = address_of(whole[i].text, 80);
			const void *bytes = &kernel;
			union pp_address got = kernel;

			if (length % 4 == 0)	/* aligned there */
				bytes = guarded(bytes, length);
			pp_address_from_kernel(&got, bytes, length);
			assert_address(&got, NULL, 0);
		}
}

TEST(from_kernel_other_family_is_none)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX,
				    .sun_path = "/run/socket" };
	union pp_address got = address_of("192.0.2.1", 80);

	pp_address_from_kernel(&got, (struct sockaddr *)&name, sizeof(name));
	assert_address(&got, NULL, 0);
}

TEST(equal_compares_everything_that_names_a_peer)
{
	union pp_address a = address_of("192.0.2.1", 80), b = a;

	ck_assert(pp_address_equal(&a, &b));
	b = address_of("192.0.2.1", 81);
	ck_assert(!pp_address_equal(&a, &b));
	b = address_of("192.0.2.2", 80);
	ck_assert(!pp_address_equal(&a, &b));
	a = address_of("fe80::1", 80);
	ck_assert(!pp_address_equal(&a, &b));
	b = a;
	ck_assert(pp_address_equal(&a, &b));
	b.in6.sin6_flowinfo = 1;
	ck_assert(pp_address_equal(&a, &b));
	b.in6.sin6_scope_id = 1;
	ck_assert(!pp_address_equal(&a, &b));
	b = address_of("fe80::1", 81);
	ck_assert(!pp_address_equal(&a, &b));
	b = address_of("fe80::2", 80);
	ck_assert(!pp_address_equal(&a, &b));
	a = address_of("192.0.2.1", 80);
	b = address_of("::ffff:192.0.2.1", 80);
	ck_assert(!pp_address_equal(&a, &b));
}

TEST(unspecified_equals_nothing)
{
	union pp_address none, other = address_of("0.0.0.0", 0);

	memset(&none, 0, sizeof(none));
	ck_assert(!pp_address_equal(&none, &none));
	ck_assert(!pp_address_equal(&none, &other));
	ck_assert(!pp_address_equal(&other, &none));
}

TEST(shown_in_the_family_of_the_socket)
{
	static const struct {
		const char *stated;
		int family;
		const char *shown;
	} rows[] = {
		{ "192.0.2.1", AF_INET, "192.0.2.1" },
		{ "192.0.2.1", AF_INET6, "::ffff:192.0.2.1" },
		{ "0.0.0.0", AF_INET6, "::ffff:0.0.0.0" },
		{ "2001:db8::1", AF_INET6, "2001:db8::1" },
		{ "2001:db8::1", AF_INET, "2001:db8::1" },
		{ "::ffff:192.0.2.1", AF_INET, "192.0.2.1" },
		{ "::ffff:192.0.2.1", AF_INET6, "::ffff:192.0.2.1" },
		{ "::192.0.2.1", AF_INET, "::192.0.2.1" },
		{ "::fffe:192.0.2.1", AF_INET, "::fffe:192.0.2.1" },
		{ "::1:ffff:192.0.2.1", AF_INET, "::1:ffff:192.0.2.1" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		union pp_address stated = address_of(rows[i].stated, 54321);
		union pp_address shown;

		memset(&shown, 0xff, sizeof(shown));
		pp_address_on_socket(&shown, &stated, rows[i].family);
		assert_address(&shown, rows[i].shown, 54321);
	}
}

/* Flow and scope come from nowhere: a header does not state them. */
TEST(mapped_has_no_flow_and_no_scope)
{
	union pp_address address;

	memset(&address, 0xff, sizeof(address));
	address.in = address_of("192.0.2.1", 80).in;
	pp_address_map(&address);
	assert_address(&address, "::ffff:192.0.2.1", 80);
	address.in6.sin6_flowinfo = 5;
	address.in6.sin6_scope_id = 6;
	pp_address_unmap(&address);
	assert_address(&address, "192.0.2.1", 80);
}

TEST(map_and_unmap_keep_what_is_none)
{
	union pp_address none;

	memset(&none, 0, sizeof(none));
	pp_address_map(&none);
	assert_address(&none, NULL, 0);
	pp_address_unmap(&none);
	assert_address(&none, NULL, 0);
}

/* As accept(2): what fits is copied, the full length is told. */
TEST(copied_out_as_the_kernel_does)
{
	union pp_address from = address_of("2001:db8::1", 80);

	for (socklen_t room = 0; room <= 40; room++) {
		const socklen_t fits = room < 28 ? room : 28;
		uint8_t to[40], untouched[40];
		socklen_t length = room;

		memset(to, 0xaa, sizeof(to));
		memset(untouched, 0xaa, sizeof(untouched));
		ck_assert(pp_sockaddr_copy_out(&from.sa, 28,
					       (struct sockaddr *)to, &length));
		ck_assert_uint_eq(length, 28);
		ck_assert_mem_eq(to, &from, fits);
		ck_assert_mem_eq(to + fits, untouched, 40 - fits);
	}
}

TEST(copied_out_to_nobody)
{
	union pp_address from = address_of("192.0.2.1", 80);
	socklen_t length = 99;

	ck_assert(pp_sockaddr_copy_out(&from.sa, 16, NULL, NULL));
	ck_assert(pp_sockaddr_copy_out(&from.sa, 16, NULL, &length));
	ck_assert_uint_eq(length, 99);
}

/* The kernel refuses a length that is negative, and writes nothing. */
TEST(copied_out_to_a_negative_length)
{
	union pp_address from = address_of("192.0.2.1", 80), to;
	static const int negative[] = { -1, INT_MIN };

	memset(&to, 0, sizeof(to));
	for (size_t i = 0; i < COUNT(negative); i++) {
		socklen_t length = (socklen_t)negative[i];

		ck_assert(!pp_sockaddr_copy_out(&from.sa, 16, &to.sa, &length));
		ck_assert_int_eq((int)length, negative[i]);
		assert_address(&to, NULL, 0);
	}
}

TEST(texts)
{
	union pp_address address = address_of("192.0.2.1", 80);
	char text[PP_ADDRESS_TEXT];

	ck_assert_str_eq(pp_address_text(&address, text, sizeof(text)),
			 "192.0.2.1:80");
	address = address_of("2001:db8::1", 65535);
	ck_assert_str_eq(pp_address_text(&address, text, sizeof(text)),
			 "[2001:db8::1]:65535");
	memset(&address, 0, sizeof(address));
	ck_assert_str_eq(pp_address_text(&address, text, sizeof(text)),
			 "none");
	address.sa.sa_family = AF_UNIX;
	ck_assert_str_eq(pp_address_text(&address, text, sizeof(text)),
			 "unix");
}

TEST(text_is_cut_at_its_size)
{
	union pp_address address = address_of(
		"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535);
	char whole[PP_ADDRESS_TEXT], text[PP_ADDRESS_TEXT];

	pp_address_text(&address, whole, sizeof(whole));
	ck_assert_str_eq(whole,
			 "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535");
	for (size_t size = 1; size <= sizeof(text); size++) {
		memset(text, 'x', sizeof(text));
		pp_address_text(&address, text, size);
		ck_assert_uint_lt(strlen(text), size);
		ck_assert_int_eq(strncmp(text, whole, size - 1), 0);
	}
}
