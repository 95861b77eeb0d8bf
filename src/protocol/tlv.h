/* SPDX-License-Identifier: ISC */
/* The type-length-value vectors behind the addresses of a v2 header (2.2). */
#ifndef PP_PROTOCOL_TLV_H
#define PP_PROTOCOL_TLV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PP_TLV_CRC32C 0x03
#define PP_TLV_UNIQUE_ID 0x05
#define PP_TLV_SSL 0x20

#define PP_TLV_FIXED 3		/* type and length */
#define PP_TLV_NAME_MAX 16	/* of pp_tlv_name, its '\0' counted */
#define PP_UNIQUE_ID_MAX 128
#define PP_SSL_FIXED 5		/* of the value of SSL: client and verify */

struct pp_tlv {
	unsigned type;
	size_t length;
	const uint8_t *value;
};

/* The values are those of proxyproto_next_tlv. */
enum pp_tlv_result {
	PP_TLV_FOUND = 1,
	PP_TLV_END = 0,
	PP_TLV_OVERRUN = -3, /* the vector reaches past the end of the header */
};

/*
 * Reads the vector at *offset of size bytes and moves *offset behind it.
 * Start with *offset at 0. One that is more than size is an overrun.
 */
enum pp_tlv_result pp_tlv_next(const uint8_t *bytes, size_t size,
			       size_t *offset, struct pp_tlv *tlv);

/* The name of a type, as "alpn" or "ssl-cn"; NULL for others. */
const char *pp_tlv_name(unsigned type);

/*
 * Writes vectors as text: 'alpn="h2", 0xe5=0x01ff'. Those within an SSL vector
 * follow it. A value is text in quotes where it is mostly that, what is not
 * ASCII as \xHH, or else bytes; a long one is cut, and so is the list where it
 * finds no room (of 8 bytes at least): "..." says so. Signal-safe as snprintf(3)
 * is.
 */
void pp_tlv_list(const uint8_t *bytes, size_t size, char *text, size_t room);

/*
 * CRC32c (Castagnoli), as RFC 4960 appendix B and section 2.2.3 use it. Goes on
 * from the checksum of the bytes before; that of none is 0.
 */
uint32_t pp_crc32c(uint32_t crc, const void *bytes, size_t size);

/*
 * A whole version 2 header in memory, to be made longer. Start with tlvs at
 * its length where pp_header_format wrote it.
 */
struct pp_draft {
	uint8_t *bytes;
	size_t room;	/* for how many bytes there is memory */
	size_t length;	/* of the header */
	size_t tlvs;	/* where its vectors begin */
};

/*
 * Appends a vector, of zeroes where its value is NULL, and renews the header's
 * length and the CRC32c that it may have. Where ssl is not 0 it is within the
 * SSL vector whose value begins there and ends it all. False, and nothing
 * changed, where there is no room or the header would be longer than its
 * length can say.
 */
bool pp_draft_append(struct pp_draft *draft, size_t ssl,
		     const struct pp_tlv *tlv);

/* Writes the length into the header, and the checksum if there is one. */
void pp_draft_renew(struct pp_draft *draft);

#endif
