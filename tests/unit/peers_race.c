/* SPDX-License-Identifier: ISC */
/*
 * Who is behind a descriptor, asked and told by several at once: threads,
 * signal handlers, and a child that lost the thread that was writing.
 */
#include <config.h>

#include "preload/server/peers.h"

#include "suites.h"
#include "support.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>

#define FD 5
/* Counted, not timed. */
#define ROUNDS 200000
#define READERS 3

static struct pp_peers peers;
static union pp_address kernel;

/* Starts over: with CK_FORK=no the tests follow one another. */
static void begin(void)
{
	memset(&peers, 0, sizeof(peers));
	kernel = address_of("127.0.0.1", 4711);
}

static void fill_ip6(union pp_address *address, uint32_t n, unsigned port)
{
	address->in6.sin6_family = AF_INET6;
	address->in6.sin6_port = (in_port_t)port;
	for (size_t i = 0; i < 4; i++)
		memcpy(address->in6.sin6_addr.s6_addr + 4 * i, &n, 4);
}

/*
 * A record of which every word follows from n; all have the same peer at the
 * kernel, so that nothing but their being whole decides.
 */
static struct pp_peer peer_of(uint32_t n)
{
	struct pp_peer peer;

	memset(&peer, 0, sizeof(peer));
	peer.kernel = kernel;
	if (n & 1) {
		fill_ip6(&peer.source, n, n & 0xffff);
		fill_ip6(&peer.destination, ~n, ~n & 0xffff);
		return peer;
	}
	peer.source.in.sin_family = peer.destination.in.sin_family = AF_INET;
	peer.source.in.sin_addr.s_addr = n;
	peer.source.in.sin_port = (in_port_t)(n & 0xffff);
	peer.destination.in.sin_addr.s_addr = ~n;
	peer.destination.in.sin_port = (in_port_t)(~n & 0xffff);
	return peer;
}

static bool is_whole(const struct pp_peer *got)
{
	struct pp_peer wanted;
	uint32_t n = got->source.in.sin_addr.s_addr;

	if (got->source.sa.sa_family == AF_INET6)
		memcpy(&n, got->source.in6.sin6_addr.s6_addr, 4);
	wanted = peer_of(n);
	return memcmp(&wanted, got, sizeof(wanted)) == 0;
}

/* True where nothing or a whole record is found. */
static bool find_whole(bool *found)
{
	struct pp_peer got;

	*found = pp_peers_get(&peers, FD, &kernel, &got);
	return !*found || is_whole(&got);
}

static bool set(uint32_t n)
{
	struct pp_peer peer = peer_of(n);

	return pp_peers_set(&peers, FD, &peer);
}

static _Atomic bool finished;

static void *write_records(void *argument)
{
	const uint32_t start = *(const uint32_t *)argument;

	for (uint32_t n = 0; n < ROUNDS; n++) {
		set(start + n * 2654435761u);
		if (n % 16 == 0)
			pp_peers_forget(&peers, FD);
	}
	return NULL;
}

/* Reads until told to end. Returns the argument where all was whole. */
static void *read_records(void *argument)
{
	bool found, whole = true;

	while (!finished && whole)
		whole = find_whole(&found);
	return whole ? argument : NULL;
}

static void write_and_read(size_t writers)
{
	static uint32_t starts[] = { 1, 0x40000000 };
	pthread_t writer[2], reader[READERS];
	void *result;
	bool found;

	begin();
	finished = false;
	for (size_t i = 0; i < READERS; i++)
		ck_assert_int_eq(pthread_create(&reader[i], NULL, read_records,
						&peers), 0);
	for (size_t i = 0; i < writers; i++)
		ck_assert_int_eq(pthread_create(&writer[i], NULL, write_records,
						&starts[i]), 0);
	for (size_t i = 0; i < writers; i++)
		ck_assert_int_eq(pthread_join(writer[i], NULL), 0);
	finished = true;
	for (size_t i = 0; i < READERS; i++) {
		ck_assert_int_eq(pthread_join(reader[i], &result), 0);
		ck_assert_ptr_nonnull(result);
	}
	ck_assert(find_whole(&found));
	ck_assert(set(3));
	ck_assert(find_whole(&found) && found);
}

