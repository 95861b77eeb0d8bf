/* SPDX-License-Identifier: ISC */
/* <proxyproto.h>: a header, read and written. */
#include <config.h>

#include "proxyproto.h"

#include "suites.h"
#include "support.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/* Parses bytes behind which nothing may be read. */
static int parse(const struct bytes *bytes, struct proxyproto_header *header)
{
	return proxyproto_parse(guarded(bytes->at, bytes->size), bytes->size,
				header);
}

/* What the address is, as the tests of the core have it. */
static union pp_address internal(const union proxyproto_address *address)
{
	union pp_address same;

	memset(&same, 0, sizeof(same));
	if (address->sa.sa_family == AF_INET)
		same.in = address->in;
	else if (address->sa.sa_family == AF_INET6)
		same.in6 = address->in6;
	else
		ck_assert_int_eq(address->sa.sa_family, AF_UNSPEC);
	return same;
}

static void assert_ends(const struct proxyproto_header *header,
			const char *source, const char *destination)
{
	union pp_address from = internal(&header->source);
	union pp_address to = internal(&header->destination);

	assert_address(&from, source, 1111);
	assert_address(&to, destination, 2222);
}

SUITE("api");

TEST(each_kind_is_told)
{
	static const struct {
		unsigned command, protocol;
		const char *source, *destination;
		enum proxyproto_transport transport;
	} rows[] = {
		{ 0x21, 0x11, "192.0.2.1", "192.0.2.2", PROXYPROTO_STREAM },
		{ 0x21, 0x12, "192.0.2.1", "192.0.2.2", PROXYPROTO_DGRAM },
		{ 0x21, 0x21, "2001:db8::1", "2001:db8::2", PROXYPROTO_STREAM },
		{ 0x21, 0x22, "2001:db8::1", "2001:db8::2", PROXYPROTO_DGRAM },
		{ 0x21, 0x10, NULL, NULL, PROXYPROTO_UNSPEC },
		{ 0x21, 0x01, NULL, NULL, PROXYPROTO_UNSPEC },
		{ 0x21, 0x00, NULL, NULL, PROXYPROTO_UNSPEC },
		{ 0x20, 0x11, NULL, NULL, PROXYPROTO_UNSPEC },
	};
	static struct bytes bytes;
	struct proxyproto_header header;

	for (size_t i = 0; i < COUNT(rows); i++) {
		memset(&header, 0xaa, sizeof(header));
		begin_v2(&bytes, rows[i].command, rows[i].protocol);
		if (rows[i].protocol >> 4 == 2)
			add_inet6(&bytes);
		else
			add_inet(&bytes);
		end_v2(&bytes);
		ck_assert_int_eq(parse(&bytes, &header), PROXYPROTO_COMPLETE);
		ck_assert_uint_eq(header.length, bytes.size);
		ck_assert_uint_eq(header.version, 2);
		ck_assert_int_eq(header.command, rows[i].command & 1
							 ? PROXYPROTO_PROXY
							 : PROXYPROTO_LOCAL);
		ck_assert_int_eq(header.transport, rows[i].transport);
		ck_assert_uint_eq(header.tlvs_length, 0);
		ck_assert_ptr_null(header.reason);
		assert_ends(&header, rows[i].source, rows[i].destination);
	}
}

TEST(unix_addresses_are_told)
{
	static struct bytes bytes;
	struct proxyproto_header header;

	begin_v2(&bytes, 0x21, 0x31);
	add_fill(&bytes, 'a', 108);
	add_text(&bytes, "/run/proxy");
	add_fill(&bytes, 0, 98);
	add_tlv(&bytes, 1, "h2", 2);
	end_v2(&bytes);
	ck_assert_int_eq(parse(&bytes, &header), PROXYPROTO_COMPLETE);
	ck_assert_int_eq(header.transport, PROXYPROTO_STREAM);
	ck_assert_int_eq(header.source.sa.sa_family, AF_UNIX);
	ck_assert_int_eq(header.destination.sa.sa_family, AF_UNIX);
	ck_assert_mem_eq(header.source.un.sun_path, bytes.at + 16, 108);
	ck_assert_mem_eq(header.destination.un.sun_path, bytes.at + 124, 108);
	ck_assert_uint_eq(header.tlvs_length, 5);
}

