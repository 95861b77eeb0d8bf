/* SPDX-License-Identifier: ISC */
/* Datagrams with a header, and the hooks for them alone; see datagram.h. */
#include <config.h>

#include "preload/client/datagram.h"

#include "connection/send.h"
#include "connection/socket_kind.h"
#include "memory.h"
#include "preload/client/destination.h"
#include "preload/configuration.h"
#include "preload/real.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#define HEADER_NEAR 256
#define PARTS_NEAR 8

/*
 * A datagram on its way: the header, and the parts of the program's behind it.
 * What near has no room for has memory of its own.
 */
struct headed {
	struct pp_stated stated;
	uint8_t *header;
	size_t length;			/* of the header */
	struct iovec *parts;		/* the first is the header */
	void *far;
	size_t far_size;
	struct iovec near_parts[PARTS_NEAR];
	uint8_t near[HEADER_NEAR];
};

static bool take_room(struct headed *headed, size_t header, size_t count)
{
	const size_t parts = count * sizeof(struct iovec);

	headed->header = headed->near;
	headed->parts = headed->near_parts;
	headed->far = NULL;
	if (header <= HEADER_NEAR && count <= PARTS_NEAR)
		return true;
	headed->far_size = parts + header;
	headed->far = pp_memory_map(headed->far_size);
	if (headed->far == NULL)
		return false;
	headed->parts = headed->far;
	headed->header = (uint8_t *)headed->far + parts;
	return true;
}

/* Keeps errno. */
static void give_room(struct headed *headed)
{
	int error = errno;

	if (headed->far != NULL)
		munmap(headed->far, headed->far_size);
	errno = error;
}

bool pp_is_udp_socket(int fd)
{
	return pp_socket_option(fd, SO_PROTOCOL) == IPPROTO_UDP &&
	       pp_socket_option(fd, SO_TYPE) == SOCK_DGRAM;
}

/* Where a datagram gets to: to that address, or NULL, as it is connected. */
static bool find_end(int fd, const struct sockaddr *address, socklen_t length,
		     union pp_address *to)
{
	socklen_t size = sizeof(*to);

	if (address != NULL) {
		if (!pp_read_address(to, address, length))
			return false;
	} else if (real_getpeername(fd, &to->sa, &size) != 0 ||
		   !pp_family_is_internet(to->sa.sa_family)) {
		return false;
	}
	pp_find_destination(fd, to);
	return true;
}

/*
 * Does a datagram to there get a header? 1 or 0, or -1 with errno set where the
 * settings are bad.
 */
static int gets_header(int fd, const struct sockaddr *address, socklen_t length,
		       union pp_address *to)
{
	const struct pp_settings *settings = pp_configuration();
	int before = errno;
	bool gets;

	if (!pp_is_udp_socket(fd)) {
		errno = before;
		return 0;
	}
	errno = before;
	if (!pp_configuration_require_valid(fd))
		return -1;
	gets = (settings->send_version != 0 || settings->spp) &&
	       find_end(fd, address, length, to) &&
	       (settings->to.at == NULL ||
		pp_endpoints_have(&settings->to, to));
	errno = before;
	return gets;
}

static void report_datagram(int fd, const struct headed *headed, ssize_t result)
{
	/* a line of ours is no datagram to tell of */
	if (pp_configuration()->debug && fd != STDERR_FILENO)
		pp_report_sent(pp_library, pp_configuration(), "send", fd,
			       headed->length, &headed->stated,
			       result < 0 ? -errno : 0);
}

/* Sends a message of the program's, to there, behind a header. */
static ssize_t send_headed(int fd, const struct msghdr *message, int flags,
			   const union pp_address *to)
{
	const struct pp_settings *settings = pp_configuration();
	const size_t count = message->msg_iovlen;
	const size_t room = pp_outgoing_size(settings);
	struct msghdr sent = *message;
	struct headed headed;
	ssize_t result = -1;

	/* one part more is too many for the kernel */
	if (count >= IOV_MAX) {
		errno = EMSGSIZE;
		return -1;
	}
	if (!take_room(&headed, room, count + 1))
		return -1;
	if (count == 0 || pp_copy_memory(headed.parts + 1, message->msg_iov,
					 count * sizeof(*headed.parts))) {
		headed.length = pp_outgoing_format_datagram(
			settings, pp_next_place(settings), to, headed.header,
			room, &headed.stated);
		headed.parts[0] = (struct iovec){ headed.header,
						  headed.length };
		sent.msg_iov = headed.parts;
		sent.msg_iovlen = count + 1;
		result = real_sendmsg(fd, &sent, flags);
		report_datagram(fd, &headed, result);
	}
	give_room(&headed);
	if (result < 0)
		return -1;
	return result > (ssize_t)headed.length
		       ? result - (ssize_t)headed.length
		       : 0;
}

