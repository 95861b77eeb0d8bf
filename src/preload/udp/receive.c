/* SPDX-License-Identifier: ISC */
/* One datagram; see receive.h. */
#include <config.h>

#include "preload/udp/receive.h"

#include "preload/udp/buffers.h"
#include "preload/udp/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>

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

/* A program's call for one datagram, and how far it is. */
struct receipt {
	const struct pp_udp_call *call;
	struct msghdr *message;	/* the program's */
	size_t control;		/* its msg_controllen, and its msg_flags */
	int before;
	int flags;		/* of the next look for a datagram */
	int asked;		/* those that the kernel was asked with last */
	ssize_t got;		/* what it said */
	union pp_address peer;	/* of the last datagram there was */
	uint8_t *buffer;	/* and that */
	unsigned dropped;
};

/* Receives a whole datagram, or an error. */
static inline void take_datagram(struct receipt *receipt)
{
	const struct pp_udp_call *call = receipt->call;
	socklen_t length = sizeof(receipt->peer);
	struct iovec part = { receipt->buffer, PP_DATAGRAM_MAX };
	struct msghdr whole;

	receipt->asked = receipt->flags | pp_udp_flags();
	if (call->recvmsg == NULL) {
		receipt->got = real_recvfrom(call->fd, receipt->buffer,
					     PP_DATAGRAM_MAX, receipt->asked,
					     &receipt->peer.sa, &length);
		return;
	}
	whole = *receipt->message;
	whole.msg_name = &receipt->peer;
	whole.msg_namelen = length;
	whole.msg_iov = &part;
	whole.msg_iovlen = 1;
	whole.msg_controllen = receipt->control;
	receipt->got = call->recvmsg(call->fd, &whole, receipt->asked);
	if (receipt->got >= 0) {
		receipt->message->msg_controllen = whole.msg_controllen;
		receipt->message->msg_flags = whole.msg_flags;
	}
}

/* False: it is to be dropped. */
static bool deliver_datagram(const struct receipt *receipt, ssize_t *result)
{
	const struct pp_udp_call *call = receipt->call;
	const union pp_address *peer = &receipt->peer;
	const size_t got = (size_t)receipt->got;
	struct pp_datagram datagram;
	union pp_address shown = { .sa.sa_family = AF_UNSPEC };
	size_t size, copied;

	if (pp_udp_deliver_plain(call, receipt->message, receipt->buffer, got,
				 peer, result))
		return true;
	if (!pp_udp_judge(call, peer, receipt->message, receipt->buffer, got,
			  &datagram))
		return false;
	pp_address_on_socket(&shown,
			     datagram.client.sa.sa_family != AF_UNSPEC
				     ? &datagram.client
				     : peer,
			     peer->sa.sa_family);
	size = got - datagram.header;
	copied = pp_udp_deliver(receipt->message, &shown,
				receipt->buffer + datagram.header, size);
	*result = (ssize_t)(call->flags & MSG_TRUNC ? size : copied);
	return true;
}

/*
 * Nothing else was there after one that was dropped. Who may have been told
 * that there is something gets that one, emptied, if it would have waited for
 * the next.
 */
static ssize_t end_dropped(const struct receipt *receipt, bool all)
{
	if (!all && !pp_udp_blocks(receipt->call))
		return -1;
	pp_udp_deliver(receipt->message, &receipt->peer, NULL, 0);
	return 0;
}

/* The kernel said an error. */
static ssize_t end_failed(const struct receipt *receipt)
{
	ssize_t result = -1;

	if (receipt->dropped > 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		result = end_dropped(receipt, false);
	if (result < 0) {
		receipt->message->msg_controllen = receipt->control;
		receipt->message->msg_flags = receipt->before;
	}
	return result;
}

/* What was taken is to be dropped: is that the end of the call, too? */
static bool drop_datagram(struct receipt *receipt)
{
	const struct pp_udp_call *call = receipt->call;

	if ((receipt->flags & MSG_PEEK) && pp_udp_blocks(call)) {
		/* left there: the call that takes it must not wait */
		pp_udp_show_emptied(call, true);
		return true;
	}
	if (receipt->flags & MSG_PEEK)
		pp_udp_discard(call->fd);
	receipt->flags |= MSG_DONTWAIT;
	return ++receipt->dropped == PP_UDP_DROPS ||
	       pp_udp_takes_emptied(call);
}

/* Goes on with what was taken, until there is one for the program. */
__attribute__((noinline)) static bool receive_other(struct receipt *receipt,
						    ssize_t *result)
{
	const struct pp_udp_call *call = receipt->call;

	for (;; take_datagram(receipt)) {
		if (receipt->got < 0) {
			enum pp_udp_surprise surprise = pp_udp_surprise(
				call->fd, receipt->asked & ~call->flags);

			if (surprise == PP_UDP_AGAIN)
				continue;
			*result = -1;
			if (surprise == PP_UDP_NO_SOCKET &&
			    receipt->dropped == 0)
				return false;
			*result = end_failed(receipt);
			return true;
		}
		if (pp_udp_takes_emptied(call))
			pp_udp_show_emptied(call, false);
		if (deliver_datagram(receipt, result))
			return true;
		if (drop_datagram(receipt)) {
			*result = end_dropped(receipt, true);
			return true;
		}
	}
}

PP_HOT bool pp_udp_receive(const struct pp_udp_call *call,
			   struct msghdr *message, ssize_t *result)
{
	struct receipt receipt = { .call = call,
				   .message = message,
				   .control = message->msg_controllen,
				   .before = message->msg_flags,
				   .flags = call->flags & ~MSG_TRUNC };
	struct pp_buffer buffer;
	int error = errno;
	bool received = true;

	if (!pp_buffer_take(&buffer, PP_BUFFER_ONE)) {
		*result = -1;
		return true;
	}
	receipt.buffer = buffer.memory;
	take_datagram(&receipt);
	if (receipt.got < 0 ||
	    !pp_udp_deliver_plain(call, message, receipt.buffer,
				  (size_t)receipt.got, &receipt.peer, result))
		received = receive_other(&receipt, result);
	pp_buffer_give(&buffer);
	if (received && *result >= 0)
		errno = error;
	return received;
}
