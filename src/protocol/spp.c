/* SPDX-License-Identifier: ISC */
/* Simple Proxy Protocol; see spp.h. */
#include <config.h>

#include "protocol/spp.h"

#include <string.h>

/* Where each part begins. */
enum { CLIENT = 2, PROXY = 18, CLIENT_PORT = 34, PROXY_PORT = 36 };

static const uint8_t magic[] = { 0x56, 0xec };

static void read_end(const uint8_t *ip, const uint8_t *port,
		     union pp_address *end)
{
	memset(end, 0, sizeof(*end));
	end->in6.sin6_family = AF_INET6;
	memcpy(&end->in6.sin6_addr, ip, 16);
	memcpy(&end->in6.sin6_port, port, 2);
	pp_address_unmap(end);
}

bool pp_spp_parse(const uint8_t *bytes, size_t size, union pp_address *client,
		  union pp_address *proxy)
{
	if (size < PP_SPP_LENGTH || memcmp(bytes, magic, sizeof(magic)) != 0)
		return false;
	read_end(bytes + CLIENT, bytes + CLIENT_PORT, client);
	read_end(bytes + PROXY, bytes + PROXY_PORT, proxy);
	return true;
}

static void write_end(union pp_address end, uint8_t *ip, uint8_t *port)
{
	pp_address_map(&end);
	memcpy(ip, &end.in6.sin6_addr, 16);
	memcpy(port, &end.in6.sin6_port, 2);
}

void pp_spp_format(const union pp_address *client,
		   const union pp_address *proxy, uint8_t bytes[PP_SPP_LENGTH])
{
	memcpy(bytes, magic, sizeof(magic));
	write_end(*client, bytes + CLIENT, bytes + CLIENT_PORT);
	write_end(*proxy, bytes + PROXY, bytes + PROXY_PORT);
}
