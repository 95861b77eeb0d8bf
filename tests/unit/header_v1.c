/* SPDX-License-Identifier: ISC */
/* The line of version 1: what it yields, and how strict it is. */
#include <config.h>

#include "protocol/header.h"

#include "suites.h"
#include "support.h"

#include <stdio.h>
#include <string.h>

static enum pp_verdict parse(const struct bytes *bytes,
			     struct pp_header *header)
{
	return pp_header_parse(guarded(bytes->at, bytes->size), bytes->size,
			       PP_VERSION_BOTH, header);
}

static enum pp_verdict parse_line(const char *line, struct pp_header *header)
{
	static struct bytes bytes;

	bytes.size = 0;
	add_text(&bytes, line);
	return parse(&bytes, header);
}

SUITE("header_v1");

TEST(addresses_and_ports_of_good_lines)
{
	static const struct {
		const char *line, *source, *destination;
		unsigned source_port, destination_port, protocol;
	} rows[] = {
		{ "PROXY TCP4 192.0.2.1 192.0.2.2 1111 2222\r\n",
		  "192.0.2.1", "192.0.2.2", 1111, 2222, 0x11 },
		{ "PROXY TCP4 0.0.0.0 255.255.255.255 0 65535\r\n",
		  "0.0.0.0", "255.255.255.255", 0, 65535, 0x11 },
		{ "PROXY TCP4 10.200.30.4 1.1.1.1 1 9\r\n",
		  "10.200.30.4", "1.1.1.1", 1, 9, 0x11 },
		{ "PROXY TCP6 2001:db8::1 2001:DB8:0:0::2 65534 10\r\n",
		  "2001:db8::1", "2001:db8::2", 65534, 10, 0x21 },
		{ "PROXY TCP6 :: ::1 0 0\r\n", "::", "::1", 0, 0, 0x21 },
		{ "PROXY TCP6 1:: 1:2:3:4:5:6:7:8 1 2\r\n",
		  "1::", "1:2:3:4:5:6:7:8", 1, 2, 0x21 },
		{ "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
		  " ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
		  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		  65535, 65535, 0x21 },
		{ "PROXY TCP6 0000:0000:0000:0000:0000:ffff:255.255.255.255"
		  " ::ffff:192.0.2.1 1 2\r\n",
		  "::ffff:255.255.255.255", "::ffff:192.0.2.1", 1, 2, 0x21 },
		/* a destination of the other family, as nginx may write it */
		{ "PROXY TCP6 2001:db8::1 192.0.2.2 1111 2222\r\n",
		  "2001:db8::1", "::ffff:192.0.2.2", 1111, 2222, 0x21 },
		{ "PROXY TCP4 192.0.2.1 ::ffff:192.0.2.2 1111 2222\r\n",
		  "192.0.2.1", "192.0.2.2", 1111, 2222, 0x11 },
		{ "PROXY TCP4 192.0.2.1 ::ffff:c000:202 1111 0\r\n",
		  "192.0.2.1", "192.0.2.2", 1111, 0, 0x11 },
		{ "PROXY TCP4 192.0.2.1 2001:db8::2 1111 65535\r\n",
		  "192.0.2.1", NULL, 1111, 0, 0x11 },
		{ "PROXY TCP4 255.255.255.255"
		  " ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
		  "255.255.255.255", NULL, 65535, 0, 0x11 },
		{ "PROXY TCP4 192.0.2.1 ::192.0.2.2 1111 2222\r\n",
		  "192.0.2.1", NULL, 1111, 0, 0x11 },
		{ "PROXY UNKNOWN\r\n", NULL, NULL, 0, 0, 0 },
		{ "PROXY UNKNOWN 192.0.2.1 192.0.2.2 1111 2222\r\n",
		  NULL, NULL, 0, 0, 0 },
		{ "PROXY UNKNOWN   \t, PROXY TCP4 1.1.1.1\r\n",
		  NULL, NULL, 0, 0, 0 },
	};
	struct pp_header header;

	for (size_t i = 0; i < COUNT(rows); i++) {
		ck_assert_int_eq(parse_line(rows[i].line, &header),
				 PP_HEADER_COMPLETE);
		ck_assert_uint_eq(header.length, strlen(rows[i].line));
		ck_assert_uint_eq(header.version, 1);
		ck_assert_int_eq(header.command, PP_COMMAND_PROXY);
		ck_assert_uint_eq(header.protocol, rows[i].protocol);
		ck_assert_uint_eq(header.tlv_length, 0);
		assert_address(&header.source, rows[i].source,
			       rows[i].source_port);
		assert_address(&header.destination, rows[i].destination,
			       rows[i].destination_port);
	}
}

