/* SPDX-License-Identifier: ISC */
/* The note on a socket, on sockets of the kernel's. */
#include <config.h>

#include "connection/note.h"

#include "preload/server/note_filter.h"

#include "preload/server/bpf.h"
#include "suites.h"
#include "support.h"

#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef TCP_FASTOPEN_KEY
#define TCP_FASTOPEN_KEY 33
#endif

static struct connection connection;

static void connect_both(void)
{
	connection = connect_tcp();
}

static void disconnect_both(void)
{
	disconnect(&connection);
}

static struct pp_peer peer_of(const char *source, const char *destination)
{
	return (struct pp_peer){
		.kernel = address_of("127.0.0.1", 4711),
		.source = address_of(source, 1111),
		.destination = address_of(destination, 2222),
	};
}

static bool reads(const union pp_address *kernel, struct pp_peer *peer)
{
	memset(peer, 0xff, sizeof(*peer));
	return pp_note_read(connection.server, kernel, peer);
}

static socklen_t get_key(uint8_t key[64])
{
	socklen_t size = 64;

	ck_assert_int_eq(getsockopt(connection.server, IPPROTO_TCP,
				    TCP_FASTOPEN_KEY, key, &size),
			 0);
	return size;
}

static int set_key(const uint8_t *key, socklen_t size)
{
	return setsockopt(connection.server, IPPROTO_TCP, TCP_FASTOPEN_KEY,
			  key, size);
}

static void detach_filter(void)
{
	int none = 0;

	ck_assert_int_eq(setsockopt(connection.server, SOL_SOCKET,
				    SO_DETACH_FILTER, &none, sizeof(none)),
			 0);
}

START_TEST(ipv4)
{
	static const struct {
		const char *source, *destination;
	} cases[] = {
		{ "192.0.2.1", "192.0.2.2" },
		{ "255.255.255.255", "0.0.0.0" },
		{ "0.0.0.0", "255.255.255.255" },
	};
	struct pp_peer got;
	uint8_t key[64];

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct pp_peer peer =
			peer_of(cases[i].source, cases[i].destination);

		ck_assert(pp_note_write(connection.server, &peer));
		ck_assert(pp_note_is_there(connection.server));
		ck_assert_uint_eq(get_key(key), 16);
		ck_assert(reads(&peer.kernel, &got));
		ck_assert(pp_address_equal(&got.kernel, &peer.kernel));
		assert_address(&got.source, cases[i].source, 1111);
		assert_address(&got.destination, cases[i].destination, 2222);
	}
}
END_TEST

/* The client needs no privilege; the destination does, on some kernels. */
START_TEST(ipv6)
{
	struct pp_peer peer = peer_of("2001:db8::1", "2001:db8::2"), got;
	uint8_t key[64];

	ck_assert(pp_note_write(connection.server, &peer));
	ck_assert_uint_eq(get_key(key), 32);
	ck_assert(reads(&peer.kernel, &got));
	assert_address(&got.source, "2001:db8::1", 1111);
	if (may_attach_filter()) {
		assert_address(&got.destination, "2001:db8::2", 2222);
		detach_filter();
		ck_assert(reads(&peer.kernel, &got));
		assert_address(&got.source, "2001:db8::1", 1111);
	}
	assert_address(&got.destination, NULL, 0);
}
END_TEST

/* A filter of another connection must not lend its destination. */
START_TEST(ipv6_with_a_filter_of_another)
{
	struct pp_peer peer = peer_of("2001:db8::1", "2001:db8::2");
	struct pp_peer other = peer_of("2001:db8::3", "2001:db8::4");
	struct pp_peer moved = peer, got;

	moved.kernel.in.sin_port++;
	ck_assert(pp_note_write(connection.server, &peer));
	if (!may_attach_filter())
		return;
	ck_assert(pp_note_filter_write(connection.server, &other));
	ck_assert(reads(&peer.kernel, &got));
	assert_address(&got.source, "2001:db8::1", 1111);
	assert_address(&got.destination, NULL, 0);
	ck_assert(pp_note_filter_write(connection.server, &moved));
	ck_assert(reads(&peer.kernel, &got));
	assert_address(&got.destination, NULL, 0);
}
END_TEST

START_TEST(examined_without_a_client)
{
	struct pp_peer peer = { .kernel = address_of("127.0.0.1", 4711) }, got;

	ck_assert(pp_note_write(connection.server, &peer));
	ck_assert(reads(&peer.kernel, &got));
	assert_address(&got.source, NULL, 0);
	assert_address(&got.destination, NULL, 0);
}
END_TEST

START_TEST(written_anew)
{
	struct pp_peer peer = peer_of("2001:db8::1", "2001:db8::2"), got;

	ck_assert(pp_note_write(connection.server, &peer));
	peer = peer_of("192.0.2.1", "192.0.2.2");
	ck_assert(pp_note_write(connection.server, &peer));
	ck_assert(reads(&peer.kernel, &got));
	assert_address(&got.source, "192.0.2.1", 1111);
	assert_address(&got.destination, "192.0.2.2", 2222);
}
END_TEST

