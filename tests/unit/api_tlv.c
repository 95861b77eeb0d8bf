/* SPDX-License-Identifier: ISC */
/* <proxyproto.h>: TLVs, walked and appended. */
#include <config.h>

#include "proxyproto.h"

#include "suites.h"
#include "support.h"

#include <string.h>

/* A header to append to, in a buffer of which a part may be used. */
static uint8_t buffer[PROXYPROTO_V2_MAX + 64];

static void begin(void)
{
	static struct bytes bytes;

	inet_v2(&bytes);
	memset(buffer, 0xaa, sizeof(buffer));
	memcpy(buffer, bytes.at, bytes.size);
}

/* The header in the buffer, which is valid and of that length. */
static struct proxyproto_header read_back(ssize_t length)
{
	struct proxyproto_header header;

	ck_assert_int_gt(length, 0);
	ck_assert_int_eq(proxyproto_parse(buffer, (size_t)length, &header),
			 PROXYPROTO_COMPLETE);
	ck_assert_int_eq((ssize_t)header.length, length);
	ck_assert_uint_eq(buffer[length], 0xaa);
	return header;
}

SUITE("api_tlv");

TEST(walks_and_finds)
{
	static const uint8_t tlvs[] = { 1, 0, 2, 'h', '2', 4, 0, 0,
					5, 0, 1, 0xff, 5, 0, 1, 0xfe };
	struct proxyproto_tlv tlv;
	size_t offset = 0;
	int count = 0;

	while (proxyproto_next_tlv(tlvs, sizeof(tlvs), &offset, &tlv) == 1)
		count++;
	ck_assert_int_eq(count, 4);
	ck_assert_uint_eq(offset, sizeof(tlvs));
	ck_assert_int_eq(proxyproto_next_tlv(tlvs, sizeof(tlvs), &offset,
					     &tlv), 0);
	ck_assert_int_eq(proxyproto_find_tlv(tlvs, sizeof(tlvs),
					     PROXYPROTO_TLV_UNIQUE_ID, &tlv), 1);
	ck_assert_uint_eq(tlv.type, 5);
	ck_assert_uint_eq(tlv.length, 1);
	ck_assert_ptr_eq(tlv.value, tlvs + 11);
	ck_assert_int_eq(proxyproto_find_tlv(tlvs, sizeof(tlvs), 2, &tlv), 0);
	ck_assert_int_eq(proxyproto_find_tlv(NULL, 0, 2, &tlv), 0);
	ck_assert_int_eq(proxyproto_find_tlv(tlvs, sizeof(tlvs) - 1, 2, &tlv),
			 PROXYPROTO_MALFORMED);
	/* it is found before */
	ck_assert_int_eq(proxyproto_find_tlv(tlvs, sizeof(tlvs) - 1, 1, &tlv),
			 1);
}

TEST(what_is_not_found_is_left)
{
	static const uint8_t tlvs[] = { 1, 0, 2, 'h', '2', 5, 0, 9 };
	struct proxyproto_tlv tlv = { .type = 77 };
	size_t offset = sizeof(tlvs) + 1;

	ck_assert_int_eq(proxyproto_find_tlv(tlvs, 5, 2, &tlv), 0);
	ck_assert_int_eq(proxyproto_find_tlv(tlvs, sizeof(tlvs), 2, &tlv),
			 PROXYPROTO_MALFORMED);
	/* an offset of other vectors is no number of bytes that are left */
	ck_assert_int_eq(proxyproto_next_tlv(tlvs, sizeof(tlvs), &offset, &tlv),
			 PROXYPROTO_MALFORMED);
	ck_assert_uint_eq(offset, sizeof(tlvs) + 1);
	offset = 5;
	ck_assert_int_eq(proxyproto_next_tlv(tlvs, sizeof(tlvs), &offset, &tlv),
			 PROXYPROTO_MALFORMED);
	ck_assert_uint_eq(offset, 5);
	ck_assert_uint_eq(tlv.type, 77);
}

TEST(reads_ssl)
{
	static const uint8_t value[] = { 5, 1, 2, 3, 4, 0x22, 0, 1, 'a' };
	struct proxyproto_tlv tlv = { .type = PROXYPROTO_TLV_SSL,
				      .length = sizeof(value),
				      .value = value };
	struct proxyproto_ssl ssl;

	ck_assert_int_eq(proxyproto_read_ssl(&tlv, &ssl), PROXYPROTO_COMPLETE);
	ck_assert_uint_eq(ssl.client,
			  PROXYPROTO_SSL_TLS | PROXYPROTO_SSL_CERT_SESS);
	ck_assert_uint_eq(ssl.verify, 0x01020304);
	ck_assert_ptr_eq(ssl.tlvs, value + 5);
	ck_assert_uint_eq(ssl.tlvs_length, 4);
	tlv.length = 5;
	ck_assert_int_eq(proxyproto_read_ssl(&tlv, &ssl), PROXYPROTO_COMPLETE);
	ck_assert_uint_eq(ssl.tlvs_length, 0);
	tlv.length = 4;
	ck_assert_int_eq(proxyproto_read_ssl(&tlv, &ssl), PROXYPROTO_MALFORMED);
	tlv.length = 5;
	tlv.type = PROXYPROTO_TLV_SSL_CN;
	ck_assert_int_eq(proxyproto_read_ssl(&tlv, &ssl), PROXYPROTO_UNFIT);
}

