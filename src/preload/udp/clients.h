/* SPDX-License-Identifier: ISC */
/*
 * Through which proxy each client came last, so that what is sent to it can go
 * there. A bounded table of memory from the kernel: who was not heard of for
 * the longest time goes. Without a lock; a thread or signal handler that finds
 * an entry half written takes it for none.
 */
#ifndef PP_PRELOAD_UDP_CLIENTS_H
#define PP_PRELOAD_UDP_CLIENTS_H

#include "protocol/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pp_clients;

/* Where a client is. */
struct pp_route {
	union pp_address proxy;	/* whom its datagrams come from */
	/* with Simple Proxy Protocol, where it sends to; else AF_UNSPEC */
	union pp_address edge;
};

/*
 * An empty table for so many clients, at most 64 bytes each (of less than a
 * thousand, 96), with edges or without. The key is a secret, so that nobody can
 * choose clients that get in each other's way. NULL without memory.
 */
struct pp_clients *pp_clients_make(unsigned limit, bool has_edges,
				   const uint64_t key[2]);

/*
 * The client came by this route, whose proxy's port is not 0, to the local port
 * (in network order). An IPv4 address and its v4-mapped one are the same; where
 * there are edges scopes are left out. False where that is a proxy's own
 * address, which nobody else can have.
 */
bool pp_clients_put(struct pp_clients *clients, const union pp_address *client,
		    in_port_t local, const struct pp_route *route);

/*
 * A proxy spoke for itself from that address: until then (by pp_now_ms) no
 * route for it is taken, and none is known.
 */
void pp_clients_keep_own(struct pp_clients *clients,
			 const union pp_address *proxy, in_port_t local,
			 int64_t until);

/* Who has that address came without a proxy. */
void pp_clients_forget(struct pp_clients *clients,
		       const union pp_address *client, in_port_t local);

/* The route of a client of that local port; false where none is known. */
bool pp_clients_find(struct pp_clients *clients,
		     const union pp_address *client, in_port_t local,
		     struct pp_route *route);

/*
 * The same, of whichever port, if it is whom this thread, or the one that it was
 * forked by, received from or sent to last.
 */
bool pp_clients_find_last(struct pp_clients *clients,
			  const union pp_address *client,
			  struct pp_route *route);

/*
 * Had another client this one's proxy, within the last 64 changes from one
 * client to another? (One of long ago may have had a port that the proxy has
 * given to this one since.) Looks at all.
 */
bool pp_clients_share(struct pp_clients *clients,
		      const union pp_address *client, in_port_t local,
		      const union pp_address *proxy);

/* Gives the memory back: for tests. */
void pp_clients_free(struct pp_clients *clients);

#endif
