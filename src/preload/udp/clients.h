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

/*
 * An empty table for so many clients, at most 64 bytes each (of less than a
 * thousand, 96); the key is a
 * secret, so that nobody can choose clients that get in each other's way. NULL
 * without memory.
 */
struct pp_clients *pp_clients_make(unsigned limit, const uint64_t key[2]);

/*
 * The client came through this proxy to the local port (in network order).
 * Neither address is AF_UNSPEC; v4-mapped ones are IPv4.
 */
void pp_clients_put(struct pp_clients *clients, const union pp_address *client,
		    in_port_t local, const union pp_address *proxy);

/*
 * The proxy of a client of that local port. False where none is known, of which
 * *proxy is left alone. An IPv4 one is AF_INET.
 */
bool pp_clients_find(struct pp_clients *clients,
		     const union pp_address *client, in_port_t local,
		     union pp_address *proxy);

/* How many there are, for tests. */
unsigned pp_clients_count(const struct pp_clients *clients);

/* Gives the memory back: for tests. */
void pp_clients_free(struct pp_clients *clients);

#endif