TEST(lines_are_told)
{
	static const struct {
		const char *line, *source, *destination;
	} rows[] = {
		{ "PROXY TCP4 192.0.2.1 192.0.2.2 1111 2222\r\n", "192.0.2.1",
		  "192.0.2.2" },
		{ "PROXY TCP6 2001:db8::1 2001:db8::2 1111 2222\r\n",
		  "2001:db8::1", "2001:db8::2" },
		{ "PROXY TCP6 2001:db8::1 192.0.2.2 1111 2222\r\n",
		  "2001:db8::1", "::ffff:192.0.2.2" },
		{ "PROXY TCP4 192.0.2.1 2001:db8::2 1111 2222\r\n",
		  "192.0.2.1", NULL },
		{ "PROXY UNKNOWN 192.0.2.1\r\n", NULL, NULL },
	};
	static struct bytes bytes;
	struct proxyproto_header header;

	for (size_t i = 0; i < COUNT(rows); i++) {
		bytes.size = 0;
		add_text(&bytes, rows[i].line);
		add_text(&bytes, "data");
		ck_assert_int_eq(parse(&bytes, &header), PROXYPROTO_COMPLETE);
		ck_assert_uint_eq(header.length, strlen(rows[i].line));
		ck_assert_uint_eq(header.version, 1);
		ck_assert_int_eq(header.command, PROXYPROTO_PROXY);
		ck_assert_int_eq(header.transport, rows[i].source == NULL
							   ? PROXYPROTO_UNSPEC
							   : PROXYPROTO_STREAM);
		ck_assert_uint_eq(header.tlvs_length, 0);
		assert_ends(&header, rows[i].source, rows[i].destination);
	}
}

/* The four outcomes, and what each of them tells beside. */
TEST(outcomes_are_told_apart)
{
	struct proxyproto_header header;

	ck_assert_int_eq(proxyproto_parse(NULL, 0, &header), PROXYPROTO_MORE);
	ck_assert_uint_eq(header.length, 1);
	ck_assert_int_eq(proxyproto_parse("PROX", 4, &header), PROXYPROTO_MORE);
	ck_assert_uint_eq(header.length, 5);
	ck_assert_ptr_null(header.reason);
	ck_assert_int_eq(proxyproto_parse("\r\n\r\n\0\r\nQUIT\n!\x11\0\x0c", 16,
					  &header), PROXYPROTO_MORE);
	ck_assert_uint_eq(header.length, 28);
	ck_assert_int_eq(proxyproto_parse("GET /", 5, &header),
			 PROXYPROTO_ABSENT);
	ck_assert_ptr_null(header.reason);
	ck_assert_int_eq(proxyproto_parse("PROXY TCP5", 10, &header),
			 PROXYPROTO_MALFORMED);
	ck_assert_str_eq(header.reason,
			 "protocol is not TCP4, TCP6, UNKNOWN");
}

TEST(each_result_has_its_text)
{
	for (int a = 1; a >= PROXYPROTO_SHORT - 1; a--) {
		ck_assert_uint_gt(strlen(proxyproto_strerror(a)), 0);
		for (int b = a - 1; b >= PROXYPROTO_SHORT; b--)
			ck_assert_str_ne(proxyproto_strerror(a),
					 proxyproto_strerror(b));
	}
	ck_assert_str_eq(proxyproto_strerror(PROXYPROTO_MALFORMED),
			 "malformed header");
	ck_assert_str_eq(proxyproto_strerror(1),
			 proxyproto_strerror(PROXYPROTO_SHORT - 1));
}

/* A header over TCP, of version 2. */
static struct proxyproto_header client(void)
{
	struct proxyproto_header header = {
		.version = 2,
		.command = PROXYPROTO_PROXY,
		.transport = PROXYPROTO_STREAM,
	};

	header.source.in = address_of("192.0.2.1", 1111).in;
	header.destination.in = address_of("192.0.2.2", 2222).in;
	return header;
}

