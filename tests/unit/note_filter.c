/* SPDX-License-Identifier: ISC */
/* The part of a note that is a filter, on sockets of the kernel's. */
#include <config.h>

#include "preload/server/note_filter.h"

#include "preload/server/bpf.h"

#include "suites.h"
#include "support.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROOM 128	/* instructions, more than a note has */
#define NOTE 21		/* that is what a note has */

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

static void assert_note(const struct pp_peer *wanted)
{
	struct pp_peer got;

	memset(&got, 0xff, sizeof(got));
	ck_assert(pp_note_filter_read(connection.server, &got));
	ck_assert(pp_address_equal(&got.kernel, &wanted->kernel));
	if (wanted->source.sa.sa_family == AF_UNSPEC) {
		ck_assert_int_eq(got.source.sa.sa_family, AF_UNSPEC);
		return;
	}
	ck_assert(pp_address_equal(&got.source, &wanted->source));
	ck_assert(pp_address_equal(&got.destination, &wanted->destination));
}

static socklen_t get_filter(struct pp_bpf *filter)
{
	socklen_t steps = ROOM;

	/* valgrind takes the number of steps for one of bytes */
	memset(filter, 0, ROOM * sizeof(*filter));
	ck_assert_int_eq(getsockopt(connection.server, SOL_SOCKET,
				    SO_GET_FILTER, filter, &steps),
			 0);
	return steps;
}

static int attach(struct pp_bpf *filter, socklen_t steps)
{
	struct pp_bpf_program program = { .length = (unsigned short)steps,
				      .steps = filter };

	return setsockopt(connection.server, SOL_SOCKET, SO_ATTACH_FILTER,
			  &program, sizeof(program));
}