/* Every line that fits is taken: 107 bytes with CRLF, 15 being the least. */
TEST(unknown_with_text_up_to_107_bytes)
{
	static struct bytes line;
	struct pp_header header;

	for (size_t size = 15; size <= 120; size++) {
		line.size = 0;
		add_text(&line, "PROXY UNKNOWN");
		add_fill(&line, ' ', size > 15);
		add_fill(&line, 'x', size - 2 - line.size);
		add_text(&line, "\r\n");
		ck_assert_uint_eq(line.size, size);
		if (size <= 107) {
			ck_assert_int_eq(parse(&line, &header),
					 PP_HEADER_COMPLETE);
			ck_assert_uint_eq(header.length, size);
		} else {
			ck_assert_int_eq(parse(&line, &header),
					 PP_HEADER_MALFORMED);
		}
	}
}

/* Any byte but CR and LF may stand behind UNKNOWN, the zero too. */
TEST(unknown_with_any_byte)
{
	static struct bytes line;
	struct pp_header header;

	for (int byte = 0; byte < 256; byte++) {
		line.size = 0;
		add_text(&line, "PROXY UNKNOWN ");
		add_fill(&line, byte, 3);
		add_text(&line, "\r\n");
		ck_assert_int_eq(parse(&line, &header),
				 byte == '\r' || byte == '\n'
					 ? PP_HEADER_MALFORMED
					 : PP_HEADER_COMPLETE);
	}
}

/*
 * Lines that are not valid. The bar stands behind the byte with which they no
 * longer can be; up to there more is wanted, from there on all is in vain. The
 * tilde is a zero byte.
 */
