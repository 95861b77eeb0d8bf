/* SPDX-License-Identifier: ISC */
/* The waiting room: who is ready, when it is readable, what it drops. */
#include <config.h>

#include "rooms.h"
#include "suites.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

/* The connection has come to nothing: it leaves to be refused. */
static void assert_malformed(struct connection *connection, const char *reason)
{
	struct pp_waiting waiting = leave(connection);

	ck_assert_int_eq(waiting.received, PP_RECEIVED_MALFORMED);
	ck_assert_str_eq(waiting.receive.header.reason, reason);
	pp_receive_free(&waiting.receive);
	disconnect(connection);
}

static int low_water(int fd)
{
	int bytes = 0;
	socklen_t length = sizeof(bytes);

	ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &bytes,
				    &length), 0);
	return bytes;
}

SUITE("room");

TEST(a_header_that_comes_in_pieces)
{
	for (size_t piece = 1; piece < sizeof(line); piece++) {
		struct connection connection;
		struct pp_waiting waiting;
		size_t at = 0;

		open_room();
		connection = enter("", 0, NEVER);
		while (at < strlen(line)) {
			size_t size = strlen(line) - at;

			ck_assert(!advance());
			if (size > piece)
				size = piece;
			deliver(&connection, line + at, size);
			at += size;
		}
		waiting = leave(&connection);
		ck_assert_int_eq(waiting.received, PP_RECEIVED_HEADER);
		assert_address(&waiting.receive.header.source, "192.0.2.1",
			       1111);
		assert_left(&connection, NULL, 0);
		ck_assert(!pp_room_is_used(&room));
		disconnect(&connection);
		pp_room_close(&room);
	}
}

TEST(half_a_header_wakes_nobody_twice)
{
	struct connection connection;

	open_room();
	connection = enter(line, 10, NEVER);
	ck_assert(!is_readable(SOON));
	deliver(&connection, line + 10, 10);
	ck_assert(is_readable(60 * 1000));
	ck_assert(!advance());
	ck_assert(!is_readable(SOON));
	pp_room_close(&room);
	close(connection.client);
}

static void check_long_header(size_t piece)
{
	static struct bytes stream;
	struct connection connection;
	struct pp_waiting waiting;

	long_v2(&stream, 3000);
	add_text(&stream, "data");
	open_room();
	connection = enter(stream.at, 20, NEVER);
	/* it is known how much there is to come: that wakes nobody before */
	for (size_t at = 20; at < stream.size; at += piece) {
		if (at < 3000)
			ck_assert(!is_readable(0));
		ck_assert(!advance());
		deliver(&connection, stream.at + at,
			at + piece < stream.size ? piece : stream.size - at);
	}
	waiting = leave(&connection);
	ck_assert_int_eq(waiting.received, PP_RECEIVED_HEADER);
	ck_assert_uint_eq(waiting.receive.header.length, 3000);
	pp_receive_free(&waiting.receive);
	ck_assert_int_eq(low_water(connection.server), 1);
	assert_left(&connection, "data", 4);
	disconnect(&connection);
	pp_room_close(&room);
}

TEST(a_long_header_that_comes_in_pieces)
{
	check_long_header(373);
	check_long_header(40);
}

TEST(what_is_not_a_header_is_ready_at_once)
{
	struct connection connection;

	open_room();
	connection = enter("PROX", 4, NEVER);
	deliver(&connection, "I", 1);
	ck_assert_int_eq(leave(&connection).received, PP_RECEIVED_NONE);
	assert_left(&connection, "PROXI", 5);
	disconnect(&connection);
	pp_room_close(&room);
}

TEST(time_runs_out)
{
	struct connection silent, half, patient;
	struct pp_waiting waiting;

	open_room();
	silent = enter("", 0, SOON);
	half = enter(line, 20, SOON);
	patient = enter(line, 20, NEVER);
	ck_assert_int_eq(leave(&silent).received, PP_RECEIVED_NONE);
	waiting = leave(&half);
	ck_assert_int_eq(waiting.received, PP_RECEIVED_NONE);
	ck_assert(waiting.receive.is_overdue);
	ck_assert(!advance());
	ck_assert(!is_readable(SOON));
	ck_assert(pp_room_is_used(&room));
	assert_left(&half, line, 20);
	disconnect(&silent);
	disconnect(&half);
	pp_room_close(&room);
	close(patient.client);
}