TEST(names)
{
	ck_assert_str_eq(proxyproto_tlv_name(PROXYPROTO_TLV_ALPN), "alpn");
	ck_assert_str_eq(proxyproto_tlv_name(PROXYPROTO_TLV_UNIQUE_ID),
			 "unique-id");
	ck_assert_str_eq(proxyproto_tlv_name(PROXYPROTO_TLV_SSL_KEY_ALG),
			 "ssl-key-alg");
	ck_assert_str_eq(proxyproto_tlv_name(PROXYPROTO_TLV_SSL_CLIENT_CERT),
			 "ssl-client-cert");
	ck_assert_str_eq(proxyproto_tlv_name(PROXYPROTO_TLV_AZURE), "azure");
	ck_assert_ptr_null(proxyproto_tlv_name(0));
	ck_assert_ptr_null(proxyproto_tlv_name(0x101));
}

TEST(appends)
{
	struct proxyproto_header header;
	struct proxyproto_tlv tlv;

	begin();
	ck_assert_int_eq(proxyproto_add_tlv(buffer, sizeof(buffer),
					    PROXYPROTO_TLV_ALPN, "h2", 2), 33);
	ck_assert_int_eq(proxyproto_add_tlv(buffer, sizeof(buffer),
					    PROXYPROTO_TLV_NOOP, NULL, 0), 36);
	header = read_back(proxyproto_add_tlv(buffer, sizeof(buffer), 255,
					      "abc", 3));
	ck_assert_uint_eq(header.tlvs_length, 14);
	ck_assert_mem_eq(header.tlvs, "\1\0\2h2\4\0\0\xff\0\3abc", 14);
	ck_assert_int_eq(proxyproto_find_tlv(header.tlvs, header.tlvs_length,
					     255, &tlv), 1);
}

TEST(appends_within_ssl)
{
	struct proxyproto_header header;

	begin();
	proxyproto_add_tlv(buffer, sizeof(buffer), PROXYPROTO_TLV_SSL, "", 0);
	/* too short a value to have TLVs behind */
	ck_assert_int_eq(proxyproto_add_ssl_tlv(buffer, sizeof(buffer), 0x21,
						"x", 1), PROXYPROTO_UNFIT);
	ck_assert_int_eq(proxyproto_add_ssl(buffer, sizeof(buffer), 1,
					    0x01020304), 39);
	proxyproto_add_ssl_tlv(buffer, sizeof(buffer),
			       PROXYPROTO_TLV_SSL_VERSION, "TLSv1.3", 7);
	header = read_back(proxyproto_add_ssl_tlv(buffer, sizeof(buffer),
						  PROXYPROTO_TLV_SSL_CN, "cn",
						  2));
	ck_assert_uint_eq(header.tlvs_length, 26);
	ck_assert_mem_eq(header.tlvs,
			 "\x20\0\0\x20\0\x14\1\1\2\3\4\x21\0\7TLSv1.3\x22\0\2cn",
			 26);
	proxyproto_add_tlv(buffer, sizeof(buffer), PROXYPROTO_TLV_NOOP, "", 0);
	ck_assert_int_eq(proxyproto_add_ssl_tlv(buffer, sizeof(buffer), 0x21,
						"x", 1), PROXYPROTO_UNFIT);
}

/* Wherever it stands, the checksum is over what there is then. */
TEST(the_checksum_stays_right)
{
	struct proxyproto_header header;

	begin();
	header = read_back(proxyproto_add_crc32c(buffer, sizeof(buffer)));
	ck_assert_uint_eq(header.tlvs_length, 7);
	read_back(proxyproto_add_ssl(buffer, sizeof(buffer), 0, 1));
	read_back(proxyproto_add_ssl_tlv(buffer, sizeof(buffer), 0x22, "cn",
					 2));
	header = read_back(proxyproto_add_tlv(buffer, sizeof(buffer), 1, "h2",
					      2));
	ck_assert_int_eq(proxyproto_add_crc32c(buffer, sizeof(buffer)),
			 PROXYPROTO_UNFIT);
	/* and is that of the definition */
	ck_assert_mem_eq((const uint8_t *)header.tlvs, "\3\0\4", 3);
	{
		uint8_t zeroed[64];
		uint32_t crc;

		memcpy(zeroed, buffer, header.length);
		memset(zeroed + 31, 0, 4);
		crc = slow_crc32c(zeroed, header.length);
		ck_assert_uint_eq(buffer[31], crc >> 24);
		ck_assert_uint_eq(buffer[34], crc & 255);
	}
	/* the client changed: so does the checksum */
	header.source.in.sin_port ^= 1;
	{
		uint8_t other[64];
		ssize_t length = proxyproto_format(&header, other,
						   sizeof(other));

		ck_assert_int_eq(length, (ssize_t)header.length);
		ck_assert_int_eq(proxyproto_parse(other, (size_t)length,
						  &header),
				 PROXYPROTO_COMPLETE);
		ck_assert_mem_ne(other + 31, buffer + 31, 4);
	}
}

