/* SPDX-License-Identifier: ISC */
/* Taking a header off a TCP connection: not one byte too many or too few. */
#include <config.h>

#include "connection/clock.h"
#include "connection/receive.h"

#include "suites.h"
#include "support.h"

#include <string.h>
#include <sys/socket.h>

#define PATIENT 10000 /* milliseconds */

static const char payload[] = "EHLO client.example\r\n";

/* What one look at what has arrived comes to; the header then. */
static struct pp_header step_once(struct connection *connection,
				  enum pp_versions versions, bool last,
				  enum pp_received expected)
{
	struct pp_receive receive;
	struct pp_header header;

	pp_receive_start(&receive, connection->server, versions);
	ck_assert_int_eq(pp_receive_try(&receive, last, peeked), expected);
	header = receive.header;
	pp_receive_free(&receive);
	return header;
}

SUITE("receive");

TEST(each_valid_header_is_taken_exactly)
{
	struct connection connection = connect_tcp();
	static struct bytes stream;
	struct pp_header header;

	for (size_t n = 0; valid_header(n, &stream); n++) {
		const size_t length = stream.size;

		add_text(&stream, payload);
		deliver(&connection, stream.at, stream.size);
		header = step_once(&connection, PP_VERSION_BOTH, false,
				   PP_RECEIVED_HEADER);
		ck_assert_uint_eq(header.length, length);
		assert_left(&connection, payload, strlen(payload));
	}
	disconnect(&connection);
}

/* Delivers a header in two pieces, looking in between. */
static void take_split(struct connection *connection, struct bytes *stream,
		       size_t cut)
{
	const size_t length = stream->size;
	struct pp_receive receive;
	bool last;

	add_text(stream, payload);
	pp_receive_start(&receive, connection->server, PP_VERSION_BOTH);
	deliver(connection, stream->at, cut);
	HOLDS(pp_receive_try(&receive, false, peeked) == PP_RECEIVED_MORE,
	      "cut %zu", cut);
	HOLDS(receive.taken != NULL || receive.header.length > cut, "cut %zu",
	      cut);
	/* what is there already is not waited for again */
	HOLDS(!pp_receive_wait(&receive, pp_now_ms() + 1, &last) && last,
	      "cut %zu", cut);
	deliver(connection, stream->at + cut, stream->size - cut);
	HOLDS(pp_receive_wait(&receive, pp_now_ms() + PATIENT, &last) && !last,
	      "cut %zu", cut);
	HOLDS(pp_receive_try(&receive, false, peeked) == PP_RECEIVED_HEADER,
	      "cut %zu: %s", cut, receive.header.reason);
	ck_assert_uint_eq(receive.header.length, length);
	assert_left(connection, payload, strlen(payload));
	pp_receive_free(&receive);
	stream->size = length;
}

TEST(split_at_every_byte)
{
	struct connection connection = connect_tcp();
	static struct bytes stream;

	for (size_t n = 0; valid_header(n, &stream); n++)
		for (size_t cut = 1; cut < stream.size; cut++)
			if (cut < 40 || cut % 7 == 0 || cut + 20 > stream.size)
				take_split(&connection, &stream, cut);
	disconnect(&connection);
}

/* Delivers in pieces of a size, looking after each, and takes it whole. */
static void take_in_pieces(struct connection *connection,
			   const struct bytes *stream, size_t piece)
{
	struct pp_receive receive;
	size_t sent = 0;

	pp_receive_start(&receive, connection->server, PP_VERSION_BOTH);
	while (sent < stream->size) {
		const size_t left = stream->size - sent;
		const size_t now = left < piece ? left : piece;

		HOLDS(pp_receive_try(&receive, false, peeked) ==
			      PP_RECEIVED_MORE,
		      "%zu bytes of %zu", sent, stream->size);
		deliver(connection, stream->at + sent, now);
		sent += now;
	}
	deliver(connection, payload, strlen(payload));
	ck_assert_int_eq(pp_receive_try(&receive, false, peeked),
			 PP_RECEIVED_HEADER);
	ck_assert_uint_eq(receive.header.length, stream->size);
	assert_left(connection, payload, strlen(payload));
	pp_receive_free(&receive);
}

