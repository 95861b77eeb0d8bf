/* SPDX-License-Identifier: ISC */
/* The type-length-value vectors behind the addresses of a v2 header (2.2). */
#ifndef PP_TLV_H
#define PP_TLV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PP_TLV_CRC32C 0x03

struct pp_tlv {
	unsigned type;
	size_t length;
	const uint8_t *value;
};

enum pp_tlv_result {
	PP_TLV_FOUND,
	PP_TLV_END,
	PP_TLV_OVERRUN,	/* the vector reaches past the end of the header */
};

/*
 * Reads the vector at *offset of size bytes and moves *offset behind it.
 * Start with *offset at 0.
 */
enum pp_tlv_result pp_tlv_next(const uint8_t *bytes, size_t size,
			       size_t *offset, struct pp_tlv *tlv);

#endif
