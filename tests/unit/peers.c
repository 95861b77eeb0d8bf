/* SPDX-License-Identifier: ISC */
/* Who is behind a descriptor: one thread at a time. */
#include <config.h>

#include "preload/server/peers.h"

#include "suites.h"
#include "support.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>

/* Descriptors on either side of every border of the table. */
static const int fds[] = { 0, 1, 2, 1022, 1023, 1024, 1025, 4095, 4096, 4097,
			   8191, 8192, 65535, 65536, 1 << 20, INT_MAX - 4096,
			   INT_MAX - 1, INT_MAX };

/* A record that tells by every part of it which one it is. */
static struct pp_peer peer_of(unsigned n)
{
	struct pp_peer peer = { .kernel = address_of("127.0.0.1", n % 65536),
				.source = address_of("192.0.2.1", n % 65521),
				.destination = address_of("192.0.2.2", 80) };

	peer.source.in.sin_addr.s_addr = n * 2654435761u;
	return peer;
}

static void assert_peer(struct pp_peers *peers, int fd,
			const struct pp_peer *wanted)
{
	struct pp_peer got;

	memset(&got, 0xff, sizeof(got));
	ck_assert(pp_peers_get(peers, fd, &wanted->kernel, &got));
	ck_assert_mem_eq(&got.kernel, &wanted->kernel,
			 pp_address_length(&wanted->kernel));
	ck_assert_mem_eq(&got.source, &wanted->source,
			 pp_address_length(&wanted->source));
	ck_assert_mem_eq(&got.destination, &wanted->destination,
			 pp_address_length(&wanted->destination));
	ck_assert_int_eq(got.source.sa.sa_family, wanted->source.sa.sa_family);
	ck_assert_int_eq(got.destination.sa.sa_family,
			 wanted->destination.sa.sa_family);
}

static bool knows(struct pp_peers *peers, int fd, const struct pp_peer *peer)
{
	struct pp_peer got;

	return pp_peers_get(peers, fd, &peer->kernel, &got);
}

START_TEST(set_get_forget)
{
	static struct pp_peers peers;
	struct pp_peer peer;

	for (size_t i = 0; i < COUNT(fds); i++) {
		peer = peer_of((unsigned)i + 1);
		ck_assert(!knows(&peers, fds[i], &peer));
		ck_assert(pp_peers_set(&peers, fds[i], &peer));
		assert_peer(&peers, fds[i], &peer);
	}
	for (size_t i = 0; i < COUNT(fds); i++) {
		peer = peer_of((unsigned)i + 1);
		assert_peer(&peers, fds[i], &peer);
		pp_peers_forget(&peers, fds[i]);
		ck_assert(!knows(&peers, fds[i], &peer));
	}
}
END_TEST

START_TEST(negative_descriptors)
{
	static struct pp_peers peers;
	static const int negative[] = { -1, -2, -4096, INT_MIN };
	struct pp_peer peer = peer_of(1);

	ck_assert(pp_peers_set(&peers, 0, &peer));
	for (size_t i = 0; i < COUNT(negative); i++) {
		ck_assert(!pp_peers_set(&peers, negative[i], &peer));
		ck_assert(!knows(&peers, negative[i], &peer));
		pp_peers_forget(&peers, negative[i]);
	}
	assert_peer(&peers, 0, &peer);
}
END_TEST

START_TEST(used_from_the_first_record_on)
{
	static struct pp_peers peers;
	struct pp_peer peer = peer_of(1);

	ck_assert(!pp_peers_used(&peers));
	pp_peers_forget(&peers, 5);
	pp_peers_forget(&peers, 100000);
	ck_assert(!knows(&peers, 100000, &peer));
	ck_assert(!pp_peers_set(&peers, -1, &peer));
	ck_assert(!pp_peers_used(&peers));
	ck_assert(pp_peers_set(&peers, 5, &peer));
	ck_assert(pp_peers_used(&peers));
	pp_peers_forget(&peers, 5);
	ck_assert(pp_peers_used(&peers));
}
END_TEST

