/* SPDX-License-Identifier: ISC */
/* Tells what the bytes of a header say; see describe.h. */
#include <config.h>

#include "command/describe.h"

#include "protocol/tlv.h"

#include <stdio.h>
#include <string.h>

#define UNIX_PATH 108

enum { FAMILY_UNSPEC = 0, FAMILY_INET, FAMILY_INET6, FAMILY_UNIX };

void pp_print_field(const char *name)
{
	printf("%-13s", name);
}

void pp_print_value(const uint8_t *value, size_t length)
{
	size_t others = 0;

	for (size_t i = 0; i < length; i++)
		others += value[i] < ' ' || value[i] >= 0x7f;
	if (4 * others > length && others > 2) {
		fputs("0x", stdout);
		for (size_t i = 0; i < length; i++)
			printf("%02x", value[i]);
		return;
	}
	putchar('"');
	for (size_t i = 0; i < length; i++) {
		if (value[i] == '\r' || value[i] == '\n')
			printf("\\%c", value[i] == '\r' ? 'r' : 'n');
		else if (value[i] < ' ' || value[i] >= 0x7f)
			printf("\\x%02x", value[i]);
		else if (value[i] == '"' || value[i] == '\\')
			printf("\\%c", value[i]);
		else
			putchar(value[i]);
	}
	putchar('"');
}

static void print_address(const char *name, const union pp_address *address)
{
	char text[PP_ADDRESS_TEXT];

	pp_print_field(name);
	puts(pp_address_text(address, text, sizeof(text)));
}

static void print_path(const char *name, const uint8_t *path)
{
	pp_print_field(name);
	pp_print_value(path, strnlen((const char *)path, UNIX_PATH));
	putchar('\n');
}

/* What a type is for that has no name. */
static const char *name_type(unsigned type)
{
	const char *name = pp_tlv_name(type);

	if (name != NULL)
		return name;
	if (type >= 0xe0 && type <= 0xef)
		return "of an application";
	if (type >= 0xf0 && type <= 0xf7)
		return "of an experiment";
	return "unknown";
}

static uint32_t read_u32(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 |
	       (uint32_t)bytes[2] << 8 | bytes[3];
}

/* The checksum that a header ought to have whose field is there. */
static uint32_t right_checksum(const uint8_t *bytes, size_t length,
			       const uint8_t *field)
{
	static const uint8_t zero[4];
	const size_t before = (size_t)(field - bytes);
	uint32_t crc = pp_crc32c(0, bytes, before);

	crc = pp_crc32c(crc, zero, sizeof(zero));
	return pp_crc32c(crc, field + 4, length - before - 4);
}

static void print_checksum(const uint8_t *bytes, size_t length,
			   const struct pp_tlv *tlv)
{
	uint32_t right;

	if (tlv->length != 4) {
		pp_print_value(tlv->value, tlv->length);
		return;
	}
	right = right_checksum(bytes, length, tlv->value);
	printf("0x%08x", read_u32(tlv->value));
	if (right == read_u32(tlv->value))
		fputs(", matches", stdout);
	else
		printf(", does not match: 0x%08x would", right);
}

static void print_ssl(const struct pp_tlv *tlv)
{
	const unsigned client = tlv->value[0];
	const uint32_t verify = read_u32(tlv->value + 1);

	printf("client 0x%02x (%s%s%s), verify %u", client,
	       client & 1 ? "TLS" : "no TLS",
	       client & 2 ? ", certificate in this connection" : "",
	       client & 4 ? ", certificate in this session" : "", verify);
	if (client & 6)
		fputs(verify == 0 ? " (certificate valid)"
				  : " (certificate not valid)", stdout);
}

/* A whole header, or as much as there is of it, and where that is. */
struct part {
	const uint8_t *header;
	size_t header_length;
	size_t begin, end;	/* of the vectors */
	bool within_ssl;
};

static void print_vectors(const struct part *part);

