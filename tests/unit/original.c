/* SPDX-License-Identifier: ISC */
/* Each defect of the original libproxyproto in taking headers, by name. */
#include <config.h>

#include "connection/receive.h"

#include "suites.h"
#include "support.h"

#include <string.h>

static const char payload[] = "payload";

/* Receives what a client sends in one piece. The connection stays open. */
static enum pp_received receive(struct connection *connection,
				const struct bytes *stream,
				enum pp_versions versions,
				struct pp_header *header)
{
	struct pp_receive receiving;
	enum pp_received received;

	*connection = connect_tcp();
	deliver(connection, stream->at, stream->size);
	pp_receive_start(&receiving, connection->server, versions);
	received = pp_receive_step(&receiving, true, peeked);
	*header = receiving.header;
	pp_receive_end(&receiving);
	return received;
}

static enum pp_received receive_line(struct connection *connection,
				     const char *line, struct pp_header *header)
{
	static struct bytes stream;

	stream.size = 0;
	add_text(&stream, line);
	add_text(&stream, payload);
	return receive(connection, &stream, PP_VERSION_BOTH, header);
}

SUITE("original");

TEST(original_v1_tcp6_never_yields_the_client)
{
	struct connection connection;
	struct pp_header header;

	ck_assert_int_eq(receive_line(&connection,
				      "PROXY TCP6 2001:db8::1 2001:db8::2 "
				      "1111 2222\r\n", &header),
			 PP_RECEIVED_HEADER);
	assert_address(&header.source, "2001:db8::1", 1111);
	assert_address(&header.destination, "2001:db8::2", 2222);
	assert_left(&connection, payload, strlen(payload));
	disconnect(&connection);
}

TEST(original_v1_tcp6_damages_the_text_it_parses)
{
	static const char line[] = "PROXY TCP6 2001:db8::1 2001:db8::2 "
				   "1111 2222\r\npayload";
	char text[sizeof(line)];
	struct pp_header header;

	memcpy(text, line, sizeof(line));
	for (size_t size = 0; size < sizeof(line); size++) {
		pp_header_parse(text, size, PP_VERSION_BOTH, &header);
		ck_assert_mem_eq(text, line, sizeof(line));
	}
}

TEST(original_bad_line_leaves_a_half_spoofed_address)
{
	static const char *const lines[] = {
		"PROXY TCP4 198.51.100.1 bad 1111 2222\r\n",
		"PROXY TCP4 198.51.100.1 198.51.100.2 bad 2222\r\n",
		"PROXY TCP4 198.51.100.1 198.51.100.2 1111 bad\r\n",
		"PROXY TCP4 198.51.100.1 198.51.100.2 1111 2222 bad\r\n",
		"PROXY TCP6 2001:db8::1 bad 1111 2222\r\n",
		"PROXY TCP6 2001:db8::1 2001:db8::2 1111 bad\r\n",
	};
	struct connection connection;
	struct pp_header header;

	for (size_t i = 0; i < COUNT(lines); i++) {
		ck_assert_int_eq(receive_line(&connection, lines[i], &header),
				 PP_RECEIVED_MALFORMED);
		assert_address(&header.source, NULL, 0);
		assert_address(&header.destination, NULL, 0);
		disconnect(&connection);
	}
}

/* It read the address out of the payload, or out of its own stack. */
TEST(original_v2_length_not_checked_against_family)
{
	static const struct {
		unsigned protocol;
		size_t least;
	} rows[] = { { 0x11, 12 }, { 0x21, 36 }, { 0x31, 216 } };
	static struct bytes stream;
	struct connection connection;
	struct pp_header header;

	for (size_t i = 0; i < COUNT(rows); i++)
		for (size_t length = 0; length < rows[i].least;
		     length += length + 5 < rows[i].least ? 5 : 1) {
			begin_v2(&stream, 0x21, rows[i].protocol);
			add_fill(&stream, 1, length);
			end_v2(&stream);
			/* with a payload that would do for the rest, and not */
			add_fill(&stream, 'p', length % 2 ? 300 : 0);
			ck_assert_int_eq(receive(&connection, &stream,
						 PP_VERSION_BOTH, &header),
					 PP_RECEIVED_MALFORMED);
			assert_address(&header.source, NULL, 0);
			disconnect(&connection);
		}
}

