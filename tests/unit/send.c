/* SPDX-License-Identifier: ISC */
/* A header goes out whole or not at all. */
#include <config.h>

#include "connection/send.h"

#include "suites.h"
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* With a context the descriptor is another socket then. */
static bool wait_for(int fd, int milliseconds, const void *context)
{
	struct pollfd writable = { .fd = fd, .events = POLLOUT };

	poll(&writable, milliseconds < 0, milliseconds);
	return context == NULL;
}

#define WAY .send = send, .shutdown = shutdown, .wait = wait_for
static const struct pp_send_way plain = { WAY };
static size_t sends, polls;

/* Three bytes a call, an interruption and a full buffer in between. */
static ssize_t short_send(int fd, const void *bytes, size_t size, int flags)
{
	ck_assert_int_eq(flags, MSG_NOSIGNAL | MSG_DONTWAIT);
	switch (sends++ % 3) {
	case 0:
		return real_send(fd, bytes, size < 3 ? size : 3, flags);
	case 1:
		errno = EINTR;
		return -1;
	default:
		errno = EAGAIN;
		return -1;
	}
}

static int count_poll(struct pollfd *fds, nfds_t count, int timeout)
{
	polls++;
	ck_assert_int_eq(fds[0].events, POLLOUT);
	return real_poll(fds, count, timeout);
}

/* A part goes out, then the connection is lost. */
static ssize_t lost_send(int fd, const void *bytes, size_t size, int flags)
{
	if (sends++ == 0)
		return real_send(fd, bytes, size < 3 ? size : 3, flags);
	errno = ECONNRESET;
	return -1;
}

static ssize_t refused_send(int fd, const void *bytes, size_t size, int flags)
{
	(void)fd, (void)bytes, (void)size, (void)flags;
	errno = ENOTCONN;
	return -1;
}

START_TEST(whole_at_once)
{
	struct connection connection = connect_tcp();

	ck_assert_int_eq(pp_send_whole(connection.client, &plain, "header",
				       6), 0);
	assert_left(&connection, "header", 6);
	ck_assert_int_eq(pp_send_whole(connection.client, &plain, "", 0), 0);
	assert_left(&connection, NULL, 0);
	disconnect(&connection);
}
END_TEST

START_TEST(short_and_interrupted_sends_go_on)
{
	struct connection connection = connect_tcp();

	sends = polls = 0;
	fake_send = short_send;
	fake_poll = count_poll;
	ck_assert_int_eq(pp_send_whole(connection.client, &plain, "0123456789",
				       10), 0);
	fake_send = NULL;
	fake_poll = NULL;
	ck_assert_uint_eq(sends, 10);
	ck_assert_uint_eq(polls, 3);
	assert_left(&connection, "0123456789", 10);
	disconnect(&connection);
}
END_TEST

#define MUCH ((size_t)8 << 20)

static void *read_much(void *argument)
{
	static uint8_t bytes[65536];
	const int fd = *(const int *)argument;
	size_t at = 0;
	ssize_t got;

	while ((got = real_recv(fd, bytes, sizeof(bytes), 0)) > 0)
		for (ssize_t i = 0; i < got; i++, at++)
			if (bytes[i] != (uint8_t)(at % 251))
				return NULL;
	return at == MUCH ? argument : NULL;
}

/* More than the buffers hold, to a reader that starts when they are full. */
static void send_much(int flags)
{
	struct connection connection = connect_tcp();
	uint8_t *bytes = malloc(MUCH);
	pthread_t reader;
	void *result;
	size_t sent = 0;
	ssize_t got;

	ck_assert_ptr_nonnull(bytes);
	for (size_t i = 0; i < MUCH; i++)
		bytes[i] = (uint8_t)(i % 251);
	while ((got = real_send(connection.client, bytes + sent, MUCH - sent,
				MSG_DONTWAIT)) > 0)
		sent += (size_t)got;
	ck_assert_uint_lt(sent, MUCH);
	ck_assert_int_eq(fcntl(connection.client, F_SETFL, flags), 0);
	ck_assert_int_eq(pthread_create(&reader, NULL, read_much,
					&connection.server), 0);
	ck_assert_int_eq(pp_send_whole(connection.client, &plain, bytes + sent,
				       MUCH - sent), 0);
	ck_assert_int_eq(fcntl(connection.client, F_GETFL) & O_NONBLOCK, flags);
	shutdown(connection.client, SHUT_WR);
	ck_assert_int_eq(pthread_join(reader, &result), 0);
	ck_assert_ptr_nonnull(result);
	free(bytes);
	disconnect(&connection);
}