/* Of some middle length the kernel delays: bytes peeked at bring no ACK. */
TEST(segments_of_one_byte)
{
	struct connection connection = connect_tcp();
	static struct bytes stream;

	for (size_t n = 0; valid_header(n, &stream); n++)
		if (stream.size < 120 || stream.size > PP_RECEIVE_PEEK)
			take_in_pieces(&connection, &stream, 1);
	disconnect(&connection);
}

TEST(long_headers_in_pieces)
{
	static const size_t lengths[] = { 535, 536, 537, 1023, 1024, 1025,
					  2048, 16400, 65550, 65551 };
	static const size_t pieces[] = { 15, 16, 17, 535, 536, 537, 1460,
					 30000 };
	struct connection connection = connect_tcp();
	static struct bytes stream;

	for (size_t i = 0; i < COUNT(lengths); i++)
		for (size_t p = 0; p < COUNT(pieces); p++) {
			/* thousands of pieces show no more than hundreds */
			if (lengths[i] / pieces[p] > 1200)
				continue;
			long_v2(&stream, lengths[i]);
			take_in_pieces(&connection, &stream, pieces[p]);
		}
	disconnect(&connection);
}

/* Where MSG_TRUNC means nothing the header is taken off all the same. */
TEST(a_socket_pair)
{
	struct connection connection;
	static struct bytes stream;
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	connection = (struct connection){ .client = fds[0], .server = fds[1] };
	for (size_t length = 1023; length <= 1026; length++) {
		long_v2(&stream, length);
		add_text(&stream, payload);
		deliver(&connection, stream.at, stream.size);
		step_once(&connection, PP_VERSION_BOTH, false,
			  PP_RECEIVED_HEADER);
		assert_left(&connection, payload, strlen(payload));
	}
	disconnect(&connection);
}

TEST(the_longest_header_at_once)
{
	struct connection connection = connect_tcp();
	int room = 4 << 20;
	static struct bytes stream;
	struct pp_header header;

	setsockopt(connection.server, SOL_SOCKET, SO_RCVBUF, &room,
		   sizeof(room));
	long_v2(&stream, PP_V2_MAX);
	add_text(&stream, payload);
	deliver(&connection, stream.at, stream.size);
	header = step_once(&connection, PP_VERSION_BOTH, false,
			   PP_RECEIVED_HEADER);
	assert_address(&header.source, "192.0.2.1", 1111);
	assert_left(&connection, payload, strlen(payload));
	disconnect(&connection);
}

/* Nothing is taken before 16 bytes have proved that it is a header. */
TEST(a_long_header_is_taken_from_16_bytes_on)
{
	struct connection connection = connect_tcp();
	static struct bytes stream;
	struct pp_receive receive;

	long_v2(&stream, PP_RECEIVE_PEEK + 1);
	pp_receive_start(&receive, connection.server, PP_VERSION_BOTH);
	deliver(&connection, stream.at, 15);
	ck_assert_int_eq(pp_receive_try(&receive, false, peeked),
			 PP_RECEIVED_MORE);
	ck_assert_uint_eq(receive.header.length, 16);
	ck_assert_ptr_null(receive.taken);
	deliver(&connection, stream.at + 15, 1);
	ck_assert_int_eq(pp_receive_try(&receive, false, peeked),
			 PP_RECEIVED_MORE);
	ck_assert_uint_eq(receive.header.length, PP_RECEIVE_PEEK + 1 - 16);
	ck_assert_ptr_nonnull(receive.taken);
	assert_left(&connection, NULL, 0);
	pp_receive_free(&receive);
	disconnect(&connection);
}