START_TEST(one_thread_writes_and_others_read)
{
	write_and_read(1);
}
END_TEST

/* A writer that was held up must not damage the record of the next one. */
START_TEST(two_threads_write_and_others_read)
{
	write_and_read(2);
}
END_TEST

#define SIGNALS 300

static _Atomic unsigned handled, halves;

static void read_in_handler(int number)
{
	bool found;

	(void)number;
	if (!find_whole(&found))
		halves++;
	handled++;
}

static void write_in_handler(int number)
{
	(void)number;
	set(0x40000000 + handled * 2654435761u);
	handled++;
}

static pthread_t main_thread;

/* Sends one signal after the other, each when the last was handled. */
static void *send_signals(void *unused)
{
	for (unsigned n = 0; n < SIGNALS; n++) {
		pthread_kill(main_thread, SIGUSR1);
		while (handled == n)
			sched_yield();
	}
	return unused;
}

/* Writes while a handler runs again and again; nothing waits for anything. */
static void write_under_signals(void (*handler)(int))
{
	struct sigaction action = { .sa_handler = handler }, before;
	pthread_t sender;
	bool found;

	begin();
	handled = halves = 0;
	main_thread = pthread_self();
	sigaction(SIGUSR1, &action, &before);
	ck_assert_int_eq(pthread_create(&sender, NULL, send_signals, NULL), 0);
	for (uint32_t n = 0; handled < SIGNALS; n++) {
		set(n * 2654435761u);
		HOLDS(find_whole(&found), "half a record after %u signals",
		      handled);
	}
	ck_assert_int_eq(pthread_join(sender, NULL), 0);
	sigaction(SIGUSR1, &before, NULL);
	ck_assert_uint_eq(halves, 0);
	ck_assert(set(3));
	ck_assert(find_whole(&found) && found);
}

START_TEST(a_signal_handler_reads_while_it_is_written)
{
	write_under_signals(read_in_handler);
}
END_TEST

START_TEST(a_signal_handler_writes_while_it_is_written)
{
	write_under_signals(write_in_handler);
}
END_TEST

/* As it is found by a child whose parent had a thread in the midst of it. */
START_TEST(a_record_that_nobody_will_finish)
{
	bool found;

	begin();
	ck_assert(set(2));
	for (unsigned n = 4; n < 8; n++) {
		peers.near[FD].sequence |= 1;
		ck_assert(find_whole(&found) && !found);
		ck_assert(set(n));
		ck_assert_uint_eq(peers.near[FD].sequence & 1, 0);
		ck_assert(find_whole(&found) && found);
	}
	peers.near[FD].sequence |= 1;
	pp_peers_forget(&peers, FD);
	ck_assert(find_whole(&found) && !found);
	ck_assert_uint_eq(peers.near[FD].sequence & 1, 0);
}
END_TEST

static void *write_until_finished(void *unused)
{
	for (uint32_t n = 0; !finished; n++)
		set(n * 2654435761u);
	return unused;
}

static int go_on_in_child(void)
{
	bool found;

	if (!find_whole(&found))
		return 2;
	if (!set(7) || !find_whole(&found) || !found)
		return 3;
	return 7;
}

START_TEST(a_child_goes_on_without_the_thread_that_writes)
{
	pthread_t writer;

	begin();
	finished = false;
	ck_assert_int_eq(pthread_create(&writer, NULL, write_until_finished,
					NULL), 0);
	for (int n = 0; n < 20; n++) {
		const int status = in_child(go_on_in_child);

		ck_assert(WIFEXITED(status));
		ck_assert_int_eq(WEXITSTATUS(status), 7);
	}
	finished = true;
	ck_assert_int_eq(pthread_join(writer, NULL), 0);
}
END_TEST

Suite *pp_suite_peers_race(void)
{
	Suite *suite = suite_create("peers_race");

	ADD_TEST(suite, one_thread_writes_and_others_read);
	ADD_TEST(suite, two_threads_write_and_others_read);
	ADD_TEST(suite, a_signal_handler_reads_while_it_is_written);
	ADD_TEST(suite, a_signal_handler_writes_while_it_is_written);
	ADD_TEST(suite, a_record_that_nobody_will_finish);
	ADD_TEST(suite, a_child_goes_on_without_the_thread_that_writes);
	return suite;
}