START_TEST(a_full_buffer_is_waited_for)
{
	send_much(0);
	send_much(O_NONBLOCK);
}
END_TEST

/* The default action of SIGPIPE would end the test. */
START_TEST(a_closed_connection_raises_no_sigpipe)
{
	struct connection connection = connect_tcp();

	shutdown(connection.client, SHUT_WR);
	ck_assert_int_eq(pp_send_whole(connection.client, &plain, "header",
				       6), -EPIPE);
	disconnect(&connection);
}
END_TEST

/* Half a header must not be taken for the beginning of what follows. */
START_TEST(half_a_header_ends_the_connection)
{
	struct connection connection = connect_tcp();
	char byte;

	sends = 0;
	fake_send = lost_send;
	ck_assert_int_eq(pp_send_whole(connection.client, &plain, "header", 6),
			 -ECONNRESET);
	fake_send = NULL;
	assert_left(&connection, "hea", 3);
	ck_assert_int_eq(real_recv(connection.server, &byte, 1, 0), 0);
	ck_assert_int_eq(real_send(connection.client, "data", 4, MSG_NOSIGNAL),
			 -1);
	ck_assert_int_eq(errno, EPIPE);
	disconnect(&connection);
}
END_TEST

START_TEST(none_of_it_leaves_the_connection)
{
	struct connection connection = connect_tcp();

	fake_send = refused_send;
	ck_assert_int_eq(pp_send_whole(connection.client, &plain, "header", 6),
			 -ENOTCONN);
	fake_send = NULL;
	deliver(&connection, "data", 4);
	assert_left(&connection, "data", 4);
	disconnect(&connection);
}
END_TEST

static size_t sizes[8];

static int get_option(int fd, int option)
{
	int value = -1;
	socklen_t length = sizeof(value);

	ck_assert_int_eq(getsockopt(fd, IPPROTO_TCP, option, &value, &length),
			 0);
	return value != 0;
}

static void set_option(int fd, int option, int value)
{
	ck_assert_int_eq(setsockopt(fd, IPPROTO_TCP, option, &value,
				    sizeof(value)), 0);
}

/* Notes what each call has. */
static ssize_t note_send(int fd, const void *bytes, size_t size, int flags)
{
	ck_assert_int_eq(get_option(fd, TCP_NODELAY), 1);
	ck_assert_int_eq(get_option(fd, TCP_CORK), 0);
	sizes[sends++] = size;
	return real_send(fd, bytes, size, flags);
}

START_TEST(pieces_leave_at_once)
{
	const struct pp_send_way way = { .send = note_send,
					 .shutdown = shutdown,
					 .wait = wait_for,
					 .split = 4, .delay = 1 };

	for (int before = 0; before < 4; before++) {
		struct connection connection = connect_tcp();

		sends = 0;
		set_option(connection.client, TCP_NODELAY, before & 1);
		set_option(connection.client, TCP_CORK, before >> 1);
		ck_assert_int_eq(pp_send_whole(connection.client, &way,
					       "0123456789", 10), 0);
		assert_left(&connection, "0123456789", 10);
		ck_assert_uint_eq(sends, 3);
		ck_assert_uint_eq(sizes[0], 4);
		ck_assert_uint_eq(sizes[1], 4);
		ck_assert_uint_eq(sizes[2], 2);
		ck_assert_int_eq(get_option(connection.client, TCP_NODELAY),
				 before & 1);
		ck_assert_int_eq(get_option(connection.client, TCP_CORK),
				 before >> 1);
		disconnect(&connection);
	}
}
END_TEST

