/* SPDX-License-Identifier: ISC */
/* Many datagrams by one call; see receive.h. */
#include <config.h>

#include "preload/udp/receive.h"

#include "preload/udp/buffers.h"
#include "preload/udp/sockets.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

/* A call for more is made in several. */
#define MANY 64

/* Not a power of two: their first bytes would compete for the same cache. */
#define STRIDE (PP_DATAGRAM_MAX + 320)

/* What the kernel fills in. */
struct many {
	struct mmsghdr messages[MANY];
	struct iovec parts[MANY];
	union pp_address peers[MANY];
	bool is_prepared;	/* what does not differ from call to call is there */
	uint8_t bytes[MANY][STRIDE];
};

_Static_assert(sizeof(struct many) <= PP_BUFFER_MANY_SIZE,
	       "a buffer is too small");

/* A call for up to MANY datagrams, and how far it is. */
struct batch {
	const struct pp_udp_call *call;
	pp_recvmmsg *function;
	struct mmsghdr *messages;	/* the program's */
	unsigned count;
	int flags;
	struct timespec *timeout;
	struct many *many;
	bool takes_emptied;		/* the first one; see receive.h */
};

static void prepare_many(struct many *many)
{
	for (unsigned i = 0; i < MANY; i++) {
		struct msghdr *message = &many->messages[i].msg_hdr;

		many->parts[i] =
			(struct iovec){ many->bytes[i], PP_DATAGRAM_MAX };
		message->msg_name = &many->peers[i];
		message->msg_iov = &many->parts[i];
		message->msg_iovlen = 1;
	}
	many->is_prepared = true;
}

static int receive_whole(const struct batch *batch, int flags)
{
	struct many *many = batch->many;

	if (!many->is_prepared)
		prepare_many(many);
	for (unsigned i = 0; i < batch->count; i++) {
		const struct msghdr *from = &batch->messages[i].msg_hdr;
		struct msghdr *message = &many->messages[i].msg_hdr;

		message->msg_namelen = sizeof(many->peers[i]);
		message->msg_control = from->msg_control;
		message->msg_controllen = from->msg_controllen;
	}
	return batch->function(batch->call->fd, many->messages, batch->count,
			       flags, batch->timeout);
}

/* What came behind a datagram that was dropped moves to its message. */
static void move_control(struct msghdr *to, const struct msghdr *from)
{
	size_t size = from->msg_controllen;

	to->msg_flags = from->msg_flags;
	if (to->msg_control != from->msg_control &&
	    (size > to->msg_controllen || to->msg_control == NULL)) {
		if (size > 0)
			to->msg_flags |= MSG_CTRUNC;
		size = 0;
	}
	if (to->msg_control != from->msg_control && size > 0)
		memmove(to->msg_control, from->msg_control, size);
	to->msg_controllen = size;
}

/* Writes datagram i into the program's message n. */
static void deliver_one(const struct batch *batch, unsigned i, unsigned n,
			const struct pp_datagram *datagram, size_t size)
{
	const struct many *many = batch->many;
	const union pp_address *peer = &many->peers[i];
	struct mmsghdr *to = &batch->messages[n];
	union pp_address shown;
	size_t copied;

	pp_address_on_socket(&shown,
			     datagram->client.sa.sa_family != AF_UNSPEC
				     ? &datagram->client
				     : peer,
			     peer->sa.sa_family);
	move_control(&to->msg_hdr, &many->messages[i].msg_hdr);
	copied = pp_udp_deliver(&to->msg_hdr, &shown,
				many->bytes[i] + datagram->header, size);
	to->msg_len = (unsigned)(batch->call->flags & MSG_TRUNC ? size
								: copied);
}

/* The same where it is one as most are; false: is another. */
static bool deliver_plain(const struct batch *batch, unsigned i, unsigned n)
{
	const struct many *many = batch->many;
	struct mmsghdr *to = &batch->messages[n];
	ssize_t length;
	int truncated;

	if (!pp_udp_deliver_plain(batch->call, &to->msg_hdr, many->bytes[i],
				  many->messages[i].msg_len, &many->peers[i],
				  &length))
		return false;
	truncated = to->msg_hdr.msg_flags & MSG_TRUNC;
	move_control(&to->msg_hdr, &many->messages[i].msg_hdr);
	to->msg_hdr.msg_flags |= truncated;
	to->msg_len = (unsigned)length;
	return true;
}

static const struct pp_datagram nothing = { .client.sa.sa_family = AF_UNSPEC };

/*
 * Delivers those of count that are good; returns how many. Where they are only
 * shown, all are the same one.
 */
