/* SPDX-License-Identifier: ISC */
/* The table of clients of this process; see clients.h. */
#ifndef PP_PRELOAD_UDP_ROUTE_H
#define PP_PRELOAD_UDP_ROUTE_H

#include "preload/udp/clients.h"
#include "protocol/address.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/*
 * The client came by that route to the local port. False where it cannot have:
 * the address is one that a proxy speaks for itself from. Keeps errno.
 */
bool pp_route_learn(const union pp_address *client, in_port_t local,
		    const struct pp_route *route);

/*
 * A datagram of that address came for itself: a proxy's, whose header says so,
 * or one without a header. What is sent there goes there. Keeps errno.
 */
void pp_route_direct(const union pp_address *peer, in_port_t local,
		     bool is_proxy);

/*
 * Who is sent to at an address by a descriptor of that word, and by which
 * route. False where that is no client, and the kernel goes to the address.
 */
bool pp_route_find(uint64_t word, const struct sockaddr *address,
		   socklen_t length, union pp_address *client,
		   struct pp_route *route);

/* Do other clients of the socket have the same proxy, address and port? */
bool pp_route_is_shared(uint64_t word, const union pp_address *client,
			const struct pp_route *route);

/* Is there any client to be sent to? */
bool pp_route_any(void);

#endif
