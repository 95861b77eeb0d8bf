/* SPDX-License-Identifier: ISC */
/* The room that a suite looks at, and who enters it and leaves. */
#ifndef PP_UNIT_ROOMS_H
#define PP_UNIT_ROOMS_H

#include "connection/room.h"

#include "support.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Milliseconds from now: one that is over soon, one that no test sees. */
#define SOON 20
#define NEVER (3600 * 1000)

static const char line[] = "PROXY TCP4 192.0.2.1 192.0.2.2 1111 2222\r\n";

static struct pp_room room;
static struct pp_room_look look;
/* Somebody entered with SOON: on a slow machine that may be over already. */
static bool overdue_any_time;

static inline bool advance(void)
{
	memset(&look, 0, sizeof(look));
	return pp_room_advance(&room, &look);
}

static inline void open_room(void)
{
	overdue_any_time = false;
	ck_assert(pp_room_open(&room));
	ck_assert(pp_room_is_intact(&room));
	ck_assert(!pp_room_is_used(&room));
}

/* Is it readable, within so many milliseconds? */
static inline bool is_readable(int timeout)
{
	struct pollfd poll_fd = { .fd = room.epoll, .events = POLLIN };
	int ready = poll(&poll_fd, 1, timeout);

	ck_assert_int_ge(ready, 0);
	ck_assert_int_eq(poll_fd.revents & ~POLLIN, 0);
	return ready == 1;
}

/* A connection with its first bytes there, in the room. */
static inline struct connection enter(const void *bytes, size_t size,
				      int timeout)
{
	struct connection connection = connect_tcp();
	struct pp_waiting waiting = { .deadline = pp_now_ms() + timeout,
				      .proxy = address_of("192.0.2.9", 9) };

	if (size > 0)
		deliver(&connection, bytes, size);
	pp_receive_start(&waiting.receive, connection.server, PP_VERSION_BOTH);
	ck_assert_int_eq(pp_receive_try(&waiting.receive, false, peeked),
			 PP_RECEIVED_MORE);
	ck_assert(pp_room_enter(&room, &waiting));
	ck_assert_int_eq(fcntl(connection.server, F_GETFD), -1);
	connection.server = room.newest->receive.fd;
	ck_assert(hidden[connection.server]);
	ck_assert_int_eq(fcntl(connection.server, F_GETFD), FD_CLOEXEC);
	ck_assert(pp_room_is_used(&room));
	/* what is there already moves nobody a second time */
	overdue_any_time |= timeout == SOON;
	ck_assert(!advance() || overdue_any_time);
	ck_assert(overdue_any_time || !is_readable(0));
	return connection;
}

/* Lowest number that accept(2) would return. */
static inline int lowest_free(void)
{
	int fd = dup(STDERR_FILENO);

	close(fd);
	return fd;
}

/* Whoever is ready; fails unless it is this connection. */
static inline struct pp_waiting leave(struct connection *connection)
{
	struct pp_waiting waiting;
	int lowest = lowest_free();

	do
		ck_assert(room.ready != NULL || is_readable(60 * 1000));
	while (!advance() && overdue_any_time);
	ck_assert_int_eq(room.ready->receive.fd, connection->server);
	ck_assert_int_eq(pp_room_leave(&room, &waiting), 1);
	ck_assert_int_eq(waiting.receive.fd, lowest);
	ck_assert_int_eq(fcntl(connection->server, F_GETFD), -1);
	ck_assert(!hidden[connection->server]);
	connection->server = lowest;
	ck_assert_int_eq(pp_room_leave(&room, &waiting), 0);
	return waiting;
}

#endif