/* Up to the last byte that there is room for, and nothing changed beyond. */
TEST(room_is_kept_to)
{
	uint8_t before[64];

	begin();
	for (size_t size = 28; size < 33; size++) {
		memcpy(before, buffer, sizeof(before));
		ck_assert_int_eq(proxyproto_add_tlv(buffer, size, 1, "h2", 2),
				 PROXYPROTO_SHORT);
		ck_assert_mem_eq(before, buffer, sizeof(before));
	}
	read_back(proxyproto_add_tlv(buffer, 33, 1, "h2", 2));
	ck_assert_int_eq(proxyproto_add_crc32c(buffer, 39), PROXYPROTO_SHORT);
	read_back(proxyproto_add_crc32c(buffer, 40));
	ck_assert_int_eq(proxyproto_add_ssl(buffer, 47, 0, 0),
			 PROXYPROTO_SHORT);
	read_back(proxyproto_add_ssl(buffer, 48, 0, 0));
	ck_assert_int_eq(proxyproto_add_ssl_tlv(buffer, 50, 0x22, "", 0),
			 PROXYPROTO_SHORT);
	read_back(proxyproto_add_ssl_tlv(buffer, 51, 0x22, "", 0));
}

TEST(length_is_kept_to)
{
	static const uint8_t value[65535];
	const size_t most = PROXYPROTO_V2_MAX - 28 - 3;

	begin();
	ck_assert_int_eq(proxyproto_add_tlv(buffer, sizeof(buffer), 1, value,
					    most + 1), PROXYPROTO_UNFIT);
	ck_assert_int_eq(proxyproto_add_tlv(buffer, sizeof(buffer), 1, value,
					    SIZE_MAX), PROXYPROTO_UNFIT);
	ck_assert_int_eq(proxyproto_add_tlv(buffer, sizeof(buffer), 1, value,
					    most), PROXYPROTO_V2_MAX);
	ck_assert_int_eq(proxyproto_add_tlv(buffer, sizeof(buffer), 1, value,
					    0), PROXYPROTO_UNFIT);
	ck_assert_int_eq(proxyproto_add_crc32c(buffer, sizeof(buffer)),
			 PROXYPROTO_UNFIT);
}

TEST(what_takes_no_tlv)
{
	static const char line[] = "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n";
	static const uint8_t value[129];

	begin();
	ck_assert_int_eq(proxyproto_add_tlv(buffer, sizeof(buffer), 256, "", 0),
			 PROXYPROTO_UNFIT);
	ck_assert_int_eq(proxyproto_add_tlv(buffer, sizeof(buffer),
					    PROXYPROTO_TLV_CRC32C, value, 4),
			 PROXYPROTO_UNFIT);
	ck_assert_int_eq(proxyproto_add_tlv(buffer, sizeof(buffer),
					    PROXYPROTO_TLV_UNIQUE_ID, value,
					    129), PROXYPROTO_UNFIT);
	ck_assert_int_eq(proxyproto_add_ssl(buffer, sizeof(buffer), 256, 0),
			 PROXYPROTO_UNFIT);
	ck_assert_int_eq(proxyproto_add_tlv(buffer, 27, 1, "", 0),
			 PROXYPROTO_UNFIT);
	ck_assert_int_eq(proxyproto_add_tlv(NULL, 0, 1, "", 0),
			 PROXYPROTO_UNFIT);
	buffer[12] = 0x20;
	ck_assert_int_eq(proxyproto_add_tlv(buffer, sizeof(buffer), 1, "", 0),
			 PROXYPROTO_UNFIT);
	memcpy(buffer, line, sizeof(line));
	ck_assert_int_eq(proxyproto_add_tlv(buffer, sizeof(buffer), 1, "", 0),
			 PROXYPROTO_UNFIT);
	begin();
	ck_assert_int_eq(proxyproto_add_tlv(buffer, sizeof(buffer),
					    PROXYPROTO_TLV_UNIQUE_ID, value,
					    128), 28 + 3 + 128);
}
