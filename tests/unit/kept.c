/* SPDX-License-Identifier: ISC */
/* Headers kept whole. */
#include <config.h>

#include "preload/server/kept.h"

#include "suites.h"
#include "support.h"

#include <string.h>
#include <sys/mman.h>

/* Descriptors near and far, and one that is not. */
#define FAR 100000
#define MOST ((size_t)PP_KEPT_BATCHES * PP_KEPT_BATCH * PP_KEPT_PIECE)

static struct pp_kept kept;
static union pp_address proxy;
static uint8_t header[PP_V2_MAX];

static void begin(void)
{
	memset(&kept, 0, sizeof(kept));
	proxy = address_of("127.0.0.1", 4711);
}

/* Another header for each n. */
static const uint8_t *header_of(unsigned n, size_t length)
{
	for (size_t i = 0; i < length; i++)
		header[i] = (uint8_t)(n + i / 251 + i);
	return header;
}

static bool put(int fd, unsigned n, size_t length)
{
	return pp_kept_put(&kept, fd, &proxy, header_of(n, length), length);
}

/* Is it the header of fd, in as many bytes as are asked for? */
static bool is(int fd, unsigned n, size_t length)
{
	static uint8_t bytes[PP_V2_MAX + 1];
	const size_t sizes[] = { 0, 1, length / 2, length, sizeof(bytes) };

	header_of(n, length);
	for (size_t i = 0; i < COUNT(sizes); i++) {
		size_t copied = sizes[i] < length ? sizes[i] : length;

		memset(bytes, 0xaa, sizeof(bytes));
		if (!pp_kept_has(&kept, fd) ||
		    pp_kept_get(&kept, fd, &proxy, bytes, sizes[i]) != length ||
		    memcmp(bytes, header, copied) != 0 ||
		    (copied < sizeof(bytes) && bytes[copied] != 0xaa))
			return false;
	}
	return true;
}

static bool is_none(int fd)
{
	return !pp_kept_has(&kept, fd) &&
	       pp_kept_get(&kept, fd, &proxy, NULL, 0) == 0;
}

START_TEST(each_length)
{
	begin();
	for (size_t length = 1; length < 2000; length++) {
		HOLDS(put(5, (unsigned)length, length), "%zu", length);
		HOLDS(is(5, (unsigned)length, length), "%zu", length);
	}
	ck_assert(put(5, 1, PP_V2_MAX));
	ck_assert(is(5, 1, PP_V2_MAX));
}
END_TEST

START_TEST(each_descriptor)
{
	static const int fds[] = { 0, 1, PP_TABLE_NEAR - 1, PP_TABLE_NEAR,
				   FAR, 2147483647 };

	begin();
	for (unsigned i = 0; i < COUNT(fds); i++) {
		ck_assert(is_none(fds[i]));
		pp_kept_drop(&kept, fds[i]);
		ck_assert(put(fds[i], i, 700 + i));
	}
	for (unsigned i = 0; i < COUNT(fds); i++)
		ck_assert(is(fds[i], i, 700 + i));
	for (unsigned i = 0; i < COUNT(fds); i++) {
		pp_kept_drop(&kept, fds[i]);
		ck_assert(is_none(fds[i]));
	}
	ck_assert(!put(-1, 0, 10));
	ck_assert(is_none(-1));
}
END_TEST

START_TEST(of_that_proxy_alone)
{
	const union pp_address other = address_of("127.0.0.1", 4712);

	begin();
	ck_assert(put(5, 1, 100));
	ck_assert_uint_eq(pp_kept_get(&kept, 5, &other, NULL, 0), 0);
	ck_assert(is(5, 1, 100));
}
END_TEST

