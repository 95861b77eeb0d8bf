/* SPDX-License-Identifier: ISC */
/* A header goes out ahead of everything else, whole or not at all. */
#include <config.h>

#include "connection/send.h"

#include "suites.h"
#include "support.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WAY .sendto = sendto, .poll = poll
static const struct pp_send_way plain = { WAY };
static size_t sends, polls, sizes[8];

#define FLAGS (MSG_NOSIGNAL | MSG_DONTWAIT)

/* Three bytes a call, an interruption and a full buffer in between. */
static ssize_t short_send(int fd, const void *bytes, size_t size, int flags,
			  const struct sockaddr *address, socklen_t length)
{
	ck_assert_int_eq(flags, FLAGS);
	ck_assert_ptr_null(address);
	switch (sends++ % 3) {
	case 0:
		return sendto(fd, bytes, size < 3 ? size : 3, flags, NULL,
			      length);
	case 1:
		errno = EINTR;
		return -1;
	default:
		errno = EAGAIN;
		return -1;
	}
}

/* Every second one is interrupted. */
static int count_poll(struct pollfd *fds, nfds_t count, int timeout)
{
	ck_assert_int_eq(fds[0].events, POLLOUT);
	ck_assert_int_eq(timeout, -1);
	if (polls++ % 2 != 0)
		return poll(fds, count, timeout);
	errno = EINTR;
	return -1;
}

/* A part goes out, then the connection is lost. */
static ssize_t lost_send(int fd, const void *bytes, size_t size, int flags,
			 const struct sockaddr *address, socklen_t length)
{
	if (sends++ == 0)
		return sendto(fd, bytes, size < 3 ? size : 3, flags, address,
			      length);
	errno = ECONNRESET;
	return -1;
}

static ssize_t refused_send(int fd, const void *bytes, size_t size, int flags,
			    const struct sockaddr *address, socklen_t length)
{
	(void)fd, (void)bytes, (void)size, (void)flags;
	(void)address, (void)length;
	errno = ENOTCONN;
	return -1;
}

SUITE("send");

TEST(whole_at_once)
{
	struct connection connection = connect_tcp();

	ck_assert_int_eq(pp_send_rest(connection.client, &plain, "header", 6,
				      0), 0);
	assert_left(&connection, "header", 6);
	ck_assert_int_eq(pp_send_rest(connection.client, &plain, "", 0, 0), 0);
	assert_left(&connection, NULL, 0);
	disconnect(&connection);
}

TEST(the_rest_behind_what_is_taken)
{
	struct connection connection = connect_tcp();

	ck_assert_int_eq(pp_send_rest(connection.client, &plain, "header", 6,
				      4), 0);
	assert_left(&connection, "er", 2);
	disconnect(&connection);
}

TEST(short_and_interrupted_sends_go_on)
{
	const struct pp_send_way way = { .sendto = short_send,
					 .poll = count_poll };
	struct connection connection = connect_tcp();

	sends = polls = 0;
	ck_assert_int_eq(pp_send_rest(connection.client, &way, "0123456789",
				      10, 0), 0);
	ck_assert_uint_eq(sends, 10);
	ck_assert_uint_eq(polls, 2 + 2 * 3);
	assert_left(&connection, "0123456789", 10);
	disconnect(&connection);
}

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
	while ((got = send(connection.client, bytes + sent, MUCH - sent,
			   MSG_DONTWAIT)) > 0)
		sent += (size_t)got;
	ck_assert_uint_lt(sent, MUCH);
	ck_assert_int_eq(fcntl(connection.client, F_SETFL, flags), 0);
	ck_assert_int_eq(pthread_create(&reader, NULL, read_much,
					&connection.server), 0);
	ck_assert_int_eq(pp_send_rest(connection.client, &plain, bytes, MUCH,
				      sent), 0);
	ck_assert_int_eq(fcntl(connection.client, F_GETFL) & O_NONBLOCK, flags);
	shutdown(connection.client, SHUT_WR);
	ck_assert_int_eq(pthread_join(reader, &result), 0);
	ck_assert_ptr_nonnull(result);
	free(bytes);
	disconnect(&connection);
}

TEST(a_full_buffer_is_waited_for)
{
	send_much(0);
	send_much(O_NONBLOCK);
}

/* The default action of SIGPIPE would end the test. */
TEST(a_closed_connection_raises_no_sigpipe)
{
	struct connection connection = connect_tcp();

	shutdown(connection.client, SHUT_WR);
	ck_assert_int_eq(pp_send_rest(connection.client, &plain, "header",
				      6, 0), -EPIPE);
	disconnect(&connection);
}

/* Half a header must not be taken for the beginning of what follows. */
TEST(half_a_header_ends_the_connection)
{
	const struct pp_send_way ways[] = {
		{ .sendto = lost_send, .poll = poll },
		{ .sendto = lost_send, .poll = poll, .split = 3 },
	};

	for (size_t i = 0; i < 2; i++) {
		struct connection connection = connect_tcp();
		char byte;

		sends = 0;
		ck_assert_int_eq(pp_send_rest(connection.client, &ways[i],
					      "header", 6, 0), -ECONNRESET);
		assert_left(&connection, "hea", 3);
		ck_assert_int_eq(real_recv(connection.server, &byte, 1, 0), 0);
		ck_assert_int_eq(send(connection.client, "data", 4,
				      MSG_NOSIGNAL), -1);
		ck_assert_int_eq(errno, EPIPE);
		disconnect(&connection);
	}
}