static const char *const malformed_lines[] = {
	/* no single space behind PROXY */
	"PROXYT|CP4 192.0.2.1 192.0.2.2 1111 2222\r\n",
	"PROXY\t|TCP4 192.0.2.1 192.0.2.2 1111 2222\r\n",
	"PROXY\r|\n",
	"PROXY\n|",
	"PROXY~| TCP4 192.0.2.1 192.0.2.2 1111 2222\r\n",
	"PROXY  |TCP4 192.0.2.1 192.0.2.2 1111 2222\r\n",
	/* protocols that are none */
	"PROXY \r|\n",
	"PROXY t|cp4 192.0.2.1 192.0.2.2 1111 2222\r\n",
	"PROXY Tc|p4 192.0.2.1 192.0.2.2 1111 2222\r\n",
	"PROXY TCP |192.0.2.1 192.0.2.2 1111 2222\r\n",
	"PROXY TCP\r|\n",
	"PROXY TCP5| 192.0.2.1 192.0.2.2 1111 2222\r\n",
	"PROXY TCP44| 192.0.2.1 192.0.2.2 1111 2222\r\n",
	"PROXY TCP4\t|192.0.2.1 192.0.2.2 1111 2222\r\n",
	"PROXY TCP6~| ::1 ::2 1111 2222\r\n",
	"PROXY UD|P4 192.0.2.1 192.0.2.2 1111 2222\r\n",
	"PROXY u|nknown\r\n",
	"PROXY UNKNOW |\r\n",
	"PROXY UNKNOW\r|\n",
	"PROXY UNKNOWNS|\r\n",
	"PROXY UNKNOWN\t|\r\n",
	/* line ends */
	"PROXY UNKNOWN\n|\r\n",
	"PROXY UNKNOWN\r\r|\n",
	"PROXY UNKNOWN \r |\r\n",
	"PROXY UNKNOWN x\n|x\r\n",
	"PROXY TCP4 192.0.2.1 192.0.2.2 1111 2222\n|\r\n",
	"PROXY TCP4 192.0.2.1 192.0.2.2 1111 2222\rx|\r\n",
	"PROXY TCP4 192.0.2.1 192.0.2.2 1111 2222\r\r|\n",
	/* words that are missing */
	"PROXY TCP4\r|\n",
	"PROXY TCP4 \r|\n",
	"PROXY TCP4 192.0.2.1\r|\n",
	"PROXY TCP4 192.0.2.1 \r|\n",
	"PROXY TCP4 192.0.2.1 192.0.2.2\r|\n",
	"PROXY TCP4 192.0.2.1 192.0.2.2 \r|\n",
	"PROXY TCP4 192.0.2.1 192.0.2.2 1111\r|\n",
	"PROXY TCP4 192.0.2.1 192.0.2.2 1111 \r|\n",
	"PROXY TCP6 ::1 ::2 1111\r|\n",
	"PROXY TCP6 ::1\r|\n",
	/* spaces that are too many */
	"PROXY TCP4  |192.0.2.1 192.0.2.2 1111 2222\r\n",
	"PROXY TCP4 192.0.2.1  |192.0.2.2 1111 2222\r\n",
	"PROXY TCP4 192.0.2.1 192.0.2.2  |1111 2222\r\n",
	"PROXY TCP4 192.0.2.1 192.0.2.2 1111  |2222\r\n",
	"PROXY TCP4 192.0.2.1 192.0.2.2 1111 2222 |\r\n",
	"PROXY TCP6 ::1 ::2 1 2 |\r\n",
	/* words that are too many */
	"PROXY TCP4 192.0.2.1 192.0.2.2 1111 2222 |x\r\n",
	"PROXY TCP6 ::1 ::2 1 2 |3\r\n",
	/* tabs and zeros between and in the words */
	"PROXY TCP4 192.0.2.1\t|192.0.2.2 1111 2222\r\n",
	"PROXY TCP4 192.0.2.1 192.0.2.2\t|1111 2222\r\n",
	"PROXY TCP4 192.0.2.1 192.0.2.2 1111\t|2222\r\n",
	"PROXY TCP4 192.0.2.1 192.0.2.2 1111 2222\t|\r\n",
	"PROXY TCP4 192.0.2.1~| 192.0.2.2 1111 2222\r\n",
	"PROXY TCP4 192.0.2.1 192.0.2.2~| 1111 2222\r\n",
	"PROXY TCP4 192.0.2.1 192.0.2.2 1111~| 2222\r\n",
	"PROXY TCP4 192.0.2.1 192.0.2.2 1111 2222~|\r\n",
	"PROXY TCP6 ::1~| ::2 1111 2222\r\n",
	/* the family dictates the format */
	"PROXY TCP4 :|:1 ::2 1111 2222\r\n",
	"PROXY TCP4 a|::1 ::2 1111 2222\r\n",
	"PROXY TCP4 2001:|db8::1 192.0.2.1 1111 2222\r\n",
	"PROXY TCP4 :|:ffff:192.0.2.1 192.0.2.1 1111 2222\r\n",
	"PROXY TCP6 192.0.2.1 |192.0.2.2 1111 2222\r\n",
	/* which of the destination is that of either family */
	"PROXY TCP4 192.0.2.1 2001:db8::g|1 1111 2222\r\n",
	"PROXY TCP4 192.0.2.1 2001:db8 |1111 2222\r\n",
	"PROXY TCP4 192.0.2.1 fe80::1%|eth0 1111 2222\r\n",
	"PROXY TCP4 192.0.2.1 ::ffff:192.0.2.256 |1111 2222\r\n",
	"PROXY TCP4 192.0.2.1 2001:db8::1 65536| 2222\r\n",
	"PROXY TCP4 192.0.2.1 2001:db8::1 1111 65536|\r\n",
	"PROXY TCP6 ::1 192.0.2.256 |1111 2222\r\n",
	"PROXY TCP6 ::1 192.0.2.02 |1111 2222\r\n",
	"PROXY TCP6 ::1 192.0.2 |1111 2222\r\n",
	"PROXY TCP6 ::1 192.0.2.2 65536| 2222\r\n",
	/* IPv4 addresses */
	"PROXY TCP4 192.0.2 |192.0.2.2 1111 2222\r\n",
	"PROXY TCP4 3221225985 |192.0.2.2 1111 2222\r\n",
	"PROXY TCP4 192.0.2.1.5 |192.0.2.2 1111 2222\r\n",
	"PROXY TCP4 192.0.2.256 |192.0.2.2 1111 2222\r\n",
	"PROXY TCP4 1921.0.2.1 |192.0.2.2 1111 2222\r\n",
	"PROXY TCP4 192.0.2.01 |192.0.2.2 1111 2222\r\n",
	"PROXY TCP4 192.0.02.1 |192.0.2.2 1111 2222\r\n",
	"PROXY TCP4 092.0.2.1 |192.0.2.2 1111 2222\r\n",
	"PROXY TCP4 192.00.2.1 |192.0.2.2 1111 2222\r\n",
	"PROXY TCP4 192..2.1 |192.0.2.2 1111 2222\r\n",
	"PROXY TCP4 .192.0.2.1 |192.0.2.2 1111 2222\r\n",
	"PROXY TCP4 192.0.2. |192.0.2.2 1111 2222\r\n",
	"PROXY TCP4 0x|c0.0.2.1 192.0.2.2 1111 2222\r\n",
	"PROXY TCP4 -|1.0.2.1 192.0.2.2 1111 2222\r\n",
	"PROXY TCP4 +|1.0.2.1 192.0.2.2 1111 2222\r\n",
	"PROXY TCP4 192.0.2.1/|24 192.0.2.2 1111 2222\r\n",
	"PROXY TCP4 l|ocalhost 192.0.2.2 1111 2222\r\n",
	"PROXY TCP4 255.255.255.2555| 192.0.2.2 1111 2222\r\n",
	"PROXY TCP4 192.0.2.1 192.0.2.02 |1111 2222\r\n",
	"PROXY TCP4 192.0.2.1 192.0.2.256 |1111 2222\r\n",
	/* IPv6 addresses */
	"PROXY TCP6 1:2:3:4:5:6:7 |::2 1 2\r\n",
	"PROXY TCP6 1:2:3:4:5:6:7:8:9 |::2 1 2\r\n",
	"PROXY TCP6 1::2::3 |::2 1 2\r\n",
	"PROXY TCP6 : |::2 1 2\r\n",
	"PROXY TCP6 ::: |::2 1 2\r\n",
	"PROXY TCP6 12345::1 |::2 1 2\r\n",
	"PROXY TCP6 ::1: |::2 1 2\r\n",
	"PROXY TCP6 g|::1 ::2 1 2\r\n",
	"PROXY TCP6 [|::1] ::2 1 2\r\n",
	"PROXY TCP6 fe80::1%|eth0 ::2 1 2\r\n",
	"PROXY TCP6 fe80::1%|1 ::2 1 2\r\n",
	"PROXY TCP6 ::1/|64 ::2 1 2\r\n",
	"PROXY TCP6 ::ffff:192.0.2.256 |::2 1 2\r\n",
	"PROXY TCP6 ::ffff:192.0.2 |::2 1 2\r\n",
	"PROXY TCP6 0000:0000:0000:0000:0000:ffff:0255.255.255.255| ::2 1 2\r\n",
	"PROXY TCP6 ::1 2001:db8::g|1 1 2\r\n",
	"PROXY TCP6 ::1 2001:db8 |1 2\r\n",
	/* ports */
	"PROXY TCP4 192.0.2.1 192.0.2.2 65536| 2222\r\n",
	"PROXY TCP4 192.0.2.1 192.0.2.2 99999| 2222\r\n",
	"PROXY TCP4 192.0.2.1 192.0.2.2 111111| 2222\r\n",
	"PROXY TCP4 192.0.2.1 192.0.2.2 00| 2222\r\n",
	"PROXY TCP4 192.0.2.1 192.0.2.2 01| 2222\r\n",
	"PROXY TCP4 192.0.2.1 192.0.2.2 +|1 2222\r\n",
	"PROXY TCP4 192.0.2.1 192.0.2.2 -|1 2222\r\n",
	"PROXY TCP4 192.0.2.1 192.0.2.2 0x|1 2222\r\n",
	"PROXY TCP4 192.0.2.1 192.0.2.2 1a| 2222\r\n",
	"PROXY TCP4 192.0.2.1 192.0.2.2 h|ttp 2222\r\n",
	"PROXY TCP4 192.0.2.1 192.0.2.2 1/| 2222\r\n",
	"PROXY TCP4 192.0.2.1 192.0.2.2 1:| 2222\r\n",
	"PROXY TCP4 192.0.2.1 192.0.2.2 1111 65536|\r\n",
	"PROXY TCP4 192.0.2.1 192.0.2.2 1111 131072|\r\n",
	"PROXY TCP4 192.0.2.1 192.0.2.2 1111 00|\r\n",
	"PROXY TCP4 192.0.2.1 192.0.2.2 1111 01|\r\n",
	"PROXY TCP4 192.0.2.1 192.0.2.2 1111 2x|\r\n",
	"PROXY TCP6 ::1 ::2 65536| 1\r\n",
	"PROXY TCP6 ::1 ::2 1 65536|\r\n",
	"PROXY TCP6 ::1 ::2 1 02|\r\n",
};

