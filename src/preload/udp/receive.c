/* SPDX-License-Identifier: ISC */
/* One datagram; see receive.h. */
#include <config.h>

#include "preload/udp/receive.h"

#include "connection/names.h"
#include "connection/report.h"
#include "preload/configuration.h"
#include "preload/udp/buffers.h"
#include "preload/udp/connected.h"
#include "preload/udp/route.h"
#include "preload/udp/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>

/*
 * A number may have become another's by a raw system call. The kernel is asked
 * for datagrams with a flag that UDP does not look at: streams, TCP's and
 * others', say EINVAL or EOPNOTSUPP to it and keep what they have. (One byte of
 * TCP's urgent data, at most, would be taken.) Off where this kernel is another
 * one, which says that to UDP, too.
 */
static _Atomic int only_udp = MSG_OOB;

int pp_udp_flags(void)
{
	return atomic_load_explicit(&only_udp, memory_order_relaxed);
}

static bool is_refusal(int error)
{
	return error == EINVAL || error == EOPNOTSUPP;
}

/* Does this kernel say to UDP that it does not know the flag? */
static bool is_flag_refused(int fd)
{
	return real_recvfrom(fd, NULL, 0, MSG_OOB | MSG_PEEK | MSG_DONTWAIT,
			     NULL, NULL) < 0 &&
	       is_refusal(errno);
}

enum pp_udp_surprise pp_udp_surprise(int fd, int flags)
{
	int error = errno;
	enum pp_udp_surprise surprise = PP_UDP_ERROR;

	if (!is_refusal(error) && error != ENOTSOCK && error != EBADF)
		return PP_UDP_ERROR;
	if (!pp_udp_is_served(pp_udp_ask_again(fd)))
		return PP_UDP_NO_SOCKET;
	if (is_refusal(error) && (flags & MSG_OOB) && is_flag_refused(fd)) {
		atomic_store_explicit(&only_udp, 0, memory_order_relaxed);
		surprise = PP_UDP_AGAIN;
	}
	errno = error;
	return surprise;
}

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

void pp_udp_discard(int fd)
{
	int error = errno;
	char byte;

	real_recvfrom(fd, &byte, sizeof(byte), MSG_DONTWAIT | pp_udp_flags(),
		      NULL, NULL);
	errno = error;
}

void pp_udp_show_emptied(const struct pp_udp_call *call, bool shown)
{
	pp_udp_set_flags(call->fd, call->word, PP_UDP_EMPTIED,
			 shown ? PP_UDP_EMPTIED : 0);
}

bool pp_udp_blocks(const struct pp_udp_call *call)
{
	int error = errno;
	bool blocks = !(call->flags & MSG_DONTWAIT) &&
		      !(fcntl(call->fd, F_GETFL) & O_NONBLOCK);

	errno = error;
	return blocks;
}

