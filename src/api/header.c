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

static void show_address(union proxyproto_address *shown,
			 const union pp_address *address)
{
	shown->sa.sa_family = address->sa.sa_family;
	memcpy(shown, address, pp_address_length(address));
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
	bool named = parsed->version == 1
			     ? parsed->source.sa.sa_family != AF_UNSPEC
			     : parsed->tlv_offset != 0;

	header->transport = PROXYPROTO_UNSPEC;
	if (named)
		header->transport =
			(enum proxyproto_transport)(parsed->protocol & 15);
	if (header->transport == PROXYPROTO_DGRAM)
		pp_header_take_addresses(bytes, parsed);
	if (named && parsed->protocol >> 4 == FAMILY_UNIX) {
		bytes += PP_V2_FIXED;
		show_unix(&header->source, bytes);
		show_unix(&header->destination, bytes + UNIX_PATH);
		return;
	}
	show_address(&header->source, &parsed->source);
	show_address(&header->destination, &parsed->destination);
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

/* Which addresses of a header to write count? */
enum kind { KIND_NONE, KIND_INTERNET, KIND_UNIX, KIND_MIXED };

static enum kind kind_of(const struct proxyproto_header *header)
{
	int source = header->source.sa.sa_family;
	int destination = header->destination.sa.sa_family;

	if (header->command == PROXYPROTO_LOCAL)
		return KIND_NONE;
	if (pp_family_is_internet(source) && pp_family_is_internet(destination))
		return KIND_INTERNET;
	if (source != destination)
		return KIND_MIXED;
	if (source == AF_UNIX)
		return KIND_UNIX;
	return source == AF_UNSPEC ? KIND_NONE : KIND_MIXED;
}

/* Can a header say that? */
static bool is_fit(const struct proxyproto_header *header, enum kind kind)
{
	bool local = header->command == PROXYPROTO_LOCAL;
	bool stream = header->transport == PROXYPROTO_STREAM;
	bool dgram = header->transport == PROXYPROTO_DGRAM;

	if (kind == KIND_MIXED ||
	    (!local && header->command != PROXYPROTO_PROXY) ||
	    (kind == KIND_NONE && header->tlvs_length > 0))
		return false;
	if (header->version == 1)
		return !local && header->tlvs_length == 0 &&
		       (kind == KIND_NONE || (kind == KIND_INTERNET && stream));
	return header->version == 2 && (kind == KIND_NONE || stream || dgram);
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

/* The header without TLVs; 0 where there is no room for it. */
static size_t format_plain(const struct proxyproto_header *header,
			   enum kind kind, uint8_t *bytes, size_t size)
{
	size_t length;

	if (kind == KIND_NONE)
		return pp_header_format_unspec(header->version,
					       (enum pp_command)header->command,
					       bytes, size);
	if (kind == KIND_INTERNET)
		length = format_internet(header, bytes, size);
	else
		length = format_unix(header, bytes, size);
	if (length > 0 && header->version == 2)
		bytes[13] = (uint8_t)((bytes[13] & 0xf0) | header->transport);
	return length;
}

PP_EXPORT ssize_t proxyproto_format(const struct proxyproto_header *header,
				    void *bytes, size_t size)
{
	const size_t tlvs_length = header->tlvs_length;
	enum kind kind = kind_of(header);
	struct pp_draft draft = { .bytes = bytes, .room = size };
	struct pp_header written;

	if (!is_fit(header, kind))
		return PROXYPROTO_UNFIT;
	draft.tlvs = format_plain(header, kind, bytes, size);
	if (draft.tlvs == 0)
		return PROXYPROTO_SHORT;
	if (tlvs_length == 0)
		return (ssize_t)draft.tlvs;
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
