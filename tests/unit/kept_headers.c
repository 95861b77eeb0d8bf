/* SPDX-License-Identifier: ISC */
/* Headers kept whole. */
#include <config.h>

#include "preload/server/kept_headers.h"

#include "suites.h"
#include "support.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

static struct pp_kept kept;
static union pp_address proxy;
static uint8_t header[PP_V2_MAX];

static void begin(void)
{
	memset(&kept, 0, sizeof(kept));
	proxy = address_of("127.0.0.1", 4711);
	ck_assert(pp_kept_start(&kept));
}

/* Another header for each n. */
static const uint8_t *header_of(unsigned n, size_t length)
{
	for (size_t i = 0; i < length; i++)
		header[i] = (uint8_t)(n + i / 251 + i);
	return header;
}

static void put(uint64_t cookie, unsigned n, size_t length)
{
	pp_kept_put(&kept, cookie, &proxy, header_of(n, length), length);
}

/* Is it the header of that socket, in as many bytes as are asked for? */
static bool is(uint64_t cookie, unsigned n, size_t length)
{
	static uint8_t bytes[PP_V2_MAX + 1];
	const size_t sizes[] = { 0, 1, length / 2, length, sizeof(bytes) };

	header_of(n, length);
	for (size_t i = 0; i < COUNT(sizes); i++) {
		size_t copied = sizes[i] < length ? sizes[i] : length;

		memset(bytes, 0xaa, sizeof(bytes));
		if (pp_kept_get(&kept, cookie, &proxy, bytes, sizes[i]) !=
			    length ||
		    memcmp(bytes, header, copied) != 0 ||
		    (copied < sizeof(bytes) && bytes[copied] != 0xaa))
			return false;
	}
	return true;
}

static bool is_none(uint64_t cookie)
{
	return pp_kept_get(&kept, cookie, &proxy, NULL, 0) == 0;
}

SUITE("kept");

TEST(each_length)
{
	begin();
	/* long enough to come around the end of the memory */
	for (size_t length = 1; length < 8000; length++) {
		put(5 + length, (unsigned)length, length);
		HOLDS(is(5 + length, (unsigned)length, length), "%zu", length);
	}
	put(5, 1, PP_V2_MAX);
	ck_assert(is(5, 1, PP_V2_MAX));
}

TEST(each_socket)
{
	/* some are of one chain */
	static const uint64_t cookies[] = { 1, 2, 1 + PP_KEPT_CHAINS,
					    1 + 7 * PP_KEPT_CHAINS, UINT64_MAX };

	begin();
	for (unsigned i = 0; i < COUNT(cookies); i++) {
		ck_assert(is_none(cookies[i]));
		put(cookies[i], i, 700 + i);
	}
	for (unsigned i = 0; i < COUNT(cookies); i++)
		ck_assert(is(cookies[i], i, 700 + i));
	put(2, 77, 30);
	ck_assert(is(2, 77, 30));
}

TEST(of_that_proxy_alone)
{
	const union pp_address other = address_of("127.0.0.1", 4712);

	begin();
	put(5, 1, 100);
	ck_assert_uint_eq(pp_kept_get(&kept, 5, &other, NULL, 0), 0);
	ck_assert(is(5, 1, 100));
}

TEST(the_oldest_make_room)
{
	const unsigned many = 200000;
	unsigned first = 0;
	size_t before;

	begin();
	before = mapped_bytes;
	for (unsigned i = 1; i <= many; i++)
		put(i, i, 100);
	ck_assert_uint_eq(mapped_bytes, before);
	/* from some one on all are there, and before none */
	while (is_none(++first))
		HOLDS(first < many, "none is there");
	ck_assert_uint_gt(first, many / 10);
	ck_assert_uint_gt((many - first) * 200, PP_KEPT_SIZE / 2);
	for (unsigned i = first; i <= many; i++)
		HOLDS(is(i, i, 100), "%u", i);
}

static void *no_memory(size_t size)
{
	(void)size;
	return MAP_FAILED;
}

TEST(not_started)
{
	memset(&kept, 0, sizeof(kept));
	ck_assert(!pp_kept_is_started(&kept));
	ck_assert(is_none(5));
	fake_mmap = no_memory;
	ck_assert(!pp_kept_start(&kept));
	fake_mmap = NULL;
	ck_assert(!pp_kept_is_started(&kept));
	ck_assert(pp_kept_start(&kept));
	ck_assert(pp_kept_start(&kept));
	ck_assert(pp_kept_is_started(&kept));
}

/* A child that was forked while a thread had the lock, or changed something. */
TEST(forked)
{
	begin();
	put(5, 1, 100);
	pp_kept_in_child(&kept);
	ck_assert(is(5, 1, 100));
	kept.lock.held = true;
	pp_kept_in_child(&kept);
	ck_assert(is(5, 1, 100));
	kept.lock.held = true;
	kept.is_changing = true;
	pp_kept_in_child(&kept);
	ck_assert(is_none(5));
	put(5, 2, 100);
	ck_assert(is(5, 2, 100));
}

/* One that nobody told of it is not kept waiting for ever. */
TEST(locked_for_good)
{
	begin();
	put(5, 1, 100);
	kept.lock.held = true;
	put(6, 2, 100);
	ck_assert(is_none(5));
	kept.lock.held = false;
	ck_assert(is(5, 1, 100));
	ck_assert(is_none(6));
}

#define THREADS 4

static _Atomic int wrong;

static void *put_and_get(void *argument)
{
	uint64_t cookie = (uint64_t)(uintptr_t)argument << 32;
	uint8_t in[300], out[300];

	for (unsigned i = 0; i < 5000; i++) {
		memset(in, (int)(cookie >> 32) * 16 + (int)(i % 16),
		       sizeof(in));
		pp_kept_put(&kept, cookie + i, &proxy, in, 1 + i % 300);
		if (pp_kept_get(&kept, cookie + i, &proxy, out, sizeof(out)) !=
			    1 + i % 300 ||
		    memcmp(in, out, 1 + i % 300) != 0)
			atomic_fetch_add(&wrong, 1);
	}
	return NULL;
}

TEST(threads)
{
	pthread_t ids[THREADS];

	begin();
	for (uintptr_t i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&ids[i], NULL, put_and_get,
						(void *)(i + 1)), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(ids[i], NULL);
	ck_assert_int_eq(wrong, 0);
}
