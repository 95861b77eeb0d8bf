/* SPDX-License-Identifier: ISC */
/* Vectors and headers written as text. */
#include <config.h>

#include "settings/lists.h"

#include "protocol/header.h"
#include "protocol/tlv.h"
#include "suites.h"
#include "support.h"

#include <stdio.h>
#include <string.h>

static struct pp_bytes bytes;

static void assert_vectors(const char *text, const void *expected, size_t size)
{
	ck_assert_ptr_null(pp_list_parse(&pp_vectors, text, &bytes));
	ck_assert_uint_eq(bytes.length, size);
	ck_assert_mem_eq(bytes.at, expected, size);
	pp_bytes_free(&bytes);
	ck_assert_ptr_null(bytes.at);
}

#define VECTORS(text, expected) \
	assert_vectors(text, expected, sizeof(expected) - 1)

SUITE("literal");

TEST(vectors)
{
	VECTORS("alpn=h2", "\x01\0\2h2");
	VECTORS("authority=example.org", "\x02\0\x0b" "example.org");
	VECTORS("unique-id=a=b", "\x05\0\3a=b");
	VECTORS("netns=blue", "\x30\0\4blue");
	VECTORS("noop=3", "\x04\0\3\0\0\0");
	VECTORS("noop=0", "\x04\0\0");
	VECTORS("ssl=0100000000", "\x20\0\5\x01\0\0\0\0");
	VECTORS("0xEA=01fF", "\xea\0\2\x01\xff");
	VECTORS("0x4=00", "\x04\0\1\0");
	VECTORS("0X00=", "\0\0\0");
	VECTORS("ALPN=", "\x01\0\0");
	VECTORS(" alpn=h2,\tALPN=h3 ,,\n0xee=09 ",
		"\x01\0\2h2\x01\0\2h3\xee\0\1\x09");
}

TEST(no_vectors)
{
	size_t before = mapped_bytes;

	ck_assert_ptr_null(pp_list_parse(&pp_vectors, "None", &bytes));
	ck_assert_ptr_null(bytes.at);
	ck_assert_uint_eq(bytes.length, 0);
	ck_assert_uint_eq(mapped_bytes, before);
}

/* The word that is bad is told, and nothing else changes. */
TEST(bad_vectors)
{
	static const char *const words[] = {
		"alpn", "=h2", "h2", "none", "crc32c=00000000", "0x=00",
		"0x123=00", "0xg0=00", "x01=00", "234=00", "0x01=0",
		"0x01=0g", "0x01=0x00", "ssl=h2", "noop=", "noop=-1",
		"noop=01", "noop=65490", "noop=x", "alp=h2", "alpn2=h2",
	};
	size_t before = mapped_bytes;
	struct pp_bytes kept;

	ck_assert_ptr_null(pp_list_parse(&pp_vectors, "alpn=h2", &bytes));
	kept = bytes;
	for (size_t i = 0; i < COUNT(words); i++) {
		char text[64];

		snprintf(text, sizeof(text), "alpn=h2, %s alpn=h3", words[i]);
		ck_assert_msg(pp_list_parse(&pp_vectors, text, &bytes) == text + 9, "%s",
			      words[i]);
		ck_assert_ptr_eq(bytes.at, kept.at);
		ck_assert_uint_eq(bytes.length, kept.length);
	}
	ck_assert_ptr_nonnull(pp_list_parse(&pp_vectors, "", &bytes));
	ck_assert_ptr_nonnull(pp_list_parse(&pp_vectors, " ,", &bytes));
	pp_bytes_free(&bytes);
	ck_assert_uint_eq(mapped_bytes, before);
}

TEST(a_unique_id_has_128_bytes)
{
	char text[10 + PP_UNIQUE_ID_MAX + 2] = "unique-id=";

	memset(text + 10, 'x', PP_UNIQUE_ID_MAX);
	ck_assert_ptr_null(pp_list_parse(&pp_vectors, text, &bytes));
	ck_assert_uint_eq(bytes.length, PP_TLV_FIXED + PP_UNIQUE_ID_MAX);
	pp_bytes_free(&bytes);
	text[10 + PP_UNIQUE_ID_MAX] = 'x';
	ck_assert_ptr_eq(pp_list_parse(&pp_vectors, text, &bytes), text);
}

TEST(as_many_as_a_header_has_room_for)
{
	char text[64];

	snprintf(text, sizeof(text), "noop=%d alpn=h2",
		 PP_VECTORS_MAX - PP_TLV_FIXED - 5);
	ck_assert_ptr_null(pp_list_parse(&pp_vectors, text, &bytes));
	ck_assert_uint_eq(bytes.length, PP_VECTORS_MAX);
	pp_bytes_free(&bytes);
	snprintf(text, sizeof(text), "noop=%d alpn=h2",
		 PP_VECTORS_MAX - PP_TLV_FIXED - 4);
	ck_assert_str_eq(pp_list_parse(&pp_vectors, text, &bytes), "alpn=h2");
}

static void assert_verbatim(const char *text, const void *expected, size_t size)
{
	ck_assert_ptr_null(pp_list_parse(&pp_verbatim, text, &bytes));
	ck_assert_uint_eq(bytes.length, size);
	ck_assert_mem_eq(bytes.at, expected, size);
	pp_bytes_free(&bytes);
}

#define VERBATIM(text, expected) \
	assert_verbatim(text, expected, sizeof(expected) - 1)

TEST(verbatim)
{
	VERBATIM("PROXY UNKNOWN\\r\\n", "PROXY UNKNOWN\r\n");
	VERBATIM("\\x0d\\x0A\\x00\\xfF", "\r\n\0\xff");
	VERBATIM("a\\\\x41 \xc3\xa9,", "a\\x41 \xc3\xa9,");
	VERBATIM("\\x6eone", "none");
	VERBATIM("\\x414", "A4");
	ck_assert_ptr_null(pp_list_parse(&pp_verbatim, "none", &bytes));
	ck_assert_ptr_null(bytes.at);
}

TEST(bad_verbatim)
{
	static const char *const texts[] = {
		"", "\\", "x\\", "\\t", "\\0", "\\x", "\\x4", "\\xg0",
		"\\x4g", "\\R", "\\X41",
	};
	size_t before = mapped_bytes;

	for (size_t i = 0; i < COUNT(texts); i++)
		ck_assert_msg(pp_list_parse(&pp_verbatim, texts[i], &bytes) == texts[i],
			      "%s", texts[i]);
	ck_assert_uint_eq(mapped_bytes, before);
}

TEST(verbatim_as_long_as_a_header)
{
	static char text[PP_V2_MAX + 2];

	memset(text, 'x', PP_V2_MAX);
	ck_assert_ptr_null(pp_list_parse(&pp_verbatim, text, &bytes));
	ck_assert_uint_eq(bytes.length, PP_V2_MAX);
	pp_bytes_free(&bytes);
	text[PP_V2_MAX] = 'x';
	ck_assert_ptr_eq(pp_list_parse(&pp_verbatim, text, &bytes), text);
}
