/* SPDX-License-Identifier: ISC */
/*
 * Answers with Simple Proxy Protocol. A server that speaks it puts the header
 * before them, too, and Spectrum takes it off. Here the calls that receive do:
 * each takes the whole datagram into memory of its own, as programs for testing
 * have the time. All else passes at the cost of a load.
 */
#include <config.h>

#include "memory.h"
#include "preload/client/datagram.h"
#include "preload/client/destination.h"
#include "preload/configuration.h"
#include "preload/mmsg32.h"
#include "preload/real.h"
#include "protocol/spp.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#define DATAGRAM_MAX 65536

/* Does the call receive answers that may have a header? Keeps errno. */
static bool has_answers(int fd, int flags)
{
	int before = errno;
	bool has;

	if (!pp_is_udp_asked() || !pp_configuration()->spp ||
	    (flags & MSG_ERRQUEUE))
		return false;
	has = pp_is_udp_socket(fd);
	errno = before;
	return has;
}

/* A message that the kernel would take; to another one it says an error. */
static bool is_message(const struct msghdr *message)
{
	if ((size_t)message->msg_iovlen > IOV_MAX ||
	    (message->msg_name != NULL && (int)message->msg_namelen < 0))
		return false;
	for (size_t i = 0; i < message->msg_iovlen; i++) {
		struct iovec part;

		if (!pp_copy_memory(&part, message->msg_iov + i,
				    sizeof(part)) ||
		    (ssize_t)part.iov_len < 0 ||
		    (part.iov_base == NULL && part.iov_len > 0))
			return false;
	}
	return true;
}

/* Copies what came to the program's parts; returns how much that has room for. */
static size_t copy_to_parts(const struct iovec *parts, size_t count,
			    const uint8_t *bytes, size_t size)
{
	size_t copied = 0;

	for (size_t i = 0; i < count && copied < size; i++) {
		size_t length = size - copied;

		if (length > parts[i].iov_len)
			length = parts[i].iov_len;
		if (length > 0)
			memcpy(parts[i].iov_base, bytes + copied, length);
		copied += length;
	}
	return copied;
}

/*
 * The program's message becomes what it would be without the header. Returns
 * the length that the program is told.
 */
static size_t hand_over(struct msghdr *message, int flags,
			const struct msghdr *whole, const uint8_t *bytes,
			size_t size)
{
	union pp_address client, edge;
	size_t copied;

	if (pp_spp_parse(bytes, size, &client, &edge)) {
		bytes += PP_SPP_LENGTH;
		size -= PP_SPP_LENGTH;
	}
	copied = copy_to_parts(message->msg_iov, message->msg_iovlen, bytes,
			       size);
	message->msg_namelen = whole->msg_namelen;
	message->msg_controllen = whole->msg_controllen;
	message->msg_flags = whole->msg_flags;
	if (copied < size)
		message->msg_flags |= MSG_TRUNC;
	return flags & MSG_TRUNC ? size : copied;
}

/* With all the room that a datagram can need, in place of the program's. */
static void ask_for_whole(const struct msghdr *message, struct iovec *part,
			  uint8_t *bytes, struct msghdr *whole)
{
	*part = (struct iovec){ bytes, DATAGRAM_MAX };
	*whole = *message;
	whole->msg_iov = part;
	whole->msg_iovlen = 1;
}

/* For a message in memory that can be read, of a socket that has answers. */
static ssize_t receive_answer(pp_recvmsg *function, int fd,
			      struct msghdr *message, int flags)
{
	uint8_t *bytes = pp_memory_map(DATAGRAM_MAX);
	struct msghdr whole;
	struct iovec part;
	ssize_t result;
	int error;

	if (bytes == NULL) {
		errno = ENOMEM;
		return -1;
	}
	ask_for_whole(message, &part, bytes, &whole);
	result = function(fd, &whole, flags & ~MSG_TRUNC);
	error = errno;
	if (result >= 0)
		result = (ssize_t)hand_over(message, flags, &whole, bytes,
					    (size_t)result);
	munmap(bytes, DATAGRAM_MAX);
	errno = error;
	return result;
}

static ssize_t receive_message(pp_recvmsg *function, int fd,
			       struct msghdr *message, int flags)
{
	struct msghdr copy;

	if (!has_answers(fd, flags) ||
	    !pp_copy_memory(&copy, message, sizeof(copy)) || !is_message(&copy))
		return function(fd, message, flags);
	return receive_answer(function, fd, message, flags);
}

