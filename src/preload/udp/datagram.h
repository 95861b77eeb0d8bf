/* SPDX-License-Identifier: ISC */
/*
 * What becomes of a datagram: by the settings, its sender and its first bytes.
 * Pure: nothing is kept here.
 */
#ifndef PP_PRELOAD_UDP_DATAGRAM_H
#define PP_PRELOAD_UDP_DATAGRAM_H

#include "protocol/address.h"
#include "settings/settings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* No datagram of UDP is longer, nor would it have room for more. */
#define PP_DATAGRAM_MAX 65536

struct pp_datagram {
	/* Bytes to take off; 0 where there is no header. */
	size_t header;
	/* Who sent it; AF_UNSPEC where that is who the kernel names. */
	union pp_address client;
	/* With Simple Proxy Protocol, where it sent it to; else AF_UNSPEC. */
	union pp_address edge;
	/* Why there is no client, or why it is dropped; a constant text. */
	const char *reason;
};

/*
 * Judges a whole datagram that came from peer, as the kernel named that. False
 * where no program is to see it. Thread- and signal-safe.
 */
bool pp_datagram_judge(const struct pp_settings *settings,
		       const union pp_address *peer, const uint8_t *bytes,
		       size_t size, struct pp_datagram *datagram);

#endif
