/* SPDX-License-Identifier: ISC */
/* The waiting room whose descriptors the program has closed, or replaced. */
#include <config.h>

#include "connection/room.h"

#include "suites.h"
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define NEVER (3600 * 1000)

static const char line[] = "PROXY TCP4 192.0.2.1 192.0.2.2 1111 2222\r\n";

static struct pp_room room;
static void open_room(void)
{
	ck_assert(pp_room_open(&room, &room_policy));
	ck_assert(pp_room_stands(&room));
}

/* A connection with a half header, in the room. */
static bool advance(void)
{
	struct pp_room_look look;

	return pp_room_advance(&room, &look);
}

static struct connection enter(void)
{
	struct connection connection = connect_tcp();
	struct pp_waiting waiting = { .deadline = pp_now() + NEVER };

	deliver(&connection, line, 10);
	pp_receive_start(&waiting.receive, connection.server, PP_VERSION_BOTH);
	ck_assert_int_eq(pp_receive_step(&waiting.receive, false, peeked),
			 PP_RECEIVED_MORE);
	ck_assert(pp_room_enter(&room, &waiting));
	connection.server = room.newest->receive.fd;
	ck_assert(!advance());
	return connection;
}

/* Another file has the number. */
static void replace_by(int file, int number)
{
	ck_assert_int_eq(dup2(file, number), number);
	close(file);
}

static void replace(int number)
{
	replace_by(eventfd(0, 0), number);
}

static void close_room(void)
{
	pp_room_close(&room);
	for (size_t fd = 0; fd < COUNT(hidden); fd++)
		ck_assert_msg(!hidden[fd], "%zu is hidden", fd);
	ck_assert(!pp_room_is_used(&room));
}

/* It is the program's: closes it for it. */
static void assert_open(int number)
{
	ck_assert_int_eq(close(number), 0);
}

static void assert_closed(int number)
{
	ck_assert_int_eq(fcntl(number, F_GETFD), -1);
}

START_TEST(its_descriptors_are_known)
{
	struct connection connection;
	int other = eventfd(0, 0);

	open_room();
	connection = enter();
	ck_assert(hidden[room.epoll] && hidden[room.timer] &&
		  hidden[connection.server]);
	ck_assert(pp_room_has(&room, room.epoll));
	ck_assert(pp_room_has(&room, room.timer));
	ck_assert(pp_room_has(&room, connection.server));
	ck_assert(!pp_room_has(&room, connection.client));
	ck_assert(!pp_room_has(&room, other));
	ck_assert(!pp_room_has(&room, -1));
	close_room();
	assert_open(other);
	close(connection.client);
}
END_TEST

START_TEST(the_timer_is_another_s)
{
	struct connection connection;

	open_room();
	connection = enter();
	replace(room.timer);
	ck_assert(!pp_room_stands(&room));
	close_room();
	assert_open(room.timer);
	/* nothing tells that it is the room's */
	assert_open(room.epoll);
	assert_closed(connection.server);
	close(connection.client);
}
END_TEST

START_TEST(the_epoll_is_another_s)
{
	struct epoll_event event = { .data.u64 = 1 };
	struct connection connection;

	open_room();
	connection = enter();
	replace_by(epoll_create1(0), room.epoll);
	ck_assert(!pp_room_stands(&room));
	ck_assert_int_eq(epoll_ctl(room.epoll, EPOLL_CTL_ADD,
				   connection.server, &event), 0);
	close_room();
	assert_open(room.epoll);
	assert_closed(room.timer);
	assert_closed(connection.server);
	close(connection.client);
}
END_TEST

