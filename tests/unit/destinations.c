/* SPDX-License-Identifier: ISC */
/* The destinations of IPv6 clients. */
#include <config.h>

#include "connection/destinations.h"

#include "suites.h"
#include "support.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static struct pp_destinations table;

static void begin(void)
{
	memset(&table, 0, sizeof(table));
}

SUITE_AROUND("destinations", begin, NULL);

static struct in6_addr address_number(uint64_t n)
{
	struct in6_addr address = { .s6_addr = { 0x20, 0x01 } };

	memcpy(address.s6_addr + 8, &n, sizeof(n));
	return address;
}

static bool add(uint64_t digest, uint64_t n)
{
	struct in6_addr address = address_number(n);

	return pp_destinations_add(&table, digest, &address);
}

/* Is this the address that is found? */
static bool finds(uint64_t digest, uint64_t n)
{
	struct in6_addr address, expected = address_number(n);

	return pp_destinations_find(&table, digest, &address) &&
	       memcmp(&address, &expected, sizeof(address)) == 0;
}

static bool finds_none(uint64_t digest)
{
	struct in6_addr address;

	return !pp_destinations_find(&table, digest, &address);
}

TEST(what_was_added)
{
	for (uint64_t n = 1; n < 100; n++) {
		ck_assert(finds_none(n << 40));
		ck_assert(add(n << 40 | n * 11, n));
	}
	for (uint64_t n = 1; n < 100; n++) {
		ck_assert(finds(n << 40 | n * 11, n));
		ck_assert(add(n << 40 | n * 11, n));
	}
}

TEST(two_of_one_digest)
{
	ck_assert(add(4711, 1));
	ck_assert(!add(4711, 2));
	ck_assert(finds(4711, 1));
}

/* No more than there is room for, and none of them goes. */
TEST(full)
{
	static bool added[8 * PP_DESTINATIONS];
	size_t count = 0;

	for (uint64_t n = 0; n < COUNT(added); n++) {
		added[n] = add(n * 0x9e3779b97f4a7c15 + 1, n);
		count += added[n];
	}
	ck_assert_uint_le(count, PP_DESTINATIONS);
	ck_assert_uint_ge(count, PP_DESTINATIONS / 2);
	for (uint64_t n = 0; n < COUNT(added); n++) {
		uint64_t digest = n * 0x9e3779b97f4a7c15 + 1;

		HOLDS(added[n] ? finds(digest, n) : finds_none(digest),
		      "number %d", (int)n);
	}
}

/* So many of one place are full, too. */
TEST(one_place)
{
	for (uint64_t n = 0; n < PP_DESTINATIONS_PLACES; n++)
		ck_assert(add(n * PP_DESTINATIONS, n));
	ck_assert(!add(PP_DESTINATIONS_PLACES * PP_DESTINATIONS, 99));
	ck_assert(finds(0, 0));
}

#define THREADS 4
#define NUMBERS 400

static _Atomic int wrong;

static void *add_all(void *argument)
{
	unsigned seed = (unsigned)(uintptr_t)argument;

	for (int i = 0; i < 20 * NUMBERS; i++) {
		uint64_t n = (uint64_t)rand_r(&seed) % NUMBERS;
		struct in6_addr address, expected = address_number(n);
		uint64_t digest = n * 0x9e3779b97f4a7c15 + 1;

		if (pp_destinations_find(&table, digest, &address) &&
		    memcmp(&address, &expected, sizeof(address)) != 0)
			atomic_fetch_add(&wrong, 1);
		pp_destinations_add(&table, digest, &expected);
	}
	return NULL;
}

TEST(threads)
{
	pthread_t ids[THREADS];

	for (uintptr_t i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&ids[i], NULL, add_all,
						(void *)(i + 1)), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(ids[i], NULL);
	ck_assert_int_eq(wrong, 0);
}
