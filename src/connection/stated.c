/* SPDX-License-Identifier: ISC */
/* Making a header from settings; see send.h. */
#include <config.h>

#include "connection/send.h"

#include "protocol/tlv.h"

#include <arpa/inet.h>
#include <string.h>

#define CRC_VECTOR 7

size_t pp_outgoing_size(const struct pp_settings *settings)
{
	if (settings->raw.at != NULL)
		return settings->raw.length;
	return PP_FORMAT_MAX + settings->vectors.length + CRC_VECTOR;
}

/* The address so many places behind the first of the source's. */
static void pick_source(const struct pp_settings *settings, uint64_t place,
			union pp_address *source)
{
	uint64_t count = settings->source_count;
	uint8_t *end;

	*source = settings->source;
	if (count > 0)
		place %= count;
	if (source->sa.sa_family == AF_INET) {
		source->in.sin_addr.s_addr = htonl(
			ntohl(source->in.sin_addr.s_addr) + (uint32_t)place);
		return;
	}
	/* the bits that count are zero in the first */
	end = source->in6.sin6_addr.s6_addr + 15;
	for (int i = 0; i < 8; i++)
		end[-i] |= (uint8_t)(place >> 8 * i);
}

static void pick_destination(const struct pp_settings *settings,
			     const union pp_address *connected,
			     union pp_address *destination)
{
	in_port_t port = pp_address_port(connected);

	*destination = *connected;
	if (settings->destination.sa.sa_family != AF_UNSPEC)
		*destination = settings->destination;
	if (settings->destination_port >= 0)
		port = htons((in_port_t)settings->destination_port);
	pp_address_set_port(destination, port);
}

/*
 * Appends the vectors as they are, a checksum among them too: it may be wrong
 * on purpose. False where there is no room.
 */
static bool append(struct pp_draft *draft, const struct pp_bytes *vectors)
{
	if (vectors->length > draft->room - draft->length)
		return false;
	if (vectors->length > 0)
		memcpy(draft->bytes + draft->length, vectors->at,
		       vectors->length);
	draft->length += vectors->length;
	/* what it is to renew begins behind them */
	draft->tlvs = draft->length;
	pp_draft_renew(draft);
	return true;
}

size_t pp_outgoing_format(const struct pp_settings *settings, uint64_t place,
			  const union pp_address *connected, uint8_t *bytes,
			  size_t size, struct pp_stated *stated)
{
	struct pp_draft draft = { .bytes = bytes, .room = size };

	memset(stated, 0, sizeof(*stated));
	if (settings->raw.at != NULL) {
		if (settings->raw.length > size)
			return 0;
		memcpy(bytes, settings->raw.at, settings->raw.length);
		return settings->raw.length;
	}
	if (settings->command == PP_COMMAND_PROXY) {
		pick_source(settings, place, &stated->source);
		pick_destination(settings, connected, &stated->destination);
		draft.length = pp_header_format(settings->send_version,
						&stated->source,
						&stated->destination, bytes,
						size);
	} else {
		draft.length = pp_header_format_unspec(settings->send_version,
						       PP_COMMAND_LOCAL, bytes,
						       size);
	}
	if (draft.length == 0 || settings->send_version == 1)
		return draft.length;
	if (!append(&draft, &settings->vectors) ||
	    (settings->crc32c && !pp_draft_append_crc32c(&draft)))
		return 0;
	return draft.length;
}
