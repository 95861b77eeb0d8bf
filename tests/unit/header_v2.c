/* SPDX-License-Identifier: ISC */
/* The binary header of version 2: every field at its bounds. */
#include <config.h>

#include "protocol/header.h"

#include "suites.h"
#include "support.h"

#include <string.h>

static enum pp_verdict parse(const struct bytes *bytes,
			     struct pp_header *header)
{
	const uint8_t *at = bytes->at;

	if (bytes->size <= 60000)
		at = guarded(at, bytes->size);
	return pp_header_parse(at, bytes->size, PP_VERSION_BOTH, header);
}

static void assert_complete(const struct bytes *bytes, struct pp_header *header)
{
	ck_assert_int_eq(parse(bytes, header), PP_HEADER_COMPLETE);
}

/* Wants more up to the byte with which it is malformed, and stays that. */
static void assert_malformed_at(const struct bytes *bytes, size_t at)
{
	struct pp_header header;

	/* what is longer than that is so by the block that is not looked at */
	for (size_t size = 0; size <= bytes->size && size < 1500; size++) {
		enum pp_verdict verdict =
			pp_header_parse(guarded(bytes->at, size), size,
					PP_VERSION_BOTH, &header);

		HOLDS(verdict == (size < at ? PP_HEADER_MORE
					    : PP_HEADER_MALFORMED),
		      "%zu bytes: %d", size, (int)verdict);
		HOLDS(size < at || header.reason != NULL, "no reason");
		HOLDS(header.source.sa.sa_family == AF_UNSPEC &&
			      header.destination.sa.sa_family == AF_UNSPEC,
		      "%zu bytes have an address", size);
	}
}

SUITE("header_v2");

TEST(tcp)
{
	static struct bytes bytes;
	struct pp_header header;

	inet_v2(&bytes);
	assert_complete(&bytes, &header);
	ck_assert_uint_eq(header.length, 28);
	ck_assert_uint_eq(header.version, 2);
	ck_assert_int_eq(header.command, PP_COMMAND_PROXY);
	ck_assert_uint_eq(header.protocol, 0x11);
	assert_address(&header.source, "192.0.2.1", 1111);
	assert_address(&header.destination, "192.0.2.2", 2222);
	ck_assert_uint_eq(header.tlv_length, 0);
	ck_assert_ptr_null(header.reason);
	begin_v2(&bytes, 0x21, 0x21);
	add_inet6(&bytes);
	end_v2(&bytes);
	assert_complete(&bytes, &header);
	ck_assert_uint_eq(header.length, 52);
	ck_assert_uint_eq(header.protocol, 0x21);
	assert_address(&header.source, "2001:db8::1", 1111);
	assert_address(&header.destination, "2001:db8::2", 2222);
}

TEST(ports_at_their_bounds)
{
	static const uint8_t ports[][4] = {
		{ 0, 0, 0xff, 0xff }, { 0xff, 0xff, 0, 0 }, { 0, 1, 1, 0 },
	};
	static struct bytes bytes;
	struct pp_header header;

	for (size_t i = 0; i < COUNT(ports); i++) {
		inet_v2(&bytes);
		memcpy(bytes.at + 24, ports[i], 4);
		assert_complete(&bytes, &header);
		assert_address(&header.source, "192.0.2.1",
			       (unsigned)ports[i][0] << 8 | ports[i][1]);
		assert_address(&header.destination, "192.0.2.2",
			       (unsigned)ports[i][2] << 8 | ports[i][3]);
	}
}

/* LOCAL says nothing of addresses, whatever stands in its block. */
TEST(local_with_any_family_and_any_block)
{
	static const size_t lengths[] = { 0, 1, 2, 3, 11, 12, 13, 35, 36, 37,
					  215, 216, 217, 1008, 1009, 65535 };
	static struct bytes bytes;
	struct pp_header header;

	for (size_t i = 0; i < COUNT(lengths); i++)
		for (unsigned protocol = (unsigned)i % 3; protocol < 256;
		     protocol += 3) {
			begin_v2(&bytes, 0x20, protocol);
			add_fill(&bytes, 0xff, lengths[i]);
			end_v2(&bytes);
			assert_complete(&bytes, &header);
			ck_assert_uint_eq(header.length, 16 + lengths[i]);
			ck_assert_int_eq(header.command, PP_COMMAND_LOCAL);
			ck_assert_uint_eq(header.protocol, protocol);
			ck_assert_uint_eq(header.tlv_length, 0);
			assert_address(&header.source, NULL, 0);
			assert_address(&header.destination, NULL, 0);
		}
}

