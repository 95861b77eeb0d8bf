/* SPDX-License-Identifier: ISC */
/* The waiting room where descriptors or memory are short. */
#include <config.h>

#include "connection/room.h"

#include "suites.h"
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

static void no_mark(int fd, bool own)
{
	(void)fd;
	(void)own;
}

static const struct pp_room_policy policy = { .tell = true,
					     .close = close,
					     .epoll_create1 = epoll_create1,
					     .epoll_ctl = epoll_ctl,
					     .mark = no_mark };

static int lowest_free(void)
{
	int fd = dup(STDERR_FILENO);

	close(fd);
	return fd;
}

/* Opens a room where so many descriptors are left. */
static bool open_with(struct pp_room *room, int left)
{
	struct rlimit limit, before;
	bool opened;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	limit = before;
	limit.rlim_cur = (rlim_t)(lowest_free() + left);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	opened = pp_room_open(room, &policy);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
	return opened;
}

START_TEST(no_descriptors_no_room)
{
	static struct pp_room room;
	const int free = lowest_free();

	for (int left = 0; left < 2; left++) {
		ck_assert(!open_with(&room, left));
		ck_assert_int_eq(lowest_free(), free);
		ck_assert(!pp_room_is_used(&room));
	}
	ck_assert(open_with(&room, 2));
	pp_room_close(&room);
	ck_assert_int_eq(lowest_free(), free);
}
END_TEST

static void *no_mmap(size_t size)
{
	(void)size;
	errno = ENOMEM;
	return MAP_FAILED;
}

START_TEST(no_memory_nobody_enters)
{
	static struct pp_room room;
	struct connection connection = connect_tcp();
	struct pp_waiting waiting = { .deadline = pp_now() + 3600 * 1000 };

	ck_assert(pp_room_open(&room, &policy));
	pp_receive_start(&waiting.receive, connection.server, PP_VERSION_BOTH);
	fake_mmap = no_mmap;
	ck_assert(!pp_room_enter(&room, &waiting));
	fake_mmap = NULL;
	ck_assert(!pp_room_is_used(&room));
	/* it is still the caller's */
	ck_assert_int_ge(fcntl(connection.server, F_GETFD), 0);
	ck_assert(pp_room_enter(&room, &waiting));
	pp_room_close(&room);
	close(connection.client);
}
END_TEST

/* What cannot be waited for does not enter, and costs no memory. */
START_TEST(a_bad_descriptor_does_not_enter)
{
	static struct pp_room room;
	struct pp_waiting waiting = { .deadline = pp_now() + 3600 * 1000 };
	size_t before;

	ck_assert(pp_room_open(&room, &policy));
	pp_receive_start(&waiting.receive, lowest_free(), PP_VERSION_BOTH);
	ck_assert(!pp_room_enter(&room, &waiting));
	before = mapped_bytes;
	for (int n = 0; n < 100; n++) {
		ck_assert(!pp_room_enter(&room, &waiting));
		ck_assert_int_eq(errno, EBADF);
		ck_assert(!pp_room_is_used(&room));
	}
	ck_assert_uint_eq(mapped_bytes, before);
	pp_room_close(&room);
}
END_TEST

Suite *pp_suite_room_faults(void)
{
	Suite *suite = suite_create("room_faults");

	ADD_TEST(suite, no_descriptors_no_room);
	ADD_TEST(suite, no_memory_nobody_enters);
	ADD_TEST(suite, a_bad_descriptor_does_not_enter);
	return suite;
}