/* Takes the marks out of a line. Returns the size up to the bar. */
static size_t unmark(const char *marked, struct bytes *line)
{
	size_t bar = 0;

	line->size = 0;
	for (; *marked != '\0'; marked++) {
		if (*marked == '|')
			bar = line->size;
		else
			add_fill(line, *marked == '~' ? 0 : *marked, 1);
	}
	ck_assert_uint_gt(bar, 0);
	return bar;
}

TEST(malformed_at_the_byte_that_makes_it_so)
{
	static struct bytes line;
	struct pp_header header;

	for (size_t i = 0; i < COUNT(malformed_lines); i++) {
		const size_t bar = unmark(malformed_lines[i], &line);

		for (size_t size = 0; size < bar; size++) {
			line.size = size;
			HOLDS(parse(&line, &header) == PP_HEADER_MORE &&
				      header.length == size + 1,
			      "%zu bytes of %s", size, malformed_lines[i]);
		}
		line.size = bar;
		ck_assert_msg(parse(&line, &header) == PP_HEADER_MALFORMED,
			      "%s", malformed_lines[i]);
		ck_assert_ptr_nonnull(header.reason);
	}
}

/* Whatever comes behind: the whole line, more of the same, another header. */
TEST(malformed_it_stays)
{
	static const char *const tails[] = {
		" 192.0.2.1 192.0.2.2 1 2\r\n", "\r\n", "\n", "1", " ", ":",
		"UNKNOWN\r\n", "PROXY UNKNOWN\r\n",
	};
	static struct bytes line;
	struct pp_header header;

	for (size_t i = 0; i < COUNT(malformed_lines); i++) {
		const size_t bar = unmark(malformed_lines[i], &line);
		const size_t whole = line.size;

		for (size_t size = bar; size <= whole; size++) {
			line.size = size;
			HOLDS(parse(&line, &header) == PP_HEADER_MALFORMED,
			      "%zu bytes of %s", size, malformed_lines[i]);
		}
		for (size_t tail = 0; tail < COUNT(tails); tail++) {
			line.size = bar;
			while (line.size < 130) {
				add_text(&line, tails[tail]);
				HOLDS(parse(&line, &header) ==
					      PP_HEADER_MALFORMED,
				      "%s and %s", malformed_lines[i],
				      tails[tail]);
			}
		}
	}
}

