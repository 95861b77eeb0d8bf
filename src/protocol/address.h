/* SPDX-License-Identifier: ISC */
/*
 * Internet socket addresses: how one is copied out to a program, how a stated
 * address looks on a socket of a given family, how it is written as text; and
 * numbers, as ports are. What a header says about addresses is in header.h.
 */
#ifndef PP_PROTOCOL_ADDRESS_H
#define PP_PROTOCOL_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* An IPv4 or IPv6 address and port, or AF_UNSPEC for none. */
union pp_address {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

/* "[" IPv6 text "]:" port, and the terminating zero */
#define PP_ADDRESS_TEXT 56

/* True for AF_INET and AF_INET6. */
bool pp_family_is_internet(int family);

/* Its port, in network order; only of an IPv4 or IPv6 address. */
in_port_t pp_address_port(const union pp_address *address);
void pp_address_set_port(union pp_address *address, in_port_t port);

/* Its 4 or 16 bytes; only of an IPv4 or IPv6 address. */
const uint8_t *pp_address_ip(const union pp_address *address);

/* The bytes that the kernel would report for this address, 0 for none. */
socklen_t pp_address_length(const union pp_address *address);

/*
 * Reads an address from what accept(2) or getpeername(2) filled in. Anything
 * that is not a whole IPv4 or IPv6 address becomes AF_UNSPEC.
 */
void pp_address_from_kernel(union pp_address *address,
			    const struct sockaddr *kernel, socklen_t length);

/* The same family, address, port and scope? AF_UNSPEC equals nothing. */
bool pp_address_equal(const union pp_address *a, const union pp_address *b);

/*
 * What the kernel would say on a socket of socket_family about the client or
 * destination that a header states: v4-mapped on AF_INET6, and on AF_INET
 * IPv6 only where the address is no IPv4 one.
 */
void pp_address_on_socket(union pp_address *shown,
			  const union pp_address *stated, int socket_family);

/* The IPv4 address within a v4-mapped one; any other address is kept. */
void pp_address_unmap(union pp_address *address);

/* An IPv4 address as its v4-mapped IPv6 one; any other address is kept. */
void pp_address_map(union pp_address *address);

/*
 * Copies a socket address out as the kernel does: as many bytes as fit, and
 * the full length reported. A NULL to means that nobody asked. False where the
 * kernel would have said EINVAL, to a negative length.
 */
bool pp_sockaddr_copy_out(const struct sockaddr *from, socklen_t length,
			  struct sockaddr *to, socklen_t *to_length);

/*
 * "192.0.2.1:80", "[2001:db8::1]:80", "unix" of a Unix socket's, or "none" in
 * text, at most size bytes.
 */
const char *pp_address_text(const union pp_address *address, char *text,
			    size_t size);

/*
 * Reads a decimal number of digits only, without heading zeroes, up to max
 * (less than a thousand million).
 */
bool pp_number(const char *digits, size_t length, unsigned max, unsigned *to);

#endif
