/* SPDX-License-Identifier: ISC */
/* Sending to clients: the hooks, and the table; see route.h. */
#include <config.h>

#include "preload/udp/route.h"

#include "preload/configuration.h"
#include "preload/real.h"
#include "preload/udp/buffers.h"
#include "preload/udp/clients.h"
#include "preload/udp/sockets.h"

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/auxv.h>

/* Without a scope: RFC 2133's, which the kernel takes. */
#define SHORT_IN6 24

/* A call of sendmmsg with this many is made in several. */
#define MANY 64

_Static_assert(sizeof(struct mmsghdr) * MANY + sizeof(union pp_address) * MANY <=
		       PP_BUFFER_ONE_SIZE,
	       "a buffer is too small");

static _Atomic(struct pp_clients *) clients;

/* Made when the first client is known. */
static struct pp_clients *get_clients(void)
{
	struct pp_clients *known =
		atomic_load_explicit(&clients, memory_order_acquire);
	const unsigned limit = pp_configuration()->udp_clients;
	const void *random = (const void *)getauxval(AT_RANDOM);
	uint64_t key[2] = { 0 };
	struct pp_clients *made;

	if (known != NULL || limit == 0)
		return known;
	if (random != NULL)
		memcpy(key, random, sizeof(key));
	made = pp_clients_make(limit, key);
	if (made == NULL)
		return NULL;
	if (atomic_compare_exchange_strong(&clients, &known, made))
		return made;
	pp_clients_free(made);
	return known;
}

void pp_route_learn(const union pp_address *client, in_port_t local,
		    const union pp_address *proxy)
{
	int error = errno;
	struct pp_clients *known = get_clients();
	union pp_address from = *client, through = *proxy;

	pp_address_unmap(&from);
	pp_address_unmap(&through);
	if (known != NULL)
		pp_clients_put(known, &from, local, &through);
	errno = error;
}

bool pp_route_find(uint64_t word, const struct sockaddr *address,
		   socklen_t length, union pp_address *to)
{
	struct pp_clients *known;
	union pp_address client;

	if (!pp_udp_is_served(word) || address == NULL)
		return false;
	known = atomic_load_explicit(&clients, memory_order_acquire);
	if (known == NULL)
		return false;
	memset(&client, 0, sizeof(client));
	if (address->sa_family == AF_INET && length >= sizeof(client.in))
		memcpy(&client, address, sizeof(client.in));
	else if (address->sa_family == AF_INET6 && length >= SHORT_IN6)
		memcpy(&client, address, SHORT_IN6);
	else
		return false;
	pp_address_unmap(&client);
	if (!pp_clients_find(known, &client, pp_udp_port(word), to))
		return false;
	pp_address_on_socket(to, to, word & PP_UDP_INET6 ? AF_INET6 : AF_INET);
	return true;
}

PP_EXPORT ssize_t sendto(int fd, const void *bytes, size_t size, int flags,
			 const struct sockaddr *address, socklen_t length)
{
	union pp_address to;

	if (!pp_route_find(pp_udp_word(fd), address, length, &to))
		return real_sendto(fd, bytes, size, flags, address, length);
	return real_sendto(fd, bytes, size, flags, &to.sa,
			   pp_address_length(&to));
}

typedef ssize_t pp_sendmsg(int fd, const struct msghdr *message, int flags);

static ssize_t send_message(pp_sendmsg *function, int fd,
			    const struct msghdr *message, int flags)
{
	const uint64_t word = pp_udp_word(fd);
	union pp_address to;
	struct msghdr routed;

	if (!pp_udp_is_served(word) || message == NULL ||
	    !pp_route_find(word, message->msg_name, message->msg_namelen, &to))
		return function(fd, message, flags);
	routed = *message;
	routed.msg_name = &to;
	routed.msg_namelen = pp_address_length(&to);
	return function(fd, &routed, flags);
}

PP_EXPORT ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	return send_message(real_sendmsg, fd, message, flags);
}

typedef int pp_sendmmsg(int fd, struct mmsghdr *messages, unsigned count,
			pp_mmsg_flags flags);

/* What is sent instead of a program's messages. */
struct routed {
	struct mmsghdr messages[MANY];
	union pp_address to[MANY];
};

static int send_routed(pp_sendmmsg *function, int fd, struct mmsghdr *messages,
		       unsigned count, pp_mmsg_flags flags,
		       struct routed *routed)
{
	const uint64_t word = pp_udp_word(fd);
	int sent;

	for (unsigned i = 0; i < count; i++) {
		struct msghdr *message = &routed->messages[i].msg_hdr;

		routed->messages[i] = messages[i];
		if (!pp_route_find(word, message->msg_name,
				   message->msg_namelen, &routed->to[i]))
			continue;
		message->msg_name = &routed->to[i];
		message->msg_namelen = pp_address_length(&routed->to[i]);
	}
	sent = function(fd, routed->messages, count, flags);
	for (int i = 0; i < sent; i++)
		messages[i].msg_len = routed->messages[i].msg_len;
	return sent;
}

/* Where a part of them was sent, the kernel says how many, and no error. */
static int send_messages(pp_sendmmsg *function, int fd,
			 struct mmsghdr *messages, unsigned count,
			 pp_mmsg_flags flags)
{
	struct pp_buffer buffer;
	unsigned sent = 0;
	int result, error = errno;

	if (!pp_udp_is_served(pp_udp_word(fd)) || messages == NULL ||
	    atomic_load(&clients) == NULL ||
	    !pp_buffer_take(&buffer, PP_BUFFER_ONE))
		return function(fd, messages, count, flags);
	if (count > IOV_MAX)
		count = IOV_MAX;
	do {
		unsigned rest = count - sent;

		result = send_routed(function, fd, messages + sent,
				     rest < MANY ? rest : MANY, flags,
				     buffer.memory);
		if (result > 0)
			sent += (unsigned)result;
	} while (result == MANY && sent < count);
	pp_buffer_give(&buffer);
	if (sent == 0)
		return result;
	errno = error;
	return (int)sent;
}

PP_EXPORT int sendmmsg(int fd, struct mmsghdr *messages, unsigned count,
		       pp_mmsg_flags flags)
{
	return send_messages(real_sendmmsg, fd, messages, count, flags);
}

#ifdef HAVE___SENDMSG64
PP_EXPORT ssize_t __sendmsg64(int fd, const struct msghdr *message, int flags)
{
	return send_message(real___sendmsg64, fd, message, flags);
}

PP_EXPORT int __sendmmsg64(int fd, struct mmsghdr *messages, unsigned count,
			   pp_mmsg_flags flags)
{
	return send_messages(real___sendmmsg64, fd, messages, count, flags);
}
#endif