static void print_vector(const struct part *part, const struct pp_tlv *tlv)
{
	const size_t value = (size_t)(tlv->value - part->header);

	printf("%sTLV at %-*zu %s (0x%02X), %zu byte%s: ",
	       part->within_ssl ? "  " : "", part->within_ssl ? 3 : 5,
	       value - PP_TLV_FIXED, name_type(tlv->type), tlv->type,
	       tlv->length, tlv->length == 1 ? "" : "s");
	if (tlv->type == PP_TLV_CRC32C && !part->within_ssl)
		print_checksum(part->header, part->header_length, tlv);
	else if (tlv->type == PP_TLV_SSL && tlv->length >= PP_SSL_FIXED)
		print_ssl(tlv);
	else
		pp_print_value(tlv->value, tlv->length);
	if (tlv->type == PP_TLV_UNIQUE_ID && tlv->length > PP_UNIQUE_ID_MAX)
		printf(" (longer than the %d bytes allowed)",
		       PP_UNIQUE_ID_MAX);
	putchar('\n');
	if (tlv->type == PP_TLV_SSL && tlv->length > PP_SSL_FIXED &&
	    !part->within_ssl) {
		const struct part inner = {
			.header = part->header,
			.header_length = part->header_length,
			.begin = value + PP_SSL_FIXED,
			.end = value + tlv->length,
			.within_ssl = true };

		print_vectors(&inner);
	}
}

static void print_vectors(const struct part *part)
{
	size_t offset = part->begin;
	struct pp_tlv tlv;

	while (pp_tlv_next(part->header, part->end, &offset, &tlv) ==
	       PP_TLV_FOUND)
		print_vector(part, &tlv);
	if (part->within_ssl && offset < part->end)
		printf("  TLV at %-3zu reaches past the end of ssl\n", offset);
}

/* The block of addresses, and what comes behind it. */
static void print_block(const uint8_t *bytes, size_t size, size_t length,
			unsigned protocol)
{
	static const size_t sizes[] = {
		[FAMILY_INET] = 12, [FAMILY_INET6] = 36, [FAMILY_UNIX] = 216,
	};
	struct pp_header header = { .protocol = protocol };
	struct part part = { .header = bytes, .header_length = length,
			     .begin = PP_V2_FIXED + sizes[protocol >> 4],
			     .end = size < length ? size : length };

	if (part.begin > part.end)
		return;
	if (protocol >> 4 == FAMILY_UNIX) {
		print_path("source", bytes + PP_V2_FIXED);
		print_path("destination", bytes + PP_V2_FIXED + UNIX_PATH);
	} else {
		pp_header_take_addresses(bytes, &header);
		print_address("source", &header.source);
		print_address("destination", &header.destination);
	}
	/* the checksum is over all of it */
	if (size >= length)
		print_vectors(&part);
}

/* The 16 fixed bytes, and what they say that follows. */
static void print_v2(const uint8_t *bytes, size_t size)
{
	static const char *const families[] = { "no family", "IPv4", "IPv6",
						"Unix" };
	static const char *const transports[] = { "unspecified", "TCP",
						  "UDP" };
	const unsigned command = bytes[12] & 15, protocol = bytes[13];
	const size_t length =
		PP_V2_FIXED + (size_t)(bytes[14] << 8 | bytes[15]);
	const bool known = protocol >> 4 <= FAMILY_UNIX &&
			   (protocol & 15) <= 2;

	pp_print_field("header");
	printf("version %u, %zu bytes\n", bytes[12] >> 4, length);
	pp_print_field("command");
	if (command > 1)
		printf("0x%x\n", command);
	else
		puts(command == 1 ? "PROXY" : "LOCAL");
	pp_print_field("transport");
	if (known && protocol >> 4 == FAMILY_UNIX)
		printf("Unix %s (0x%02X)\n", (protocol & 15) == 2
		       ? "datagram" : (protocol & 15) == 1 ? "stream"
							   : "unspecified",
		       protocol);
	else if (known && protocol != 0)
		printf("%s over %s (0x%02X)\n", transports[protocol & 15],
		       families[protocol >> 4], protocol);
	else if (known)
		puts("unspecified (0x00)");
	else
		printf("0x%02X\n", protocol);
	if (command == 1 && known && protocol >> 4 != FAMILY_UNSPEC &&
	    (protocol & 15) != 0)
		print_block(bytes, size, length, protocol);
	else if (length > PP_V2_FIXED) {
		pp_print_field("block");
		printf("%zu bytes, which do not count\n", length - PP_V2_FIXED);
	}
}

