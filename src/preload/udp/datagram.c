/* SPDX-License-Identifier: ISC */
/* Judging a datagram; see datagram.h. */
#include <config.h>

#include "preload/udp/datagram.h"

#include "protocol/header.h"
#include "protocol/spp.h"

#include <sys/socket.h>

/* The bytes that every header of version 2 begins with. */
#define SIGNATURE 12

/* Byte 14 of version 2: family and transport. */
enum {
	TCP_INET = 0x11, UDP_INET = 0x12,
	TCP_INET6 = 0x21, UDP_INET6 = 0x22,
	UNIX_STREAM = 0x31,
};

static bool drop_datagram(struct pp_datagram *datagram, const char *reason)
{
	datagram->reason = reason;
	return false;
}

/* Without a header that counts. */
static bool judge_bare(const struct pp_settings *settings,
		       struct pp_datagram *datagram, const char *reason)
{
	datagram->reason = reason;
	return !settings->must_use;
}

/* With a valid header. */
static bool judge_header(const uint8_t *bytes, struct pp_header *header,
			 struct pp_datagram *datagram)
{
	datagram->header = header->length;
	if (header->command == PP_COMMAND_LOCAL) {
		datagram->reason = "LOCAL";
		return true;
	}
	switch (header->protocol) {
	case UDP_INET:
	case UDP_INET6:
		pp_header_take_addresses(bytes, header);
		datagram->client = header->source;
		return true;
	case TCP_INET:
	case TCP_INET6:
	case UNIX_STREAM:
		return drop_datagram(datagram, "header of a stream");
	default:
		datagram->reason = "header without an internet address";
		return true;
	}
}

/* With Simple Proxy Protocol alone. */
static bool judge_spp(const struct pp_settings *settings, const uint8_t *bytes,
		      size_t size, struct pp_datagram *datagram)
{
	if (!pp_spp_parse(bytes, size, &datagram->client, &datagram->edge))
		return judge_bare(settings, datagram, "no header");
	datagram->header = PP_SPP_LENGTH;
	return true;
}

bool pp_datagram_judge(const struct pp_settings *settings,
		       const union pp_address *peer, const uint8_t *bytes,
		       size_t size, struct pp_datagram *datagram)
{
	struct pp_header header;

	datagram->header = 0;
	datagram->client.sa.sa_family = AF_UNSPEC;
	datagram->edge.sa.sa_family = AF_UNSPEC;
	datagram->reason = NULL;
	if (!pp_networks_have(&settings->trusted, peer))
		return judge_bare(settings, datagram, "not trusted");
	if (settings->spp)
		return judge_spp(settings, bytes, size, datagram);
	/* a few bytes like its first, as SIP's CR LF CR LF, are none */
	if (size < SIGNATURE)
		return judge_bare(settings, datagram, "no header");
	switch (pp_header_parse(bytes, size, PP_VERSION_2, &header)) {
	case PP_HEADER_COMPLETE:
		return judge_header(bytes, &header, datagram);
	case PP_HEADER_ABSENT:
		return judge_bare(settings, datagram, "no header");
	case PP_HEADER_MALFORMED:
		return drop_datagram(datagram, header.reason);
	default:
		return drop_datagram(datagram, "ends within its header");
	}
}
