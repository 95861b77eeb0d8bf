/* SPDX-License-Identifier: ISC */
/* Through which proxy a client is sent to; see route.h. */
#include <config.h>

#include "preload/udp/route.h"

#include "connection/clock.h"
#include "preload/configuration.h"
#include "preload/udp/sockets.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/auxv.h>

/* Without a scope: RFC 2133's, which the kernel takes. */
#define SHORT_IN6 24

/*
 * How long an address is a proxy's own after it has spoken for itself: until it
 * has its answer. No longer, as the next client of another proxy may be there.
 */
#define KEPT_MS 10000

static _Atomic(struct pp_clients *) clients;

/* Made when the first client is known. */
static struct pp_clients *get_clients(void)
{
	struct pp_clients *known =
		atomic_load_explicit(&clients, memory_order_acquire);
	const struct pp_settings *settings;
	const void *random;
	uint64_t key[2] = { 0 };
	struct pp_clients *made;

	if (known != NULL)
		return known;
	settings = pp_configuration();
	if (settings->udp_clients == 0)
		return NULL;
	random = (const void *)getauxval(AT_RANDOM);
	if (random != NULL)
		memcpy(key, random, sizeof(key));
	made = pp_clients_make(settings->udp_clients, settings->spp, key);
	if (made == NULL)
		return NULL;
	if (atomic_compare_exchange_strong(&clients, &known, made))
		return made;
	pp_clients_free(made);
	return known;
}

bool pp_route_any(void)
{
	return atomic_load_explicit(&clients, memory_order_acquire) != NULL;
}

bool pp_route_learn(const union pp_address *client, in_port_t local,
		    const struct pp_route *route)
{
	int error = errno;
	struct pp_clients *known = get_clients();
	bool learned = true;

	/* nobody can be answered at port 0 */
	if (known != NULL && pp_address_port(&route->proxy) != 0)
		learned = pp_clients_put(known, client, local, route);
	errno = error;
	return learned;
}

void pp_route_direct(const union pp_address *peer, in_port_t local,
		     bool is_proxy)
{
	int error = errno;
	struct pp_clients *known =
		is_proxy ? get_clients() : atomic_load(&clients);

	pp_last_client_forget();
	if (known != NULL && is_proxy)
		pp_clients_keep_own(known, peer, local, pp_now_ms() + KEPT_MS);
	else if (known != NULL)
		pp_clients_forget(known, peer, local);
	errno = error;
}

/* Whom a program names; false where that is no internet address. */
static bool take_client(const struct sockaddr *address, socklen_t length,
			union pp_address *client)
{
	if (address == NULL)
		return false;
	if (address->sa_family == AF_INET && length >= sizeof(client->in)) {
		memcpy(client, address, sizeof(client->in));
		return true;
	}
	if (address->sa_family != AF_INET6 || length < SHORT_IN6)
		return false;
	memset(client, 0, sizeof(*client));
	memcpy(client, address, SHORT_IN6);
	pp_address_unmap(client);
	return true;
}

bool pp_route_find(uint64_t word, const struct sockaddr *address,
		   socklen_t length, union pp_address *client,
		   struct pp_route *route)
{
	struct pp_clients *known =
		atomic_load_explicit(&clients, memory_order_acquire);

	return known != NULL && pp_udp_is_served(word) &&
	       take_client(address, length, client) &&
	       pp_clients_find(known, client, pp_udp_port(word), route);
}

bool pp_route_find_last(const struct sockaddr *address, socklen_t length,
			union pp_address *client, struct pp_route *route)
{
	struct pp_clients *known = atomic_load(&clients);

	return known != NULL && take_client(address, length, client) &&
	       pp_clients_find_last(known, client, route);
}

bool pp_route_is_shared(uint64_t word, const union pp_address *client,
			const struct pp_route *route)
{
	return pp_clients_share(atomic_load(&clients), client,
				pp_udp_port(word), &route->proxy);
}