/* The longest that is not taken in pieces: all of it stays, or none. */
TEST(a_header_that_fits_a_look_stays_until_it_is_whole)
{
	struct connection connection = connect_tcp();
	static struct bytes stream;
	struct pp_receive receive;

	long_v2(&stream, PP_RECEIVE_PEEK);
	pp_receive_start(&receive, connection.server, PP_VERSION_BOTH);
	deliver(&connection, stream.at, PP_RECEIVE_PEEK - 1);
	ck_assert_int_eq(pp_receive_try(&receive, false, peeked),
			 PP_RECEIVED_MORE);
	ck_assert_uint_eq(receive.header.length, PP_RECEIVE_PEEK);
	ck_assert_int_eq(pp_receive_try(&receive, true, peeked),
			 PP_RECEIVED_NONE);
	assert_left(&connection, stream.at, PP_RECEIVE_PEEK - 1);
	pp_receive_free(&receive);
	disconnect(&connection);
}

/* Sends size bytes and an end; a header that is not whole is none. */
static void end_after(const struct bytes *stream, size_t size)
{
	struct connection connection = connect_tcp();
	struct pp_receive receive;
	const bool taken = stream->size > PP_RECEIVE_PEEK && size >= 16;

	if (size > 0)
		deliver(&connection, stream->at, size);
	deliver_end(&connection);
	pp_receive_start(&receive, connection.server, PP_VERSION_BOTH);
	if (size > 0 && !taken)
		HOLDS(pp_receive_try(&receive, false, peeked) ==
			      PP_RECEIVED_MORE,
		      "%zu bytes", size);
	HOLDS(pp_receive_try(&receive, true, peeked) ==
		      (taken ? PP_RECEIVED_MALFORMED : PP_RECEIVED_NONE),
	      "%zu bytes", size);
	assert_left(&connection, stream->at, taken ? 0 : size);
	pp_receive_free(&receive);
	disconnect(&connection);
}

TEST(end_of_file_at_each_prefix)
{
	static const char *const lines[] = {
		"PROXY TCP4 192.0.2.1 192.0.2.2 1111 2222\r\n",
		"PROXY UNKNOWN\r\n",
	};
	static struct bytes stream;

	for (size_t i = 0; i < COUNT(lines); i++) {
		stream.size = 0;
		add_text(&stream, lines[i]);
		for (size_t size = 0; size < stream.size; size++)
			end_after(&stream, size);
	}
	begin_v2(&stream, 0x21, 0x21);
	add_inet6(&stream);
	end_v2_with_crc(&stream, 0);
	for (size_t size = 0; size < stream.size; size++)
		end_after(&stream, size);
	long_v2(&stream, 1030);
	for (size_t size = 0; size < stream.size;
	     size += size < 40 || size > 1000 ? 1 : 49)
		end_after(&stream, size);
}

TEST(end_of_file_behind_a_header_is_no_matter)
{
	static struct bytes stream;
	struct pp_header header;

	for (size_t n = 0; valid_header(n, &stream); n++) {
		struct connection connection = connect_tcp();

		deliver(&connection, stream.at, stream.size);
		deliver_end(&connection);
		header = step_once(&connection, PP_VERSION_BOTH, n % 2,
				   PP_RECEIVED_HEADER);
		ck_assert_uint_eq(header.length, stream.size);
		assert_left(&connection, NULL, 0);
		disconnect(&connection);
	}
}

TEST(nothing_yet)
{
	struct connection connection = connect_tcp();
	struct pp_header header;

	header = step_once(&connection, PP_VERSION_BOTH, false,
			   PP_RECEIVED_MORE);
	ck_assert_uint_eq(header.length, 1);
	step_once(&connection, PP_VERSION_BOTH, true, PP_RECEIVED_NONE);
	disconnect(&connection);
}

TEST(what_is_no_header_stays)
{
	static const char *const texts[] = {
		"GET / HTTP/1.1\r\n\r\n", "\r\n", "P", "PROX", "\n", "PRI * HTTP",
	};

	for (size_t i = 0; i < COUNT(texts); i++) {
		struct connection connection = connect_tcp();

		deliver(&connection, texts[i], strlen(texts[i]));
		step_once(&connection, PP_VERSION_BOTH, true, PP_RECEIVED_NONE);
		assert_left(&connection, texts[i], strlen(texts[i]));
		disconnect(&connection);
	}
}