TEST(none_of_it_leaves_the_connection)
{
	const struct pp_send_way way = { .sendto = refused_send, .poll = poll };
	struct connection connection = connect_tcp();

	ck_assert_int_eq(pp_send_rest(connection.client, &way, "header", 6,
				      0), -ENOTCONN);
	deliver(&connection, "data", 4);
	assert_left(&connection, "data", 4);
	disconnect(&connection);
}

/* Sending would take it. */
TEST(an_error_is_left_to_be_asked_for)
{
	struct connection connection = connect_tcp();
	struct pollfd ended = { .fd = connection.client };
	int error = 0;
	socklen_t length = sizeof(error);
	const struct linger linger = { .l_onoff = 1 };

	ck_assert_int_eq(setsockopt(connection.server, SOL_SOCKET, SO_LINGER,
				    &linger, sizeof(linger)), 0);
	close(connection.server);
	ck_assert_int_eq(poll(&ended, 1, -1), 1);
	ck_assert_int_eq(pp_send_rest(connection.client, &plain, "header", 6,
				      0), -ENOTCONN);
	ck_assert_int_eq(getsockopt(connection.client, SOL_SOCKET, SO_ERROR,
				    &error, &length), 0);
	ck_assert_int_eq(error, ECONNRESET);
	close(connection.client);
}

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
static ssize_t note_send(int fd, const void *bytes, size_t size, int flags,
			 const struct sockaddr *address, socklen_t length)
{
	ck_assert_int_eq(get_option(fd, TCP_NODELAY), 1);
	ck_assert_int_eq(get_option(fd, TCP_CORK), 0);
	sizes[sends++] = size;
	return sendto(fd, bytes, size, flags, address, length);
}

TEST(pieces_leave_at_once)
{
	const struct pp_send_way way = { .sendto = note_send, .poll = poll,
					 .split = 4, .delay = 1 };

	for (int before = 0; before < 4; before++) {
		struct connection connection = connect_tcp();

		sends = 0;
		set_option(connection.client, TCP_NODELAY, before & 1);
		set_option(connection.client, TCP_CORK, before >> 1);
		ck_assert_int_eq(pp_send_rest(connection.client, &way,
					      "0123456789", 10, 0), 0);
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

TEST(a_header_that_a_piece_holds_is_whole)
{
	const struct pp_send_way way = { WAY,
					 .split = 10, .delay = 3600000 };
	struct connection connection = connect_tcp();

	ck_assert_int_eq(pp_send_rest(connection.client, &way, "0123456789",
				      10, 0), 0);
	assert_left(&connection, "0123456789", 10);
	disconnect(&connection);
}

TEST(a_bad_descriptor)
{
	/* a negative one is none to poll(2) */
	const int fd = dup(STDOUT_FILENO);

	close(fd);
	ck_assert_int_eq(pp_send_rest(fd, &plain, "header", 6, 0), -EBADF);
}

/* What the next pp_send_begin has its sendto say, and what it was given. */
static ssize_t answer;
static size_t asked;

static ssize_t answer_send(int fd, const void *bytes, size_t size, int flags,
			   const struct sockaddr *address, socklen_t length)
{
	(void)bytes;
	ck_assert_int_eq(fd, 7);
	ck_assert_int_eq(flags, FLAGS | MSG_FASTOPEN);
	ck_assert_ptr_nonnull(address);
	ck_assert_uint_eq(length, sizeof(struct sockaddr_in));
	asked = size;
	if (answer >= 0)
		return answer;
	errno = (int)-answer;
	return -1;
}

TEST(beginnings)
{
	static const struct {
		size_t split;
		ssize_t answer, taken;
		size_t asked;
	} cases[] = {
		{ 0, 6, 6, 6 },
		{ 0, 2, 2, 6 },
		{ 4, 4, 4, 4 },
		{ 9, 6, 6, 6 },
		/* a connection is under way, without them */
		{ 0, -EINPROGRESS, 0, 6 },
		{ 0, -EOPNOTSUPP, -EOPNOTSUPP, 6 },
		{ 0, -EALREADY, -EALREADY, 6 },
		{ 0, -ENETUNREACH, -ENETUNREACH, 6 },
	};
	const struct sockaddr_in to = { .sin_family = AF_INET };

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct pp_send_way way = { .sendto = answer_send,
						 .split = cases[i].split };

		answer = cases[i].answer;
		ck_assert_int_eq(pp_send_begin(7, &way, "header", 6,
					       (const struct sockaddr *)&to,
					       sizeof(to)), cases[i].taken);
		ck_assert_uint_eq(asked, cases[i].asked);
	}
}