START_TEST(duplicates)
{
	begin();
	ck_assert(put(5, 1, 3000));
	pp_kept_duplicate(&kept, 5, FAR);
	pp_kept_drop(&kept, 5);
	ck_assert(is_none(5));
	ck_assert(is(FAR, 1, 3000));
	/* over another one */
	ck_assert(put(6, 2, 10));
	pp_kept_duplicate(&kept, FAR, 6);
	ck_assert(is(6, 1, 3000));
	/* of nothing */
	pp_kept_duplicate(&kept, 7, 6);
	ck_assert(is_none(6));
	ck_assert(is(FAR, 1, 3000));
}
END_TEST

/* What is freed the next ones use. */
START_TEST(memory_is_used_again)
{
	size_t memory;

	begin();
	for (int fd = 0; fd < 3; fd++)
		ck_assert(put(fd, 1, PP_V2_MAX));
	memory = pp_kept_memory(&kept);
	for (int i = 0; i < 300; i++) {
		ck_assert(put(i % 3, 1, 1 + PP_V2_MAX / 300 * (size_t)i));
		if (i % 7 == 0)
			pp_kept_drop(&kept, i % 3);
	}
	ck_assert_uint_eq(pp_kept_memory(&kept), memory);
}
END_TEST

START_TEST(the_oldest_make_room)
{
	const int most = (int)(MOST / PP_KEPT_PIECE);
	size_t before = mapped_bytes;

	begin();
	for (int fd = 0; fd < most; fd++)
		HOLDS(put(fd, (unsigned)fd, 10), "fd %d", fd);
	ck_assert_uint_eq(pp_kept_memory(&kept), MOST);
	ck_assert_uint_ge(mapped_bytes - before, MOST);
	for (int fd = 0; fd < most; fd++)
		HOLDS(pp_kept_has(&kept, fd), "fd %d", fd);
	/* said anew it is no longer the oldest */
	ck_assert(put(0, 0, 10));
	ck_assert(put(most, 1, 10));
	ck_assert(is_none(1));
	ck_assert(is(0, 0, 10));
	/* a long one takes the room of many */
	ck_assert(put(most, 1, PP_V2_MAX));
	ck_assert(is(most, 1, PP_V2_MAX));
	ck_assert(is_none(100));
	ck_assert(is(200, 200, 10));
	ck_assert_uint_eq(pp_kept_memory(&kept), MOST);
	/* and the slots of far descriptors */
	ck_assert_uint_lt(mapped_bytes - before, MOST + MOST / 4);
}
END_TEST

static void *no_memory(size_t size)
{
	(void)size;
	return MAP_FAILED;
}

START_TEST(without_memory)
{
	begin();
	ck_assert(put(5, 1, 100));
	fake_mmap = no_memory;
	/* within what there is */
	ck_assert(put(6, 2, 50000));
	ck_assert(is(5, 1, 100));
	/* at the cost of others */
	ck_assert(put(7, 3, 50000));
	ck_assert(is(7, 3, 50000));
	ck_assert(is_none(5) && is_none(6));
	/* not at all, and then of nobody */
	ck_assert(!put(8, 4, PP_V2_MAX));
	ck_assert(is_none(8) && is_none(7));
	ck_assert(!put(FAR, 4, 10));
	/* the original is the last that is given up, and is no more */
	ck_assert(put(5, 1, 50000));
	pp_kept_duplicate(&kept, 5, 6);
	ck_assert(is_none(5) && is_none(6));
	ck_assert(put(5, 1, 50000));
	ck_assert(is(5, 1, 50000));
	fake_mmap = NULL;
}
END_TEST

Suite *pp_suite_kept(void)
{
	Suite *suite = suite_create("kept");

	ADD_TEST(suite, each_length);
	ADD_TEST(suite, each_descriptor);
	ADD_TEST(suite, of_that_proxy_alone);
	ADD_TEST(suite, duplicates);
	ADD_TEST(suite, memory_is_used_again);
	ADD_TEST(suite, the_oldest_make_room);
	ADD_TEST(suite, without_memory);
	return suite;
}
