/* SPDX-License-Identifier: ISC */
/* The header that the settings of the client make for a connection. */
#ifndef PP_CONNECTION_STATED_H
#define PP_CONNECTION_STATED_H

#include "settings/settings.h"

/* What a header states, for the log; AF_UNSPEC where it states nothing. */
struct pp_stated {
	union pp_address source;
	union pp_address destination;
};

/* The bytes that no header made from these settings goes beyond. */
size_t pp_outgoing_size(const struct pp_settings *settings);

/*
 * Writes the header of a connection to that address. Where the source is a
 * network, it is the address so many places behind the first, beginning again
 * at the end. Returns the length, or 0 where nothing can be written.
 */
size_t pp_outgoing_format(const struct pp_settings *settings, uint64_t place,
			  const union pp_address *connected, uint8_t *bytes,
			  size_t size, struct pp_stated *stated);

#endif
