/* SPDX-License-Identifier: ISC */
/*
 * The PROXY protocol header: judging received bytes and writing a header.
 * Pure functions over memory; receive.h takes a header off a socket.
 * Specification: doc/proxy-protocol.txt of HAProxy, sections 2.1 and 2.2.
 */
#ifndef PP_PROTOCOL_HEADER_H
#define PP_PROTOCOL_HEADER_H

#include "protocol/address.h"

#include <stddef.h>
#include <stdint.h>

/* Longest version 1 line, CRLF included (section 2.1). */
#define PP_V1_MAX 107
/* A line that says UNKNOWN and nothing else. */
#define PP_V1_UNKNOWN 15
/* Fixed part of version 2, and what its length field can add (section 2.2). */
#define PP_V2_FIXED 16
#define PP_V2_MAX (PP_V2_FIXED + 65535)
/* The longest header pp_header_format writes: v1 over IPv6. */
#define PP_FORMAT_MAX 104

/* Set of header versions; the values of LIBPROXYPROTO_VERSION. */
enum pp_versions {
	PP_VERSION_NONE = 0,
	PP_VERSION_1 = 1,
	PP_VERSION_2 = 2,
	PP_VERSION_BOTH = 3,
};

/* What the bytes at the start of a stream are. */
enum pp_verdict {
	PP_HEADER_COMPLETE,	/* a valid header, header->length bytes long */
	PP_HEADER_MORE,		/* may become one: wait for header->length */
	PP_HEADER_ABSENT,	/* is not one */
	PP_HEADER_MALFORMED,	/* starts as one and is not valid: see reason */
};

enum pp_command {
	PP_COMMAND_LOCAL = 0,
	PP_COMMAND_PROXY = 1,
};

struct pp_header {
	/* Bytes of the whole header, or with MORE the least to wait for. */
	size_t length;
	unsigned version;
	enum pp_command command;
	/* Family and transport as byte 14 of version 2 has them (0x11 ...);
	   with LOCAL they may be anything. */
	unsigned protocol;
	/* AF_UNSPEC where the header names none that a TCP socket can have;
	   else of one family, or the destination, in version 1, AF_UNSPEC:
	   it was of the other one. */
	union pp_address source;
	union pp_address destination;
	/* Where the TLVs lie in the header; both 0 without TLVs. */
	size_t tlv_offset;
	size_t tlv_length;
	/* MALFORMED only: what is wrong, for the log. */
	const char *reason;
};

/*
 * Judges the first size bytes of a stream, as soon as they allow it. Versions
 * not in the set are not headers. Fills *header; does not keep bytes.
 * Thread- and signal-safe, allocates nothing.
 */
enum pp_verdict pp_header_parse(const void *bytes, size_t size,
				enum pp_versions versions,
				struct pp_header *header);

/* The two versions; pp_header_parse calls the one the bytes begin like. */
enum pp_verdict pp_header_parse_v1(const uint8_t *bytes, size_t size,
				   struct pp_header *header);
enum pp_verdict pp_header_parse_v2(const uint8_t *bytes, size_t size,
				   struct pp_header *header);

/*
 * Fills in the internet addresses that the block of a complete version 2
 * header has: those of a datagram transport are left out by pp_header_parse.
 */
void pp_header_take_addresses(const uint8_t *bytes, struct pp_header *header);

/*
 * Does a complete header have bytes that its version, command and addresses do
 * not make up: TLVs, a family, a block or text that does not count?
 */
bool pp_header_has_more(const struct pp_header *header);

/* Records why a header is malformed. Returns PP_HEADER_MALFORMED. */
enum pp_verdict pp_header_malformed(struct pp_header *header,
				    const char *reason);

/* Records how many bytes are needed to go on. Returns PP_HEADER_MORE. */
enum pp_verdict pp_header_more(struct pp_header *header, size_t length);

/*
 * Writes a PROXY header of version 1 or 2 for TCP. Where the families differ,
 * the IPv4 address is written v4-mapped. Returns the length, or 0 where the
 * version or an address cannot be written or size is too small.
 */
size_t pp_header_format(unsigned version, const union pp_address *source,
			const union pp_address *destination, uint8_t *bytes,
			size_t size);

/*
 * Writes a header without addresses: version 1 UNKNOWN, whatever the command,
 * or version 2 of an unspecified family. Returns as pp_header_format does.
 */
size_t pp_header_format_unspec(unsigned version, enum pp_command command,
			       uint8_t *bytes, size_t size);

#endif
