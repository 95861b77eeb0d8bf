/* SPDX-License-Identifier: ISC */
/* What becomes of a connection. */
#include <config.h>

#include "connection/admission.h"

#include "suites.h"
#include "support.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct connection connection;
static struct pp_settings settings;
static struct pp_receive receive;
static unsigned asked_names;
static int failing;	/* what recv(2) fails with, if not 0 */
static in_port_t port;

static int get_name(int fd, struct sockaddr *address, socklen_t *length)
{
	asked_names++;
	(void)fd;
	if (port == 0) {
		errno = ENOBUFS;
		return -1;
	}
	memset(address, 0, *length);
	address->sa_family = AF_INET;
	((struct sockaddr_in *)(void *)address)->sin_port = htons(port);
	*length = sizeof(struct sockaddr_in);
	return 0;
}

static unsigned received;

static ssize_t get_bytes(int fd, void *bytes, size_t size, int flags)
{
	received++;
	if (failing != 0) {
		errno = failing;
		return -1;
	}
	return real_recv(fd, bytes, size, flags);
}

static void set(const char *name, const char *value)
{
	struct pp_settings_error error = { .text = "" };

	take_setting(pp_server_settings, name, value, &settings, &error);
	ck_assert_str_eq(error.text, "");
}

static void begin(void)
{
	connection = connect_tcp();
	pp_settings_defaults(pp_server_settings, &settings);
	asked_names = received = 0;
	failing = 0;
	port = 80;
	fake_getsockname = get_name;
	fake_recv = get_bytes;
}

static void end(void)
{
	fake_getsockname = NULL;
	fake_recv = NULL;
	pp_receive_free(&receive);
	disconnect(&connection);
}

static struct pp_decision judge(const char *peer)
{
	union pp_address address = address_of(peer, 4711);

	return pp_admission_judge(&settings, &address, connection.server,
				  &receive, peeked);
}

static void check(const char *peer, enum pp_admission admission,
		  const char *reason)
{
	struct pp_decision decision = judge(peer);

	ck_assert_int_eq(decision.admission, admission);
	if (reason == NULL)
		ck_assert_ptr_null(decision.reason);
	else
		ck_assert_str_eq(decision.reason, reason);
}

static const char line[] = "PROXY TCP4 192.0.2.1 192.0.2.2 1111 2222\r\n";

SUITE_AROUND("admission", begin, end);

TEST(header)
{
	deliver(&connection, line, strlen(line));
	deliver(&connection, "data", 4);
	check("127.0.0.1", PP_ADMIT_HEADER, NULL);
	assert_address(&receive.header.source, "192.0.2.1", 1111);
	assert_left(&connection, "data", 4);
	ck_assert_uint_eq(received, 2);
	ck_assert_uint_eq(asked_names, 0);
}

TEST(none)
{
	deliver(&connection, "GET /", 5);
	check("127.0.0.1", PP_ADMIT_BARE, "no header");
	set("MUST_USE_PROTOCOL_HEADER", "1");
	check("127.0.0.1", PP_ADMIT_REFUSED, "no header");
	assert_left(&connection, "GET /", 5);
}

TEST(malformed)
{
	deliver(&connection, "PROXY nonsense\r\n", 16);
	ck_assert_int_eq(judge("127.0.0.1").admission, PP_ADMIT_REFUSED);
	ck_assert_ptr_nonnull(judge("127.0.0.1").reason);
}

TEST(half)
{
	check("127.0.0.1", PP_ADMIT_WAIT, "header not whole");
	deliver(&connection, line, 10);
	check("127.0.0.1", PP_ADMIT_WAIT, "header not whole");
	deliver(&connection, line + 10, strlen(line) - 10);
	ck_assert_int_eq(pp_admission_judge_received(
				 &settings, &receive,
				 pp_receive_try(&receive, false, peeked))
				 .admission,
			 PP_ADMIT_HEADER);
	receive.is_overdue = true;
	ck_assert_str_eq(pp_admission_judge_received(&settings, &receive,
						     PP_RECEIVED_NONE)
				 .reason,
			 "its time was up");
}

