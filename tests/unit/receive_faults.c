/* SPDX-License-Identifier: ISC */
/* Taking a header off: the system calls made, and what they may answer. */
#include <config.h>

#include "connection/receive.h"

#include "suites.h"
#include "support.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

static struct call {
	size_t size;
	int flags;
} calls[8];
static size_t called;

/* Passes calls on and notes them. */
static ssize_t note_recv(int fd, void *bytes, size_t size, int flags)
{
	ck_assert_uint_lt(called, COUNT(calls));
	calls[called++] = (struct call){ size, flags };
	return real_recv(fd, bytes, size, flags);
}

/* Every second call is interrupted. */
static ssize_t interrupt_recv(int fd, void *bytes, size_t size, int flags)
{
	if (called++ % 2 == 0) {
		errno = EINTR;
		return -1;
	}
	return real_recv(fd, bytes, size, flags);
}

/* At most ten bytes are taken off by a call. */
static ssize_t little_recv(int fd, void *bytes, size_t size, int flags)
{
	called++;
	if (!(flags & MSG_PEEK) && size > 10)
		size = 10;
	return real_recv(fd, bytes, size, flags);
}

/* What was peeked at cannot be taken off. */
static ssize_t lose_recv(int fd, void *bytes, size_t size, int flags)
{
	if (flags & MSG_PEEK)
		return real_recv(fd, bytes, size, flags);
	errno = ECONNRESET;
	return -1;
}

static void *no_mmap(size_t size)
{
	(void)size;
	errno = ENOMEM;
	return MAP_FAILED;
}

/* Receives a header with recv(2) as told and data behind it. */
static enum pp_received receive_with(ssize_t (*fake)(int, void *, size_t, int),
				     const struct bytes *header,
				     struct pp_header *got)
{
	struct connection connection = connect_tcp();
	struct pp_receive receive;
	enum pp_received received;

	deliver(&connection, header->at, header->size);
	deliver(&connection, "data", 4);
	called = 0;
	pp_receive_start(&receive, connection.server, PP_VERSION_BOTH);
	fake_recv = fake;
	received = pp_receive_try(&receive, false, peeked);
	fake_recv = NULL;
	*got = receive.header;
	pp_receive_free(&receive);
	if (received == PP_RECEIVED_HEADER)
		assert_left(&connection, "data", 4);
	disconnect(&connection);
	return received;
}

SUITE("receive_faults");

TEST(two_calls_for_a_header_that_is_there)
{
	static struct bytes header;
	struct pp_header got;

	long_v2(&header, 500);
	ck_assert_int_eq(receive_with(note_recv, &header, &got),
			 PP_RECEIVED_HEADER);
	ck_assert_uint_eq(called, 2);
	ck_assert_uint_eq(calls[0].size, PP_RECEIVE_PEEK);
	ck_assert_int_eq(calls[0].flags, MSG_PEEK | MSG_DONTWAIT);
	ck_assert_uint_eq(calls[1].size, header.size);
	ck_assert_int_eq(calls[1].flags, MSG_TRUNC | MSG_DONTWAIT);
}

TEST(one_call_where_there_is_none)
{
	static struct bytes text;
	struct pp_header got;

	text.size = 0;
	add_text(&text, "GET / HTTP/1.1\r\n\r\n");
	ck_assert_int_eq(receive_with(note_recv, &text, &got),
			 PP_RECEIVED_NONE);
	ck_assert_uint_eq(called, 1);
}

TEST(interrupted_calls_are_made_again)
{
	static const size_t lengths[] = { 41, 3000 };
	static struct bytes header;
	struct pp_header got;

	for (size_t i = 0; i < COUNT(lengths); i++) {
		long_v2(&header, lengths[i]);
		ck_assert_int_eq(receive_with(interrupt_recv, &header, &got),
				 PP_RECEIVED_HEADER);
		ck_assert_uint_eq(called, 4);
		ck_assert_uint_eq(got.length, header.size);
	}
}

TEST(short_calls_go_on)
{
	static const size_t lengths[] = { 131, 3000 };
	static struct bytes header;
	struct pp_header got;

	for (size_t i = 0; i < COUNT(lengths); i++) {
		long_v2(&header, lengths[i]);
		ck_assert_int_eq(receive_with(little_recv, &header, &got),
				 PP_RECEIVED_HEADER);
		ck_assert_uint_eq(called, 1 + (header.size + 9) / 10);
		ck_assert_uint_eq(got.length, header.size);
	}
}

TEST(what_cannot_be_taken_off_is_malformed)
{
	static const size_t lengths[] = { 41, 3000 };
	static struct bytes header;
	struct pp_header got;

	for (size_t i = 0; i < COUNT(lengths); i++) {
		long_v2(&header, lengths[i]);
		ck_assert_int_eq(receive_with(lose_recv, &header, &got),
				 PP_RECEIVED_MALFORMED);
		ck_assert_ptr_nonnull(got.reason);
		assert_address(&got.source, NULL, 0);
		assert_address(&got.destination, NULL, 0);
	}
}

TEST(no_memory_for_a_long_header)
{
	static struct bytes header;
	struct pp_header got;

	long_v2(&header, 3000);
	fake_mmap = no_mmap;
	ck_assert_int_eq(receive_with(NULL, &header, &got),
			 PP_RECEIVED_MALFORMED);
	fake_mmap = NULL;
	ck_assert_str_eq(got.reason, "no memory for it");
}

/* The most common header costs no memory at all. */
TEST(a_header_that_fits_a_look_maps_nothing)
{
	static struct bytes header;
	struct pp_header got;

	long_v2(&header, PP_RECEIVE_PEEK);
	ck_assert_uint_eq(header.size, PP_RECEIVE_PEEK);
	fake_mmap = no_mmap;
	ck_assert_int_eq(receive_with(NULL, &header, &got), PP_RECEIVED_HEADER);
	fake_mmap = NULL;
}
