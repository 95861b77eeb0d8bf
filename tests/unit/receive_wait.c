/* SPDX-License-Identifier: ISC */
/*
 * Waiting for a header that has not arrived. Whatever happens while it waits
 * is made to happen when it calls poll(2), so nothing depends on time.
 */
#include <config.h>

#include "receive_wait.h"

#include "suites.h"
#include "support.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

/* Milliseconds: one that is over soon, and one that a test would not see. */
#define SOON 20
#define NEVER (3600 * 1000)

static struct connection connection;
/* What still is to come, how much of it at each poll, and how often. */
static struct bytes coming;
static size_t come, piece, polls;

static int low_water(void)
{
	int bytes = 0;
	socklen_t length = sizeof(bytes);

	ck_assert_int_eq(getsockopt(connection.server, SOL_SOCKET, SO_RCVLOWAT,
				    &bytes, &length), 0);
	return bytes;
}

static int count_poll(struct pollfd *fds, nfds_t count, int timeout)
{
	polls++;
	return real_poll(fds, count, timeout);
}

/* The next piece arrives while it waits. */
static int deliver_poll(struct pollfd *fds, nfds_t count, int timeout)
{
	const size_t left = coming.size - come;
	const size_t now = left < piece ? left : piece;

	polls++;
	if (now > 0)
		deliver(&connection, coming.at + come, now);
	come += now;
	return real_poll(fds, count, timeout);
}

/* The rest arrives and then the end while it waits. */
static int end_poll(struct pollfd *fds, nfds_t count, int timeout)
{
	if (polls++ == 0) {
		if (come < coming.size)
			deliver(&connection, coming.at + come,
				coming.size - come);
		deliver_end(&connection);
	}
	return real_poll(fds, count, timeout);
}

static int reset_poll(struct pollfd *fds, nfds_t count, int timeout)
{
	if (polls++ == 0)
		deliver_reset(&connection);
	return real_poll(fds, count, timeout);
}

static volatile sig_atomic_t signals;

static void count_signal(int number)
{
	(void)number;
	signals++;
}

/* A signal that is pending is let in; then the next piece arrives. */
static int signal_poll(struct pollfd *fds, nfds_t count, int timeout)
{
	sigset_t none;

	if (polls > 0)
		return deliver_poll(fds, count, timeout);
	polls++;
	sigemptyset(&none);
	return ppoll(fds, count, NULL, &none);
}

/* Waits with poll(2) as told, after the first bytes have been looked at. */
static enum pp_received wait_with(int (*fake)(struct pollfd *, nfds_t, int),
				  int timeout, bool *interrupted,
				  struct pp_header *header)
{
	struct pp_receive receive;
	enum pp_received received;
	const int before = low_water();

	polls = 0;
	*interrupted = false;
	pp_receive_start(&receive, connection.server, PP_VERSION_BOTH);
	ck_assert_int_eq(pp_receive_step(&receive, false), PP_RECEIVED_MORE);
	fake_poll = fake;
	received = pp_receive_wait(&receive, timeout, interrupted);
	fake_poll = NULL;
	ck_assert_int_eq(low_water(), before);
	*header = receive.header;
	pp_receive_end(&receive);
	return received;
}

/* A connection, a header on its way, and its first bytes there already. */
static void begin(const char *text, size_t there)
{
	connection = connect_tcp();
	coming.size = 0;
	add_text(&coming, text);
	if (there > 0)
		deliver(&connection, coming.at, there);
	come = there;
}

static void begin_long(size_t size, size_t there)
{
	connection = connect_tcp();
	begin_v2(&coming, 0x21, 0x11);
	add_inet(&coming);
	add_bytes(&coming, "\x04", 1);
	add_bytes(&coming, (uint8_t[]){ (uint8_t)((size - 31) >> 8),
					(uint8_t)(size - 31) }, 2);
	add_fill(&coming, 'x', size - 31);
	end_v2(&coming);
	deliver(&connection, coming.at, there);
	come = there;
}

static const char line[] = "PROXY TCP4 192.0.2.1 192.0.2.2 1111 2222\r\n";

