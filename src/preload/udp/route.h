/* SPDX-License-Identifier: ISC */
/* The table of clients of this process; see clients.h. */
#ifndef PP_PRELOAD_UDP_ROUTE_H
#define PP_PRELOAD_UDP_ROUTE_H

#include "protocol/address.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* The client came through the proxy to that local port. Keeps errno. */
void pp_route_learn(const union pp_address *client, in_port_t local,
		    const union pp_address *proxy);

/*
 * Where what a program sends to an address has to go, by a descriptor of that
 * word: false where that is the address itself. Keeps errno.
 */
bool pp_route_find(uint64_t word, const struct sockaddr *address,
		   socklen_t length, union pp_address *to);

#endif
