/* SPDX-License-Identifier: ISC */
/*
 * Clients and their proxies; see clients.h. A client is written to an entry and
 * read from one here; entries.h has what an entry is, eviction.c which one goes.
 */
#include <config.h>

#include "preload/udp/clients.h"

#include "connection/clock.h"
#include "connection/digest.h"
#include "memory.h"
#include "preload/udp/client_key.h"
#include "preload/udp/entries.h"
#include "preload/udp/last_client.h"

#include <stdatomic.h>
#include <string.h>

/* Below there is twice the room, as chance counts for more. */
#define SMALL 1024

/* So many changes from one client to another are lately. */
#define LATELY 64

/* How often an entry is looked at that another thread writes. */
#define TRIES 100

static inline bool is_named(const struct pp_place *place,
			    const struct pp_client *client)
{
	return (place->value & (TAG_KEY | TAG_BUSY)) == client->ports &&
	       get_word(&place->entry->client[0]) == client->ip[0] &&
	       get_word(&place->entry->client[1]) == client->ip[1];
}

/* The same, and nobody has changed it meanwhile. */
static inline bool is_of_client(const struct pp_place *place,
				const struct pp_client *client)
{
	return is_named(place, client) &&
	       get_word(place->tag) == place->value;
}

/* The client's entry, the nth of them where several threads made one. */
static bool find_entry(struct pp_clients *clients,
		       const struct pp_client *client, unsigned n,
		       struct pp_place *place)
{
	for (unsigned i = 0; i < client->places; i++) {
		struct pp_bucket *bucket = client->buckets[i / WAYS];

		if ((get_word(&bucket->tags[i % WAYS]) &
		     (TAG_KEY | TAG_BUSY)) != client->ports)
			continue;
		*place = place_of(clients, bucket, i % WAYS);
		if (is_of_client(place, client) && n-- == 0)
			return true;
	}
	return false;
}

__thread struct pp_last_client pp_last_client
	__attribute__((tls_model("initial-exec")));

/* Of others than these the route is not kept; see last_client.h. */
static void keep_last(struct pp_clients *clients, const struct pp_place *place,
		      const union pp_address *client, in_port_t local,
		      const struct pp_route *route)
{
	const bool is_short = client->sa.sa_family == AF_INET &&
			      route->proxy.sa.sa_family == AF_INET &&
			      place->edge == NULL;

	pp_last_client_set(clients, place, is_short ? pp_in_word(client) : 0,
			   local, is_short ? pp_in_word(&route->proxy) : 0);
}

/* The client's entry, and where it may be if it has none. */
static bool look_up(struct pp_clients *clients, struct pp_client *client,
		    struct pp_place *place)
{
	find_buckets(clients, client);
	return find_entry(clients, client, 0, place);
}

/* A proxy's scope; or where there are edges the port of that. */
static uint32_t third_number(const struct pp_place *place,
			     const struct pp_route *route)
{
	if (place->edge != NULL)
		return pp_address_port(&route->edge);
	return route->proxy.sa.sa_family == AF_INET6
		       ? route->proxy.in6.sin6_scope_id
		       : 0;
}

/* Writes an entry that was claimed. */
static void write_entry(struct pp_clients *clients,
			const struct pp_place *place,
			const struct pp_client *client,
			const struct pp_route *route)
{
	uint64_t ip[2], edge[2] = { 0 };

	read_ip(&route->proxy, ip);
	if (place->edge != NULL)
		read_ip(&route->edge, edge);
	for (unsigned i = 0; i < 2; i++) {
		put_word(&place->entry->client[i], client->ip[i]);
		put_word(&place->entry->proxy[i], ip[i]);
		if (place->edge != NULL)
			put_word(&place->edge[i], edge[i]);
	}
	atomic_store_explicit(&place->entry->scope, third_number(place, route),
			      memory_order_release);
	note_first_use(clients, place->entry);
	release_entry(place,
		      client->ports |
			      (uint64_t)pp_address_port(&route->proxy) << 48);
}

/* The same client may have been added by another thread at once. */
static void forget_second(struct pp_clients *clients,
			  const struct pp_client *client)
{
	struct pp_place second;

	if (find_entry(clients, client, 1, &second))
		pp_entry_forget(clients, &second);
}

static bool is_full(const struct pp_clients *clients)
{
	return atomic_load_explicit(&clients->count, memory_order_relaxed) >=
	       clients->limit;
}