START_TEST(none_at_first)
{
	union pp_address kernel = address_of("127.0.0.1", 4711);
	struct pp_peer peer = peer_of("192.0.2.1", "192.0.2.2");
	int udp = socket(AF_INET, SOCK_DGRAM, 0);
	int local = socket(AF_UNIX, SOCK_STREAM, 0);
	const int others[] = { connection.client, connection.server, udp,
			       local, -1 };

	for (size_t i = 0; i < COUNT(others); i++) {
		ck_assert(!pp_note_is_there(others[i]));
		ck_assert(!pp_note_read(others[i], &kernel, &peer));
	}
	ck_assert(!pp_note_write(udp, &peer));
	ck_assert(!pp_note_write(local, &peer));
	ck_assert(!pp_note_write(-1, &peer));
	close(udp);
	close(local);
}
END_TEST

/* A note holds for one peer: its family, address, port and scope. */
START_TEST(of_another_peer)
{
	static const struct {
		const char *text;
		unsigned port, scope;
	} kernels[] = {
		{ "127.0.0.1", 4711, 0 }, { "127.0.0.1", 4712, 0 },
		{ "127.0.0.2", 4711, 0 }, { "::ffff:127.0.0.1", 4711, 0 },
		{ "fe80::1", 4711, 1 },	  { "fe80::1", 4711, 2 },
	};

	for (size_t i = 0; i < COUNT(kernels) * COUNT(kernels); i++) {
		size_t a = i / COUNT(kernels), b = i % COUNT(kernels);
		struct pp_peer peer = peer_of("192.0.2.1", "192.0.2.2"), got;
		union pp_address other =
			address_of(kernels[b].text, kernels[b].port);

		peer.kernel = address_of(kernels[a].text, kernels[a].port);
		if (kernels[a].scope != 0)
			peer.kernel.in6.sin6_scope_id = kernels[a].scope;
		if (kernels[b].scope != 0)
			other.in6.sin6_scope_id = kernels[b].scope;
		ck_assert(pp_note_write(connection.server, &peer));
		ck_assert_int_eq(reads(&other, &got), a == b);
	}
}
END_TEST

/* Each bit of a note is changed: no such key may be taken for one. */
START_TEST(damaged_notes_are_none)
{
	struct pp_peer peers[] = { peer_of("192.0.2.1", "192.0.2.2"),
				   peer_of("2001:db8::1", "2001:db8::2") };

	for (size_t i = 0; i < COUNT(peers); i++) {
		struct pp_peer got;
		uint8_t key[64];
		socklen_t size;

		ck_assert(pp_note_write(connection.server, &peers[i]));
		size = get_key(key);
		for (size_t bit = 0; bit < size * 8; bit++) {
			key[bit / 8] ^= (uint8_t)(1 << bit % 8);
			ck_assert_int_eq(set_key(key, size), 0);
			HOLDS(!reads(&peers[i].kernel, &got), "bit %zu", bit);
			key[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		ck_assert_int_eq(set_key(key, size), 0);
		ck_assert(reads(&peers[i].kernel, &got));
	}
}
END_TEST

/* Half of a long note, and a short one with something behind it. */
START_TEST(other_sizes_are_none)
{
	struct pp_peer peer = peer_of("2001:db8::1", "2001:db8::2"), got;
	uint8_t key[64];

	ck_assert(pp_note_write(connection.server, &peer));
	get_key(key);
	ck_assert_int_eq(set_key(key, 16), 0);
	ck_assert(!reads(&peer.kernel, &got));
	peer = peer_of("192.0.2.1", "192.0.2.2");
	ck_assert(pp_note_write(connection.server, &peer));
	memset(key, 0, sizeof(key));
	get_key(key);
	ck_assert_int_eq(set_key(key, 32), 0);
	ck_assert(!reads(&peer.kernel, &got));
}
END_TEST

/* Random keys, as a program would have them. */
START_TEST(foreign_keys_are_none)
{
	union pp_address kernel = address_of("127.0.0.1", 4711);
	struct pp_peer got;

	for (int i = 0; i < 1000; i++) {
		uint8_t key[32];

		for (size_t j = 0; j < sizeof(key); j++)
			key[j] = (uint8_t)rand();
		ck_assert_int_eq(set_key(key, i % 2 ? 16 : 32), 0);
		HOLDS(!reads(&kernel, &got), "key %d", i);
	}
}
END_TEST

Suite *pp_suite_carry(void)
{
	Suite *suite = suite_create("carry");
	TCase *tests = tcase_create("notes");

	tcase_add_checked_fixture(tests, connect_both, disconnect_both);
	tcase_add_test(tests, ipv4);
	tcase_add_test(tests, ipv6);
	tcase_add_test(tests, ipv6_with_a_filter_of_another);
	tcase_add_test(tests, examined_without_a_client);
	tcase_add_test(tests, written_anew);
	tcase_add_test(tests, none_at_first);
	tcase_add_test(tests, of_another_peer);
	tcase_add_test(tests, damaged_notes_are_none);
	tcase_add_test(tests, other_sizes_are_none);
	tcase_add_test(tests, foreign_keys_are_none);
	suite_add_tcase(suite, tests);
	return suite;
}
