/* SPDX-License-Identifier: ISC */
/* Clients of datagrams, and their proxies. */
#include <config.h>

#include "preload/udp/clients.h"
#include "preload/udp/entries.h"
#include "preload/udp/last_client.h"

#include "connection/clock.h"
#include "suites.h"
#include "support.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static bool has_edges;
static const uint64_t key[2] = { 7, 8 };
static struct pp_clients *clients;
#define PORT 53

static void begin(unsigned limit)
{
	clients = pp_clients_make(limit, has_edges, key);
	ck_assert_ptr_nonnull(clients);
}

static void end(void)
{
	pp_clients_free(clients);
}

/* How many clients the table has. */
static unsigned count(void)
{
	return atomic_load(&clients->count);
}

/* The nth client, and the nth proxy. */
static union pp_address client_of(unsigned n)
{
	union pp_address address = { .in.sin_family = AF_INET };

	address.in.sin_addr.s_addr = htonl(0x0a000000 + n / 7);
	address.in.sin_port = htons((uint16_t)(1000 + n % 7));
	return address;
}

static union pp_address proxy_of(unsigned n)
{
	union pp_address address = { .in6.sin6_family = AF_INET6 };

	memcpy(&address.in6.sin6_addr, &n, sizeof(n));
	address.in6.sin6_addr.s6_addr[15] = (uint8_t)n;
	address.in6.sin6_port = (in_port_t)(n % 65535 + 1);
	address.in6.sin6_scope_id = n;
	return address;
}

/* With an edge that differs from its proxy. */
static struct pp_route route_of(unsigned n)
{
	struct pp_route route = { proxy_of(n), { .sa.sa_family = AF_UNSPEC } };

	if (has_edges) {
		route.proxy.in6.sin6_scope_id = 0;
		route.edge = client_of(n + 5);
	}
	return route;
}

static bool is_same(const struct pp_route *a, const struct pp_route *b)
{
	return pp_address_equal(&a->proxy, &b->proxy) &&
	       (has_edges ? pp_address_equal(&a->edge, &b->edge)
			  : a->edge.sa.sa_family == AF_UNSPEC);
}

static void put(unsigned n, unsigned proxy)
{
	const union pp_address client = client_of(n);
	const struct pp_route route = route_of(proxy);

	pp_clients_put(clients, &client, PORT, &route);
}

static bool has(unsigned n, unsigned proxy)
{
	const union pp_address client = client_of(n);
	const struct pp_route route = route_of(proxy);
	struct pp_route found;

	return pp_clients_find(clients, &client, PORT, &found) &&
	       is_same(&found, &route);
}

SUITE_AROUND("clients", NULL, end);

TEST(the_last_proxy)
{
	begin(8);
	ck_assert(!has(1, 1));
	put(1, 1);
	put(2, 2);
	ck_assert(has(1, 1));
	ck_assert(has(2, 2));
	put(1, 3);
	ck_assert(has(1, 3));
	ck_assert_uint_eq(count(), 2);
}

TEST(families_and_ports)
{
	const union pp_address inet = address_of("192.0.2.1", 7);
	const union pp_address mapped = address_of("::ffff:192.0.2.1", 7);
	const union pp_address other = address_of("192.0.2.1", 8);
	const struct pp_route route = { address_of("192.0.2.10", 99),
					{ .sa.sa_family = AF_UNSPEC } };
	struct pp_route found = { other, other };

	begin(8);
	pp_clients_put(clients, &inet, PORT, &route);
	ck_assert(pp_clients_find(clients, &mapped, PORT, &found));
	assert_address(&found.proxy, "192.0.2.10", 99);
	ck_assert_int_eq(found.edge.sa.sa_family, AF_UNSPEC);
	ck_assert(!pp_clients_find(clients, &mapped, PORT + 1, &found));
	ck_assert(!pp_clients_find(clients, &other, PORT, &found));
}

static void keep_own(unsigned n, int64_t until)
{
	const union pp_address proxy = client_of(n);

	pp_clients_keep_own(clients, &proxy, PORT, until);
}

/* Nobody comes from there but the proxy, for as long as it was said. */
TEST(own_address_of_a_proxy)
{
	const int64_t far = pp_now_ms() + 3600000;

	for (int i = 0; i < 2; i++) {
		has_edges = i == 1;
		begin(8);
		put(1, 1);
		keep_own(1, far);
		ck_assert(!has(1, 1));
		put(1, 2);
		ck_assert(!has(1, 2));
		ck_assert_uint_eq(count(), 1);
		keep_own(1, pp_now_ms());
		put(1, 2);
		ck_assert(has(1, 2));
		keep_own(2, far);
		put(2, 1);
		ck_assert(!has(2, 1));
		ck_assert_uint_eq(count(), 2);
		has_edges = false;
		if (i == 0)
			end();
	}
}