/* False where another thread was quicker to write there. */
static bool add_client(struct pp_clients *clients,
		       const struct pp_client *client,
		       const struct pp_route *route)
{
	struct pp_place place;

	/* twice: threads that met here have left one too many */
	for (unsigned i = 0; i < 2 && is_full(clients); i++)
		pp_entries_forget_oldest(clients);
	place = pp_entries_choose(clients, client);
	if (place.tag == NULL || !claim_entry(&place))
		return false;
	if (is_free(&place))
		atomic_fetch_add_explicit(&clients->count, 1,
					  memory_order_relaxed);
	write_entry(clients, &place, client, route);
	forget_second(clients, client);
	return true;
}

/* Writes it where it is, or adds it where that is NULL. False as above. */
static bool write_client(struct pp_clients *clients,
			 const struct pp_client *client,
			 const struct pp_place *place,
			 const struct pp_route *route)
{
	if (place == NULL)
		return add_client(clients, client, route);
	if (!claim_entry(place))
		return false;
	write_entry(clients, place, client, route);
	return true;
}

static bool has_ip(_Atomic uint64_t *words, const union pp_address *address)
{
	uint64_t ip[2];

	read_ip(address, ip);
	return get_word(&words[0]) == ip[0] && get_word(&words[1]) == ip[1];
}

static bool has_route(const struct pp_place *place,
		      const struct pp_route *route)
{
	return place->value >> 48 == pp_address_port(&route->proxy) &&
	       has_ip(place->entry->proxy, &route->proxy) &&
	       (place->edge == NULL || has_ip(place->edge, &route->edge)) &&
	       atomic_load_explicit(&place->entry->scope,
				    memory_order_acquire) ==
		       third_number(place, route);
}

/*
 * A proxy's own address has an entry, too: with port 0 for a route, and until
 * when it holds in place of that one's address.
 */
static struct pp_route own_route(int64_t until)
{
	struct pp_route route = { .proxy.in6.sin6_family = AF_INET6,
				  .edge.in.sin_family = AF_INET };

	memcpy(&route.proxy.in6.sin6_addr, &until, sizeof(until));
	return route;
}

static bool is_own(const struct pp_place *place)
{
	return place->value >> 48 == 0;
}

static bool is_own_now(const struct pp_place *place)
{
	return is_own(place) &&
	       (int64_t)get_word(&place->entry->proxy[0]) > pp_now_ms();
}

bool pp_clients_put(struct pp_clients *clients, const union pp_address *client,
		    in_port_t local, const struct pp_route *route)
{
	struct pp_client key = client_of(client, local);
	struct pp_place place;

	for (unsigned tries = 0; tries < TRIES; tries++) {
		bool known = look_up(clients, &key, &place);

		if (known && has_route(&place, route)) {
			note_use(clients, place.entry);
			keep_last(clients, &place, client, local, route);
			return true;
		}
		if (known && is_own_now(&place))
			return false;
		/* and again, to find it there */
		write_client(clients, &key, known ? &place : NULL, route);
	}
	return true;
}

void pp_clients_keep_own(struct pp_clients *clients,
			 const union pp_address *proxy, in_port_t local,
			 int64_t until)
{
	struct pp_client key = client_of(proxy, local);
	const struct pp_route route = own_route(until);
	struct pp_place place;

	for (unsigned tries = 0; tries < TRIES; tries++)
		if (write_client(clients, &key,
				 look_up(clients, &key, &place) ? &place : NULL,
				 &route))
			return;
}

void pp_clients_forget(struct pp_clients *clients,
		       const union pp_address *client, in_port_t local)
{
	struct pp_client key = client_of(client, local);
	struct pp_place place;

	if (look_up(clients, &key, &place) && !is_own(&place))
		pp_entry_forget(clients, &place);
}

/* Is an entry being written that may become the client's? */
static bool is_awaited(struct pp_clients *clients,
		       const struct pp_client *client)
{
	for (unsigned i = 0; i < client->places; i++) {
		struct pp_place place =
			place_of(clients, client->buckets[i / WAYS],
				 i % WAYS);

		if ((place.value & TAG_BUSY) &&
		    (place.value & TAG_KEY) == client->ports)
			return true;
	}
	return false;
}