TEST(malformed_yields_no_address)
{
	static struct bytes line;
	struct pp_header header;

	for (size_t i = 0; i < COUNT(malformed_lines); i++) {
		unmark(malformed_lines[i], &line);
		parse(&line, &header);
		assert_address(&header.source, NULL, 0);
		assert_address(&header.destination, NULL, 0);
	}
}

/* What the log says: the first thing that is wrong. */
TEST(reasons)
{
	static const struct {
		const char *line, *reason;
	} rows[] = {
		{ "PROXY\r\n", "no space behind PROXY" },
		{ "PROXY\tTCP4", "no space behind PROXY" },
		{ "PROXY UDP4 ", "protocol is not TCP4, TCP6, UNKNOWN" },
		{ "PROXY TCP4\r\n", "protocol is not TCP4, TCP6, UNKNOWN" },
		{ "PROXY TCP6\r\n", "protocol is not TCP4, TCP6, UNKNOWN" },
		{ "PROXY TCP4 x", "bad source address" },
		{ "PROXY TCP4 192.0.2.1\r\n", "bad source address" },
		{ "PROXY TCP4 192.0.2.1 x", "bad destination address" },
		{ "PROXY TCP6 ::1 ::2\r\n", "bad destination address" },
		{ "PROXY TCP6 ::1 ::2 x", "bad source port" },
		{ "PROXY TCP6 ::1 ::2 1\r\n", "bad source port" },
		{ "PROXY TCP6 ::1 ::2 1 x", "bad destination port" },
		{ "PROXY TCP6 ::1 ::2 1 2 ", "bad destination port" },
		{ "PROXY UNKNOWN\n", "LF without CR" },
		{ "PROXY UNKNOWN\rx", "CR without LF" },
	};
	struct pp_header header;

	for (size_t i = 0; i < COUNT(rows); i++) {
		ck_assert_int_eq(parse_line(rows[i].line, &header),
				 PP_HEADER_MALFORMED);
		ck_assert_str_eq(header.reason, rows[i].reason);
	}
}