static void print_v1(const uint8_t *bytes, size_t size,
		     const struct pp_header *header)
{
	const uint8_t *end = memchr(bytes, '\n', size);
	size_t length = end != NULL ? (size_t)(end - bytes) + 1 : size;

	pp_print_field("header");
	printf("version 1, %zu bytes\n", length);
	pp_print_field("line");
	pp_print_value(bytes, length < PP_V1_MAX ? length : PP_V1_MAX);
	putchar('\n');
	if (header->reason != NULL || header->length > size)
		return;
	pp_print_field("transport");
	puts(header->protocol == 0 ? "UNKNOWN" : header->protocol == 0x11
	     ? "TCP over IPv4" : "TCP over IPv6");
	if (header->protocol == 0)
		return;
	print_address("source", &header->source);
	print_address("destination", &header->destination);
}

void pp_describe_header(const uint8_t *bytes, size_t size)
{
	struct pp_header header;
	enum pp_verdict verdict =
		pp_header_parse(bytes, size, PP_VERSION_BOTH, &header);

	if (verdict == PP_HEADER_ABSENT)
		return;
	if (header.version == 1)
		print_v1(bytes, size, &header);
	else if (header.version == 2 && size >= PP_V2_FIXED)
		print_v2(bytes, size);
}

/*
 * The byte that makes it so: the first one without which the bytes before are
 * still what may become a header. What is judged as a whole, the vectors, is
 * looked for by its reason.
 */
static size_t find_fault(const uint8_t *bytes, size_t size,
			 enum pp_verdict verdict)
{
	struct pp_header header;
	size_t low = 0;

	while (low < size &&
	       pp_header_parse(bytes, low + 1, PP_VERSION_BOTH, &header) !=
		       verdict)
		low++;
	return low;
}

/* Where among the vectors the first one is that a header may not have. */
static size_t find_bad_vector(const uint8_t *bytes,
			      const struct pp_header *header)
{
	const size_t end = header->tlv_offset + header->tlv_length;
	size_t offset = header->tlv_offset, start = offset, checksum = 0;
	enum pp_tlv_result result;
	struct pp_tlv tlv;

	for (;;) {
		start = offset;
		result = pp_tlv_next(bytes, end, &offset, &tlv);
		if (result == PP_TLV_OVERRUN)
			return start;
		if (result == PP_TLV_END)
			return checksum + PP_TLV_FIXED;
		if (tlv.type != PP_TLV_CRC32C)
			continue;
		if (tlv.length != 4 || checksum != 0)
			return start;
		checksum = start;
	}
}

bool pp_describe_verdict(const uint8_t *bytes, size_t size)
{
	struct pp_header header;
	enum pp_verdict verdict =
		pp_header_parse(bytes, size, PP_VERSION_BOTH, &header);

	switch (verdict) {
	case PP_HEADER_COMPLETE:
		puts("valid");
		return true;
	case PP_HEADER_MORE:
		printf("cut at byte %zu: a header goes on to byte %zu at "
		       "least\n", size, header.length - 1);
		return false;
	case PP_HEADER_ABSENT:
		printf("no header: byte %zu is not as in \"PROXY \" or the "
		       "signature of version 2\n",
		       find_fault(bytes, size, verdict));
		return false;
	case PP_HEADER_MALFORMED:
		break;
	}
	printf("malformed at byte %zu: %s\n",
	       header.tlv_offset > 0 ? find_bad_vector(bytes, &header)
				     : find_fault(bytes, size, verdict),
	       header.reason);
	return false;
}
