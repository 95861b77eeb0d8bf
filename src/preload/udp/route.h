/* SPDX-License-Identifier: ISC */
/* The table of clients of this process; see clients.h. */
#ifndef PP_PRELOAD_UDP_ROUTE_H
#define PP_PRELOAD_UDP_ROUTE_H

#include "preload/udp/clients.h"
#include "preload/udp/last_client.h"
#include "preload/udp/sockets.h"
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

/*
 * The two for the client that this thread has just had, as most have (see
 * last_client.h); false where it is another, and the others are to be asked.
 */
static inline bool pp_route_is_learned(const struct sockaddr_in *client,
				       in_port_t local,
				       const struct sockaddr_in *proxy)
{
	uint64_t known;

	return pp_last_client_is(pp_in_word(client), local, &known) &&
	       known == pp_in_word(proxy);
}

static inline bool pp_route_of_last(uint64_t word,
				    const struct sockaddr *address,
				    socklen_t length,
				    struct sockaddr_in *proxy)
{
	uint64_t known;

	/* the address may be a bad one: only if there is anybody */
	if ((word & (PP_UDP_KIND | PP_UDP_INET6)) != PP_UDP_SERVED ||
	    pp_last_client.tag == NULL || address == NULL ||
	    length < sizeof(*proxy) || address->sa_family != AF_INET ||
	    !pp_last_client_is(pp_in_word(address), pp_udp_port(word), &known))
		return false;
	pp_in_from_word(known, proxy);
	return true;
}

/* The same if it is the thread's last client, whichever port it came to. */
bool pp_route_find_last(const struct sockaddr *address, socklen_t length,
			union pp_address *client, struct pp_route *route);

/*
 * Have other clients of the socket had the same proxy, address and port,
 * lately?
 */
bool pp_route_is_shared(uint64_t word, const union pp_address *client,
			const struct pp_route *route);

/* Is there any client to be sent to? */
bool pp_route_any(void);

#endif
