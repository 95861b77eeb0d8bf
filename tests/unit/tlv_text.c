/* SPDX-License-Identifier: ISC */
/* Vectors in a line of a log: what they are called, and their values. */
#include <config.h>

#include "protocol/tlv.h"

#include "suites.h"
#include "support.h"

#include <stdio.h>
#include <string.h>

static struct bytes vectors;

static void begin(void)
{
	vectors.size = 0;
}

static void assert_list(const char *expected)
{
	static char text[2048];

	pp_tlv_list(guarded(vectors.at, vectors.size), vectors.size, text,
		    sizeof(text));
	ck_assert_str_eq(text, expected);
}

static void add_string(unsigned type, const char *value)
{
	add_tlv(&vectors, type, value, strlen(value));
}

SUITE_AROUND("tlv_text", begin, NULL);

TEST(no_vector_no_text)
{
	assert_list("");
}

TEST(text_in_quotes)
{
	add_string(0x01, "h2");
	add_string(0x02, "example.org");
	add_string(0x05, "");
	assert_list("alpn=\"h2\", authority=\"example.org\", unique-id=\"\"");
}

TEST(bytes_as_hexadecimal_digits)
{
	add_tlv(&vectors, 0x03, "\x01\xff\x00\x80", 4);
	add_tlv(&vectors, 0xe5, "\0", 1);
	add_tlv(&vectors, 0x00, "\xff\xfe", 2);
	assert_list("crc32c=0x01ff0080, 0xe5=0x00, 0x00=0xfffe");
}

/* What a cloud's private link sends: a number, and the name of an endpoint. */
TEST(text_behind_a_number)
{
	add_string(0xea, "\x01vpce-08d2bf15fac5001c9");
	add_tlv(&vectors, 0xee, "\x01\x78\x56\x34\x12", 5);
	assert_list("aws=\"\\x01vpce-08d2bf15fac5001c9\", "
		    "azure=0x0178563412");
}

/* A client's words must not look like the log's, nor reach the terminal. */
TEST(what_is_not_shown_as_it_is)
{
	add_string(0x02, "a\", client \\ 1");
	add_string(0x22, "M\xc3\xbcller & Sohn");
	add_string(0xe0, "line one\nline two\x1b[2J\x7f");
	assert_list("authority=\"a\\\", client \\\\ 1\", "
		    "ssl-cn=\"M\\xc3\\xbcller & Sohn\", "
		    "gcp=\"line one\\x0aline two\\x1b[2J\\x7f\"");
}

TEST(the_border_of_text)
{
	add_string(0xe1, "\x01" "abc");
	add_string(0xe1, "\x01" "ab");
	assert_list("0xe1=\"\\x01abc\", 0xe1=0x016162");
}

TEST(vectors_within_that_of_ssl)
{
	struct bytes *all = &vectors;

	add_tlv(all, 0x20, "\x07\0\0\0\0\x21\0\x07TLSv1.3\x22\0\x03"
		"joe", 5 + 10 + 6);
	add_string(0x30, "blue");
	assert_list("ssl=0x0700000000, ssl-version=\"TLSv1.3\", "
		    "ssl-cn=\"joe\", netns=\"blue\"");
}

/* Nobody has looked into it: it ends where it makes no sense. */
TEST(a_damaged_one_of_ssl)
{
	add_tlv(&vectors, 0x20, "\x07\0\0\0", 4);
	add_tlv(&vectors, 0x20, "\x07\0\0\0\0\x22\0\x04joe", 11);
	add_tlv(&vectors, 0x20, "\x07\0\0\0\0\x20\0\x06\0\0\0\0\0\x22", 14);
	add_string(0x01, "h2");
	assert_list("ssl=0x07000000, ssl=0x0700000000, ssl=0x0700000000, "
		    "ssl=0x0000000000, alpn=\"h2\"");
}

TEST(a_long_value_is_cut)
{
	static char value[1001], expected[200];

	memset(value, 'x', sizeof(value) - 1);
	add_string(0x05, value);
	snprintf(expected, sizeof(expected), "unique-id=\"%.61s\"...", value);
	assert_list(expected);
	vectors.size = 0;
	memset(value, 0, sizeof(value));
	add_tlv(&vectors, 0x28, value, sizeof(value));
	snprintf(expected, sizeof(expected), "ssl-client-cert=0x%048d...", 0);
	assert_list(expected);
}

/* In each room: what fits, whole vectors, and that there are more. */
TEST(a_long_list_is_cut)
{
	static char text[400], whole[400];
	size_t length;

	for (int i = 0; i < 9; i++)
		add_string(0x01, "http/1.1");
	add_tlv(&vectors, 0x20, "\x07\0\0\0\0\x22\0\x03joe", 11);
	pp_tlv_list(vectors.at, vectors.size, whole, sizeof(whole));
	for (size_t room = 8; room < sizeof(text); room++) {
		memset(text, '#', sizeof(text));
		pp_tlv_list(vectors.at, vectors.size, text, room);
		length = strlen(text);
		HOLDS(length < room && text[room] == '#', "room %zu", room);
		if (strcmp(text, whole) == 0)
			continue;
		HOLDS(strcmp(text + length - 3, "...") == 0, "%s", text);
		HOLDS(strncmp(text, whole, length - 3) == 0, "%s", text);
		HOLDS(length == 3 || text[length - 4] == ' ', "%s", text);
	}
	ck_assert_str_eq(text, whole);
}
