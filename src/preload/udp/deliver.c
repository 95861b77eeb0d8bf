/* SPDX-License-Identifier: ISC */
/* What a program gets of a datagram that was received; see receive.h. */
#include <config.h>

#include "connection/names.h"
#include "connection/report.h"
#include "preload/configuration.h"
#include "preload/udp/connected.h"
#include "preload/udp/receive.h"
#include "preload/udp/route.h"
#include "preload/udp/sockets.h"

#include <string.h>

static void report_datagram(const struct pp_udp_call *call,
			    const union pp_address *peer,
			    const struct pp_datagram *datagram, bool good)
{
	char from[PP_ADDRESS_TEXT], client[PP_ADDRESS_TEXT];
	const char *what = "client ", *who = client;

	pp_address_text(peer, from, sizeof(from));
	pp_address_text(&datagram->client, client, sizeof(client));
	if (datagram->reason != NULL) {
		what = good ? "no client: " : "dropped: ";
		who = datagram->reason;
	}
	pp_report(pp_library, "fd %d: datagram from %s: %s%s", call->fd, from,
		  what, who);
}

/* Is it of another client than the one that the socket is connected to? */
static bool is_of_other(const struct pp_udp_call *call,
			const struct pp_datagram *datagram)
{
	union pp_address connected, client = datagram->client;

	if (!(call->word & PP_UDP_CONNECTED) ||
	    client.sa.sa_family == AF_UNSPEC ||
	    !pp_connected_client(call->fd, &connected))
		return false;
	pp_address_unmap(&client);
	return !pp_address_equal(&client, &connected) &&
	       pp_connected_stands(call->fd, call->word);
}

/*
 * Is it of an IPv6 client that the program, on an IPv4 socket, is not to be told
 * of or has no room for? Cut, the address would be read as some IPv4 one. (An
 * answer with Simple Proxy Protocol must be to the client.)
 */
static bool is_unshown(const struct pp_udp_call *call,
		       const struct msghdr *message,
		       const struct pp_datagram *datagram)
{
	const socklen_t *room =
		message->msg_name != NULL ? &message->msg_namelen : NULL;
	union pp_address shown;

	return datagram->client.sa.sa_family != AF_UNSPEC &&
	       !(call->word & PP_UDP_INET6) &&
	       datagram->edge.sa.sa_family == AF_UNSPEC &&
	       !pp_names_show_client(pp_configuration(), &datagram->client,
				     AF_INET, room, &shown);
}

/* Remembers which way it came. False where it cannot be of its client. */
static bool note_way(const struct pp_udp_call *call,
		     const union pp_address *peer,
		     const struct pp_datagram *datagram)
{
	const in_port_t local = pp_udp_port(call->word);

	if (datagram->client.sa.sa_family != AF_UNSPEC)
		return pp_route_learn(&datagram->client, local,
				      &(struct pp_route){ *peer,
							  datagram->edge });
	pp_route_direct(peer, local, datagram->header > 0);
	return true;
}

bool pp_udp_judge(const struct pp_udp_call *call, const union pp_address *peer,
		  const struct msghdr *message, const uint8_t *bytes,
		  size_t size, struct pp_datagram *datagram)
{
	const struct pp_settings *settings = pp_configuration();
	bool good = pp_datagram_judge(settings, peer, bytes, size, datagram);

	if (good && is_of_other(call, datagram)) {
		datagram->reason = "the socket is connected to another client";
		good = false;
	}
	if (good && is_unshown(call, message, datagram)) {
		datagram->reason = "an IPv6 client on an IPv4 socket";
		datagram->client.sa.sa_family = AF_UNSPEC;
	}
	if (good && !note_way(call, peer, datagram)) {
		datagram->reason = "its client is another proxy's own address";
		good = false;
	}
	if (settings->debug)
		report_datagram(call, peer, datagram, good);
	return good;
}