TEST(original_headers_over_232_bytes_leak_to_the_application)
{
	static const size_t vectors[] = { 201, 202, 233, 990, 1000, 30000 };
	static struct bytes stream;
	struct connection connection;
	struct pp_header header;

	for (size_t i = 0; i < COUNT(vectors); i++) {
		begin_v2(&stream, 0x21, 0x11);
		add_inet(&stream);
		add_bytes(&stream, "\x04", 1);
		add_bytes(&stream, (uint8_t[]){ (uint8_t)(vectors[i] >> 8),
						(uint8_t)vectors[i] }, 2);
		add_fill(&stream, 'T', vectors[i]);
		end_v2(&stream);
		add_text(&stream, payload);
		ck_assert_int_eq(receive(&connection, &stream, PP_VERSION_BOTH,
					 &header), PP_RECEIVED_HEADER);
		ck_assert_uint_eq(header.length, 31 + vectors[i]);
		assert_address(&header.source, "192.0.2.1", 1111);
		assert_left(&connection, payload, strlen(payload));
		disconnect(&connection);
	}
}

TEST(original_split_header_counts_as_absent)
{
	static const char line[] = "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n";
	struct connection connection = connect_tcp();
	struct pp_receive receiving;

	for (size_t cut = 1; cut < strlen(line); cut++) {
		pp_receive_start(&receiving, connection.server,
				 PP_VERSION_BOTH);
		deliver(&connection, line, cut);
		ck_assert_int_eq(pp_receive_step(&receiving, false, peeked),
				 PP_RECEIVED_MORE);
		deliver(&connection, line + cut, strlen(line) - cut);
		deliver(&connection, payload, strlen(payload));
		ck_assert_int_eq(pp_receive_step(&receiving, false, peeked),
				 PP_RECEIVED_HEADER);
		assert_address(&receiving.header.source, "192.0.2.1", 1);
		pp_receive_end(&receiving);
		assert_left(&connection, payload, strlen(payload));
	}
	disconnect(&connection);
}

TEST(original_port_0_refused)
{
	static struct bytes stream;
	struct connection connection;
	struct pp_header header;

	ck_assert_int_eq(receive_line(&connection,
				      "PROXY TCP4 192.0.2.1 192.0.2.2 0 0\r\n",
				      &header), PP_RECEIVED_HEADER);
	assert_address(&header.source, "192.0.2.1", 0);
	assert_address(&header.destination, "192.0.2.2", 0);
	disconnect(&connection);
	begin_v2(&stream, 0x21, 0x11);
	add_inet(&stream);
	end_v2(&stream);
	memset(stream.at + 24, 0, 4);
	ck_assert_int_eq(receive(&connection, &stream, PP_VERSION_BOTH,
				 &header), PP_RECEIVED_HEADER);
	assert_address(&header.source, "192.0.2.1", 0);
	assert_address(&header.destination, "192.0.2.2", 0);
	disconnect(&connection);
}

TEST(original_extra_words_accepted)
{
	static const char *const lines[] = {
		"PROXY TCP4 192.0.2.1 192.0.2.2 1111 2222 3333\r\n",
		"PROXY TCP4 192.0.2.1 192.0.2.2 1111 2222 \r\n",
		"PROXY TCP6 ::1 ::2 1111 2222 extra words\r\n",
	};
	struct connection connection;
	struct pp_header header;

	for (size_t i = 0; i < COUNT(lines); i++) {
		ck_assert_int_eq(receive_line(&connection, lines[i], &header),
				 PP_RECEIVED_MALFORMED);
		disconnect(&connection);
	}
}

TEST(original_switched_off_version_is_still_eaten)
{
	static const enum pp_versions others[] = { PP_VERSION_2, PP_VERSION_1 };
	static struct bytes stream[2];
	struct connection connection;
	struct pp_header header;

	stream[0].size = 0;
	add_text(&stream[0], "PROXY TCP4 192.0.2.1 192.0.2.2 1111 2222\r\n");
	add_text(&stream[0], payload);
	begin_v2(&stream[1], 0x21, 0x11);
	add_inet(&stream[1]);
	end_v2(&stream[1]);
	add_text(&stream[1], payload);
	for (size_t i = 0; i < 2; i++) {
		ck_assert_int_eq(receive(&connection, &stream[i], others[i],
					 &header), PP_RECEIVED_NONE);
		assert_address(&header.source, NULL, 0);
		assert_left(&connection, stream[i].at, stream[i].size);
		disconnect(&connection);
		ck_assert_int_eq(receive(&connection, &stream[i],
					 PP_VERSION_NONE, &header),
				 PP_RECEIVED_NONE);
		assert_left(&connection, stream[i].at, stream[i].size);
		disconnect(&connection);
	}
}