START_TEST(written_and_read)
{
	static const struct {
		const char *source, *destination;
	} cases[] = {
		{ "192.0.2.1", "192.0.2.2" },
		{ "2001:db8::1", "2001:db8::2" },
		{ "255.255.255.255", "0.0.0.0" },
		{ "::ffff:192.0.2.1", "::" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct pp_peer peer =
			peer_of(cases[i].source, cases[i].destination);

		ck_assert(pp_note_filter_write(connection.server, &peer));
		assert_note(&peer);
	}
}
END_TEST

START_TEST(proxy_on_ipv6_with_scope)
{
	struct pp_peer peer = peer_of("192.0.2.1", "192.0.2.2");

	peer.kernel = address_of("fe80::1", 65535);
	peer.kernel.in6.sin6_scope_id = 7;
	ck_assert(pp_note_filter_write(connection.server, &peer));
	assert_note(&peer);
}
END_TEST

START_TEST(examined_without_a_client)
{
	struct pp_peer peer = { .kernel = address_of("127.0.0.1", 4711) };

	ck_assert(pp_note_filter_write(connection.server, &peer));
	assert_note(&peer);
}
END_TEST

START_TEST(none_at_first)
{
	struct pp_peer peer;

	ck_assert(!pp_note_filter_read(connection.server, &peer));
	ck_assert(!pp_note_filter_read(connection.client, &peer));
	ck_assert(!pp_note_filter_read(-1, &peer));
	ck_assert(!pp_note_filter_write(-1, &peer));
}
END_TEST

/* The note must not stand in the way of what the socket is for. */
START_TEST(data_passes)
{
	static const char data[] = "not one byte is held back";
	struct pp_peer peer = peer_of("192.0.2.1", "192.0.2.2");
	static char big[1 << 16];

	deliver(&connection, data, sizeof(data));
	ck_assert(pp_note_filter_write(connection.server, &peer));
	deliver(&connection, big, sizeof(big) / 2);
	deliver_end(&connection);
	ck_assert_int_eq(recv(connection.server, big, sizeof(data),
			      MSG_WAITALL),
			 (int)sizeof(data));
	ck_assert_mem_eq(big, data, sizeof(data));
	ck_assert_int_eq(recv(connection.server, big, sizeof(big),
			      MSG_WAITALL),
			 (int)sizeof(big) / 2);
}
END_TEST

START_TEST(written_once)
{
	struct pp_peer peer = peer_of("192.0.2.1", "192.0.2.2");
	struct pp_bpf filter[ROOM];
	int on = 1;

	ck_assert(pp_note_filter_write(connection.server, &peer));
	ck_assert_int_eq(get_filter(filter), NOTE);
	/* nothing can be attached from now on: the same note need not be */
	ck_assert_int_eq(setsockopt(connection.server, SOL_SOCKET,
				    SO_LOCK_FILTER, &on, sizeof(on)),
			 0);
	ck_assert(pp_note_filter_write(connection.server, &peer));
	peer.source = address_of("192.0.2.3", 1111);
	ck_assert(!pp_note_filter_write(connection.server, &peer));
}
END_TEST

/* The program's own filters: shorter, as long as a note, longer. */
START_TEST(foreign_filters_stay)
{
	static const socklen_t lengths[] = { 1, 2, NOTE - 1, NOTE, NOTE + 1,
					     ROOM };
	struct pp_peer peer = peer_of("192.0.2.1", "192.0.2.2");

	for (size_t i = 0; i < COUNT(lengths); i++) {
		struct pp_bpf own[ROOM], after[ROOM];
		socklen_t steps = lengths[i];

		for (socklen_t j = 0; j < steps; j++)
			own[j] = (struct pp_bpf){ .code = PP_BPF_RETURN,
				 .k = PP_BPF_EVERYTHING };
		ck_assert_int_eq(attach(own, steps), 0);
		ck_assert(!pp_note_filter_read(connection.server, &peer));
		ck_assert(!pp_note_filter_write(connection.server, &peer));
		ck_assert_uint_eq(get_filter(after), steps);
		ck_assert_mem_eq(own, after, steps * sizeof(*own));
	}
}
END_TEST

/* The program may replace a note, and take it off. */
START_TEST(a_note_gives_way)
{
	struct pp_bpf own = { .code = PP_BPF_RETURN,
			      .k = PP_BPF_EVERYTHING };
	struct pp_peer peer = peer_of("192.0.2.1", "192.0.2.2");
	struct pp_bpf after[ROOM];
	int none = 0;

	ck_assert(pp_note_filter_write(connection.server, &peer));
	ck_assert_int_eq(attach(&own, 1), 0);
	ck_assert_uint_eq(get_filter(after), 1);
	ck_assert(!pp_note_filter_read(connection.server, &peer));
	ck_assert_int_eq(setsockopt(connection.server, SOL_SOCKET,
				    SO_DETACH_FILTER, &none, sizeof(none)),
			 0);
	ck_assert_uint_eq(get_filter(after), 0);
	ck_assert(!pp_note_filter_read(connection.server, &peer));
}
END_TEST

/* Each bit of a note is changed: no such filter may be taken for one. */
START_TEST(damaged_notes_are_none)
{
	struct pp_peer peer = peer_of("192.0.2.1", "192.0.2.2"), got;
	struct pp_bpf note[ROOM];
	int attached = 0;

	ck_assert(pp_note_filter_write(connection.server, &peer));
	ck_assert_uint_eq(get_filter(note), NOTE);
	for (size_t bit = 0; bit < NOTE * sizeof(*note) * 8; bit++) {
		struct pp_bpf damaged[ROOM];
		uint8_t *bytes = (uint8_t *)damaged;

		memcpy(damaged, note, sizeof(note));
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (attach(damaged, NOTE) != 0)
			continue;	/* no filter for the kernel */
		attached++;
		HOLDS(!pp_note_filter_read(connection.server, &got), "bit %zu", bit);
	}
	/* all of the words, and more */
	ck_assert_int_gt(attached, (NOTE - 2) * 32);
}
END_TEST

START_TEST(shortened_and_lengthened_notes_are_none)
{
	struct pp_peer peer = peer_of("192.0.2.1", "192.0.2.2"), got;
	struct pp_bpf note[ROOM];

	ck_assert(pp_note_filter_write(connection.server, &peer));
	ck_assert_uint_eq(get_filter(note), NOTE);
	note[NOTE] = note[NOTE - 1];
	ck_assert_int_eq(attach(note, NOTE + 1), 0);
	ck_assert(!pp_note_filter_read(connection.server, &got));
	note[NOTE - 2] = note[NOTE - 1];
	ck_assert_int_eq(attach(note, NOTE - 1), 0);
	ck_assert(!pp_note_filter_read(connection.server, &got));
}
END_TEST

Suite *pp_suite_note_filter(void)
{
	Suite *suite = suite_create("note_filter");
	TCase *tests = tcase_create("notes");

	suite_add_tcase(suite, tests);
	if (!may_attach_filter()) {
		puts("SKIP: note_filter: it needs CAP_NET_ADMIN here");
		return suite;
	}
	tcase_add_checked_fixture(tests, connect_both, disconnect_both);
	tcase_add_test(tests, written_and_read);
	tcase_add_test(tests, proxy_on_ipv6_with_scope);
	tcase_add_test(tests, examined_without_a_client);
	tcase_add_test(tests, none_at_first);
	tcase_add_test(tests, data_passes);
	tcase_add_test(tests, written_once);
	tcase_add_test(tests, foreign_filters_stay);
	tcase_add_test(tests, a_note_gives_way);
	tcase_add_test(tests, damaged_notes_are_none);
	tcase_add_test(tests, shortened_and_lengthened_notes_are_none);
	return suite;
}
