/* SPDX-License-Identifier: ISC */
/* libFuzzer: TLVs, walked, and appended again one by one. */
#include <config.h>

#include "proxyproto.h"

#include <stdlib.h>
#include <string.h>

#define HOLDS(condition)         \
	do {                     \
		if (!(condition)) \
			abort();  \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static uint8_t written[PROXYPROTO_V2_MAX];

/* A header with no TLVs yet. */
static void begin(void)
{
	struct proxyproto_header header;

	memset(&header, 0, sizeof(header));
	header.version = 2;
	header.command = PROXYPROTO_PROXY;
	header.transport = PROXYPROTO_STREAM;
	header.source.sa.sa_family = AF_INET;
	header.destination.sa.sa_family = AF_INET;
	HOLDS(proxyproto_format(&header, written, sizeof(written)) == 28);
}

/* The header is valid and ends in the value, unless a checksum follows. */
static void check_appended(ssize_t length, const struct proxyproto_tlv *tlv)
{
	struct proxyproto_header header;

	HOLDS(length > 0);
	HOLDS(proxyproto_parse(written, (size_t)length, &header) ==
	      PROXYPROTO_COMPLETE);
	HOLDS(header.length == (size_t)length);
	HOLDS(memcmp(written + length - tlv->length, tlv->value,
		     tlv->length) == 0);
}

static void append(const struct proxyproto_tlv *tlv)
{
	ssize_t length = proxyproto_add_tlv(written, sizeof(written),
					    tlv->type, tlv->value,
					    tlv->length);

	if (length != PROXYPROTO_UNFIT)
		check_appended(length, tlv);
	else if (tlv->type == PROXYPROTO_TLV_CRC32C)
		proxyproto_add_crc32c(written, sizeof(written));
}

static void append_ssl(const struct proxyproto_ssl *ssl)
{
	struct proxyproto_tlv tlv;
	size_t offset = 0;
	ssize_t length = proxyproto_add_ssl(written, sizeof(written),
					    ssl->client, ssl->verify);

	if (length == PROXYPROTO_UNFIT)
		return;
	HOLDS(length > 0);
	while (proxyproto_next_tlv(ssl->tlvs, ssl->tlvs_length, &offset,
				   &tlv) == 1) {
		length = proxyproto_add_ssl_tlv(written, sizeof(written),
						tlv.type, tlv.value,
						tlv.length);
		if (length == PROXYPROTO_UNFIT)
			return;
		check_appended(length, &tlv);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct proxyproto_tlv tlv;
	struct proxyproto_ssl ssl;
	size_t offset = 0, before = 0;
	int found;

	begin();
	while ((found = proxyproto_next_tlv(bytes, size, &offset, &tlv)) == 1) {
		HOLDS(offset == before + 3 + tlv.length && offset <= size);
		before = offset;
		if (proxyproto_read_ssl(&tlv, &ssl) == PROXYPROTO_COMPLETE)
			append_ssl(&ssl);
		else
			append(&tlv);
	}
	HOLDS(found == 0 ? offset == size : found == PROXYPROTO_MALFORMED);
	return 0;
}