static unsigned deliver_batch(struct batch *batch, unsigned count)
{
	const struct many *many = batch->many;
	const bool takes_emptied = batch->takes_emptied;
	struct pp_datagram datagram;
	unsigned good = 0;

	if (takes_emptied)
		pp_udp_show_emptied(batch->call, false);
	batch->takes_emptied = false;
	for (unsigned i = 0; i < count; i++) {
		size_t size = many->messages[i].msg_len;

		if (deliver_plain(batch, i, good))
			good++;
		else if (pp_udp_judge(batch->call, &many->peers[i],
				      &batch->messages[good].msg_hdr,
				      many->bytes[i], size, &datagram))
			deliver_one(batch, i, good++, &datagram,
				    size - datagram.header);
		else if (i == 0 && takes_emptied)
			deliver_one(batch, i, good++, &nothing, 0);
		else if (batch->flags & MSG_PEEK)
			break;
	}
	return good;
}

/* The last that was dropped, emptied; see end_dropped of receive.c. */
static int deliver_emptied(const struct batch *batch, unsigned last)
{
	deliver_one(batch, last, 0, &nothing, 0);
	return 1;
}

/*
 * Receives a batch: returns how many the program gets, and in *filled how many
 * the kernel gave in the end.
 */
static bool receive_batch(struct batch *batch, int *result,
			  unsigned *filled)
{
	int flags = batch->flags & ~MSG_TRUNC;
	unsigned dropped = 0, last = 0;

	for (;;) {
		int asked = flags | pp_udp_flags();
		enum pp_udp_surprise surprise;
		int got = receive_whole(batch, asked);

		*result = got;
		if (got == 0)
			return true;
		if (got < 0) {
			surprise = pp_udp_surprise(batch->call->fd,
						   asked & ~batch->flags);
			if (surprise == PP_UDP_AGAIN)
				continue;
			if (surprise == PP_UDP_NO_SOCKET && dropped == 0)
				return false;
			/* an earlier batch has something: that is enough */
			if (dropped > 0 && !(batch->flags & MSG_DONTWAIT) &&
			    (errno == EAGAIN || errno == EWOULDBLOCK) &&
			    pp_udp_blocks(batch->call))
				*result = deliver_emptied(batch, last);
			return true;
		}
		*filled = (unsigned)got;
		*result = (int)deliver_batch(batch, (unsigned)got);
		if (*result > 0)
			return true;
		if (batch->flags & MSG_PEEK) {
			got = 1;
			if (pp_udp_blocks(batch->call)) {
				pp_udp_show_emptied(batch->call, true);
				*result = deliver_emptied(batch, 0);
				return true;
			}
			pp_udp_discard(batch->call->fd);
		}
		last = (unsigned)got - 1;
		dropped += (unsigned)got;
		if (dropped >= PP_UDP_DROPS) {
			*result = deliver_emptied(batch, last);
			return true;
		}
		flags |= MSG_DONTWAIT;
	}
}

static bool is_over(const struct timespec *timeout)
{
	return timeout != NULL && timeout->tv_sec == 0 && timeout->tv_nsec == 0;
}

/*
 * Where the kernel filled a batch it may have more: a program that is given less
 * than it has room for takes that for all there is.
 */
static bool may_have_more(const struct batch *batch, unsigned filled,
			  int result)
{
	return filled == batch->count &&
	       ((unsigned)result == filled || !(batch->flags & MSG_PEEK));
}

/* Receives batch by batch, until one is not full. */
static bool receive_all(struct batch *batch, unsigned count, int *result)
{
	unsigned received = 0, filled;
	bool served;

	do {
		unsigned rest = count - received;

		batch->count = rest < MANY ? rest : MANY;
		filled = 0;
		served = receive_batch(batch, result, &filled);
		if (!served || *result < 0)
			break;
		received += (unsigned)*result;
		batch->messages += *result;
		/* for as many as it asked for the kernel would not wait again */
		if ((batch->flags & MSG_WAITFORONE) ||
		    (unsigned)*result < filled)
			batch->flags |= MSG_DONTWAIT;
	} while (may_have_more(batch, filled, *result) && received < count &&
		 !is_over(batch->timeout));
	if (received == 0)
		return served;
	*result = (int)received;
	return true;
}

bool pp_udp_receive_many(const struct pp_udp_call *call, pp_recvmmsg *function,
			 struct mmsghdr *messages, unsigned count,
			 struct timespec *timeout, int *result)
{
	struct batch batch = { .call = call,
			       .function = function,
			       .messages = messages,
			       .flags = call->flags,
			       .timeout = timeout,
			       .takes_emptied = pp_udp_takes_emptied(call) };
	struct pp_buffer buffer;
	int error = errno;
	bool served;

	if (!pp_buffer_take(&buffer, PP_BUFFER_MANY)) {
		*result = -1;
		return true;
	}
	batch.many = buffer.memory;
	served = receive_all(&batch, count < IOV_MAX ? count : IOV_MAX, result);
	pp_buffer_give(&buffer);
	if (served && *result >= 0)
		errno = error;
	return served;
}