/* An epoll of the program's that has the same numbers, all of them its own. */
START_TEST(both_are_another_s)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = 1 };

	open_room();
	replace_by(epoll_create1(0), room.epoll);
	replace(room.timer);
	ck_assert_int_eq(epoll_ctl(room.epoll, EPOLL_CTL_ADD, room.timer,
				   &event), 0);
	ck_assert(!pp_room_stands(&room));
	ck_assert_int_eq(eventfd_write(room.timer, 1), 0);
	close_room();
	ck_assert_int_eq(epoll_wait(room.epoll, &event, 1, -1), 1);
	ck_assert_uint_eq(event.data.u64, 1);
	assert_open(room.epoll);
	assert_open(room.timer);
}
END_TEST

START_TEST(the_timer_is_another_room_s)
{
	static struct pp_room other;
	int timer;

	open_room();
	timer = room.timer;
	other = room;
	memset(&room, 0, sizeof(room));
	open_room();
	ck_assert_int_eq(dup2(timer, room.timer), room.timer);
	ck_assert(!pp_room_stands(&room));
	ck_assert(pp_room_stands(&other));
	ck_assert(!pp_room_stands(&room));
	close(room.timer);
	close(room.epoll);
	pp_room_close(&other);
	memset(hidden, 0, sizeof(hidden));
}
END_TEST

START_TEST(an_epoll_that_it_knows)
{
	int known = epoll_create1(0), other = epoll_create1(0);
	struct epoll_event event = { .events = EPOLLIN };

	open_room();
	ck_assert(pp_room_introduce(&room, known));
	ck_assert(pp_room_knows(&room, known));
	ck_assert_int_eq(epoll_ctl(other, EPOLL_CTL_ADD, room.epoll, &event),
			 0);
	ck_assert(!pp_room_knows(&room, other));
	ck_assert_int_eq(epoll_wait(known, &event, 1, 0), 0);
	close_room();
	close(known);
	close(other);
}
END_TEST

/* Who waited is not there any more: he is forgotten when it is his turn. */
START_TEST(who_waits_is_another)
{
	struct connection lost, ready, next;
	struct pp_waiting waiting;

	open_room();
	lost = enter();
	ready = enter();
	next = enter();
	replace(lost.server);
	deliver(&ready, line + 10, strlen(line) - 10);
	ck_assert(advance());
	replace(ready.server);
	ck_assert(!pp_room_leave(&room, &waiting));
	ck_assert(pp_room_give_up_oldest(&room, &waiting));
	ck_assert_ptr_nonnull(room.oldest);
	ck_assert_ptr_eq(room.oldest, room.newest);
	replace(next.server);
	close_room();
	assert_open(lost.server);
	assert_open(ready.server);
	assert_open(next.server);
	close(lost.client);
	close(ready.client);
	close(next.client);
}
END_TEST

/*
 * A socket that is closed is in the epoll as long as anybody has it open. What
 * happens on it is not taken for what happens to who has its place now.
 */
START_TEST(who_left_is_not_taken_for_another)
{
	struct connection lost, kept, next;

	open_room();
	lost = kept = enter();
	kept.server = dup(lost.server);
	replace(lost.server);
	deliver(&kept, "X", 1);
	ck_assert(!advance());
	ck_assert(!pp_room_is_used(&room));
	next = enter();
	deliver_end(&kept);
	ck_assert(!advance());
	ck_assert_ptr_nonnull(room.oldest);
	ck_assert_ptr_eq(room.oldest, room.newest);
	close_room();
	close(kept.server);
	assert_open(lost.server);
	close(next.client);
	close(lost.client);
}
END_TEST

Suite *pp_suite_room_lost(void)
{
	Suite *suite = suite_create("room_lost");

	ADD_TEST(suite, its_descriptors_are_known);
	ADD_TEST(suite, the_timer_is_another_s);
	ADD_TEST(suite, the_epoll_is_another_s);
	ADD_TEST(suite, both_are_another_s);
	ADD_TEST(suite, the_timer_is_another_room_s);
	ADD_TEST(suite, an_epoll_that_it_knows);
	ADD_TEST(suite, who_waits_is_another);
	ADD_TEST(suite, who_left_is_not_taken_for_another);
	return suite;
}