TEST(time_runs_out_for_nobody_else)
{
	struct connection silent, patient;

	open_room();
	silent = enter("", 0, SOON);
	patient = enter(line, 20, NEVER);
	ck_assert_int_eq(leave(&silent).received, PP_RECEIVED_NONE);
	ck_assert(!advance());
	ck_assert(!is_readable(SOON));
	ck_assert_ptr_nonnull(room.oldest);
	ck_assert_ptr_eq(room.oldest, room.newest);
	deliver(&patient, line + 20, strlen(line) - 20);
	ck_assert_int_eq(leave(&patient).received, PP_RECEIVED_HEADER);
	pp_room_close(&room);
	disconnect(&patient);
	disconnect(&silent);
}

TEST(a_bad_line_leaves_at_once)
{
	struct connection connection;

	open_room();
	connection = enter("PROXY TCP4 ", 11, NEVER);
	deliver(&connection, "x", 1);
	assert_malformed(&connection, "bad source address");
	pp_room_close(&room);
}

TEST(half_a_long_header_leaves_malformed)
{
	static struct bytes stream;
	struct connection connection;

	long_v2(&stream, 3000);
	open_room();
	connection = enter(stream.at, 2000, SOON);
	assert_malformed(&connection, "ends early");
	pp_room_close(&room);
}

TEST(the_end_comes_instead)
{
	struct connection connection;

	open_room();
	connection = enter(line, 20, NEVER);
	deliver_end(&connection);
	ck_assert_int_eq(leave(&connection).received, PP_RECEIVED_NONE);
	assert_left(&connection, line, 20);
	disconnect(&connection);
	pp_room_close(&room);
}

TEST(the_rest_comes_with_the_end)
{
	struct connection connection;

	open_room();
	connection = enter(line, 20, NEVER);
	deliver(&connection, line + 20, strlen(line) - 20);
	deliver_end(&connection);
	ck_assert_int_eq(leave(&connection).received, PP_RECEIVED_HEADER);
	disconnect(&connection);
	pp_room_close(&room);
}

TEST(a_reset_comes_instead)
{
	struct connection connection;

	open_room();
	connection = enter("", 0, NEVER);
	deliver_reset(&connection);
	assert_malformed(&connection, "reset by the client");
	pp_room_close(&room);
}

/* Who is not looked at yet keeps the room readable. */
TEST(one_at_a_time)
{
	struct connection connections[5];

	open_room();
	for (size_t i = 0; i < COUNT(connections); i++)
		connections[i] = enter(line, 20, NEVER);
	for (size_t i = 0; i < COUNT(connections); i++)
		deliver(&connections[i], line + 20, strlen(line) - 20);
	for (size_t i = 0; i < COUNT(connections); i++) {
		leave(&connections[i]);
		disconnect(&connections[i]);
	}
	ck_assert(!is_readable(0));
	pp_room_close(&room);
}

/* One that poll(2) found, for a program that waits in another way, too. */
TEST(who_is_ready_can_be_shown)
{
	struct connection connection;

	open_room();
	connection = enter(line, 20, NEVER);
	deliver(&connection, line + 20, strlen(line) - 20);
	ck_assert(advance());
	ck_assert(!is_readable(0));
	pp_room_stay_readable(&room);
	ck_assert(is_readable(60 * 1000));
	leave(&connection);
	/* nobody looks into an empty room: it must be so by itself */
	ck_assert(!is_readable(0));
	disconnect(&connection);
	pp_room_close(&room);
}

TEST(the_oldest_is_given_up)
{
	struct connection first, second;
	struct pp_waiting given_up;

	open_room();
	ck_assert(!pp_room_give_up_oldest(&room, &given_up));
	first = enter(line, 20, NEVER);
	second = enter(line, 20, NEVER);
	ck_assert(pp_room_give_up_oldest(&room, &given_up));
	ck_assert_int_eq(given_up.receive.fd, first.server);
	ck_assert_int_eq(fcntl(first.server, F_GETFD), -1);
	deliver(&second, line + 20, strlen(line) - 20);
	leave(&second);
	ck_assert(!pp_room_give_up_oldest(&room, &given_up));
	close(first.client);
	disconnect(&second);
	pp_room_close(&room);
}

