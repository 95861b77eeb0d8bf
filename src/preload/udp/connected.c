/* SPDX-License-Identifier: ISC */
/* connect(2) of a served socket, and getpeername(2); see connected.h. */
#include <config.h>

#include "preload/udp/connected.h"

#include "connection/report.h"
#include "preload/configuration.h"
#include "preload/real.h"
#include "preload/udp/route.h"
#include "preload/udp/sockets.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

/* An address in words that are read while another thread may write them. */
struct client {
	_Atomic uint64_t ip[2];
	_Atomic uint64_t port;
};

static pp_udp_table clients;

static struct client *find_client(int fd, bool make)
{
	return pp_udp_find_entry(clients, fd, sizeof(struct client), make);
}

bool pp_connected_client(int fd, union pp_address *client)
{
	struct client *at = find_client(fd, false);
	uint64_t ip[2];

	if (at == NULL)
		return false;
	memset(client, 0, sizeof(*client));
	client->in6.sin6_family = AF_INET6;
	for (int i = 0; i < 2; i++)
		ip[i] = atomic_load_explicit(&at->ip[i], memory_order_relaxed);
	memcpy(&client->in6.sin6_addr, ip, sizeof(ip));
	client->in6.sin6_port = (in_port_t)atomic_load_explicit(
		&at->port, memory_order_relaxed);
	pp_address_unmap(client);
	return true;
}

static bool remember_client(int fd, union pp_address client)
{
	struct client *at = find_client(fd, true);
	uint64_t ip[2];

	if (at == NULL)
		return false;
	pp_address_map(&client);
	memcpy(ip, &client.in6.sin6_addr, sizeof(ip));
	for (int i = 0; i < 2; i++)
		atomic_store_explicit(&at->ip[i], ip[i], memory_order_relaxed);
	atomic_store_explicit(&at->port, client.in6.sin6_port,
			      memory_order_relaxed);
	return true;
}

bool pp_connected_stands(int fd, uint64_t word)
{
	union pp_address kernel;
	socklen_t length = sizeof(kernel);
	int error = errno;
	bool stands = real_getpeername(fd, &kernel.sa, &length) == 0;

	if (!stands)
		pp_udp_set_flags(fd, word, PP_UDP_CONNECTED, 0);
	errno = error;
	return stands;
}

void pp_connected_copy(int from, int to)
{
	union pp_address client;

	if (pp_connected_client(from, &client))
		remember_client(to, client);
}

/* Said once a process, as the program cannot know why. */
static int refuse_connect(const union pp_address *client)
{
	static atomic_flag is_reported = ATOMIC_FLAG_INIT;
	char text[PP_ADDRESS_TEXT];

	if (!atomic_flag_test_and_set(&is_reported))
		pp_report(pp_library,
			  "connect: %s: its proxy has one port for several "
			  "clients, whose datagrams would all come here",
			  pp_address_text(client, text, sizeof(text)));
	errno = EOPNOTSUPP;
	return -1;
}

/* To a client that came through a proxy: to that. */
static int connect_client(int fd, uint64_t word, const union pp_address *client,
			  const struct pp_route *route)
{
	union pp_address to, before;
	bool was_known = pp_connected_client(fd, &before);
	int result, error = errno;

	if (pp_route_is_shared(word, client, route))
		return refuse_connect(client);
	pp_address_on_socket(&to, &route->proxy,
			     word & PP_UDP_INET6 ? AF_INET6 : AF_INET);
	if (!remember_client(fd, *client))
		return -1;
	/* first: what comes at once is the client's */
	pp_udp_set_flags(fd, word, PP_UDP_CONNECTED, PP_UDP_CONNECTED);
	result = real_connect(fd, &to.sa, pp_address_length(&to));
	if (result != 0) {
		if (was_known)
			remember_client(fd, before);
		pp_udp_set_flags(fd, word, PP_UDP_CONNECTED,
				 word & PP_UDP_CONNECTED);
		return result;
	}
	/* another thread may have dissolved what was no connection yet */
	pp_udp_set_flags(fd, word, PP_UDP_CONNECTED, PP_UDP_CONNECTED);
	/* what is sent to the client by its name goes that way, too */
	pp_route_learn(client, pp_udp_port(word), route);
	errno = error;
	return 0;
}

/*
 * Is it to the thread's last client, which has come to another socket? Who
 * leaves a port to the kernel and connects to whom it has had just now answers
 * that, as TFTP's servers do. Whom a server asks itself has a port of services:
 * nobody is to draw that to a proxy by a header with that address.
 */
static bool is_transfer(int fd, uint64_t word, const struct sockaddr *address,
			socklen_t length, union pp_address *client,
			struct pp_route *route)
{
	return (word & PP_UDP_CHOSEN) &&
	       pp_route_find_last(address, length, client, route) &&
	       ntohs(pp_address_port(client)) >= IPPORT_RESERVED &&
	       pp_udp_is_udp(fd);
}

PP_EXPORT int connect(int fd, const struct sockaddr *address, socklen_t length)
{
	const uint64_t word = pp_udp_word(fd);
	union pp_address client;
	struct pp_route route;
	int result;

	if (!pp_udp_is_served(word))
		return real_connect(fd, address, length);
	if (pp_route_find(word, address, length, &client, &route) ||
	    is_transfer(fd, word, address, length, &client, &route))
		return connect_client(fd, word, &client, &route);
	result = real_connect(fd, address, length);
	if (result == 0)
		pp_udp_set_flags(fd, word, PP_UDP_CONNECTED, 0);
	return result;
}

PP_EXPORT int getpeername(int fd, struct sockaddr *address, socklen_t *length)
{
	const uint64_t word = pp_udp_word(fd);
	union pp_address kernel, client;
	socklen_t size = sizeof(kernel);
	int error = errno;

	/* the number may be another socket's by now; see sockets.h */
	if (!(word & PP_UDP_CONNECTED) || address == NULL || length == NULL ||
	    !pp_udp_is_udp(fd) ||
	    real_getpeername(fd, &kernel.sa, &size) != 0 ||
	    !pp_family_is_internet(kernel.sa.sa_family) ||
	    !pp_connected_client(fd, &client)) {
		errno = error;
		return real_getpeername(fd, address, length);
	}
	pp_address_on_socket(&client, &client, kernel.sa.sa_family);
	if (pp_sockaddr_copy_out(&client.sa, pp_address_length(&client),
				 address, length))
		return 0;
	errno = EINVAL;
	return -1;
}
