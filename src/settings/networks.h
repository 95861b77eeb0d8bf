/* SPDX-License-Identifier: ISC */
/*
 * A set of internet addresses, written as a list of addresses and CIDR
 * networks. What a lookup costs grows with the logarithm of the list's length.
 */
#ifndef PP_SETTINGS_NETWORKS_H
#define PP_SETTINGS_NETWORKS_H

#include "protocol/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An IPv6 address, or an IPv4 one as its v4-mapped form, in host order. */
struct pp_network_key {
	uint64_t high, low;
};

/* All addresses from first to last. */
struct pp_network_range {
	struct pp_network_key first, last;
};

/* Sorted ranges that do not touch. No ranges at all: everyone. */
struct pp_networks {
	struct pp_network_range *ranges;
	size_t count;
	size_t mapped;		/* bytes of memory */
};

/* The list that stands for every address. */
#define PP_NETWORKS_EVERYONE "everyone"

/*
 * Reads a list. NULL, or where in the text the first bad word begins; then
 * *networks is as it was. Each word is an address or a network, IPv4 or IPv6,
 * without bits beyond its prefix length and without a zone; or the list is
 * PP_NETWORKS_EVERYONE. An empty list is bad. The two families are apart: an
 * IPv6 network never covers IPv4 addresses, unless it is written v4-mapped
 * with a prefix length of 96 or more, which is the same as the IPv4 network.
 */
const char *pp_networks_parse(const char *text, struct pp_networks *networks);

/* Gives the memory back. */
void pp_networks_free(struct pp_networks *networks);

/*
 * Is the address one of them? A v4-mapped one counts as IPv4; port and scope
 * do not count. AF_UNSPEC is never one of a list. Allocates nothing.
 */
bool pp_networks_have(const struct pp_networks *networks,
		      const union pp_address *address);

#endif