/* As AWS NLB checks the health of a target: vectors where addresses belong. */
TEST(local_of_a_health_check)
{
	static struct bytes bytes;
	struct pp_header header;

	begin_v2(&bytes, 0x20, 0x11);
	add_tlv(&bytes, 0x03, "\1\2\3\4", 4);
	add_tlv(&bytes, 0xea, "\1vpce-08d2bf15fac5001c9", 23);
	end_v2(&bytes);
	assert_complete(&bytes, &header);
	ck_assert_uint_eq(header.length, bytes.size);
	assert_address(&header.source, NULL, 0);
}

/* Nothing is known of the block where family or transport is unspecified. */
TEST(unspecified_with_any_block)
{
	static const unsigned protocols[] = { 0x00, 0x01, 0x02, 0x10, 0x20,
					      0x30 };
	static const size_t lengths[] = { 0, 1, 2, 3, 11, 12, 13, 36, 216,
					  65534, 65535 };
	static struct bytes bytes;
	struct pp_header header;

	for (size_t p = 0; p < COUNT(protocols); p++)
		for (size_t i = 0; i < COUNT(lengths); i++) {
			begin_v2(&bytes, 0x21, protocols[p]);
			add_fill(&bytes, 0xff, lengths[i]);
			end_v2(&bytes);
			assert_complete(&bytes, &header);
			ck_assert_uint_eq(header.length, 16 + lengths[i]);
			ck_assert_int_eq(header.command, PP_COMMAND_PROXY);
			ck_assert_uint_eq(header.protocol, protocols[p]);
			ck_assert_uint_eq(header.tlv_length, 0);
			assert_address(&header.source, NULL, 0);
			assert_address(&header.destination, NULL, 0);
		}
}

/* Valid, and without a meaning on a TCP socket. */
TEST(udp_and_unix_yield_no_address)
{
	static const struct {
		unsigned protocol;
		size_t block;
	} rows[] = { { 0x12, 12 }, { 0x22, 36 }, { 0x31, 216 }, { 0x32, 216 } };
	static struct bytes bytes;
	struct pp_header header;

	for (size_t i = 0; i < COUNT(rows); i++) {
		begin_v2(&bytes, 0x21, rows[i].protocol);
		add_fill(&bytes, 0x11, rows[i].block);
		add_tlv(&bytes, 0x04, "pad", 3);
		end_v2(&bytes);
		assert_complete(&bytes, &header);
		ck_assert_uint_eq(header.length, bytes.size);
		ck_assert_uint_eq(header.protocol, rows[i].protocol);
		ck_assert_uint_eq(header.tlv_offset, 16 + rows[i].block);
		ck_assert_uint_eq(header.tlv_length, 6);
		assert_address(&header.source, NULL, 0);
		assert_address(&header.destination, NULL, 0);
	}
}

static bool known_command(int byte)
{
	return byte == 0x20 || byte == 0x21;
}

TEST(each_version_and_command)
{
	static struct bytes bytes;
	struct pp_header header;

	for (int byte = 0; byte < 256; byte++) {
		begin_v2(&bytes, (unsigned)byte, 0x11);
		add_inet(&bytes);
		end_v2(&bytes);
		if (!known_command(byte))
			assert_malformed_at(&bytes, 13);
		else
			assert_complete(&bytes, &header);
	}
}

TEST(each_family_and_transport)
{
	static struct bytes bytes;
	struct pp_header header;

	for (unsigned byte = 0; byte < 256; byte++) {
		begin_v2(&bytes, 0x21, byte);
		add_fill(&bytes, 0, 216);
		end_v2(&bytes);
		if (byte >> 4 > 3 || (byte & 15) > 2)
			assert_malformed_at(&bytes, 14);
		else
			assert_complete(&bytes, &header);
	}
}