PP_EXPORT ssize_t recvfrom(int fd, void *bytes, size_t size, int flags,
			   struct sockaddr *address, socklen_t *length)
{
	/* where it is all in one part, no room is too large for the kernel */
	struct iovec part = { bytes, size < SSIZE_MAX ? size : SSIZE_MAX };
	struct msghdr message = { .msg_name = address,
				  .msg_iov = &part,
				  .msg_iovlen = 1 };
	ssize_t result;

	if ((address != NULL && length == NULL) || !has_answers(fd, flags))
		return real_recvfrom(fd, bytes, size, flags, address, length);
	if (address != NULL)
		message.msg_namelen = *length;
	if (!is_message(&message))
		return real_recvfrom(fd, bytes, size, flags, address, length);
	result = receive_answer(real_recvmsg, fd, &message, flags);
	if (address != NULL && result >= 0)
		*length = message.msg_namelen;
	return result;
}

PP_EXPORT ssize_t recv(int fd, void *bytes, size_t size, int flags)
{
	if (has_answers(fd, flags))
		return recvfrom(fd, bytes, size, flags, NULL, NULL);
	return real_recv(fd, bytes, size, flags);
}

/* To read nothing is no call for a datagram. */
PP_EXPORT ssize_t read(int fd, void *bytes, size_t size)
{
	if (size > 0 && has_answers(fd, 0))
		return recvfrom(fd, bytes, size, 0, NULL, NULL);
	return real_read(fd, bytes, size);
}

static bool have_room(const struct iovec *parts, int count)
{
	for (int i = 0; i < count; i++)
		if (parts[i].iov_len > 0)
			return true;
	return false;
}

PP_EXPORT ssize_t readv(int fd, const struct iovec *parts, int count)
{
	struct msghdr message = {
		.msg_iov = (struct iovec *)(uintptr_t)parts,
		.msg_iovlen = count > 0 ? (size_t)count : 0,
	};

	if (count > 0 && has_answers(fd, 0) && is_message(&message) &&
	    have_room(parts, count))
		return receive_answer(real_recvmsg, fd, &message, 0);
	return real_readv(fd, parts, count);
}

/* One datagram of several. */
struct whole {
	struct iovec part;
	uint8_t bytes[DATAGRAM_MAX];
};

/* Several, by memory that has room for so many. */
static int receive_answers(pp_recvmmsg *function, int fd,
			   struct mmsghdr *messages, unsigned count,
			   pp_mmsg_flags flags, struct timespec *timeout,
			   struct mmsghdr *wholes, struct whole *memory)
{
	int result;

	for (unsigned i = 0; i < count; i++)
		ask_for_whole(&messages[i].msg_hdr, &memory[i].part,
			      memory[i].bytes, &wholes[i].msg_hdr);
	result = function(fd, wholes, count,
			  flags & ~(pp_mmsg_flags)MSG_TRUNC, timeout);
	for (int i = 0; i < result; i++)
		messages[i].msg_len = (unsigned)hand_over(
			&messages[i].msg_hdr, (int)flags, &wholes[i].msg_hdr,
			memory[i].bytes, wholes[i].msg_len);
	return result;
}

static int receive_messages(pp_recvmmsg *function, int fd,
			    struct mmsghdr *messages, unsigned count,
			    pp_mmsg_flags flags, struct timespec *timeout)
{
	unsigned most = 0;
	const size_t each = sizeof(struct whole) + sizeof(struct mmsghdr);
	struct whole *memory;
	int result, error = errno;

	if (messages == NULL || count == 0 || !has_answers(fd, (int)flags))
		return function(fd, messages, count, flags, timeout);
	/* up to a message that the kernel would say an error to */
	while (most < count && most < IOV_MAX &&
	       is_message(&messages[most].msg_hdr))
		most++;
	errno = error;
	if (most == 0)
		return function(fd, messages, count, flags, timeout);
	memory = pp_memory_map(most * each);
	if (memory == NULL) {
		errno = ENOMEM;
		return -1;
	}
	result = receive_answers(function, fd, messages, most, flags, timeout,
				 (void *)(memory + most), memory);
	error = errno;
	munmap(memory, most * each);
	errno = error;
	return result;
}

/* Hooks of recvmsg and recvmmsg, which call these two. */
#include "preload/message_hooks.h"
