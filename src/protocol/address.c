/* SPDX-License-Identifier: ISC */
/* Internet socket addresses; see address.h. */
#include <config.h>

#include "protocol/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

bool pp_family_is_internet(int family)
{
	return family == AF_INET || family == AF_INET6;
}

const uint8_t *pp_address_ip(const union pp_address *address)
{
	return address->sa.sa_family == AF_INET
		       ? (const uint8_t *)&address->in.sin_addr
		       : address->in6.sin6_addr.s6_addr;
}

in_port_t pp_address_port(const union pp_address *address)
{
	return address->sa.sa_family == AF_INET6 ? address->in6.sin6_port
						 : address->in.sin_port;
}

void pp_address_set_port(union pp_address *address, in_port_t port)
{
	if (address->sa.sa_family == AF_INET6)
		address->in6.sin6_port = port;
	else
		address->in.sin_port = port;
}

socklen_t pp_address_length(const union pp_address *address)
{
	if (address->sa.sa_family == AF_INET)
		return sizeof(address->in);
	return address->sa.sa_family == AF_INET6 ? sizeof(address->in6) : 0;
}

void pp_address_from_kernel(union pp_address *address,
			    const struct sockaddr *kernel, socklen_t length)
{
	size_t size = 0;

	memset(address, 0, sizeof(*address));
	if (length < sizeof(kernel->sa_family))
		return;
	if (kernel->sa_family == AF_INET)
		size = sizeof(address->in);
	else if (kernel->sa_family == AF_INET6)
		size = sizeof(address->in6);
	if (length >= size)
		memcpy(address, kernel, size);
}

bool pp_address_equal(const union pp_address *a, const union pp_address *b)
{
	bool inet = a->sa.sa_family == AF_INET;

	return a->sa.sa_family == b->sa.sa_family &&
	       pp_family_is_internet(a->sa.sa_family) &&
	       pp_address_port(a) == pp_address_port(b) &&
	       memcmp(pp_address_ip(a), pp_address_ip(b), inet ? 4 : 16) == 0 &&
	       (inet || a->in6.sin6_scope_id == b->in6.sin6_scope_id);
}

void pp_address_on_socket(union pp_address *shown,
			  const union pp_address *stated, int socket_family)
{
	*shown = *stated;
	if (socket_family == AF_INET6)
		pp_address_map(shown);
	else
		pp_address_unmap(shown);
}

void pp_address_unmap(union pp_address *address)
{
	struct sockaddr_in in = { .sin_family = AF_INET };

	if (address->sa.sa_family != AF_INET6 ||
	    !IN6_IS_ADDR_V4MAPPED(&address->in6.sin6_addr))
		return;
	in.sin_port = address->in6.sin6_port;
	memcpy(&in.sin_addr, address->in6.sin6_addr.s6_addr + 12,
	       sizeof(in.sin_addr));
	memset(address, 0, sizeof(*address));
	address->in = in;
}

void pp_address_map(union pp_address *address)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };

	if (address->sa.sa_family != AF_INET)
		return;
	in6.sin6_port = address->in.sin_port;
	memset(in6.sin6_addr.s6_addr + 10, 0xff, 2);
	memcpy(in6.sin6_addr.s6_addr + 12, &address->in.sin_addr,
	       sizeof(address->in.sin_addr));
	address->in6 = in6;
}

bool pp_sockaddr_copy_out(const struct sockaddr *from, socklen_t length,
			  struct sockaddr *to, socklen_t *to_length)
{
	if (to == NULL)
		return true;
	if ((int)*to_length < 0)
		return false;
	memcpy(to, from, *to_length < length ? *to_length : length);
	*to_length = length;
	return true;
}

const char *pp_address_text(const union pp_address *address, char *text,
			    size_t size)
{
	int family = address->sa.sa_family;
	char ip[INET6_ADDRSTRLEN];

	if (pp_family_is_internet(family) &&
	    inet_ntop(family, pp_address_ip(address), ip, sizeof(ip)) != NULL)
		snprintf(text, size, family == AF_INET ? "%s:%u" : "[%s]:%u",
			 ip, ntohs(pp_address_port(address)));
	else
		snprintf(text, size, family == AF_UNIX ? "unix" : "none");
	return text;
}

bool pp_number(const char *digits, size_t length, unsigned max, unsigned *to)
{
	unsigned number = 0;

	if (length == 0 || length > 9 || (length > 1 && digits[0] == '0'))
		return false;
	for (size_t i = 0; i < length; i++) {
		if (digits[i] < '0' || digits[i] > '9')
			return false;
		number = number * 10 + (unsigned)(digits[i] - '0');
	}
	if (number <= max)
		*to = number;
	return number <= max;
}
