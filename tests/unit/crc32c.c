/* SPDX-License-Identifier: ISC */
#include <config.h>

#include "protocol/tlv.h"

#include "suites.h"
#include "support.h"

#include <string.h>

static uint32_t crc_of(const void *bytes, size_t size)
{
	return pp_crc32c(0, bytes, size);
}

/* RFC 3720 B.4, the value as a number (there: its bytes, lowest first). */
START_TEST(vectors_of_rfc_3720)
{
	static const uint8_t read_command[48] = {
		0x01, 0xc0, [16] = 0x14, [22] = 0x04, [27] = 0x14,
		[31] = 0x18, 0x28, [40] = 0x02,
	};
	uint8_t bytes[32];

	memset(bytes, 0, sizeof(bytes));
	ck_assert_uint_eq(crc_of(bytes, sizeof(bytes)), 0x8a9136aa);
	memset(bytes, 0xff, sizeof(bytes));
	ck_assert_uint_eq(crc_of(bytes, sizeof(bytes)), 0x62a8ab43);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	ck_assert_uint_eq(crc_of(bytes, sizeof(bytes)), 0x46dd794e);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(31 - i);
	ck_assert_uint_eq(crc_of(bytes, sizeof(bytes)), 0x113fdb5c);
	ck_assert_uint_eq(crc_of(read_command, sizeof(read_command)),
			  0xd9963a56);
	ck_assert_uint_eq(crc_of("123456789", 9), 0xe3069283);
}
END_TEST

START_TEST(nothing_at_all)
{
	ck_assert_uint_eq(crc_of("", 0), 0);
}
END_TEST

START_TEST(every_byte_as_by_the_definition)
{
	for (unsigned value = 0; value < 256; value++) {
		const uint8_t bytes[] = { (uint8_t)value, (uint8_t)~value, 7 };

		ck_assert_uint_eq(crc_of(bytes, sizeof(bytes)),
				  slow_crc32c(bytes, sizeof(bytes)));
	}
}
END_TEST

START_TEST(pieces_make_the_whole)
{
	const char *text = "The quick brown fox jumps over the lazy dog";
	const size_t size = strlen(text);

	for (size_t cut = 0; cut <= size; cut++) {
		uint32_t crc = pp_crc32c(0, text, cut);

		crc = pp_crc32c(crc, text + cut, size - cut);
		ck_assert_uint_eq(crc, crc_of(text, size));
	}
}
END_TEST

Suite *pp_suite_crc32c(void)
{
	Suite *suite = suite_create("crc32c");

	ADD_TEST(suite, vectors_of_rfc_3720);
	ADD_TEST(suite, nothing_at_all);
	ADD_TEST(suite, every_byte_as_by_the_definition);
	ADD_TEST(suite, pieces_make_the_whole);
	return suite;
}
