/* SPDX-License-Identifier: ISC */
/*
 * The IPv6 addresses that clients of this process connected to, which a note
 * has no room for, found by a digest (digest.h). Their number is bounded and
 * none is ever forgotten: a server has few. A forked child has those that its
 * parent had.
 */
#ifndef PP_CONNECTION_DESTINATIONS_H
#define PP_CONNECTION_DESTINATIONS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

/* So many addresses, and so many places where each may be. */
#define PP_DESTINATIONS 1024
#define PP_DESTINATIONS_PLACES 16

struct pp_destination {
	_Atomic unsigned state;	/* 0 free, 1 being written, 2 written */
	struct in6_addr address;
	uint64_t digest;
};

/* Zeroed it is empty. */
struct pp_destinations {
	struct pp_destination slots[PP_DESTINATIONS];
};

/*
 * Has the address found by this digest from now on. False where there is no
 * room, or another address has the same digest: then it is not found. Thread-
 * and signal-safe, without a lock.
 */
bool pp_destinations_add(struct pp_destinations *table, uint64_t digest,
			 const struct in6_addr *address);

/* Finds an address that was added. Thread- and signal-safe, without a lock. */
bool pp_destinations_find(struct pp_destinations *table, uint64_t digest,
			  struct in6_addr *address);

#endif
