/* SPDX-License-Identifier: ISC */
/* <proxyproto.h>: walking and appending TLVs. */
#include <config.h>

#include "protocol/tlv.h"

#include "api/proxyproto.h"
#include "export.h"
#include "protocol/header.h"

#define TYPE_MAX 255

PP_EXPORT const char *proxyproto_tlv_name(unsigned type)
{
	return pp_tlv_name(type);
}

_Static_assert(PP_TLV_FOUND == 1 && PP_TLV_END == 0 &&
		       PP_TLV_OVERRUN == (int)PROXYPROTO_MALFORMED,
	       "a result of a step is none of proxyproto_next_tlv");

PP_EXPORT int proxyproto_next_tlv(const void *tlvs, size_t length,
				  size_t *offset, struct proxyproto_tlv *tlv)
{
	struct pp_tlv found;
	enum pp_tlv_result result = pp_tlv_next(tlvs, length, offset, &found);

	if (result == PP_TLV_FOUND)
		*tlv = (struct proxyproto_tlv){ found.type, found.length,
						found.value };
	return (int)result;
}

PP_EXPORT int proxyproto_find_tlv(const void *tlvs, size_t length,
				  unsigned type, struct proxyproto_tlv *tlv)
{
	struct proxyproto_tlv candidate;
	size_t offset = 0;
	int found;

	do
		found = proxyproto_next_tlv(tlvs, length, &offset, &candidate);
	while (found == 1 && candidate.type != type);
	if (found == 1)
		*tlv = candidate;
	return found;
}

PP_EXPORT int proxyproto_read_ssl(const struct proxyproto_tlv *tlv,
				  struct proxyproto_ssl *ssl)
{
	const uint8_t *value = tlv->value;

	if (tlv->type != PROXYPROTO_TLV_SSL)
		return PROXYPROTO_UNFIT;
	if (tlv->length < PP_SSL_FIXED)
		return PROXYPROTO_MALFORMED;
	ssl->client = value[0];
	ssl->verify = (uint32_t)value[1] << 24 | (uint32_t)value[2] << 16 |
		      (uint32_t)value[3] << 8 | value[4];
	ssl->tlvs = value + PP_SSL_FIXED;
	ssl->tlvs_length = tlv->length - PP_SSL_FIXED;
	return PROXYPROTO_COMPLETE;
}

/* Where the value of the SSL vector that ends the header begins; 0: none does. */
static size_t find_last_ssl(const struct pp_draft *draft)
{
	size_t offset = draft->tlvs;
	struct pp_tlv last = { .length = 0 };

	while (pp_tlv_next(draft->bytes, draft->length, &offset, &last) ==
	       PP_TLV_FOUND)
		;
	if (last.type != PP_TLV_SSL || last.length < PP_SSL_FIXED)
		return 0;
	return (size_t)(last.value - draft->bytes);
}

/*
 * Appends a vector to the header that the bytes begin with, or within the SSL
 * vector that ends that. Returns as proxyproto_add_tlv does.
 */
static ssize_t append_vector(void *bytes, size_t size, bool within_ssl,
			     const struct pp_tlv *tlv)
{
	struct pp_draft draft = { .bytes = bytes, .room = size };
	struct pp_header header;
	size_t ssl = 0;

	if (pp_header_parse(size == 0 ? "" : bytes, size, PP_VERSION_2,
			    &header) != PP_HEADER_COMPLETE ||
	    header.tlv_offset == 0 || tlv->type > TYPE_MAX ||
	    tlv->length > PP_V2_MAX - PP_TLV_FIXED ||
	    header.length > PP_V2_MAX - PP_TLV_FIXED - tlv->length)
		return PROXYPROTO_UNFIT;
	draft.length = header.length;
	draft.tlvs = header.tlv_offset;
	if (within_ssl)
		ssl = find_last_ssl(&draft);
	if (within_ssl && ssl == 0)
		return PROXYPROTO_UNFIT;
	return pp_draft_append(&draft, ssl, tlv) ? (ssize_t)draft.length
						 : PROXYPROTO_SHORT;
}

PP_EXPORT ssize_t proxyproto_add_tlv(void *bytes, size_t size, unsigned type,
				     const void *value, size_t length)
{
	const struct pp_tlv tlv = { type, length, value };

	if (type == PP_TLV_CRC32C ||
	    (type == PP_TLV_UNIQUE_ID && length > PP_UNIQUE_ID_MAX))
		return PROXYPROTO_UNFIT;
	return append_vector(bytes, size, false, &tlv);
}

PP_EXPORT ssize_t proxyproto_add_ssl(void *bytes, size_t size, unsigned client,
				     uint32_t verify)
{
	const uint8_t value[PP_SSL_FIXED] = {
		(uint8_t)client,	(uint8_t)(verify >> 24),
		(uint8_t)(verify >> 16), (uint8_t)(verify >> 8),
		(uint8_t)verify,
	};

	if (client > 255)
		return PROXYPROTO_UNFIT;
	return proxyproto_add_tlv(bytes, size, PP_TLV_SSL, value,
				  sizeof(value));
}

PP_EXPORT ssize_t proxyproto_add_ssl_tlv(void *bytes, size_t size,
					 unsigned type, const void *value,
					 size_t length)
{
	const struct pp_tlv tlv = { type, length, value };

	return append_vector(bytes, size, true, &tlv);
}

PP_EXPORT ssize_t proxyproto_add_crc32c(void *bytes, size_t size)
{
	const struct pp_tlv tlv = { PP_TLV_CRC32C, 4, NULL };
	struct proxyproto_header header;
	struct proxyproto_tlv found;

	if (proxyproto_parse(bytes, size, &header) == PROXYPROTO_COMPLETE &&
	    proxyproto_find_tlv(header.tlvs, header.tlvs_length,
				PROXYPROTO_TLV_CRC32C, &found) == 1)
		return PROXYPROTO_UNFIT;
	return append_vector(bytes, size, false, &tlv);
}