START_TEST(silence_is_no_header)
{
	struct pp_header header;
	bool interrupted;

	begin("", 0);
	ck_assert_int_eq(wait_with(count_poll, SOON, &interrupted, &header),
			 PP_RECEIVED_NONE);
	ck_assert(!interrupted);
	ck_assert_uint_eq(polls, 1);
	assert_left(&connection, NULL, 0);
	disconnect(&connection);
}
END_TEST

START_TEST(time_that_is_over_already)
{
	struct pp_header header;
	bool interrupted;

	begin(line, 20);
	ck_assert_int_eq(wait_with(NULL, 0, &interrupted, &header),
			 PP_RECEIVED_NONE);
	assert_left(&connection, line, 20);
	disconnect(&connection);
}
END_TEST

/* Half a header must not wake it again and again. */
START_TEST(half_a_header_is_none_and_is_slept_over)
{
	struct pp_header header;
	bool interrupted;

	begin(line, 20);
	ck_assert_int_eq(wait_with(count_poll, SOON, &interrupted, &header),
			 PP_RECEIVED_NONE);
	ck_assert_uint_eq(polls, 1);
	assert_left(&connection, line, 20);
	disconnect(&connection);
	begin_long(800, 500);
	ck_assert_int_eq(wait_with(count_poll, SOON, &interrupted, &header),
			 PP_RECEIVED_NONE);
	ck_assert_uint_eq(polls, 1);
	assert_left(&connection, coming.at, 500);
	disconnect(&connection);
}
END_TEST

START_TEST(half_a_long_header_is_malformed)
{
	struct pp_header header;
	bool interrupted;

	begin_long(5000, 4999);
	ck_assert_int_eq(wait_with(count_poll, SOON, &interrupted, &header),
			 PP_RECEIVED_MALFORMED);
	ck_assert_uint_eq(polls, 1);
	ck_assert_str_eq(header.reason, "ends early");
	disconnect(&connection);
}
END_TEST

START_TEST(a_header_that_comes_in_pieces)
{
	struct pp_header header;
	bool interrupted;

	for (piece = 1; piece < 45; piece++) {
		begin(line, 0);
		add_text(&coming, "data");
		ck_assert_int_eq(wait_with(deliver_poll, NEVER, &interrupted,
					   &header), PP_RECEIVED_HEADER);
		ck_assert(!interrupted);
		assert_address(&header.source, "192.0.2.1", 1111);
		assert_left(&connection, coming.at + strlen(line),
			    come - strlen(line));
		disconnect(&connection);
	}
}
END_TEST

START_TEST(a_long_header_that_comes_in_pieces)
{
	struct pp_header header;
	bool interrupted;

	for (piece = 100; piece < 3000; piece += 450) {
		begin_long(3000, 20);
		ck_assert_int_eq(wait_with(deliver_poll, NEVER, &interrupted,
					   &header), PP_RECEIVED_HEADER);
		ck_assert_uint_eq(header.length, 3000);
		assert_left(&connection, NULL, 0);
		disconnect(&connection);
	}
}
END_TEST

/* The answer is out with the byte that gives it. */
START_TEST(a_bad_line_is_not_waited_for)
{
	struct pp_header header;
	bool interrupted;

	begin("PROXY TCP4 192.0.2.x", 5);
	piece = 1;
	ck_assert_int_eq(wait_with(deliver_poll, NEVER, &interrupted, &header),
			 PP_RECEIVED_MALFORMED);
	ck_assert_uint_eq(come, coming.size);
	disconnect(&connection);
}
END_TEST

START_TEST(what_turns_out_to_be_none_is_not_waited_for)
{
	struct pp_header header;
	bool interrupted;

	begin("PROXIMITY", 4);
	piece = 1;
	ck_assert_int_eq(wait_with(deliver_poll, NEVER, &interrupted, &header),
			 PP_RECEIVED_NONE);
	assert_left(&connection, "PROXI", 5);
	disconnect(&connection);
}
END_TEST