START_TEST(a_header_that_a_piece_holds_is_whole)
{
	const struct pp_send_way way = { WAY,
					 .split = 10, .delay = 3600000 };
	struct connection connection = connect_tcp();

	ck_assert_int_eq(pp_send_whole(connection.client, &way, "0123456789",
				       10), 0);
	assert_left(&connection, "0123456789", 10);
	disconnect(&connection);
}
END_TEST

/* The next piece is tried, fails, and what is out is half a header. */
START_TEST(half_a_header_in_pieces_ends_the_connection)
{
	const struct pp_send_way way = { .send = lost_send,
					 .shutdown = shutdown,
					 .wait = wait_for,
					 .split = 3 };
	struct connection connection = connect_tcp();
	char byte;

	sends = 0;
	ck_assert_int_eq(pp_send_whole(connection.client, &way, "header", 6),
			 -ECONNRESET);
	assert_left(&connection, "hea", 3);
	ck_assert_int_eq(real_recv(connection.server, &byte, 1, 0), 0);
	disconnect(&connection);
}
END_TEST

/* Neither what is left of the header, nor an end, is for the next socket. */
START_TEST(another_socket_is_left_alone)
{
	const struct pp_send_way way = { WAY, .context = "", .split = 3,
					 .delay = 1 };
	struct connection connection = connect_tcp();

	ck_assert_int_eq(pp_send_whole(connection.client, &way, "header", 6),
			 -ESTALE);
	deliver(&connection, "data", 4);
	assert_left(&connection, "headata", 7);
	disconnect(&connection);
}
END_TEST

START_TEST(a_bad_descriptor)
{
	ck_assert_int_eq(pp_send_whole(-1, &plain, "header", 6), -EBADF);
}
END_TEST

START_TEST(first_until_something_was_sent)
{
	struct connection connection = connect_tcp();

	ck_assert(pp_send_is_first(connection.client));
	ck_assert(pp_send_is_first(connection.server));
	deliver(&connection, "x", 1);
	ck_assert(!pp_send_is_first(connection.client));
	/* what was received is no matter */
	ck_assert(pp_send_is_first(connection.server));
	disconnect(&connection);
}
END_TEST

/* A connect(2) that goes on sends nothing yet and has it in its queue. */
START_TEST(not_first_while_it_waits_to_be_sent)
{
	struct connection connection = connect_tcp();
	int cork = 1;

	ck_assert_int_eq(setsockopt(connection.client, IPPROTO_TCP, TCP_CORK,
				    &cork, sizeof(cork)), 0);
	ck_assert_int_eq(real_send(connection.client, "x", 1, 0), 1);
	ck_assert(!pp_send_is_first(connection.client));
	disconnect(&connection);
}
END_TEST

START_TEST(first_where_nobody_can_say)
{
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	ck_assert_int_eq(real_send(fds[0], "x", 1, 0), 1);
	ck_assert(pp_send_is_first(fds[0]));
	close(fds[0]);
	close(fds[1]);
}
END_TEST

Suite *pp_suite_send(void)
{
	Suite *suite = suite_create("send");

	ADD_TEST(suite, whole_at_once);
	ADD_TEST(suite, short_and_interrupted_sends_go_on);
	ADD_TEST(suite, a_full_buffer_is_waited_for);
	ADD_TEST(suite, a_closed_connection_raises_no_sigpipe);
	ADD_TEST(suite, half_a_header_ends_the_connection);
	ADD_TEST(suite, none_of_it_leaves_the_connection);
	ADD_TEST(suite, pieces_leave_at_once);
	ADD_TEST(suite, a_header_that_a_piece_holds_is_whole);
	ADD_TEST(suite, half_a_header_in_pieces_ends_the_connection);
	ADD_TEST(suite, another_socket_is_left_alone);
	ADD_TEST(suite, a_bad_descriptor);
	ADD_TEST(suite, first_until_something_was_sent);
	ADD_TEST(suite, not_first_while_it_waits_to_be_sent);
	ADD_TEST(suite, first_where_nobody_can_say);
	return suite;
}