/* Not one byte is looked at. */
TEST(not_trusted)
{
	set("TRUSTED", "10.0.0.0/8");
	deliver(&connection, line, strlen(line));
	check("127.0.0.1", PP_ADMIT_BARE, "not trusted");
	set("MUST_USE_PROTOCOL_HEADER", "1");
	check("127.0.0.1", PP_ADMIT_REFUSED, "not trusted");
	ck_assert_uint_eq(received + asked_names, 0);
	check("10.1.2.3", PP_ADMIT_HEADER, NULL);
}

TEST(ports)
{
	set("PORTS", "80 443");
	set("TRUSTED", "10.0.0.0/8");
	deliver(&connection, line, strlen(line));
	/* it would not matter */
	check("127.0.0.1", PP_ADMIT_BARE, "not trusted");
	ck_assert_uint_eq(asked_names, 0);
	port = 81;
	check("10.1.2.3", PP_ADMIT_OTHER_PORT, NULL);
	ck_assert_uint_eq(asked_names, 1);
	set("MUST_USE_PROTOCOL_HEADER", "1");
	check("127.0.0.1", PP_ADMIT_OTHER_PORT, NULL);
	port = 0;
	check("10.1.2.3", PP_ADMIT_OTHER_PORT, NULL);
	ck_assert_uint_eq(received, 0);
	port = 443;
	check("127.0.0.1", PP_ADMIT_REFUSED, "not trusted");
	check("10.1.2.3", PP_ADMIT_HEADER, NULL);
}

/* Of a Unix socket, neither TRUSTED nor PORTS is asked. */
TEST(unix_sockets)
{
	const union pp_address peer = { .sa.sa_family = AF_UNIX };
	int ends[2];

	set("PORTS", "80");
	set("TRUSTED", "10.0.0.0/8");
	port = 81;
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	send(ends[1], "GET /", 5, 0);
	ck_assert_int_eq(pp_admission_judge(&settings, &peer, ends[0], &receive,
					    peeked).admission, PP_ADMIT_BARE);
	set("MUST_USE_PROTOCOL_HEADER", "1");
	ck_assert_int_eq(pp_admission_judge(&settings, &peer, ends[0], &receive,
					    peeked).admission,
			 PP_ADMIT_REFUSED);
	recv(ends[0], peeked, 5, 0);
	send(ends[1], line, 10, 0);
	ck_assert_int_eq(pp_admission_judge(&settings, &peer, ends[0], &receive,
					    peeked).admission, PP_ADMIT_WAIT);
	send(ends[1], line + 10, strlen(line) - 10, 0);
	ck_assert_int_eq(pp_admission_judge(&settings, &peer, ends[0], &receive,
					    peeked).admission, PP_ADMIT_HEADER);
	ck_assert_uint_eq(asked_names, 0);
	close(ends[0]);
	close(ends[1]);
}

/* What cannot be looked at may have a header: the peer is not the client. */
TEST(unreadable)
{
	static const struct {
		int error;
		const char *reason;
	} cases[] = {
		{ ECONNRESET, "reset by the client" },
		{ ETIMEDOUT, "it cannot be read" },
		{ EACCES, "it cannot be read" },
		{ ENOMEM, "it cannot be read" },
		{ ENOSYS, "it cannot be read" },
	};

	deliver(&connection, line, strlen(line));
	for (size_t i = 0; i < COUNT(cases); i++) {
		failing = cases[i].error;
		check("127.0.0.1", PP_ADMIT_REFUSED, cases[i].reason);
	}
	failing = EAGAIN;
	check("127.0.0.1", PP_ADMIT_WAIT, "header not whole");
	/* nobody looks */
	failing = EACCES;
	set("TRUSTED", "10.0.0.0/8");
	check("127.0.0.1", PP_ADMIT_BARE, "not trusted");
}