static ssize_t format(const struct proxyproto_header *header)
{
	static uint8_t bytes[PROXYPROTO_V2_MAX];

	return proxyproto_format(header, bytes, sizeof(bytes));
}

TEST(headers_that_no_version_can_say)
{
	struct proxyproto_header header;

#define UNFIT(change)                                               \
	do {                                                        \
		header = client();                                  \
		ck_assert_int_gt(format(&header), 0);               \
		change;                                             \
		ck_assert_int_eq(format(&header), PROXYPROTO_UNFIT); \
	} while (0)
	UNFIT(header.version = 0);
	UNFIT(header.version = 3);
	UNFIT(header.command = (enum proxyproto_command)2);
	UNFIT(header.transport = PROXYPROTO_UNSPEC);
	UNFIT(header.transport = (enum proxyproto_transport)3);
	UNFIT(header.source.sa.sa_family = AF_UNSPEC);
	UNFIT(header.destination.sa.sa_family = AF_UNSPEC);
	UNFIT(header.source.sa.sa_family = AF_UNIX);
	UNFIT(header.source.sa.sa_family = AF_NETLINK;
	      header.destination.sa.sa_family = AF_NETLINK);
	UNFIT(header.version = 1; header.command = PROXYPROTO_LOCAL);
	UNFIT(header.version = 1; header.transport = PROXYPROTO_DGRAM);
	UNFIT(header.version = 1; header.tlvs = "\4\0"; header.tlvs_length = 3);
	UNFIT(header.version = 1; header.source.sa.sa_family = AF_UNIX;
	      header.destination.sa.sa_family = AF_UNIX);
	UNFIT(header.command = PROXYPROTO_LOCAL; header.tlvs = "\4\0";
	      header.tlvs_length = 3);
	UNFIT(header.tlvs = "\4\0\1"; header.tlvs_length = 3);
	UNFIT(header.tlvs = "\3\0\3\0\0\0"; header.tlvs_length = 6);
#undef UNFIT
}

TEST(tlvs_of_every_length)
{
	static uint8_t tlvs[PROXYPROTO_V2_MAX];
	struct proxyproto_header header = client();
	const size_t most = 65535 - 12;

	memset(tlvs, 'x', sizeof(tlvs));
	memcpy(tlvs, "\xea\xff\xff", 3);
	tlvs[1] = (uint8_t)((most - 3) >> 8);
	tlvs[2] = (uint8_t)(most - 3);
	header.tlvs = tlvs;
	header.tlvs_length = most;
	ck_assert_int_eq(format(&header), PROXYPROTO_V2_MAX);
	header.tlvs_length++;
	ck_assert_int_eq(format(&header), PROXYPROTO_UNFIT);
}

TEST(lines_without_addresses)
{
	struct proxyproto_header header;
	uint8_t bytes[64];

	memset(&header, 0, sizeof(header));
	header.version = 1;
	header.command = PROXYPROTO_PROXY;
	ck_assert_int_eq(proxyproto_format(&header, bytes, sizeof(bytes)), 15);
	ck_assert_mem_eq(bytes, "PROXY UNKNOWN\r\n", 15);
	ck_assert_int_eq(proxyproto_format(&header, bytes, 14),
			 PROXYPROTO_SHORT);
}

/* The endpoints of a health check are not told, whatever they are. */
TEST(local_is_sixteen_bytes)
{
	static const uint8_t local[] = "\r\n\r\n\0\r\nQUIT\n\x20\0\0";
	struct proxyproto_header header = client();
	uint8_t bytes[64];

	header.command = PROXYPROTO_LOCAL;
	ck_assert_int_eq(proxyproto_format(&header, bytes, sizeof(bytes)), 16);
	ck_assert_mem_eq(bytes, local, 16);
	ck_assert_int_eq(proxyproto_format(&header, bytes, 15),
			 PROXYPROTO_SHORT);
}

TEST(version_is_that_of_the_package)
{
	char text[32];

	snprintf(text, sizeof(text), "%d.%d.%d", PROXYPROTO_VERSION_MAJOR,
		 PROXYPROTO_VERSION_MINOR, PROXYPROTO_VERSION_PATCH);
	ck_assert_str_eq(text, PACKAGE_VERSION);
}
