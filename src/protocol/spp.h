/* SPDX-License-Identifier: ISC */
/*
 * Cloudflare's Simple Proxy Protocol, which Spectrum puts before each datagram:
 * two bytes of magic, the client's address, the one that it sent to, and their
 * ports. It is of one length; an IPv4 address is v4-mapped.
 */
#ifndef PP_PROTOCOL_SPP_H
#define PP_PROTOCOL_SPP_H

#include "protocol/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PP_SPP_LENGTH 38

/*
 * Does a datagram begin with such a header? Then *client and *proxy are what it
 * states, IPv4 where that is v4-mapped.
 */
bool pp_spp_parse(const uint8_t *bytes, size_t size, union pp_address *client,
		  union pp_address *proxy);

/* Writes one. Both are IPv4 or IPv6 addresses. */
void pp_spp_format(const union pp_address *client,
		   const union pp_address *proxy,
		   uint8_t bytes[PP_SPP_LENGTH]);

#endif
