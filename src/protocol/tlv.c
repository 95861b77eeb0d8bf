/* SPDX-License-Identifier: ISC */
/* Walking and appending type-length-value vectors; see tlv.h. */
#include <config.h>

#include "protocol/tlv.h"

#include "protocol/header.h"

#include <string.h>

enum pp_tlv_result pp_tlv_next(const uint8_t *bytes, size_t size,
			       size_t *offset, struct pp_tlv *tlv)
{
	size_t left = size - *offset;
	const uint8_t *at;

	/* an offset of other vectors */
	if (*offset > size)
		return PP_TLV_OVERRUN;
	if (left == 0)
		return PP_TLV_END;
	if (left < PP_TLV_FIXED)
		return PP_TLV_OVERRUN;
	at = bytes + *offset;
	tlv->type = at[0];
	tlv->length = (size_t)(at[1] << 8 | at[2]);
	tlv->value = at + PP_TLV_FIXED;
	if (tlv->length > left - PP_TLV_FIXED)
		return PP_TLV_OVERRUN;
	*offset += PP_TLV_FIXED + tlv->length;
	return PP_TLV_FOUND;
}

/* Four bits a step: a table of 16 words costs a process nothing. */
uint32_t pp_crc32c(uint32_t crc, const void *bytes, size_t size)
{
	/* the reflected polynomial 0x82f63b78 applied to each value */
	static const uint32_t step[16] = {
		0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1,
		0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
		0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
		0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
	};
	const uint8_t *byte = bytes;

	crc = ~crc;
	for (size_t i = 0; i < size; i++) {
		crc ^= byte[i];
		crc = crc >> 4 ^ step[crc & 15];
		crc = crc >> 4 ^ step[crc & 15];
	}
	return ~crc;
}

static void write_u16(uint8_t *at, size_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

void pp_draft_renew(struct pp_draft *draft)
{
	size_t offset = draft->tlvs;
	struct pp_tlv tlv;
	uint32_t crc;
	uint8_t *at;

	write_u16(draft->bytes + 14, draft->length - PP_V2_FIXED);
	do {
		if (pp_tlv_next(draft->bytes, draft->length, &offset, &tlv) !=
		    PP_TLV_FOUND)
			return;
	} while (tlv.type != PP_TLV_CRC32C || tlv.length != 4);
	at = draft->bytes + offset - 4;
	memset(at, 0, 4);
	crc = pp_crc32c(0, draft->bytes, draft->length);
	write_u16(at, crc >> 16);
	write_u16(at + 2, crc & 0xffff);
}

bool pp_draft_append(struct pp_draft *draft, size_t ssl,
		     const struct pp_tlv *tlv)
{
	size_t limit = draft->room < PP_V2_MAX ? draft->room : PP_V2_MAX;
	uint8_t *at = draft->bytes + draft->length;

	if (limit < draft->length + PP_TLV_FIXED ||
	    limit - draft->length - PP_TLV_FIXED < tlv->length)
		return false;
	at[0] = (uint8_t)tlv->type;
	write_u16(at + 1, tlv->length);
	if (tlv->value != NULL)
		memcpy(at + PP_TLV_FIXED, tlv->value, tlv->length);
	else
		memset(at + PP_TLV_FIXED, 0, tlv->length);
	draft->length += PP_TLV_FIXED + tlv->length;
	if (ssl > 0)
		write_u16(draft->bytes + ssl - 2, draft->length - ssl);
	pp_draft_renew(draft);
	return true;
}