START_TEST(every_family)
{
	static const struct {
		const char *kernel, *source, *destination;
	} rows[] = {
		{ "127.0.0.1", "192.0.2.1", "192.0.2.2" },
		{ "127.0.0.1", "2001:db8::1", "2001:db8::2" },
		{ "2001:db8:ffff::1", "192.0.2.1", "192.0.2.2" },
		{ "::1", "2001:db8::1",
		  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
		{ "::ffff:127.0.0.1", "0.0.0.0", "255.255.255.255" },
	};
	static struct pp_peers peers;

	for (size_t i = 0; i < COUNT(rows); i++)
		for (unsigned port = 0; port <= 65535; port += 65535) {
			struct pp_peer peer = {
				.kernel = address_of(rows[i].kernel, 4711),
				.source = address_of(rows[i].source, port),
				.destination = address_of(rows[i].destination,
							  65535 - port),
			};

			ck_assert(pp_peers_set(&peers, 9, &peer));
			assert_peer(&peers, 9, &peer);
		}
}
END_TEST

/* A link-local proxy: the interface is part of its name. */
START_TEST(the_scope_of_the_proxy)
{
	static struct pp_peers peers;
	struct pp_peer peer = { .kernel = address_of("fe80::1", 1),
				.source = address_of("2001:db8::1", 2),
				.destination = address_of("2001:db8::2", 3) };

	peer.kernel.in6.sin6_scope_id = 0x10002;
	ck_assert(pp_peers_set(&peers, 3, &peer));
	assert_peer(&peers, 3, &peer);
	peer.kernel.in6.sin6_scope_id = 2;
	ck_assert(!knows(&peers, 3, &peer));
}
END_TEST

/* The descriptor is somebody else's now: nothing is known of that one. */
START_TEST(another_peer_at_the_kernel)
{
	static struct pp_peers peers;
	struct pp_peer peer = peer_of(4711), other;

	ck_assert(pp_peers_set(&peers, 7, &peer));
	other = peer;
	other.kernel = address_of("127.0.0.1", 4712);
	ck_assert(!knows(&peers, 7, &other));
	other.kernel = address_of("127.0.0.2", 4711);
	ck_assert(!knows(&peers, 7, &other));
	other.kernel = address_of("::ffff:127.0.0.1", 4711);
	ck_assert(!knows(&peers, 7, &other));
	memset(&other.kernel, 0, sizeof(other.kernel));
	ck_assert(!knows(&peers, 7, &other));
	/* and it is still there for the one it is about */
	assert_peer(&peers, 7, &peer);
	ck_assert(!knows(&peers, 8, &peer));
}
END_TEST

START_TEST(a_later_record_takes_the_place)
{
	static struct pp_peers peers;
	struct pp_peer first = peer_of(1), second = peer_of(2);

	ck_assert(pp_peers_set(&peers, 2000, &first));
	ck_assert(pp_peers_set(&peers, 2000, &second));
	ck_assert(!knows(&peers, 2000, &first));
	assert_peer(&peers, 2000, &second);
}
END_TEST

/* IPv6 behind IPv4 and back: no byte of the earlier one shows through. */
START_TEST(nothing_is_left_of_an_earlier_record)
{
	static struct pp_peers peers;
	struct pp_peer wide = {
		.kernel = address_of("2001:db8::f", 1),
		.source = address_of("2001:db8:1:2:3:4:5:6", 2),
		.destination = address_of("2001:db8:6:5:4:3:2:1", 3),
	};
	struct pp_peer narrow = peer_of(3);

	wide.kernel.in6.sin6_scope_id = 9;
	for (int i = 0; i < 2; i++) {
		ck_assert(pp_peers_set(&peers, 1, &wide));
		assert_peer(&peers, 1, &wide);
		ck_assert(pp_peers_set(&peers, 1, &narrow));
		assert_peer(&peers, 1, &narrow);
	}
	wide.kernel.in6.sin6_scope_id = 0;
	ck_assert(pp_peers_set(&peers, 1, &wide));
	assert_peer(&peers, 1, &wide);
}
END_TEST

/* A header that states nobody leaves the kernel's answer. */
START_TEST(a_record_without_a_client_is_none)
{
	static struct pp_peers peers;
	struct pp_peer peer = { .kernel = address_of("127.0.0.1", 1) };

	ck_assert(pp_peers_set(&peers, 4, &peer));
	ck_assert(!knows(&peers, 4, &peer));
}
END_TEST

/* Whatever the kernel says, and whether there is a client or not. */
START_TEST(a_look)
{
	static struct pp_peers peers;
	static const unsigned headers[] = { 0, 1,
					    PP_PEER_LOCAL | PP_PEER_VERSION,
					    PP_PEER_MORE | 2, 0xffff };
	struct pp_peer bare = { .kernel = address_of("127.0.0.1", 1) }, got;

	for (size_t i = 0; i < COUNT(fds); i++) {
		struct pp_peer peer = peer_of((unsigned)i + 1);

		ck_assert(!pp_peers_look(&peers, fds[i], &got));
		for (size_t j = 0; j < COUNT(headers); j++) {
			peer.header = bare.header = headers[j];
			ck_assert(pp_peers_set(&peers, fds[i], &peer));
			ck_assert(pp_peers_look(&peers, fds[i], &got));
			ck_assert(pp_address_equal(&got.kernel, &peer.kernel));
			ck_assert(pp_address_equal(&got.source, &peer.source));
			ck_assert_uint_eq(got.header, headers[j]);
			ck_assert(pp_peers_set(&peers, fds[i], &bare));
			ck_assert(pp_peers_look(&peers, fds[i], &got));
			ck_assert(pp_address_equal(&got.kernel, &bare.kernel));
			assert_address(&got.source, NULL, 0);
			assert_address(&got.destination, NULL, 0);
			ck_assert_uint_eq(got.header, headers[j]);
		}
		pp_peers_forget(&peers, fds[i]);
		ck_assert(!pp_peers_look(&peers, fds[i], &got));
	}
	ck_assert(!pp_peers_look(&peers, -1, &got));
}
END_TEST

/* Above every descriptor that ever had a record, and no further. */
START_TEST(the_end)
{
	static struct pp_peers peers;
	struct pp_peer peer = peer_of(1), got;

	ck_assert_int_eq(pp_peers_end(&peers), 0);
	for (size_t i = 0; i < COUNT(fds) - 1; i++) {
		ck_assert(!pp_peers_look(&peers, fds[i], &got));
		ck_assert(!pp_peers_set(&peers, -1, &peer));
		ck_assert_int_eq(pp_peers_end(&peers),
				 i == 0 ? 0 : fds[i - 1] + 1);
		ck_assert(pp_peers_set(&peers, fds[i], &peer));
		ck_assert_int_eq(pp_peers_end(&peers), fds[i] + 1);
		ck_assert(pp_peers_set(&peers, 0, &peer));
		pp_peers_forget(&peers, fds[i]);
		ck_assert_int_eq(pp_peers_end(&peers), fds[i] + 1);
	}
	ck_assert(pp_peers_set(&peers, INT_MAX, &peer));
	ck_assert_int_eq(pp_peers_end(&peers), INT_MAX);
}
END_TEST

/* What was never set takes no memory and does not come to be by asking. */
START_TEST(memory_only_where_something_is_set)
{
	static struct pp_peers peers;
	struct pp_peer peer = peer_of(1);
	const size_t before = mapped_bytes;
	size_t after;

	ck_assert(pp_peers_set(&peers, 1023, &peer));
	for (size_t i = 0; i < COUNT(fds); i++) {
		if (fds[i] != 1023)
			ck_assert(!knows(&peers, fds[i], &peer));
		pp_peers_forget(&peers, fds[i]);
	}
	ck_assert_uint_eq(mapped_bytes, before);
	ck_assert(pp_peers_set(&peers, 1024, &peer));
	after = mapped_bytes;
	ck_assert_uint_gt(after, before);
	for (int fd = 1025; fd < 4096; fd++)
		ck_assert(pp_peers_set(&peers, fd, &peer));
	for (int fd = 4096; fd < 100000; fd += 4096) {
		ck_assert(!knows(&peers, fd, &peer));
		pp_peers_forget(&peers, fd);
	}
	ck_assert_uint_eq(mapped_bytes, after);
}
END_TEST

/* Fails the calls from a number on. */
static size_t mmap_calls, mmap_good;

static void *failing_mmap(size_t size)
{
	if (mmap_calls++ < mmap_good)
		return real_mmap(size);
	errno = ENOMEM;
	return MAP_FAILED;
}

START_TEST(no_memory)
{
	static struct pp_peers peers;
	struct pp_peer peer = peer_of(1);

	fake_mmap = failing_mmap;
	for (mmap_good = 0; mmap_good < 2; mmap_good++) {
		mmap_calls = 0;
		ck_assert(!pp_peers_set(&peers, 5000, &peer));
		ck_assert(!pp_peers_used(&peers));
		ck_assert(!knows(&peers, 5000, &peer));
		pp_peers_forget(&peers, 5000);
	}
	ck_assert(pp_peers_set(&peers, 5, &peer));
	fake_mmap = NULL;
	ck_assert(pp_peers_set(&peers, 5000, &peer));
	assert_peer(&peers, 5000, &peer);
}
END_TEST

/* Somebody else sets up the same memory while it is being mapped here. */
static struct pp_peers *raced;
static int raced_fd;

static void *racing_mmap(size_t size)
{
	struct pp_peer other = peer_of(77);

	fake_mmap = NULL;
	ck_assert(pp_peers_set(raced, raced_fd, &other));
	return real_mmap(size);
}

START_TEST(memory_that_another_thread_maps_first)
{
	static struct pp_peers peers;
	const size_t page = 4096 * sizeof(struct pp_peers_slot);
	const size_t directory = ((size_t)INT_MAX / 4096 + 1) * sizeof(void *);
	struct pp_peer peer = peer_of(1), other = peer_of(77);
	const size_t before = mapped_bytes;

	raced = &peers;
	raced_fd = 5001;
	fake_mmap = racing_mmap;	/* for the directory */
	ck_assert(pp_peers_set(&peers, 5000, &peer));
	ck_assert_uint_eq(mapped_bytes, before + directory + page);
	raced_fd = 9001;
	fake_mmap = racing_mmap;	/* for a page */
	ck_assert(pp_peers_set(&peers, 9000, &peer));
	ck_assert_uint_eq(mapped_bytes, before + directory + 2 * page);
	for (int fd = 5000; fd <= 9000; fd += 4000) {
		assert_peer(&peers, fd, &peer);
		assert_peer(&peers, fd + 1, &other);
	}
}
END_TEST

Suite *pp_suite_peers(void)
{
	Suite *suite = suite_create("peers");

	ADD_TEST(suite, set_get_forget);
	ADD_TEST(suite, negative_descriptors);
	ADD_TEST(suite, used_from_the_first_record_on);
	ADD_TEST(suite, every_family);
	ADD_TEST(suite, the_scope_of_the_proxy);
	ADD_TEST(suite, another_peer_at_the_kernel);
	ADD_TEST(suite, a_later_record_takes_the_place);
	ADD_TEST(suite, nothing_is_left_of_an_earlier_record);
	ADD_TEST(suite, a_record_without_a_client_is_none);
	ADD_TEST(suite, a_look);
	ADD_TEST(suite, the_end);
	ADD_TEST(suite, memory_only_where_something_is_set);
	ADD_TEST(suite, no_memory);
	ADD_TEST(suite, memory_that_another_thread_maps_first);
	return suite;
}