/* The length at every bound, for each family that needs a block. */
TEST(lengths_at_the_bounds_of_each_family)
{
	static const unsigned protocols[] = { 0x11, 0x12, 0x21, 0x22, 0x31,
					      0x32 };
	static const size_t needs[] = { 0, 12, 36, 216 };
	static const size_t lengths[] = { 0, 1, 11, 12, 13, 14, 15, 35, 36, 37,
					  38, 39, 215, 216, 217, 218, 219,
					  255, 256, 65534, 65535 };
	static struct bytes bytes;
	struct pp_header header;

	for (size_t p = 0; p < COUNT(protocols); p++)
		for (size_t i = 0; i < COUNT(lengths); i++) {
			const size_t need = needs[protocols[p] >> 4];
			const size_t rest = lengths[i] - need;

			begin_v2(&bytes, 0x21, protocols[p]);
			add_fill(&bytes, 0, lengths[i]);
			end_v2(&bytes);
			if (lengths[i] < need) {
				assert_malformed_at(&bytes, 16);
				continue;
			}
			/* one vector over the rest, if there is room for it */
			if (rest >= 3) {
				bytes.at[16 + need] = 0x04;
				bytes.at[17 + need] = (uint8_t)((rest - 3) >> 8);
				bytes.at[18 + need] = (uint8_t)(rest - 3);
			}
			ck_assert_int_eq(parse(&bytes, &header),
					 rest == 1 || rest == 2
						 ? PP_HEADER_MALFORMED
						 : PP_HEADER_COMPLETE);
			if (header.reason == NULL)
				ck_assert_uint_eq(header.tlv_length, rest);
		}
}

TEST(vectors_lie_behind_the_addresses)
{
	static struct bytes bytes;
	struct pp_header header;

	begin_v2(&bytes, 0x21, 0x21);
	add_inet6(&bytes);
	add_tlv(&bytes, 0x01, "h2", 2);
	add_tlv(&bytes, 0x04, "", 0);
	add_tlv(&bytes, 0xf7, "own", 3);
	end_v2(&bytes);
	assert_complete(&bytes, &header);
	ck_assert_uint_eq(header.tlv_offset, 52);
	ck_assert_uint_eq(header.tlv_length, 14);
	assert_address(&header.source, "2001:db8::1", 1111);
}

/* A vector's length: none, exact, one past, as far past as can be. */
TEST(vectors_that_reach_past_the_end)
{
	static const size_t values[] = { 0, 1, 2, 255, 256, 300 };
	static struct bytes bytes;
	struct pp_header header;

	for (size_t i = 0; i < COUNT(values); i++) {
		begin_v2(&bytes, 0x21, 0x11);
		add_inet(&bytes);
		add_tlv(&bytes, 0x01, "h2", 2);
		add_bytes(&bytes, "\xea", 1);
		add_fill(&bytes, 0, 2 + values[i]);
		end_v2(&bytes);
		bytes.at[34] = (uint8_t)(values[i] >> 8);
		bytes.at[35] = (uint8_t)values[i];
		assert_complete(&bytes, &header);
		bytes.at[34] = (uint8_t)((values[i] + 1) >> 8);
		bytes.at[35] = (uint8_t)(values[i] + 1);
		assert_malformed_at(&bytes, bytes.size);
		/* also where the stream has bytes enough for it */
		add_fill(&bytes, 0, 10);
		assert_malformed_at(&bytes, bytes.size - 10);
		bytes.at[34] = bytes.at[35] = 0xff;
		assert_malformed_at(&bytes, bytes.size - 10);
	}
}

TEST(crc_that_is_right)
{
	static struct bytes bytes;
	struct pp_header header;

	begin_v2(&bytes, 0x21, 0x11);
	add_inet(&bytes);
	end_v2_with_crc(&bytes, 0);
	assert_complete(&bytes, &header);
	assert_address(&header.source, "192.0.2.1", 1111);
	/* a payload behind it is not part of it */
	add_text(&bytes, "payload");
	assert_complete(&bytes, &header);
	ck_assert_uint_eq(header.length, bytes.size - 7);
}

