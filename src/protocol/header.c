/* SPDX-License-Identifier: ISC */
/* Which version of a header bytes begin like. Each version has its own file. */
#include <config.h>

#include "protocol/header.h"

#include <assert.h>
#include <string.h>

static const char v1_signature[] = "PROXY";
static const char v2_signature[] = "\r\n\r\n\0\r\nQUIT\n";

enum pp_verdict pp_header_malformed(struct pp_header *header,
				    const char *reason)
{
	header->reason = reason;
	header->source.sa.sa_family = AF_UNSPEC;
	header->destination.sa.sa_family = AF_UNSPEC;
	return PP_HEADER_MALFORMED;
}

enum pp_verdict pp_header_more(struct pp_header *header, size_t length)
{
	header->length = length;
	return PP_HEADER_MORE;
}

/* Do the bytes agree with the signature as far as they go? */
static bool begins_like(const uint8_t *bytes, size_t size,
			const char *signature, size_t signature_size)
{
	return memcmp(bytes, signature,
		      size < signature_size ? size : signature_size) == 0;
}

bool pp_header_has_more(const struct pp_header *header)
{
	int destination = header->destination.sa.sa_family;

	switch (header->source.sa.sa_family) {
	case AF_INET:
		return header->version == 2
			       ? header->length > PP_V2_FIXED + 12
			       : destination == AF_UNSPEC;
	case AF_INET6:
		return header->version == 2 && header->length > PP_V2_FIXED + 36;
	default:
		if (header->version == 1)
			return header->length > PP_V1_UNKNOWN;
		return header->protocol != 0 || header->length > PP_V2_FIXED;
	}
}

enum pp_verdict pp_header_parse(const void *bytes, size_t size,
				enum pp_versions versions,
				struct pp_header *header)
{
	const size_t v1_size = sizeof(v1_signature) - 1;
	const size_t v2_size = sizeof(v2_signature) - 1;
	bool v1 = (versions & PP_VERSION_1) &&
		  begins_like(bytes, size, v1_signature, v1_size);
	bool v2 = (versions & PP_VERSION_2) &&
		  begins_like(bytes, size, v2_signature, v2_size);
	enum pp_verdict verdict = PP_HEADER_ABSENT;

	memset(header, 0, sizeof(*header));
	if (v1 && size >= v1_size)
		verdict = pp_header_parse_v1(bytes, size, header);
	else if (v2 && size >= v2_size)
		verdict = pp_header_parse_v2(bytes, size, header);
	else if (v1 || v2)
		verdict = pp_header_more(header, size + 1);
	/* what each verdict promises to those who act on it */
	assert(verdict != PP_HEADER_COMPLETE || header->length <= size);
	assert(verdict != PP_HEADER_COMPLETE ||
	       header->source.sa.sa_family ==
		       header->destination.sa.sa_family ||
	       (header->version == 1 &&
		header->destination.sa.sa_family == AF_UNSPEC));
	assert(verdict != PP_HEADER_MORE || header->length > size);
	assert(verdict != PP_HEADER_MALFORMED || header->reason != NULL);
	return verdict;
}