/* Receives a whole datagram into a buffer. */
static ssize_t receive_whole(const struct pp_udp_call *call,
			     struct msghdr *message, int flags, size_t control,
			     uint8_t *buffer, union pp_address *peer)
{
	socklen_t length = sizeof(*peer);
	struct iovec part = { buffer, PP_DATAGRAM_MAX };
	struct msghdr whole;
	ssize_t got;

	if (call->recvmsg == NULL)
		return real_recvfrom(call->fd, buffer, PP_DATAGRAM_MAX, flags,
				     &peer->sa, &length);
	whole = *message;
	whole.msg_name = peer;
	whole.msg_namelen = length;
	whole.msg_iov = &part;
	whole.msg_iovlen = 1;
	whole.msg_controllen = control;
	got = call->recvmsg(call->fd, &whole, flags);
	if (got >= 0) {
		message->msg_controllen = whole.msg_controllen;
		message->msg_flags = whole.msg_flags;
	}
	return got;
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
	    (call->word & (PP_UDP_CONNECTED | PP_UDP_INET6)) ||
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

bool pp_udp_deliver_plain(const struct pp_udp_call *call,
			  struct msghdr *message, const uint8_t *bytes,
			  size_t size, const union pp_address *peer,
			  ssize_t *result)
{
	struct pp_route route;
	union pp_address client;
	size_t length;

	if (!is_plain(call, message, bytes, size, peer, &client))
		return false;
	route.proxy.in = peer->in;
	route.edge.sa.sa_family = AF_UNSPEC;
	if (!pp_route_learn(&client, pp_udp_port(call->word), &route))
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

/* What one look for a datagram came to. */
enum look { LOOK_DONE, LOOK_DROPPED, LOOK_FAILED };

static enum look look_for_datagram(const struct pp_udp_call *call,
				   struct msghdr *message, int flags,
				   size_t control, uint8_t *buffer,
				   union pp_address *peer, ssize_t *result)
{
	struct pp_datagram datagram;
	union pp_address shown = { .sa.sa_family = AF_UNSPEC };
	ssize_t got = receive_whole(call, message, flags, control,
				    buffer, peer);
	size_t size, copied;

	if (got < 0)
		return LOOK_FAILED;
	if (pp_udp_deliver_plain(call, message, buffer, (size_t)got, peer,
				 result))
		return LOOK_DONE;
	if (!pp_udp_judge(call, peer, message, buffer, (size_t)got, &datagram))
		return LOOK_DROPPED;
	pp_address_on_socket(&shown,
			     datagram.client.sa.sa_family != AF_UNSPEC
				     ? &datagram.client
				     : peer,
			     peer->sa.sa_family);
	size = (size_t)got - datagram.header;
	copied = pp_udp_deliver(message, &shown, buffer + datagram.header,
				size);
	*result = (ssize_t)(call->flags & MSG_TRUNC ? size : copied);
	return LOOK_DONE;
}

/*
 * Nothing else was there after one that was dropped. Who may have been told
 * that there is something gets that one, emptied, if it would have waited for
 * the next.
 */
static ssize_t end_dropped(const struct pp_udp_call *call,
			   struct msghdr *message,
			   const union pp_address *peer, bool all)
{
	if (!all && !pp_udp_blocks(call))
		return -1;
	pp_udp_deliver(message, peer, NULL, 0);
	return 0;
}

static bool receive_into(const struct pp_udp_call *call,
			 struct msghdr *message, uint8_t *buffer,
			 ssize_t *result)
{
	union pp_address peer = { .sa.sa_family = AF_UNSPEC };
	const size_t control = message->msg_controllen;
	const int before = message->msg_flags;
	unsigned dropped = 0;
	int flags = call->flags & ~MSG_TRUNC;

	for (;;) {
		int asked = flags | pp_udp_flags();
		enum pp_udp_surprise surprise;
		enum look look = look_for_datagram(call, message, asked,
						   control, buffer, &peer,
						   result);

		if (look != LOOK_FAILED && pp_udp_takes_emptied(call))
			pp_udp_show_emptied(call, false);
		if (look == LOOK_DONE)
			return true;
		if (look == LOOK_FAILED) {
			*result = -1;
			surprise = pp_udp_surprise(call->fd,
						   asked & ~call->flags);
			if (surprise == PP_UDP_AGAIN)
				continue;
			if (surprise == PP_UDP_NO_SOCKET && dropped == 0)
				return false;
			if (dropped > 0 &&
			    (errno == EAGAIN || errno == EWOULDBLOCK))
				*result = end_dropped(call, message, &peer,
						      false);
			if (*result < 0) {
				message->msg_controllen = control;
				message->msg_flags = before;
			}
			return true;
		}
		if ((flags & MSG_PEEK) && pp_udp_blocks(call)) {
			/* left there: the call that takes it must not wait */
			pp_udp_show_emptied(call, true);
			*result = end_dropped(call, message, &peer, true);
			return true;
		}
		if (flags & MSG_PEEK)
			pp_udp_discard(call->fd);
		flags |= MSG_DONTWAIT;
		if (++dropped == PP_UDP_DROPS ||
		    pp_udp_takes_emptied(call)) {
			*result = end_dropped(call, message, &peer, true);
			return true;
		}
	}
}

bool pp_udp_receive(const struct pp_udp_call *call, struct msghdr *message,
		    ssize_t *result)
{
	struct pp_buffer buffer;
	int error = errno;
	bool received;

	if (!pp_buffer_take(&buffer, PP_BUFFER_ONE)) {
		*result = -1;
		return true;
	}
	received = receive_into(call, message, buffer.memory, result);
	pp_buffer_give(&buffer);
	if (received && *result >= 0)
		errno = error;
	return received;
}