static void write_address(_Atomic uint64_t *words, in_port_t port,
			  uint32_t scope, union pp_address *address)
{
	const uint64_t ip[2] = { get_word(&words[0]), get_word(&words[1]) };
	const uint8_t *bytes = (const uint8_t *)&ip[1];

	if (ip[0] == 0 && bytes[0] == 0 && bytes[1] == 0 && bytes[2] == 0xff &&
	    bytes[3] == 0xff) {
		address->in = (struct sockaddr_in){ .sin_family = AF_INET,
						    .sin_port = port };
		memcpy(&address->in.sin_addr, bytes + 4, 4);
		return;
	}
	memset(address, 0, sizeof(*address));
	address->in6.sin6_family = AF_INET6;
	address->in6.sin6_port = port;
	memcpy(&address->in6.sin6_addr, ip, sizeof(ip));
	address->in6.sin6_scope_id = scope;
}

/* Reads an entry. False where that was changed meanwhile. */
static bool read_route(const struct pp_place *place, struct pp_route *route)
{
	const uint32_t third = atomic_load_explicit(&place->entry->scope,
						    memory_order_acquire);

	write_address(place->entry->proxy, (in_port_t)(place->value >> 48),
		      place->edge == NULL ? third : 0, &route->proxy);
	route->edge.sa.sa_family = AF_UNSPEC;
	if (place->edge != NULL)
		write_address(place->edge, (in_port_t)third, 0, &route->edge);
	return get_word(place->tag) == place->value;
}

bool pp_clients_find(struct pp_clients *clients,
		     const union pp_address *client, in_port_t local,
		     struct pp_route *route)
{
	struct pp_client key = client_of(client, local);
	struct pp_place place;

	/* whoever writes may be waiting for the one that reads: not for ever */
	for (unsigned tries = 0; tries < TRIES; tries++) {
		if (!look_up(clients, &key, &place)) {
			if (!is_awaited(clients, &key))
				return false;
		} else if (is_own(&place)) {
			return false;
		} else if (read_route(&place, route)) {
			note_use(clients, place.entry);
			keep_last(clients, &place, client, local, route);
			return true;
		}
	}
	return false;
}

bool pp_clients_find_last(struct pp_clients *clients,
			  const union pp_address *client,
			  struct pp_route *route)
{
	const struct pp_last_client *last = &pp_last_client;
	struct pp_place place = { .tag = last->tag, .entry = last->entry };
	struct pp_client key;
	in_port_t local;

	if (last->is_busy || place.tag == NULL)
		return false;
	place.value = get_word(place.tag);
	local = (in_port_t)(place.value >> 32);
	key = client_of(client, local);
	return is_of_client(&place, &key) &&
	       pp_clients_find(clients, client, local, route);
}

bool pp_clients_share(struct pp_clients *clients,
		      const union pp_address *client, in_port_t local,
		      const union pp_address *proxy)
{
	const uint32_t now = atomic_load(&clients->clock);
	struct pp_client key = client_of(client, local);

	for (uint32_t i = 0; i < clients->count_of_buckets * WAYS; i++) {
		struct pp_place place = place_of(
			clients, &clients->buckets[i / WAYS], i % WAYS);

		/* it may be later than now by another thread's use */
		if (now - atomic_load(&place.entry->used) + LATELY <
			    2 * LATELY &&
		    !(place.value & TAG_BUSY) &&
		    (place.value & TAG_LOCAL) == (key.ports & TAG_LOCAL) &&
		    place.value >> 48 == pp_address_port(proxy) &&
		    has_ip(place.entry->proxy, proxy) &&
		    !is_named(&place, &key))
			return true;
	}
	return false;
}

struct pp_clients *pp_clients_make(unsigned limit, bool has_edges,
				   const uint64_t key[2])
{
	/* a quarter more than so many would be more than 64 bytes each */
	uint32_t more = limit < SMALL ? limit : has_edges ? 0 : limit / 4;
	uint32_t buckets = (limit + more) / WAYS + 1;
	size_t size = sizeof(struct pp_clients) +
		      buckets * sizeof(struct pp_bucket);
	size_t edges = has_edges ? buckets * WAYS * 2 * sizeof(uint64_t) : 0;
	struct pp_clients *clients = pp_memory_map(size + edges);

	if (clients == NULL)
		return NULL;
	clients->key[0] = key[0];
	clients->key[1] = key[1];
	clients->key[2] = pp_digest(key, key, 2);
	clients->mapped = size + edges;
	clients->limit = limit;
	clients->count_of_buckets = buckets;
	if (has_edges)
		clients->edges = (void *)((char *)clients + size);
	return clients;
}

void pp_clients_free(struct pp_clients *clients)
{
	/* another one may come to the same place */
	if (pp_last_client.clients == clients)
		pp_last_client.tag = NULL;
	munmap(clients, clients->mapped);
}