/* Who comes without a proxy is no client any more; a proxy stays one. */
TEST(direct)
{
	const union pp_address one = client_of(1), two = client_of(2);

	begin(8);
	put(1, 1);
	put(2, 1);
	pp_clients_forget(clients, &one, PORT);
	ck_assert(!has(1, 1));
	ck_assert(has(2, 1));
	ck_assert_uint_eq(count(), 1);
	keep_own(2, INT64_MAX);
	pp_clients_forget(clients, &two, PORT);
	put(2, 1);
	ck_assert(!has(2, 1));
}

/* In a small table it is the oldest of all that goes. */
TEST(oldest_goes)
{
	for (unsigned limit = 1; limit <= 100; limit++) {
		begin(limit);
		for (unsigned n = 0; n < limit; n++)
			put(n, n);
		HOLDS(has(0, 0), "%u", limit); /* is used by that */
		put(limit, limit);
		HOLDS(count() == limit, "%u", limit);
		HOLDS(limit == 1 || has(0, 0), "%u", limit);
		HOLDS(!has(1, 1) || limit == 1, "%u", limit);
		for (unsigned n = 2; n <= limit; n++)
			HOLDS(has(n, n), "%u: %u", limit, n);
		if (limit < 100)
			end();
	}
}

/* All have room up to the limit, and never more than that. */
TEST(default_limit)
{
	unsigned known = 0;

	begin(65536);
	for (unsigned n = 0; n < 65536; n++)
		put(n, n);
	for (unsigned n = 0; n < 65536; n++)
		known += has(n, n);
	ck_assert_uint_ge(known, 65450);
	for (unsigned n = 65536; n < 80000; n++)
		put(n, n);
	ck_assert_uint_le(count(), 65536);
	ck_assert_uint_ge(count(), 65000);
	known = 0;
	for (unsigned n = 80000 - 16384; n < 80000; n++)
		known += has(n, n);
	ck_assert_uint_ge(known, 16000);
}

/* Who keeps coming stays, however many others come. */
TEST(flood)
{
	unsigned lost = 0;

	begin(4000);
	for (unsigned n = 0; n < 100000; n++) {
		put(1000000 + n, n);
		if (n % 100 == 0) {
			lost += n > 0 && !has(n / 100 % 10, 5);
			put(n / 100 % 10, 5);
		}
	}
	ck_assert_uint_le(lost, 10);
	ck_assert_uint_le(count(), 4000);
}

static _Atomic bool is_over;
static _Atomic unsigned wrong;

/* A client's proxy has its number, or that and a thousand. */
static void *put_all(void *argument)
{
	const unsigned step = *(const unsigned *)argument;

	for (unsigned i = 0; i < 10000; i++) {
		unsigned n = i * step % 300;

		put(n, i % 2 == 0 ? n : n + 1000);
	}
	return NULL;
}

static void *find_all(void *argument)
{
	(void)argument;
	for (unsigned i = 0; !atomic_load(&is_over); i++) {
		const unsigned n = i % 300;
		const union pp_address client = client_of(n);
		const struct pp_route one = route_of(n);
		const struct pp_route two = route_of(n + 1000);
		struct pp_route found;

		if (pp_clients_find(clients, &client, PORT, &found) &&
		    !is_same(&found, &one) && !is_same(&found, &two))
			atomic_fetch_add(&wrong, 1);
	}
	return NULL;
}

static void run_threads(void)
{
	const unsigned steps[] = { 1, 7 };
	pthread_t writers[2], reader;

	begin(200);
	atomic_store(&is_over, false);
	pthread_create(&reader, NULL, find_all, NULL);
	for (unsigned i = 0; i < 2; i++)
		pthread_create(&writers[i], NULL, put_all,
			       (void *)(uintptr_t)&steps[i]);
	for (unsigned i = 0; i < 2; i++)
		pthread_join(writers[i], NULL);
	atomic_store(&is_over, true);
	pthread_join(reader, NULL);
	ck_assert_uint_eq(atomic_load(&wrong), 0);
	/* whoever meets another may leave one too many, for the next to mend */
	ck_assert_uint_le(count(), 210);
}

/* Never one half of an entry and one half of another. */
TEST(threads)
{
	run_threads();
}