TEST(closing_it_closes_all)
{
	struct connection connections[3];
	int epoll, timer;

	open_room();
	epoll = room.epoll;
	timer = room.timer;
	for (size_t i = 0; i < COUNT(connections); i++)
		connections[i] = enter(line, i, NEVER);
	deliver(&connections[1], "x", 1);
	ck_assert(advance());
	pp_room_close(&room);
	ck_assert_int_eq(fcntl(epoll, F_GETFD), -1);
	ck_assert_int_eq(fcntl(timer, F_GETFD), -1);
	for (size_t i = 0; i < COUNT(connections); i++) {
		ck_assert_int_eq(fcntl(connections[i].server, F_GETFD), -1);
		close(connections[i].client);
	}
	ck_assert(!pp_room_is_used(&room));
}

/* The program's SO_RCVLOWAT is put back when the connection leaves. */
TEST(a_header_shorter_than_what_the_program_waits_for)
{
	struct connection connection = connect_tcp();
	struct pp_waiting waiting = { .deadline = pp_now_ms() + NEVER };
	const int much = 1000;

	open_room();
	ck_assert_int_eq(setsockopt(connection.server, SOL_SOCKET, SO_RCVLOWAT,
				    &much, sizeof(much)), 0);
	pp_receive_start(&waiting.receive, connection.server, PP_VERSION_BOTH);
	ck_assert(pp_room_enter(&room, &waiting));
	connection.server = room.newest->receive.fd;
	ck_assert_int_eq(low_water(connection.server), 1);
	ck_assert(!advance());
	deliver(&connection, line, strlen(line));
	ck_assert_int_eq(leave(&connection).received, PP_RECEIVED_HEADER);
	ck_assert_int_eq(low_water(connection.server), much);
	disconnect(&connection);
	pp_room_close(&room);
}

/* A thread took its time between its clock and the lock of the room. */
TEST(a_deadline_before_that_of_the_newest)
{
	struct connection first, second;

	open_room();
	first = enter(line, 20, NEVER);
	second = enter(line, 20, NEVER - 1000);
	ck_assert(room.oldest->deadline <= room.newest->deadline);
	ck_assert_int_eq(room.oldest->receive.fd, first.server);
	pp_room_close(&room);
	close(first.client);
	close(second.client);
}

/* One call looks at so many; with more the room stays readable. */
TEST(many_have_moved)
{
	struct connection connections[3 * PP_ROOM_PIECE];

	open_room();
	for (size_t i = 0; i < COUNT(connections); i++)
		connections[i] = enter(line, 20, NEVER);
	for (size_t i = 0; i < COUNT(connections); i++)
		deliver(&connections[i], line + 20, 1);
	for (size_t i = 0; i < 3; i++) {
		ck_assert(is_readable(0));
		ck_assert(!advance());
		ck_assert(look.more);
		assert_address(&look.peer, "192.0.2.9", 9);
	}
	ck_assert(!advance());
	ck_assert(!look.more);
	assert_address(&look.peer, NULL, 0);
	ck_assert(!is_readable(0));
	pp_room_close(&room);
	for (size_t i = 0; i < COUNT(connections); i++)
		close(connections[i].client);
}

/* Those that are overdue leave one at a time. */
TEST(many_are_overdue)
{
	struct connection connections[3 * PP_ROOM_PIECE];

	open_room();
	for (size_t i = 0; i < COUNT(connections); i++)
		connections[i] = enter(line, 20, NEVER);
	/* all at once: none was overdue when the last came */
	for (struct pp_waiting *w = room.oldest; w != NULL; w = w->next)
		w->deadline = 1;
	deliver(&connections[0], "x", 1);
	for (size_t i = 0; i < COUNT(connections); i++) {
		struct pp_waiting waiting;

		ck_assert(is_readable(60 * 1000));
		ck_assert(advance());
		ck_assert_int_eq(pp_room_leave(&room, &waiting), 1);
		ck_assert_int_ne(waiting.received, PP_RECEIVED_HEADER);
		pp_receive_free(&waiting.receive);
		close(waiting.receive.fd);
		close(connections[i].client);
	}
	ck_assert(!pp_room_is_used(&room));
	pp_room_close(&room);
}
