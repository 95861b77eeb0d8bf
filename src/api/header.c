/* SPDX-License-Identifier: ISC */
/* <proxyproto.h>: reading and writing a header. */
#include <config.h>

#include "api/proxyproto.h"
#include "export.h"
#include "protocol/header.h"
#include "protocol/tlv.h"

#include <string.h>

/* A Unix address in the block of version 2 (section 2.2). */
#define UNIX_PATH 108
#define UNIX_BLOCK (2 * UNIX_PATH)

enum { FAMILY_UNIX = 3 };

PP_EXPORT const char *proxyproto_strerror(int result)
{
	static const char *const texts[] = {
		[-PROXYPROTO_COMPLETE] = "success",
		[-PROXYPROTO_MORE] = "incomplete header",
		[-PROXYPROTO_ABSENT] = "not a header",
		[-PROXYPROTO_MALFORMED] = "malformed header",
		[-PROXYPROTO_UNFIT] = "cannot be written in such a header",
		[-PROXYPROTO_SHORT] = "buffer too small",
	};

	if (result > PROXYPROTO_COMPLETE || result < PROXYPROTO_SHORT)
		return "unknown result";
	return texts[-result];
}

static void show_unix(union proxyproto_address *shown, const uint8_t *path)
{
	memset(&shown->un, 0, sizeof(shown->un));
	shown->un.sun_family = AF_UNIX;
	memcpy(shown->un.sun_path, path, UNIX_PATH);
}

/* What a complete header says of the client. */
static void show_client(const uint8_t *bytes, struct pp_header *parsed,
			struct proxyproto_header *header)
{
	/* without a block that may be anything */
	unsigned protocol = parsed->version == 1 || parsed->tlv_offset != 0
				    ? parsed->protocol : 0;

	header->transport = (enum proxyproto_transport)(protocol & 15);
	if (header->transport == PROXYPROTO_DGRAM)
		pp_header_take_addresses(bytes, parsed);
	if (protocol >> 4 == FAMILY_UNIX) {
		bytes += PP_V2_FIXED;
		show_unix(&header->source, bytes);
		show_unix(&header->destination, bytes + UNIX_PATH);
		return;
	}
	memcpy(&header->source, &parsed->source, sizeof(parsed->source));
	memcpy(&header->destination, &parsed->destination,
	       sizeof(parsed->destination));
}

_Static_assert(PROXYPROTO_MORE == -(int)PP_HEADER_MORE &&
		       PROXYPROTO_ABSENT == -(int)PP_HEADER_ABSENT &&
		       PROXYPROTO_MALFORMED == -(int)PP_HEADER_MALFORMED,
	       "a result is no verdict");

PP_EXPORT int proxyproto_parse(const void *bytes, size_t size,
			       struct proxyproto_header *header)
{
	struct pp_header parsed;
	enum pp_verdict verdict =
		pp_header_parse(size == 0 ? "" : bytes, size, PP_VERSION_BOTH,
				&parsed);

	header->length = parsed.length;
	header->version = parsed.version;
	header->reason =
		verdict == PP_HEADER_MALFORMED ? parsed.reason : NULL;
	if (verdict != PP_HEADER_COMPLETE)
		return -(int)verdict;
	header->command = (enum proxyproto_command)parsed.command;
	header->tlvs = (const uint8_t *)bytes + parsed.tlv_offset;
	header->tlvs_length = parsed.tlv_length;
	show_client(bytes, &parsed, header);
	return PROXYPROTO_COMPLETE;
}

static size_t format_internet(const struct proxyproto_header *header,
			      uint8_t *bytes, size_t size)
{
	union pp_address source, destination;

	memcpy(&source, &header->source, sizeof(source));
	memcpy(&destination, &header->destination, sizeof(destination));
	return pp_header_format(header->version, &source, &destination, bytes,
				size);
}

static size_t format_unix(const struct proxyproto_header *header,
			  uint8_t *bytes, size_t size)
{
	if (size < PP_V2_FIXED + UNIX_BLOCK ||
	    pp_header_format_unspec(2, PP_COMMAND_PROXY, bytes, size) == 0)
		return 0;
	bytes[13] = FAMILY_UNIX << 4;
	bytes[15] = UNIX_BLOCK;
	bytes += PP_V2_FIXED;
	memcpy(bytes, header->source.un.sun_path, UNIX_PATH);
	memcpy(bytes + UNIX_PATH, header->destination.un.sun_path, UNIX_PATH);
	return PP_V2_FIXED + UNIX_BLOCK;
}

/* A header that names both ends; its length, or 0 where there is no room. */
static ssize_t format_ends(const struct proxyproto_header *header,
			   uint8_t *bytes, size_t size)
{
	int source = header->source.sa.sa_family;
	int destination = header->destination.sa.sa_family;
	size_t length;

	if (header->transport != PROXYPROTO_STREAM &&
	    (header->transport != PROXYPROTO_DGRAM || header->version == 1))
		return PROXYPROTO_UNFIT;
	if (pp_family_is_internet(source) && pp_family_is_internet(destination))
		length = format_internet(header, bytes, size);
	else if (source == AF_UNIX && destination == AF_UNIX &&
		 header->version == 2)
		length = format_unix(header, bytes, size);
	else
		return PROXYPROTO_UNFIT;
	if (length > 0 && header->version == 2)
		bytes[13] = (uint8_t)((bytes[13] & 0xf0) | header->transport);
	return (ssize_t)length;
}

/* The header without TLVs; its length, or 0 where there is no room. */
static ssize_t format_plain(const struct proxyproto_header *header,
			    uint8_t *bytes, size_t size)
{
	bool local = header->command == PROXYPROTO_LOCAL;
	bool ends = !local && (header->source.sa.sa_family != AF_UNSPEC ||
			       header->destination.sa.sa_family != AF_UNSPEC);

	if ((header->version != 1 && header->version != 2) ||
	    (!local && header->command != PROXYPROTO_PROXY) ||
	    (header->version == 1 && (local || header->tlvs_length > 0)) ||
	    (!ends && header->tlvs_length > 0))
		return PROXYPROTO_UNFIT;
	if (ends)
		return format_ends(header, bytes, size);
	return (ssize_t)pp_header_format_unspec(header->version,
						(enum pp_command)header->command,
						bytes, size);
}

PP_EXPORT ssize_t proxyproto_format(const struct proxyproto_header *header,
				    void *bytes, size_t size)
{
	const size_t tlvs_length = header->tlvs_length;
	const ssize_t plain = format_plain(header, bytes, size);
	struct pp_draft draft = { .bytes = bytes, .room = size };
	struct pp_header written;

	if (plain == 0)
		return PROXYPROTO_SHORT;
	if (plain < 0 || tlvs_length == 0)
		return plain;
	draft.tlvs = (size_t)plain;
	if (tlvs_length > PP_V2_MAX - draft.tlvs)
		return PROXYPROTO_UNFIT;
	if (tlvs_length > size - draft.tlvs)
		return PROXYPROTO_SHORT;
	memcpy(draft.bytes + draft.tlvs, header->tlvs, tlvs_length);
	draft.length = draft.tlvs + tlvs_length;
	pp_draft_renew(&draft);
	if (pp_header_parse(bytes, draft.length, PP_VERSION_2, &written) !=
	    PP_HEADER_COMPLETE)
		return PROXYPROTO_UNFIT;
	return (ssize_t)draft.length;
}
