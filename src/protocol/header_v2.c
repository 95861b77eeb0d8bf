/* SPDX-License-Identifier: ISC */
/* The binary version 2 header (section 2.2). */
#include <config.h>

#include "protocol/header.h"
#include "protocol/tlv.h"

#include <string.h>

enum { FAMILY_UNSPEC = 0, FAMILY_INET, FAMILY_INET6, FAMILY_UNIX };
enum { TRANSPORT_UNSPEC = 0, TRANSPORT_STREAM, TRANSPORT_DGRAM };

static uint16_t read_u16(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static uint32_t read_u32(const uint8_t *bytes)
{
	return (uint32_t)read_u16(bytes) << 16 | read_u16(bytes + 2);
}

/* Bytes that the addresses of a family take in the block. */
static size_t addresses_size(unsigned family)
{
	static const size_t size[] = {
		[FAMILY_INET] = 12, [FAMILY_INET6] = 36, [FAMILY_UNIX] = 216,
	};

	return size[family];
}

/*
 * Is there a block to make sense of? LOCAL has none whatever its bytes say,
 * nor has a family or transport that is unspecified.
 */
static bool has_block(const struct pp_header *header)
{
	return header->command == PP_COMMAND_PROXY &&
	       header->protocol >> 4 != FAMILY_UNSPEC &&
	       (header->protocol & 15) != TRANSPORT_UNSPEC;
}

/* Judges the 16 fixed bytes, each as soon as it is there. */
static enum pp_verdict parse_fixed(const uint8_t *bytes, size_t size,
				   struct pp_header *header)
{
	if (size > 12 && bytes[12] >> 4 != 2)
		return pp_header_malformed(header, "version is not 2");
	if (size > 12 && (bytes[12] & 15) > PP_COMMAND_PROXY)
		return pp_header_malformed(header, "unknown command");
	if (size > 12)
		header->command = (enum pp_command)(bytes[12] & 15);
	if (size > 13)
		header->protocol = bytes[13];
	if (size > 13 && header->command == PP_COMMAND_PROXY) {
		if (bytes[13] >> 4 > FAMILY_UNIX)
			return pp_header_malformed(header, "unknown family");
		if ((bytes[13] & 15) > TRANSPORT_DGRAM)
			return pp_header_malformed(header, "unknown transport");
	}
	if (size < PP_V2_FIXED)
		return pp_header_more(header, PP_V2_FIXED);
	header->length = PP_V2_FIXED + (size_t)read_u16(bytes + 14);
	if (has_block(header) && header->length - PP_V2_FIXED <
					 addresses_size(header->protocol >> 4))
		return pp_header_malformed(header, "block shorter than its "
						   "family needs");
	return PP_HEADER_COMPLETE;
}

/* The checksum over the header with its own four bytes taken as zero. */
static bool crc_matches(const uint8_t *header, size_t length,
			const uint8_t *field)
{
	static const uint8_t zero[4];
	size_t before = (size_t)(field - header);
	uint32_t crc = pp_crc32c(0, header, before);

	crc = pp_crc32c(crc, zero, sizeof(zero));
	crc = pp_crc32c(crc, field + 4, length - before - 4);
	return crc == read_u32(field);
}

static enum pp_verdict check_tlvs(const uint8_t *bytes,
				  struct pp_header *header)
{
	const uint8_t *tlvs = bytes + header->tlv_offset;
	const uint8_t *crc = NULL;
	enum pp_tlv_result result;
	struct pp_tlv tlv;
	size_t offset = 0;

	while ((result = pp_tlv_next(tlvs, header->tlv_length, &offset,
				     &tlv)) == PP_TLV_FOUND) {
		if (tlv.type != PP_TLV_CRC32C)
			continue;
		if (tlv.length != 4 || crc != NULL)
			return pp_header_malformed(
				header, "CRC32c is not one field of 4 bytes");
		crc = tlv.value;
	}
	if (result == PP_TLV_OVERRUN)
		return pp_header_malformed(header, "TLV past the end");
	if (crc != NULL && !crc_matches(bytes, header->length, crc))
		return pp_header_malformed(header, "CRC32c does not match");
	return PP_HEADER_COMPLETE;
}

void pp_header_take_addresses(const uint8_t *bytes, struct pp_header *header)
{
	union pp_address *ends[] = { &header->source, &header->destination };
	const uint8_t *block = bytes + PP_V2_FIXED;

	for (size_t i = 0; i < 2; i++) {
		if (header->protocol >> 4 == FAMILY_INET) {
			ends[i]->in.sin_family = AF_INET;
			memcpy(&ends[i]->in.sin_addr, block + 4 * i, 4);
			memcpy(&ends[i]->in.sin_port, block + 8 + 2 * i, 2);
		} else if (header->protocol >> 4 == FAMILY_INET6) {
			ends[i]->in6.sin6_family = AF_INET6;
			memcpy(&ends[i]->in6.sin6_addr, block + 16 * i, 16);
			memcpy(&ends[i]->in6.sin6_port, block + 32 + 2 * i, 2);
		}
	}
}

enum pp_verdict pp_header_parse_v2(const uint8_t *bytes, size_t size,
				   struct pp_header *header)
{
	enum pp_verdict verdict;

	header->version = 2;
	verdict = parse_fixed(bytes, size, header);
	if (verdict != PP_HEADER_COMPLETE)
		return verdict;
	if (size < header->length)
		return pp_header_more(header, header->length);
	if (!has_block(header))
		return PP_HEADER_COMPLETE;
	header->tlv_offset =
		PP_V2_FIXED + addresses_size(header->protocol >> 4);
	header->tlv_length = header->length - header->tlv_offset;
	verdict = check_tlvs(bytes, header);
	if (verdict == PP_HEADER_COMPLETE &&
	    (header->protocol & 15) == TRANSPORT_STREAM)
		pp_header_take_addresses(bytes, header);
	return verdict;
}
