/* SPDX-License-Identifier: ISC */
/*
 * Values that are read from text into memory of their own: networks, ports,
 * vectors, a header verbatim; and the words in them.
 */
#ifndef PP_SETTINGS_LISTS_H
#define PP_SETTINGS_LISTS_H

#include "protocol/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What stands between two words, in any number and mixture. */
#define PP_SEPARATORS ", \t\r\n"

/* The words that stand for no list, each the default of its setting. */
#define PP_NETWORKS_EVERYONE "everyone"
#define PP_PORTS_ALL "all"
#define PP_ENDPOINTS_ALL "all"
#define PP_BYTES_NONE "none"

/* What the vectors of one header can have beside addresses and a CRC32c. */
#define PP_VECTORS_MAX (65535 - 36 - 7)

/* A part of a text that goes on behind it. */
struct pp_word {
	const char *start;
	size_t length;
};

/* In upper case, as names are, whatever the locale. */
char pp_upper(char c);

/*
 * Are so many characters that word, in whatever case? No tables of the C
 * library's are read: each program that starts would fetch their pages.
 */
bool pp_text_is(const char *text, size_t length, const char *word);

/*
 * Reads an address or a network, IPv4 or IPv6, without a zone and without bits
 * beyond its prefix length, which is 32 or 128 where it has none.
 */
bool pp_network_parse(const struct pp_word *word, union pp_address *address,
		      unsigned *prefix);

/* Reads a port from 1 to 65535, or a range of them: "22", "8000-8099". */
bool pp_port_range_parse(const struct pp_word *word, unsigned *first,
			 unsigned *last);

/* What was read, in memory of its own; NULL where that is no list. */
struct pp_bytes {
	void *at;
	size_t length;	/* how much is used: bytes, nodes, endpoints */
	size_t mapped;
};

/* How a list is read. */
struct pp_list {
	const char *none;	/* stands alone, for no list */
	const char *separators;	/* none: all of the text is one word */
	size_t size;		/* bytes of zeroed memory for it */
	size_t word_size;	/* and so many more for each word */
	bool (*add)(const struct pp_word *word, struct pp_bytes *to);
};

/*
 * Internet addresses, as a list of addresses and networks; everyone for all.
 * The two families are apart: an IPv6 network never covers IPv4 addresses,
 * unless it is written v4-mapped with a prefix length of 96 or more, which is
 * the same as the IPv4 network.
 */
extern const struct pp_list pp_networks;

/* TCP ports from 1 to 65535, as a list such as "22,80 8000-8099". */
extern const struct pp_list pp_ports;

/*
 * Internet addresses and networks, each with a port, with a range of them, or
 * without, which is any port; all for all. Those of IPv6 are in brackets where
 * they have a port; "*" or nothing in front of it is every address. v4-mapped
 * ones as in pp_networks.
 */
extern const struct pp_list pp_endpoints;

/*
 * Vectors, name=value each, as they stand in a header. Text is the value of
 * alpn, authority, netns and unique-id; bytes in hexadecimal that of ssl and of
 * a number (0xEA); noop has so many zero bytes. At most PP_VECTORS_MAX.
 */
extern const struct pp_list pp_vectors;

/* Text with the escapes \r, \n, \\ and \xHH, up to PP_V2_MAX bytes of it. */
extern const struct pp_list pp_verbatim;

/*
 * Reads a list. NULL, or where in the text the first bad word begins; then
 * *bytes is as it was. A text without a word is bad.
 */
const char *pp_list_parse(const struct pp_list *list, const char *text,
			  struct pp_bytes *bytes);

/* Gives the memory back. */
void pp_bytes_free(struct pp_bytes *bytes);

/*
 * Is the address one of the networks? A v4-mapped one counts as IPv4; port and
 * scope do not count. AF_UNSPEC is never one of a list. Allocates nothing. What
 * it costs does not grow with the list: a step for each bit of a network.
 */
bool pp_networks_have(const struct pp_bytes *networks,
		      const union pp_address *address);

/*
 * Is the address, with its port, one of them? A v4-mapped one counts as IPv4; a
 * scope does not count. AF_UNSPEC is never one of a list. Allocates nothing.
 */
bool pp_endpoints_have(const struct pp_bytes *endpoints,
		       const union pp_address *address);

/* Is the port (in host order) one of them? */
bool pp_ports_have(const struct pp_bytes *ports, uint16_t port);

#endif
