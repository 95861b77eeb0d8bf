/* SPDX-License-Identifier: ISC */
/* The waiting room whose descriptors are closed, replaced, or a parent's. */
#include <config.h>

#include "rooms.h"
#include "suites.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

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

SUITE("room_lost");

TEST(its_descriptors_are_known)
{
	struct connection connection;
	int other = eventfd(0, 0);

	open_room();
	connection = enter(line, 10, NEVER);
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

TEST(the_timer_is_another_s)
{
	struct connection connection;

	open_room();
	connection = enter(line, 10, NEVER);
	replace(room.timer);
	ck_assert(!pp_room_is_intact(&room));
	close_room();
	assert_open(room.timer);
	/* nothing tells that it is the room's */
	assert_open(room.epoll);
	assert_closed(connection.server);
	close(connection.client);
}

TEST(the_epoll_is_another_s)
{
	struct epoll_event event = { .data.u64 = 1 };
	struct connection connection;

	open_room();
	connection = enter(line, 10, NEVER);
	replace_by(epoll_create1(0), room.epoll);
	ck_assert(!pp_room_is_intact(&room));
	ck_assert_int_eq(epoll_ctl(room.epoll, EPOLL_CTL_ADD,
				   connection.server, &event), 0);
	close_room();
	assert_open(room.epoll);
	assert_closed(room.timer);
	assert_closed(connection.server);
	close(connection.client);
}

/* An epoll of the program's that has the same numbers, all of them its own. */
TEST(both_are_another_s)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = 1 };

	open_room();
	replace_by(epoll_create1(0), room.epoll);
	replace(room.timer);
	ck_assert_int_eq(epoll_ctl(room.epoll, EPOLL_CTL_ADD, room.timer,
				   &event), 0);
	ck_assert(!pp_room_is_intact(&room));
	ck_assert_int_eq(eventfd_write(room.timer, 1), 0);
	close_room();
	ck_assert_int_eq(epoll_wait(room.epoll, &event, 1, -1), 1);
	ck_assert_uint_eq(event.data.u64, 1);
	assert_open(room.epoll);
	assert_open(room.timer);
}

TEST(the_timer_is_another_room_s)
{
	static struct pp_room other;
	int timer;

	open_room();
	timer = room.timer;
	other = room;
	memset(&room, 0, sizeof(room));
	open_room();
	ck_assert_int_eq(dup2(timer, room.timer), room.timer);
	ck_assert(!pp_room_is_intact(&room));
	ck_assert(pp_room_is_intact(&other));
	ck_assert(!pp_room_is_intact(&room));
	close(room.timer);
	close(room.epoll);
	pp_room_close(&other);
	memset(hidden, 0, sizeof(hidden));
}

TEST(an_epoll_that_it_knows)
{
	int known = epoll_create1(0), other = epoll_create1(0);
	struct epoll_event event = { .events = EPOLLIN };

	open_room();
	ck_assert(pp_room_mark_epoll(&room, known));
	ck_assert(pp_room_is_marked(&room, known));
	ck_assert_int_eq(epoll_ctl(other, EPOLL_CTL_ADD, room.epoll, &event),
			 0);
	ck_assert(!pp_room_is_marked(&room, other));
	ck_assert_int_eq(epoll_wait(known, &event, 1, 0), 0);
	close_room();
	close(known);
	close(other);
}

/* Who waited is not there any more: he is forgotten when it is his turn. */
TEST(who_waits_is_another)
{
	struct connection lost, ready, next;
	struct pp_waiting waiting;

	open_room();
	lost = enter(line, 10, NEVER);
	ready = enter(line, 10, NEVER);
	next = enter(line, 10, NEVER);
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

/*
 * A socket that is closed is in the epoll as long as anybody has it open. What
 * happens on it is not taken for what happens to who has its place now.
 */
TEST(who_left_is_not_taken_for_another)
{
	struct connection lost, kept, next;

	open_room();
	lost = kept = enter(line, 10, NEVER);
	kept.server = dup(lost.server);
	replace(lost.server);
	deliver(&kept, "X", 1);
	ck_assert(!advance());
	ck_assert(!pp_room_is_used(&room));
	next = enter(line, 10, NEVER);
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

static struct connection shared;

static int abandon_in_child(void)
{
	pp_room_abandon(&room);
	/* the copies of all that are the room's are for the caller to close */
	return hidden[shared.server] && hidden[room.epoll] &&
			       hidden[room.timer] && !pp_room_is_used(&room)
		       ? 0
		       : 1;
}

/* A child of fork has no business with those who wait in its parent. */
TEST(a_child_takes_nothing_from_its_parent)
{
	struct linger linger = { .l_onoff = 1, .l_linger = 7 };
	socklen_t length = sizeof(linger);

	open_room();
	shared = enter(line, 20, NEVER);
	ck_assert_int_eq(setsockopt(shared.server, SOL_SOCKET, SO_LINGER,
				    &linger, length), 0);
	ck_assert_int_eq(in_child(abandon_in_child), 0);
	deliver(&shared, line + 20, strlen(line) - 20);
	ck_assert_int_eq(leave(&shared).received, PP_RECEIVED_HEADER);
	ck_assert_int_eq(getsockopt(shared.server, SOL_SOCKET, SO_LINGER,
				    &linger, &length), 0);
	ck_assert_int_eq(linger.l_onoff, 1);
	disconnect(&shared);
	pp_room_close(&room);
}

static int abandon_lost_in_child(void)
{
	/* the child has another file there */
	dup2(STDERR_FILENO, shared.server);
	pp_room_abandon(&room);
	return !hidden[shared.server] && hidden[room.epoll] ? 0 : 1;
}

TEST(what_is_not_the_room_s_is_not_closed_in_a_child)
{
	open_room();
	shared = enter(line, 20, NEVER);
	ck_assert_int_eq(in_child(abandon_lost_in_child), 0);
	deliver(&shared, line + 20, strlen(line) - 20);
	ck_assert_int_eq(leave(&shared).received, PP_RECEIVED_HEADER);
	disconnect(&shared);
	pp_room_close(&room);
}