TEST(crc_in_the_middle_of_a_long_header)
{
	static struct bytes bytes;
	struct pp_header header;
	uint32_t crc;

	begin_v2(&bytes, 0x21, 0x21);
	add_inet6(&bytes);
	add_tlv(&bytes, 0x02, "example.org", 11);
	add_tlv(&bytes, 0x03, "\0\0\0", 4);
	add_bytes(&bytes, "\x04\x80\x00", 3);
	add_fill(&bytes, 0x77, 0x8000);
	end_v2(&bytes);
	crc = slow_crc32c(bytes.at, bytes.size);
	for (size_t i = 0; i < 4; i++)
		bytes.at[69 + i] = (uint8_t)(crc >> (24 - 8 * i));
	assert_complete(&bytes, &header);
	assert_address(&header.source, "2001:db8::1", 1111);
	bytes.at[bytes.size - 1] ^= 1;
	ck_assert_int_eq(parse(&bytes, &header), PP_HEADER_MALFORMED);
}

/* For UDP and UNIX too: the checksum is over the header, not its meaning. */
TEST(crc_that_is_wrong)
{
	static const unsigned protocols[] = { 0x11, 0x12, 0x21, 0x22, 0x31,
					      0x32 };
	static struct bytes bytes;
	struct pp_header header;

	for (size_t p = 0; p < COUNT(protocols); p++)
		for (unsigned bit = 0; bit < 32; bit++) {
			begin_v2(&bytes, 0x21, protocols[p]);
			add_fill(&bytes, 0, protocols[p] >> 4 == 1   ? 12
					    : protocols[p] >> 4 == 2 ? 36
								     : 216);
			end_v2_with_crc(&bytes, UINT32_C(1) << bit);
			assert_malformed_at(&bytes, bytes.size);
			bytes.size -= 7;
			end_v2_with_crc(&bytes, 0);
			assert_complete(&bytes, &header);
		}
}

/* Every bit of a header with a checksum counts, those of the length apart. */
TEST(crc_notices_each_bit)
{
	static struct bytes bytes;
	struct pp_header header;

	begin_v2(&bytes, 0x21, 0x11);
	add_inet(&bytes);
	end_v2_with_crc(&bytes, 0);
	for (size_t bit = 16 * 8; bit < 8 * bytes.size; bit++) {
		const bool in_vector_head = bit / 8 >= 28 && bit / 8 < 31;

		bytes.at[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (!in_vector_head)
			ck_assert_int_eq(parse(&bytes, &header),
					 PP_HEADER_MALFORMED);
		bytes.at[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_complete(&bytes, &header);
}

TEST(crc_that_is_not_one_field_of_four_bytes)
{
	static struct bytes bytes;

	for (size_t length = 0; length < 8; length++) {
		if (length == 4)
			continue;
		begin_v2(&bytes, 0x21, 0x11);
		add_inet(&bytes);
		add_tlv(&bytes, 0x03, "\0\0\0\0\0\0\0", length);
		end_v2(&bytes);
		assert_malformed_at(&bytes, bytes.size);
	}
	/* two: whichever is checked, the other is not */
	begin_v2(&bytes, 0x21, 0x11);
	add_inet(&bytes);
	add_tlv(&bytes, 0x03, "\0\0\0", 4);
	end_v2_with_crc(&bytes, 0);
	assert_malformed_at(&bytes, bytes.size);
}

/* What the log says. */
TEST(reasons)
{
	static const struct {
		unsigned command, protocol;
		const char *block;
		size_t length;
		const char *reason;
	} rows[] = {
		{ 0x11, 0x11, "", 0, "version is not 2" },
		{ 0x22, 0x11, "", 0, "unknown command" },
		{ 0x21, 0x41, "", 0, "unknown family" },
		{ 0x21, 0x13, "", 0, "unknown transport" },
		{ 0x21, 0x11, "01234567890", 11,
		  "block shorter than its family needs" },
		{ 0x21, 0x11, "012345678901\x01\0\1", 15,
		  "TLV past the end" },
		{ 0x21, 0x11, "012345678901\x03\0\0", 15,
		  "CRC32c is not one field of 4 bytes" },
		{ 0x21, 0x11, "012345678901\x03\0\4crc!", 19,
		  "CRC32c does not match" },
	};
	static struct bytes bytes;
	struct pp_header header;

	for (size_t i = 0; i < COUNT(rows); i++) {
		begin_v2(&bytes, rows[i].command, rows[i].protocol);
		add_bytes(&bytes, rows[i].block, rows[i].length);
		end_v2(&bytes);
		ck_assert_int_eq(parse(&bytes, &header), PP_HEADER_MALFORMED);
		ck_assert_str_eq(header.reason, rows[i].reason);
	}
}
