/* SPDX-License-Identifier: ISC */
/*
 * The hooks of libproxyproto_udp.so by which a program receives. Those by which
 * it sends are in send.c, and those that tell what a descriptor is in sockets.c
 * and descriptors.c. All else passes at the cost of a load or two.
 */
#include <config.h>

#include "preload/configuration.h"
#include "preload/real.h"
#include "preload/udp/buffers.h"
#include "preload/udp/receive.h"
#include "preload/udp/sockets.h"

#include <limits.h>
#include <pthread.h>
#include <stddef.h>

/* What systemd passes begins with this one. */
#define FIRST_PASSED 3

__attribute__((constructor)) static void start_library(void)
{
	if (!pp_configuration_start())
		return;
	pp_buffers_start();
	pp_udp_sockets_start();
	pthread_atfork(NULL, NULL, pp_udp_sockets_in_child);
}

/* Is it ours, with a message that the kernel would take? */
static bool is_ours(uint64_t word, const struct msghdr *message, int flags)
{
	/* the queue of errors has what was sent */
	if (!pp_udp_is_served(word) || (flags & MSG_ERRQUEUE) ||
	    (size_t)message->msg_iovlen > IOV_MAX ||
	    (message->msg_iov == NULL && message->msg_iovlen > 0) ||
	    (message->msg_name != NULL && (int)message->msg_namelen < 0))
		return false;
	for (size_t i = 0; i < message->msg_iovlen; i++)
		if ((ssize_t)message->msg_iov[i].iov_len < 0 ||
		    (message->msg_iov[i].iov_base == NULL &&
		     message->msg_iov[i].iov_len > 0))
			return false;
	return true;
}

/* Where it is all in one part, no room is too large for the kernel. */
static struct iovec one_part(void *bytes, size_t size)
{
	return (struct iovec){ bytes, size < SSIZE_MAX ? size : SSIZE_MAX };
}

/* Bytes and nothing else. False where it is the kernel's. */
static bool receive_bytes(uint64_t word, int fd, struct iovec *parts,
			  size_t count, int flags, ssize_t *result)
{
	const struct pp_udp_call call = { .fd = fd,
					  .flags = flags,
					  .word = word };
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = count };

	return is_ours(word, &message, flags) &&
	       pp_udp_receive(&call, &message, result);
}

PP_HOT __attribute__((noinline)) static ssize_t
recvfrom_below(int fd, void *bytes, size_t size, int flags,
	       struct sockaddr *address, socklen_t *length)
{
	const struct pp_udp_call call = {
		.fd = fd,
		.flags = flags,
		.word = address == NULL ? pp_udp_ask_inherited(fd, 0)
					: pp_udp_ask(fd)
	};
	struct iovec part = one_part(bytes, size);
	struct msghdr message = { .msg_name = address,
				  .msg_iov = &part,
				  .msg_iovlen = 1 };
	ssize_t result;

	if (!pp_udp_is_served(call.word) || (flags & MSG_ERRQUEUE) ||
	    (bytes == NULL && size > 0) ||
	    (address != NULL && (length == NULL || (int)*length < 0)))
		return real_recvfrom(fd, bytes, size, flags, address, length);
	if (address != NULL)
		message.msg_namelen = *length;
	if (!pp_udp_receive(&call, &message, &result))
		return real_recvfrom(fd, bytes, size, flags, address, length);
	if (address != NULL && result >= 0)
		*length = message.msg_namelen;
	return result;
}

PP_EXPORT ssize_t recvfrom(int fd, void *bytes, size_t size, int flags,
			   struct sockaddr *address, socklen_t *length)
{
	if (address == NULL)
		PP_UDP_PASS_ABOVE(recvfrom, fd,
				  (fd, bytes, size, flags, address, length));
	return recvfrom_below(fd, bytes, size, flags, address, length);
}

__attribute__((noinline)) static ssize_t recv_below(int fd, void *bytes,
						       size_t size, int flags)
{
	const uint64_t word = pp_udp_ask_inherited(fd, 0);
	struct iovec part = one_part(bytes, size);
	ssize_t result;

	if (pp_udp_is_served(word) &&
	    receive_bytes(word, fd, &part, 1, flags, &result))
		return result;
	return real_recv(fd, bytes, size, flags);
}

PP_EXPORT ssize_t recv(int fd, void *bytes, size_t size, int flags)
{
	PP_UDP_PASS_ABOVE(recv, fd, (fd, bytes, size, flags));
	return recv_below(fd, bytes, size, flags);
}

/* To read nothing is no call for a datagram. */
__attribute__((noinline)) static ssize_t read_below(int fd, void *bytes,
						       size_t size)
{
	const uint64_t word = pp_udp_ask_inherited(fd, FIRST_PASSED);
	struct iovec part = { bytes, size };
	ssize_t result;

	if (pp_udp_is_served(word) && size > 0 &&
	    receive_bytes(word, fd, &part, 1, 0, &result))
		return result;
	return real_read(fd, bytes, size);
}

PP_EXPORT ssize_t read(int fd, void *bytes, size_t size)
{
	PP_UDP_PASS_ABOVE(read, fd, (fd, bytes, size));
	return read_below(fd, bytes, size);
}

__attribute__((noinline)) static ssize_t
readv_below(int fd, const struct iovec *parts, int count)
{
	const uint64_t word = pp_udp_ask_inherited(fd, FIRST_PASSED);
	ssize_t result;

	if (count > 0 && count <= IOV_MAX && parts != NULL &&
	    pp_udp_is_served(word) && !pp_parts_are_empty(parts, count) &&
	    receive_bytes(word, fd, (struct iovec *)(uintptr_t)parts,
			  (size_t)count, 0, &result))
		return result;
	return real_readv(fd, parts, count);
}

PP_EXPORT ssize_t readv(int fd, const struct iovec *parts, int count)
{
	PP_UDP_PASS_ABOVE(readv, fd, (fd, parts, count));
	return readv_below(fd, parts, count);
}

PP_HOT static ssize_t receive_message(pp_recvmsg *function, int fd,
			       struct msghdr *message, int flags)
{
	struct pp_udp_call call = { .fd = fd,
				    .flags = flags,
				    .recvmsg = function };
	ssize_t result;

	if (message == NULL)
		return function(fd, message, flags);
	call.word = message->msg_name == NULL ? pp_udp_ask_inherited(fd, 0)
					      : pp_udp_ask(fd);
	if (pp_udp_is_served(call.word) && is_ours(call.word, message, flags) &&
	    pp_udp_receive(&call, message, &result))
		return result;
	return function(fd, message, flags);
}

static int receive_messages(pp_recvmmsg *function, int fd,
			    struct mmsghdr *messages, unsigned count,
			    pp_mmsg_flags flags, struct timespec *timeout)
{
	const struct pp_udp_call call = { .fd = fd,
					  .flags = (int)flags,
					  .word = pp_udp_ask(fd) };
	unsigned ours = 0;
	int result;

	if (!pp_udp_is_served(call.word) || messages == NULL)
		return function(fd, messages, count, flags, timeout);
	/* up to a message that the kernel would say an error to */
	while (ours < count && ours < IOV_MAX &&
	       is_ours(call.word, &messages[ours].msg_hdr, (int)flags))
		ours++;
	if (ours > 0 && pp_udp_receive_many(&call, function, messages, ours,
					    timeout, &result))
		return result;
	return function(fd, messages, count, flags, timeout);
}

/* Hooks of recvmsg and recvmmsg, which call these two. */
#include "preload/message_hooks.h"