/* The same for a message that is in memory of ours. */
static bool send_known(int fd, const struct msghdr *message, int flags,
		       ssize_t *result)
{
	union pp_address to;
	int gets = gets_header(fd, message->msg_name, message->msg_namelen,
			       &to);

	if (gets > 0)
		*result = send_headed(fd, message, flags, &to);
	else
		*result = -1;
	return gets != 0;
}

bool pp_datagram_sendmsg(int fd, const struct msghdr *message, int flags,
			 ssize_t *result)
{
	struct msghdr copy;
	int before = errno;

	if (pp_copy_memory(&copy, message, sizeof(copy)))
		return send_known(fd, &copy, flags, result);
	errno = before;
	return false;
}

bool pp_datagram_sendto(int fd, const void *bytes, size_t size, int flags,
			const struct sockaddr *address, socklen_t length,
			ssize_t *result)
{
	struct iovec part = { (void *)(uintptr_t)bytes, size };
	const struct msghdr message = {
		.msg_name = (void *)(uintptr_t)address,
		.msg_namelen = address != NULL ? length : 0,
		.msg_iov = &part,
		.msg_iovlen = 1,
	};

	return send_known(fd, &message, flags, result);
}

bool pp_datagram_sendmmsg(int fd, struct mmsghdr *messages, unsigned count,
			  int flags, int *result)
{
	int before = errno;
	unsigned n;

	if (!pp_is_udp_socket(fd)) {
		errno = before;
		return false;
	}
	if (count > IOV_MAX)
		count = IOV_MAX;
	for (n = 0; n < count; n++) {
		struct msghdr message;
		ssize_t sent;

		if (!pp_copy_memory(&message, &messages[n].msg_hdr,
				    sizeof(message)))
			break;
		if (!send_known(fd, &message, flags, &sent))
			sent = real_sendmsg(fd, &message, flags);
		if (sent < 0)
			break;
		messages[n].msg_len = (unsigned)sent;
	}
	/* where a part of them was sent, the kernel says how many, and no error */
	*result = n > 0 || count == 0 ? (int)n : -1;
	if (*result >= 0)
		errno = before;
	return true;
}

PP_EXPORT ssize_t send(int fd, const void *bytes, size_t size, int flags)
{
	ssize_t result;

	if (pp_is_udp_asked() &&
	    pp_datagram_sendto(fd, bytes, size, flags, NULL, 0, &result))
		return result;
	return real_send(fd, bytes, size, flags);
}

PP_EXPORT ssize_t write(int fd, const void *bytes, size_t size)
{
	ssize_t result;

	if (pp_is_udp_asked() &&
	    pp_datagram_sendto(fd, bytes, size, 0, NULL, 0, &result))
		return result;
	return real_write(fd, bytes, size);
}

/* One of no bytes sends nothing, unlike the others. */
static bool have_bytes(const struct iovec *parts, int count)
{
	struct iovec part;

	for (int i = 0; i < count; i++)
		if (!pp_copy_memory(&part, parts + i, sizeof(part)) ||
		    part.iov_len > 0)
			return true;
	return false;
}

PP_EXPORT ssize_t writev(int fd, const struct iovec *parts, int count)
{
	const struct msghdr message = {
		.msg_iov = (struct iovec *)(uintptr_t)parts,
		.msg_iovlen = count > 0 ? (size_t)count : 0,
	};
	int before = errno;
	ssize_t result;

	if (pp_is_udp_asked() && count > 0 && count <= IOV_MAX && pp_is_udp_socket(fd) &&
	    have_bytes(parts, count) && send_known(fd, &message, 0, &result))
		return result;
	errno = before;
	return real_writev(fd, parts, count);
}