TEST(no_crlf_in_107_bytes)
{
	static struct bytes line;
	struct pp_header header;

	line.size = 0;
	add_text(&line, "PROXY UNKNOWN ");
	add_fill(&line, 'x', 200);
	for (size_t size = 0; size <= 200; size++) {
		line.size = size;
		ck_assert_int_eq(parse(&line, &header),
				 size < 107 ? PP_HEADER_MORE
					    : PP_HEADER_MALFORMED);
		if (size < 107)
			ck_assert_uint_eq(header.length, size + 1);
	}
	/* the CR in time and the LF not */
	line.at[105] = '\r';
	line.at[106] = '\n';
	line.size = 107;
	ck_assert_int_eq(parse(&line, &header), PP_HEADER_COMPLETE);
	ck_assert_ptr_null(header.reason);
	line.at[105] = 'x';
	line.at[106] = '\r';
	line.at[107] = '\n';
	ck_assert_int_eq(parse(&line, &header), PP_HEADER_MALFORMED);
	ck_assert_str_eq(header.reason, "no CRLF in 107 bytes");
	line.size = 108;
	ck_assert_int_eq(parse(&line, &header), PP_HEADER_MALFORMED);
	line.size = 106;
	ck_assert_int_eq(parse(&line, &header), PP_HEADER_MORE);
}

TEST(every_port)
{
	struct pp_header header;
	char line[80];

	for (unsigned port = 0; port < 70000; port += port < 65400 ? 37 : 1) {
		snprintf(line, sizeof(line),
			 "PROXY TCP4 192.0.2.1 192.0.2.2 %u 1\r\n", port);
		ck_assert_int_eq(parse_line(line, &header),
				 port <= 65535 ? PP_HEADER_COMPLETE
					       : PP_HEADER_MALFORMED);
		if (port <= 65535)
			assert_address(&header.source, "192.0.2.1", port);
		snprintf(line, sizeof(line), "PROXY TCP6 ::1 ::2 1 %u\r\n",
			 port);
		ck_assert_int_eq(parse_line(line, &header),
				 port <= 65535 ? PP_HEADER_COMPLETE
					       : PP_HEADER_MALFORMED);
		if (port <= 65535)
			assert_address(&header.destination, "::2", port);
	}
}
