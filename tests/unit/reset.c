/* SPDX-License-Identifier: ISC */
/* What stands in for a connection looks like one that its client has reset. */
#include <config.h>

#include "connection/reset.h"

#include "suites.h"
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* All that a program can see of it, in the order in which it looks. */
struct seen {
	short events;
	ssize_t results[4];	/* of two reads and two writes */
	int errors[4];		/* their errno, 0 for none */
};

static void look_at(int fd, struct seen *seen)
{
	struct pollfd state = { .fd = fd,
				.events = POLLIN | POLLPRI | POLLOUT |
					  POLLRDHUP };
	char byte = 'x';

	memset(seen, 0, sizeof(*seen));
	ck_assert_int_eq(poll(&state, 1, 0), 1);
	seen->events = state.revents;
	for (size_t i = 0; i < 4; i++) {
		seen->results[i] = i < 2 ? recv(fd, &byte, 1, MSG_DONTWAIT)
					 : send(fd, &byte, 1, MSG_NOSIGNAL);
		seen->errors[i] = seen->results[i] < 0 ? errno : 0;
	}
}

/* What the kernel shows of a real one. */
static void look_at_real(struct seen *seen)
{
	struct connection connection = connect_tcp();

	deliver_reset(&connection);
	look_at(connection.server, seen);
	disconnect(&connection);
}

static void assert_same(const struct seen *seen, const struct seen *real)
{
	ck_assert_int_eq(seen->events, real->events);
	for (size_t i = 0; i < 4; i++) {
		ck_assert_int_eq(seen->results[i], real->results[i]);
		ck_assert_int_eq(seen->errors[i], real->errors[i]);
	}
}

static const union pp_address nobody = { .sa.sa_family = AF_INET };

static int make_stand_in(int family, int flags)
{
	const union pp_address peer = { .sa.sa_family = (sa_family_t)family };

	return pp_reset_stand_in(-1, &peer, flags);
}

SUITE("reset");

TEST(a_refused_connection_looks_reset)
{
	struct connection connection = connect_tcp();
	struct seen real, seen;
	char bytes[10];

	look_at_real(&real);
	deliver(&connection, "PROXY nonsense\r\n", 16);
	pp_reset_connection(connection.server, &nobody);
	look_at(connection.server, &seen);
	assert_same(&seen, &real);
	ck_assert_int_eq(recv(connection.client, bytes, sizeof(bytes), 0), -1);
	ck_assert_int_eq(errno, ECONNRESET);
	disconnect(&connection);
}

TEST(a_stand_in_looks_reset)
{
	static const int families[] = { AF_INET, AF_INET6 };
	struct seen real, seen;

	look_at_real(&real);
	for (size_t i = 0; i < COUNT(families); i++) {
		int fd = make_stand_in(families[i], 0);
		int domain;
		socklen_t length = sizeof(domain);

		ck_assert_int_ge(fd, 0);
		getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length);
		ck_assert_int_eq(domain, families[i]);
		look_at(fd, &seen);
		assert_same(&seen, &real);
		close(fd);
	}
}

/* What the kernel shows of a Unix socket's client that has gone. */
static void look_at_gone(struct seen *seen)
{
	int ends[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	close(ends[1]);
	look_at(ends[0], seen);
	close(ends[0]);
}

TEST(of_a_unix_socket_the_client_has_gone)
{
	struct seen real, seen;
	int ends[2], fd = make_stand_in(AF_UNIX, 0);
	char byte;

	look_at_gone(&real);
	look_at(fd, &seen);
	assert_same(&seen, &real);
	close(fd);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(write(ends[1], "PROXY nonsense\r\n", 16), 16);
	pp_reset_connection(ends[0], &nobody);
	look_at(ends[0], &seen);
	assert_same(&seen, &real);
	ck_assert_int_eq(read(ends[1], &byte, 1), 0);
	close(ends[0]);
	close(ends[1]);
}

TEST(a_stand_in_has_the_flags_that_were_asked_for)
{
	static const int families[] = { AF_INET, AF_UNIX };
	static const int flags[] = { 0, SOCK_NONBLOCK, SOCK_CLOEXEC,
				     SOCK_NONBLOCK | SOCK_CLOEXEC };

	for (size_t i = 0; i < 2 * COUNT(flags); i++) {
		int fd = make_stand_in(families[i % 2], flags[i / 2]);

		ck_assert_int_eq(!!(fcntl(fd, F_GETFL) & O_NONBLOCK),
				 !!(flags[i / 2] & SOCK_NONBLOCK));
		ck_assert_int_eq(!!(fcntl(fd, F_GETFD) & FD_CLOEXEC),
				 !!(flags[i / 2] & SOCK_CLOEXEC));
		close(fd);
	}
}

/* As a policy does that has no loopback. */
static int refuse_to_connect(int fd, const struct sockaddr *address,
			     socklen_t length)
{
	(void)fd;
	(void)address;
	(void)length;
	errno = ENETUNREACH;
	return -1;
}

TEST(where_nothing_connects_they_read_as_end_of_file)
{
	struct connection connection = connect_tcp();
	struct seen seen;
	int fd;

	fake_connect = refuse_to_connect;
	fd = make_stand_in(AF_INET, 0);
	look_at(fd, &seen);
	ck_assert_int_eq(seen.results[0], 0);
	ck_assert_int_eq(seen.errors[2], EPIPE);
	close(fd);
	deliver(&connection, "PROXY nonsense\r\n", 16);
	pp_reset_connection(connection.server, &nobody);
	fake_connect = NULL;
	look_at(connection.server, &seen);
	ck_assert_int_eq(seen.results[0], 0);
	ck_assert_int_eq(seen.results[1], 0);
	disconnect(&connection);
}

/*
 * By types that no kernel has: valgrind takes a limit of descriptors for its own,
 * and qemu leaves flags out that it does not know.
 */
TEST(without_a_descriptor_there_is_none)
{
	ck_assert_int_eq(make_stand_in(AF_UNIX + 1000, 0), -1);
	ck_assert_int_eq(errno, EAFNOSUPPORT);
	ck_assert_int_eq(make_stand_in(AF_UNIX, 15), -1);
	ck_assert_int_eq(errno, EINVAL);
}
