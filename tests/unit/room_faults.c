/* SPDX-License-Identifier: ISC */
/* The waiting room where descriptors or memory are short. */
#include <config.h>

#include "rooms.h"
#include "suites.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

/* One that is to enter the room, when that is open. */
static struct pp_waiting to_enter(int fd)
{
	struct pp_waiting waiting = { .deadline = pp_now_ms() + NEVER };

	pp_receive_start(&waiting.receive, fd, PP_VERSION_BOTH);
	return waiting;
}

/* Opens a room where so many descriptors are left. */
static bool open_with(int left)
{
	struct rlimit limit, before;
	bool opened;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	limit = before;
	limit.rlim_cur = (rlim_t)(FIRST_HIDDEN + left);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	opened = pp_room_open(&room);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
	return opened;
}

SUITE("room_faults");

TEST(no_descriptors_no_room)
{
	const int free = lowest_free();

	for (int left = 0; left < 2; left++) {
		ck_assert(!open_with(left));
		ck_assert_int_eq(lowest_free(), free);
		ck_assert(!pp_room_is_used(&room));
	}
	ck_assert(open_with(2));
	pp_room_close(&room);
	ck_assert_int_eq(lowest_free(), free);
}

static void *no_mmap(size_t size)
{
	(void)size;
	errno = ENOMEM;
	return MAP_FAILED;
}

TEST(no_memory_nobody_enters)
{
	struct connection connection = connect_tcp();
	struct pp_waiting waiting = to_enter(connection.server);

	ck_assert(pp_room_open(&room));
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

/* Memory of those who left is there for the next ones. */
TEST(memory_is_used_again)
{
	size_t before = 0;

	open_room();
	for (int turn = 0; turn < 200; turn++) {
		struct connection connection = enter(line, 20, NEVER);

		deliver(&connection, line + 20, strlen(line) - 20);
		leave(&connection);
		disconnect(&connection);
		if (turn == 0)
			before = mapped_bytes;
		ck_assert_uint_eq(mapped_bytes, before);
	}
	pp_room_close(&room);
}

/* What cannot be waited for does not enter, and costs no memory. */
TEST(a_bad_descriptor_does_not_enter)
{
	struct pp_waiting waiting = to_enter(lowest_free());
	size_t before;

	ck_assert(pp_room_open(&room));
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

/* The program has all descriptors open: it says so, and nothing is lost. */
TEST(no_descriptor_for_one_that_is_ready)
{
	struct connection connection = connect_tcp();
	struct pp_waiting waiting = to_enter(connection.server);
	struct pollfd readable = { .events = POLLIN };
	struct rlimit limit, before;

	ck_assert(pp_room_open(&room));
	ck_assert(pp_room_enter(&room, &waiting));
	connection.server = room.oldest->receive.fd;
	deliver(&connection, line, strlen(line));
	ck_assert(pp_room_advance(&room, &look));
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	limit = before;
	limit.rlim_cur = (rlim_t)lowest_free();
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	readable.fd = room.epoll;
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(pp_room_leave(&room, &waiting), -1);
		ck_assert_int_eq(errno, EMFILE);
		ck_assert(pp_room_is_used(&room));
		ck_assert(fcntl(connection.server, F_GETFD) >= 0);
	}
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
	ck_assert_int_eq(poll(&readable, 1, -1), 1);
	ck_assert_int_eq(pp_room_leave(&room, &waiting), 1);
	ck_assert_int_eq(waiting.received, PP_RECEIVED_HEADER);
	ck_assert_int_eq(poll(&readable, 1, 0), 0);
	pp_room_close(&room);
	close(waiting.receive.fd);
	close(connection.client);
}

static int no_cookie(int fd, int level, int name, void *value,
		     socklen_t *length)
{
	if (level != SOL_SOCKET || name != 57)
		return getsockopt(fd, level, name, value, length);
	errno = fcntl(fd, F_GETFD) < 0 ? EBADF : ENOPROTOOPT;
	return -1;
}

/* A kernel without SO_COOKIE: nothing of the program's is taken for a room's. */
TEST(no_cookies)
{
	struct connection lost = connect_tcp(), kept = connect_tcp();
	struct connection other = connect_tcp();
	struct pp_waiting waiting = to_enter(lost.server);
	int numbers[2];

	fake_getsockopt = no_cookie;
	ck_assert(pp_room_open(&room));
	ck_assert(pp_room_enter(&room, &waiting));
	numbers[0] = room.newest->receive.fd;
	waiting = to_enter(kept.server);
	ck_assert(pp_room_enter(&room, &waiting));
	numbers[1] = room.newest->receive.fd;
	ck_assert_int_eq(dup2(other.server, numbers[0]), numbers[0]);
	pp_room_close(&room);
	fake_getsockopt = NULL;
	ck_assert(fcntl(numbers[0], F_GETFD) >= 0);
	ck_assert_int_eq(fcntl(numbers[1], F_GETFD), -1);
	close(numbers[0]);
	close(lost.client);
	close(kept.client);
	disconnect(&other);
}

static int no_getsockopt(int fd, int level, int name, void *value,
			 socklen_t *length)
{
	(void)fd, (void)level, (void)name, (void)value, (void)length;
	errno = EPERM;
	return -1;
}

/* What could not be known again does not enter. */
TEST(no_getsockopt_nobody_enters)
{
	struct connection connection = connect_tcp();
	struct pp_waiting waiting = to_enter(connection.server);

	ck_assert(pp_room_open(&room));
	fake_getsockopt = no_getsockopt;
	ck_assert(!pp_room_enter(&room, &waiting));
	fake_getsockopt = NULL;
	ck_assert(!pp_room_is_used(&room));
	ck_assert(fcntl(connection.server, F_GETFD) >= 0);
	pp_room_close(&room);
	disconnect(&connection);
}