/* Nor is it waited for: the first byte tells. */
TEST(a_version_that_is_switched_off_stays)
{
	struct connection connection = connect_tcp();
	static const enum pp_versions others[] = { PP_VERSION_2, PP_VERSION_1 };
	static struct bytes stream[2];

	stream[0].size = 0;
	add_text(&stream[0], "PROXY TCP4 192.0.2.1 192.0.2.2 1111 2222\r\n");
	inet_v2(&stream[1]);
	for (size_t i = 0; i < 2; i++)
		for (size_t size = 1; size <= stream[i].size; size++) {
			deliver(&connection, stream[i].at, size);
			step_once(&connection, others[i], false,
				  PP_RECEIVED_NONE);
			step_once(&connection, PP_VERSION_NONE, false,
				  PP_RECEIVED_NONE);
			assert_left(&connection, stream[i].at, size);
		}
	disconnect(&connection);
}

TEST(malformed_is_told_with_its_reason)
{
	static struct bytes stream;
	struct pp_header header;

	for (int kind = 0; kind < 4; kind++) {
		struct connection connection = connect_tcp();

		long_v2(&stream, 1500);
		if (kind == 0)		/* before anything is taken */
			stream.at[12] = 0x11;
		else if (kind == 1)	/* when all of it is */
			stream.at[29] = 0xff;
		else if (kind == 2)	/* short enough to be looked at */
			set_length(&stream, 11);
		else
			memcpy(stream.at, "PROXY UDP4 192.0.2.1 ", 21);
		deliver(&connection, stream.at, stream.size);
		header = step_once(&connection, PP_VERSION_BOTH, false,
				   PP_RECEIVED_MALFORMED);
		ck_assert_ptr_nonnull(header.reason);
		assert_address(&header.source, NULL, 0);
		disconnect(&connection);
	}
}

TEST(a_reset_is_dropped)
{
	struct connection connection = connect_tcp();
	struct pp_header header;

	deliver_reset(&connection);
	header = step_once(&connection, PP_VERSION_BOTH, false,
			   PP_RECEIVED_MALFORMED);
	ck_assert_str_eq(header.reason, "reset by the client");
	disconnect(&connection);
}

/* Bytes were taken: this must not reach the application as data. */
TEST(a_reset_within_a_long_header_is_malformed)
{
	struct connection connection = connect_tcp();
	static struct bytes stream;
	struct pp_receive receive;

	long_v2(&stream, 3000);
	pp_receive_start(&receive, connection.server, PP_VERSION_BOTH);
	deliver(&connection, stream.at, 2999);
	ck_assert_int_eq(pp_receive_try(&receive, false, peeked),
			 PP_RECEIVED_MORE);
	deliver_reset(&connection);
	ck_assert_int_eq(pp_receive_try(&receive, false, peeked),
			 PP_RECEIVED_MALFORMED);
	ck_assert_str_eq(receive.header.reason, "ends early");
	pp_receive_free(&receive);
	disconnect(&connection);
}

TEST(what_cannot_be_read_is_refused)
{
	struct connection none = { .client = -1, .server = -1 };
	struct pp_header header;

	header = step_once(&none, PP_VERSION_BOTH, false,
			   PP_RECEIVED_MALFORMED);
	ck_assert_str_eq(header.reason, "it cannot be read");
}

TEST(the_end_gives_the_memory_back)
{
	struct connection connection = connect_tcp();
	static struct bytes stream;
	struct pp_receive receive;
	const size_t before = mapped_bytes;

	long_v2(&stream, 5000);
	deliver(&connection, stream.at, 20);
	pp_receive_start(&receive, connection.server, PP_VERSION_BOTH);
	ck_assert_int_eq(pp_receive_try(&receive, false, peeked),
			 PP_RECEIVED_MORE);
	ck_assert_uint_eq(mapped_bytes, before + 5000);
	pp_receive_free(&receive);
	ck_assert_uint_eq(mapped_bytes, before);
	pp_receive_free(&receive);
	ck_assert_uint_eq(mapped_bytes, before);
	disconnect(&connection);
}