/* Who the program is told sent it. */
static void copy_sender(struct msghdr *message, const union pp_address *sender)
{
	if (message->msg_name == NULL)
		return;
	pp_sockaddr_copy_out(&sender->sa, pp_address_length(sender),
			     message->msg_name, &message->msg_namelen);
}

size_t pp_udp_deliver(struct msghdr *message, const union pp_address *sender,
		      const uint8_t *payload, size_t size)
{
	size_t copied = 0;

	for (size_t i = 0; i < message->msg_iovlen && copied < size; i++) {
		const struct iovec *part = &message->msg_iov[i];
		size_t length = size - copied;

		if (length > part->iov_len)
			length = part->iov_len;
		if (length > 0)
			memcpy(part->iov_base, payload + copied, length);
		copied += length;
	}
	message->msg_flags &= ~MSG_TRUNC;
	if (copied < size)
		message->msg_flags |= MSG_TRUNC;
	copy_sender(message, sender);
	return copied;
}

/* How most headers begin: of a client by UDP over IPv4, and nothing more. */
static const uint8_t plain_begin[] = { '\r', '\n', '\r', '\n', 0, '\r', '\n',
				       'Q', 'U', 'I', 'T', '\n',
				       0x21, 0x12, 0, 12 };
#define PLAIN_LENGTH 28

/*
 * Is it a datagram as most are, of a socket as most are: by that header alone
 * all is known that judging it would tell? Then *client is who sent it.
 */
static inline bool is_plain(const struct pp_udp_call *call,
			    const struct msghdr *message,
			    const uint8_t *bytes, size_t size,
			    const union pp_address *peer,
			    union pp_address *client)
{
	const struct pp_settings *settings;

	if (size < PLAIN_LENGTH ||
	    memcmp(bytes, plain_begin, sizeof(plain_begin)) != 0 ||
	    (call->word &
	     (PP_UDP_CONNECTED | PP_UDP_INET6 | PP_UDP_EMPTIED)) ||
	    message->msg_iovlen != 1 || peer->sa.sa_family != AF_INET)
		return false;
	settings = pp_configuration();
	if (settings->spp || settings->debug ||
	    (settings->trusted.at != NULL &&
	     !pp_networks_have(&settings->trusted, peer)))
		return false;
	client->in = (struct sockaddr_in){ .sin_family = AF_INET };
	memcpy(&client->in.sin_addr, bytes + 16, 4);
	memcpy(&client->in.sin_port, bytes + 24, 2);
	return true;
}

static inline bool learn_plain(const struct pp_udp_call *call,
			       const union pp_address *client,
			       const union pp_address *peer)
{
	const in_port_t local = pp_udp_port(call->word);

	return pp_route_is_learned(&client->in, local, &peer->in) ||
	       pp_route_learn(client, local,
			      &(struct pp_route){ *peer, { .sa = { 0 } } });
}

PP_HOT bool pp_udp_deliver_plain(const struct pp_udp_call *call,
				 struct msghdr *message, const uint8_t *bytes,
				 size_t size, const union pp_address *peer,
				 ssize_t *result)
{
	union pp_address client;
	size_t length;

	if (!is_plain(call, message, bytes, size, peer, &client) ||
	    !learn_plain(call, &client, peer))
		return false;
	size -= PLAIN_LENGTH;
	length = size < message->msg_iov->iov_len ? size
						  : message->msg_iov->iov_len;
	if (length > 0)
		memcpy(message->msg_iov->iov_base, bytes + PLAIN_LENGTH,
		       length);
	message->msg_flags &= ~MSG_TRUNC;
	if (length < size)
		message->msg_flags |= MSG_TRUNC;
	if (message->msg_name != NULL &&
	    message->msg_namelen >= sizeof(client.in)) {
		memcpy(message->msg_name, &client.in, sizeof(client.in));
		message->msg_namelen = sizeof(client.in);
	} else {
		copy_sender(message, &client);
	}
	*result = (ssize_t)(call->flags & MSG_TRUNC ? size : length);
	return true;
}
