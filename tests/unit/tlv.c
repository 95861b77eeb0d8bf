/* SPDX-License-Identifier: ISC */
#include <config.h>

#include "protocol/tlv.h"

#include "suites.h"
#include "support.h"

#include <string.h>

static enum pp_tlv_result first(const void *bytes, size_t size,
				struct pp_tlv *tlv, size_t *offset)
{
	*offset = 0;
	return pp_tlv_next(guarded(bytes, size), size, offset, tlv);
}

SUITE("tlv");

TEST(vectors_one_after_the_other)
{
	static const uint8_t bytes[] = { 1, 0, 2, 'h', '2', 4, 0, 0,
					 0xea, 0, 1, 0xff };
	struct pp_tlv tlv;
	size_t offset = 0;

	ck_assert_int_eq(pp_tlv_next(bytes, sizeof(bytes), &offset, &tlv),
			 PP_TLV_FOUND);
	ck_assert_uint_eq(tlv.type, 1);
	ck_assert_uint_eq(tlv.length, 2);
	ck_assert_ptr_eq(tlv.value, bytes + 3);
	ck_assert_uint_eq(offset, 5);
	ck_assert_int_eq(pp_tlv_next(bytes, sizeof(bytes), &offset, &tlv),
			 PP_TLV_FOUND);
	ck_assert_uint_eq(tlv.type, 4);
	ck_assert_uint_eq(tlv.length, 0);
	ck_assert_uint_eq(offset, 8);
	ck_assert_int_eq(pp_tlv_next(bytes, sizeof(bytes), &offset, &tlv),
			 PP_TLV_FOUND);
	ck_assert_uint_eq(tlv.type, 0xea);
	ck_assert_uint_eq(tlv.length, 1);
	ck_assert_uint_eq(tlv.value[0], 0xff);
	ck_assert_uint_eq(offset, sizeof(bytes));
	for (int again = 0; again < 2; again++)
		ck_assert_int_eq(pp_tlv_next(bytes, sizeof(bytes), &offset,
					     &tlv), PP_TLV_END);
	ck_assert_uint_eq(offset, sizeof(bytes));
}

TEST(no_bytes_no_vector)
{
	struct pp_tlv tlv;
	size_t offset;

	ck_assert_int_eq(first("", 0, &tlv, &offset), PP_TLV_END);
}

TEST(half_a_type_and_length)
{
	struct pp_tlv tlv;
	size_t offset;

	ck_assert_int_eq(first("\x04", 1, &tlv, &offset), PP_TLV_OVERRUN);
	ck_assert_int_eq(first("\x04\0", 2, &tlv, &offset), PP_TLV_OVERRUN);
	ck_assert_uint_eq(offset, 0);
	ck_assert_int_eq(first("\x04\0\0", 3, &tlv, &offset), PP_TLV_FOUND);
}

/* Each length against what is there: none, exact, one more, all of 65535. */
TEST(lengths_at_their_bounds)
{
	static const size_t lengths[] = { 0, 1, 2, 254, 255, 256, 257, 32767,
					  32768, 65534, 65535 };
	static uint8_t bytes[3 + 65535 + 1];
	struct pp_tlv tlv;

	for (size_t i = 0; i < COUNT(lengths); i++) {
		const size_t length = lengths[i];
		size_t offset = 0;

		bytes[1] = (uint8_t)(length >> 8);
		bytes[2] = (uint8_t)length;
		ck_assert_int_eq(pp_tlv_next(bytes, 3 + length, &offset, &tlv),
				 PP_TLV_FOUND);
		ck_assert_uint_eq(tlv.length, length);
		ck_assert_uint_eq(offset, 3 + length);
		offset = 0;
		ck_assert_int_eq(pp_tlv_next(bytes, 3 + length + 1, &offset,
					     &tlv), PP_TLV_FOUND);
		ck_assert_uint_eq(offset, 3 + length);
		if (length == 0)
			continue;
		offset = 0;
		ck_assert_int_eq(pp_tlv_next(bytes, 3 + length - 1, &offset,
					     &tlv), PP_TLV_OVERRUN);
		ck_assert_int_eq(pp_tlv_next(bytes, 3, &offset, &tlv),
				 PP_TLV_OVERRUN);
		ck_assert_uint_eq(offset, 0);
	}
}

static uint32_t crc_of(const void *bytes, size_t size)
{
	return pp_crc32c(0, bytes, size);
}

/* RFC 3720 B.4, the value as a number (there: its bytes, lowest first). */
TEST(vectors_of_rfc_3720)
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

TEST(nothing_at_all)
{
	ck_assert_uint_eq(crc_of("", 0), 0);
}

TEST(every_byte_as_by_the_definition)
{
	for (unsigned value = 0; value < 256; value++) {
		const uint8_t bytes[] = { (uint8_t)value, (uint8_t)~value, 7 };

		ck_assert_uint_eq(crc_of(bytes, sizeof(bytes)),
				  slow_crc32c(bytes, sizeof(bytes)));
	}
}

TEST(pieces_make_the_whole)
{
	const char *text = "The quick brown fox jumps over the lazy dog";
	const size_t size = strlen(text);

	for (size_t cut = 0; cut <= size; cut++) {
		uint32_t crc = pp_crc32c(0, text, cut);

		crc = pp_crc32c(crc, text + cut, size - cut);
		ck_assert_uint_eq(crc, crc_of(text, size));
	}
}