START_TEST(the_end_comes_instead)
{
	struct pp_header header;
	bool interrupted;

	begin(line, 20);
	coming.size = 20;
	ck_assert_int_eq(wait_with(end_poll, NEVER, &interrupted, &header),
			 PP_RECEIVED_NONE);
	assert_left(&connection, line, 20);
	disconnect(&connection);
	begin("", 0);
	ck_assert_int_eq(wait_with(end_poll, NEVER, &interrupted, &header),
			 PP_RECEIVED_NONE);
	disconnect(&connection);
	begin_long(2000, 1000);
	coming.size = 1000;
	ck_assert_int_eq(wait_with(end_poll, NEVER, &interrupted, &header),
			 PP_RECEIVED_MALFORMED);
	disconnect(&connection);
}
END_TEST

/* A client that sends its request, closes for writing and reads on. */
START_TEST(the_rest_comes_with_the_end)
{
	struct pp_header header;
	bool interrupted;

	begin(line, 20);
	add_text(&coming, "data");
	ck_assert_int_eq(wait_with(end_poll, NEVER, &interrupted, &header),
			 PP_RECEIVED_HEADER);
	assert_left(&connection, "data", 4);
	disconnect(&connection);
	begin_long(2000, 1000);
	ck_assert_int_eq(wait_with(end_poll, NEVER, &interrupted, &header),
			 PP_RECEIVED_HEADER);
	assert_left(&connection, NULL, 0);
	disconnect(&connection);
}
END_TEST

START_TEST(a_reset_comes_instead)
{
	struct pp_header header;
	bool interrupted;

	begin("", 0);
	ck_assert_int_eq(wait_with(reset_poll, NEVER, &interrupted, &header),
			 PP_RECEIVED_NONE);
	disconnect(&connection);
	begin_long(2000, 1000);
	ck_assert_int_eq(wait_with(reset_poll, NEVER, &interrupted, &header),
			 PP_RECEIVED_MALFORMED);
	disconnect(&connection);
}
END_TEST

START_TEST(a_signal_does_not_end_it)
{
	struct sigaction action = { .sa_handler = count_signal }, old;
	struct pp_header header;
	bool interrupted;
	sigset_t set, before;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaction(SIGUSR1, &action, &old);
	sigprocmask(SIG_BLOCK, &set, &before);
	signals = 0;
	ck_assert_int_eq(raise(SIGUSR1), 0);
	begin(line, 20);
	piece = 100;
	ck_assert_int_eq(wait_with(signal_poll, NEVER, &interrupted, &header),
			 PP_RECEIVED_HEADER);
	ck_assert(interrupted);
	ck_assert_int_eq(signals, 1);
	assert_left(&connection, NULL, 0);
	sigprocmask(SIG_SETMASK, &before, NULL);
	sigaction(SIGUSR1, &old, NULL);
	disconnect(&connection);
}
END_TEST

/* What the program had set, and what it had not. */
START_TEST(the_low_water_mark_is_restored)
{
	struct pp_header header;
	bool interrupted;
	int mark = 7;

	begin(line, 20);
	ck_assert_int_eq(low_water(), 1);
	wait_with(NULL, SOON, &interrupted, &header);
	ck_assert_int_eq(low_water(), 1);
	ck_assert_int_eq(setsockopt(connection.server, SOL_SOCKET, SO_RCVLOWAT,
				    &mark, sizeof(mark)), 0);
	wait_with(NULL, SOON, &interrupted, &header);
	ck_assert_int_eq(low_water(), 7);
	disconnect(&connection);
}
END_TEST

Suite *pp_suite_receive_wait(void)
{
	Suite *suite = suite_create("receive_wait");

	ADD_TEST(suite, silence_is_no_header);
	ADD_TEST(suite, time_that_is_over_already);
	ADD_TEST(suite, half_a_header_is_none_and_is_slept_over);
	ADD_TEST(suite, half_a_long_header_is_malformed);
	ADD_TEST(suite, a_header_that_comes_in_pieces);
	ADD_TEST(suite, a_long_header_that_comes_in_pieces);
	ADD_TEST(suite, a_bad_line_is_not_waited_for);
	ADD_TEST(suite, what_turns_out_to_be_none_is_not_waited_for);
	ADD_TEST(suite, the_end_comes_instead);
	ADD_TEST(suite, the_rest_comes_with_the_end);
	ADD_TEST(suite, a_reset_comes_instead);
	ADD_TEST(suite, a_signal_does_not_end_it);
	ADD_TEST(suite, the_low_water_mark_is_restored);
	return suite;
}