/* One new client after another, each answered at once. */
static void *add_and_find(void *argument)
{
	const unsigned first = *(const unsigned *)argument;

	for (unsigned i = 0; i < 20000; i++) {
		const unsigned n = first + i % 100;
		const union pp_address client = client_of(n);

		put(n, 5);
		if (!has(n, 5))
			atomic_fetch_add(&wrong, 1);
		pp_clients_forget(clients, &client, PORT);
	}
	return NULL;
}

/* Threads that choose the same place: each finds its client all the same. */
TEST(meeting)
{
	const unsigned firsts[] = { 0, 1000, 2000 };
	pthread_t adders[3];

	begin(16);
	for (unsigned i = 0; i < 3; i++)
		pthread_create(&adders[i], NULL, add_and_find,
			       (void *)(uintptr_t)&firsts[i]);
	for (unsigned i = 0; i < 3; i++)
		pthread_join(adders[i], NULL);
	ck_assert_uint_eq(atomic_load(&wrong), 0);
}

TEST(edges)
{
	has_edges = true;
	begin(8);
	put(1, 1);
	put(2, 2);
	put(1, 3);
	ck_assert(has(1, 3));
	ck_assert(has(2, 2));
	end();
	run_threads();
}

TEST(last_client_of_a_thread)
{
	const union pp_address one = client_of(1), two = client_of(2);
	struct pp_route found;

	begin(100);
	put(1, 1);
	ck_assert(pp_clients_find_last(clients, &one, &found));
	put(2, 2);
	ck_assert(!pp_clients_find_last(clients, &one, &found));
	ck_assert(pp_clients_find_last(clients, &two, &found));
	pp_clients_forget(clients, &two, PORT);
	ck_assert(!pp_clients_find_last(clients, &two, &found));
	put(2, 2);
	ck_assert(pp_clients_find_last(clients, &two, &found));
	pp_last_client_forget();
	ck_assert(!pp_clients_find_last(clients, &two, &found));
}

/* What a thread keeps of its last client is compared with the entry. */
TEST(last_client_of_an_entry_that_was_written_very_often)
{
	const union pp_address client = client_of(1);
	struct pp_route one = { .proxy = client_of(700) }, two = one;
	const uint64_t word = pp_in_word(&client);
	struct pp_last_client kept;
	uint64_t proxy;

	has_edges = false;
	begin(16);
	two.proxy.in.sin_addr.s_addr = htonl(0xc6336401);
	for (unsigned i = 0; i < 2; i++)
		ck_assert(pp_clients_put(clients, &client, PORT, &one));
	ck_assert(pp_last_client_is(word, PORT, &proxy));
	ck_assert_uint_eq(proxy, pp_in_word(&one.proxy));
	ck_assert(!pp_last_client_is(word, PORT + 1, &proxy));
	ck_assert(!pp_last_client_is(word + 1, PORT, &proxy));
	kept = pp_last_client;
	for (unsigned i = 0; i < 32767; i++) {
		const struct pp_route *route = i % 2 ? &one : &two;

		ck_assert(pp_clients_put(clients, &client, PORT, route));
		/* as another thread has it, which has seen nothing of that */
		pp_last_client = kept;
		ck_assert(!pp_last_client_is(word, PORT, &proxy));
	}
	/* its tag is as it was: the number in it has come round */
	two.proxy.in.sin_addr.s_addr = htonl(0xc6336402);
	ck_assert(pp_clients_put(clients, &client, PORT, &two));
	pp_last_client = kept;
	ck_assert_uint_eq(get_word(pp_last_client.tag), pp_last_client.value);
	ck_assert(!pp_last_client_is(word, PORT, &proxy));
}

TEST(shared_proxies)
{
	const union pp_address client = client_of(1);
	const union pp_address one = proxy_of(1), two = proxy_of(2);

	begin(100);
	put(1, 1);
	put(2, 2);
	ck_assert(!pp_clients_share(clients, &client, PORT, &one));
	put(3, 1);
	ck_assert(pp_clients_share(clients, &client, PORT, &one));
	ck_assert(!pp_clients_share(clients, &client, PORT + 1, &one));
	put(3, 2);
	ck_assert(!pp_clients_share(clients, &client, PORT, &one));
	ck_assert(pp_clients_share(clients, &client, PORT, &two));
	/* one of long ago may have had its port before this one */
	for (unsigned i = 4; i < 4 + 64; i++) {
		ck_assert(pp_clients_share(clients, &client, PORT, &two));
		put(i, i);
	}
	ck_assert(!pp_clients_share(clients, &client, PORT, &two));
}
