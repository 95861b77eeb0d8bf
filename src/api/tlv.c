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

PP_EXPORT int proxyproto_next_tlv(const void *tlvs, size_t length,
				  size_t *offset, struct proxyproto_tlv *tlv)
{
	struct pp_tlv found;

	switch (pp_tlv_next(tlvs, length, offset, &found)) {
	case PP_TLV_FOUND:
		tlv->type = found.type;
		tlv->length = found.length;
		tlv->value = found.value;
		return 1;
	case PP_TLV_END:
		return 0;
	default:
		return PROXYPROTO_MALFORMED;
	}
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

/*
 * Takes up a header for a vector of that type and length. False where there is
 * none that can have vectors, or it would be longer than version 2 can say.
 */
static bool take_up(struct pp_draft *draft, void *bytes, size_t size,
		    unsigned type, size_t length)
{
	struct pp_header header;

	if (pp_header_parse(size == 0 ? "" : bytes, size, PP_VERSION_2,
			    &header) != PP_HEADER_COMPLETE ||
	    header.tlv_offset == 0)
		return false;
	draft->bytes = bytes;
	draft->room = size;
	draft->length = header.length;
	draft->tlvs = header.tlv_offset;
	return type <= TYPE_MAX && length <= PP_V2_MAX - PP_TLV_FIXED &&
	       draft->length <= PP_V2_MAX - PP_TLV_FIXED - length;
}

/* What a call returns that appended a vector to the draft, or could not. */
static ssize_t appended(const struct pp_draft *draft, bool done)
{
	return done ? (ssize_t)draft->length : PROXYPROTO_SHORT;
}

PP_EXPORT ssize_t proxyproto_add_tlv(void *bytes, size_t size, unsigned type,
				     const void *value, size_t length)
{
	const struct pp_tlv tlv = { .type = type,
				    .length = length,
				    .value = value };
	struct pp_draft draft;

	if (!take_up(&draft, bytes, size, type, length) ||
	    type == PP_TLV_CRC32C ||
	    (type == PP_TLV_UNIQUE_ID && length > PP_UNIQUE_ID_MAX))
		return PROXYPROTO_UNFIT;
	return appended(&draft, pp_draft_append(&draft, 0, &tlv));
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

/* Finds the last vector, of a type. Its value ends where the header does. */
static bool find_last(const struct pp_draft *draft, unsigned type,
		      struct pp_tlv *tlv)
{
	size_t offset = draft->tlvs;

	tlv->type = TYPE_MAX + 1;
	while (pp_tlv_next(draft->bytes, draft->length, &offset, tlv) ==
	       PP_TLV_FOUND)
		;
	return tlv->type == type;
}

PP_EXPORT ssize_t proxyproto_add_ssl_tlv(void *bytes, size_t size,
					 unsigned type, const void *value,
					 size_t length)
{
	const struct pp_tlv tlv = { .type = type,
				    .length = length,
				    .value = value };
	struct pp_draft draft;
	struct pp_tlv ssl;

	if (!take_up(&draft, bytes, size, type, length) ||
	    !find_last(&draft, PP_TLV_SSL, &ssl) || ssl.length < PP_SSL_FIXED)
		return PROXYPROTO_UNFIT;
	return appended(&draft,
			pp_draft_append(&draft,
					(size_t)(ssl.value - draft.bytes),
					&tlv));
}

PP_EXPORT ssize_t proxyproto_add_crc32c(void *bytes, size_t size)
{
	struct pp_draft draft;
	struct proxyproto_tlv found;

	if (!take_up(&draft, bytes, size, PP_TLV_CRC32C, 4) ||
	    proxyproto_find_tlv(draft.bytes + draft.tlvs,
				draft.length - draft.tlvs, PP_TLV_CRC32C,
				&found) == 1)
		return PROXYPROTO_UNFIT;
	return appended(&draft, pp_draft_append_crc32c(&draft));
}
