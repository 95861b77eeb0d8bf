/* SPDX-License-Identifier: ISC */
/*
 * The hooks of libproxyproto_connect.so: the calls that begin a connection, and
 * what these are called with for datagrams is datagram.c's.
 *
 * The kernel is given the header together with the order to connect (Fast Open,
 * without a cookie), so that it is ahead of all data and there is nothing to
 * remember: what the program does with the connection afterwards, in whatever
 * way and process, is the kernel's alone.
 */
#include <config.h>

#include "connection/fast_open.h"
#include "connection/report.h"
#include "connection/send.h"
#include "connection/socket_kind.h"
#include "memory.h"
#include "preload/client/datagram.h"
#include "preload/client/destination.h"
#include "preload/configuration.h"
#include "preload/real.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#define HEADER_NEAR 512

/* A header on its way; one longer than near holds has memory of its own. */
struct header {
	struct pp_stated stated;
	size_t length;
	size_t taken;			/* by the kernel, to be sent */
	uint8_t *bytes;
	size_t size;			/* of that memory */
	uint8_t near[HEADER_NEAR];
};

static struct pp_send_way send_way(void)
{
	return (struct pp_send_way){ .sendto = real_sendto,
				     .poll = real_poll,
				     .split = pp_configuration()->split,
				     .delay = pp_configuration()->delay };
}

static void free_bytes(struct header *header)
{
	if (header->bytes != header->near)
		munmap(header->bytes, header->size);
	header->bytes = header->near;
}

/*
 * Makes the header of a connection to there, and begins that with it, as far as
 * the kernel takes it. Returns 0 where the connection is under way, or -errno;
 * see pp_send_begin. Signal-safe, as are the others.
 */
static int begin_with_header(struct header *header, int fd,
			     const struct sockaddr *address, socklen_t length,
			     const union pp_address *connected)
{
	const struct pp_settings *settings = pp_configuration();
	const struct pp_send_way way = send_way();
	ssize_t taken;

	header->taken = 0;
	header->size = pp_outgoing_size(settings);
	header->bytes = header->near;
	if (header->size > sizeof(header->near)) {
		uint8_t *far = pp_memory_map(header->size);

		if (far == NULL)
			return -errno;
		header->bytes = far;
	}
	header->length = pp_outgoing_format(settings, pp_next_place(settings),
					    connected, header->bytes,
					    header->size, &header->stated);
	taken = pp_send_begin(fd, &way, header->bytes, header->length, address,
			      length);
	if (taken < 0)
		return (int)taken;
	header->taken = (size_t)taken;
	/* the call may wait now, and be cancelled */
	if (header->taken == header->length)
		free_bytes(header);
	return 0;
}

/*
 * Where a connection is under way, waits for it and sends what is left, if
 * anything is, and in debug mode tells of it. No cancellation point; keeps
 * errno. The last call, wherever a header was made.
 */
static void end_header(struct header *header, int fd, bool under_way)
{
	const struct pp_send_way way = send_way();
	int before = errno, error = 0, cancel;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	if (under_way && header->taken < header->length)
		error = pp_send_rest(fd, &way, header->bytes, header->length,
				     header->taken);
	if (under_way && pp_configuration()->debug)
		pp_report_sent(pp_library, pp_configuration(), "connect", fd,
			       header->length, &header->stated, error);
	free_bytes(header);
	pthread_setcancelstate(cancel, NULL);
	errno = before;
}

/*
 * May the socket begin a TCP connection? The kernel allows this option as long
 * as it is closed, and not while a connection is being made or stands.
 */
static bool is_closed_tcp(int fd)
{
	struct pollfd state = { .fd = fd };
	int on = 1;

	if (setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, &on,
		       sizeof(on)) == 0)
		return true;
	if (errno != ENOPROTOOPT && errno != EOPNOTSUPP)
		return false;
	/* no TCP; or before Linux 4.15, Multipath TCP before 6.2 */
	return pp_is_tcp_socket(fd) && real_poll(&state, 1, 0) == 1 &&
	       (state.revents & POLLHUP);
}

/*
 * May the socket begin a TCP connection to one of those that get a header? If
 * so, to where. What tells of the socket is an option that it gets: the sockets
 * of others have none.
 */
static bool is_wanted(int fd, const struct sockaddr *address, socklen_t length,
		      union pp_address *to)
{
	const struct pp_bytes *wanted = &pp_configuration()->to;

	if (wanted->at == NULL && !is_closed_tcp(fd))
		return false;
	if (!pp_read_address(to, address, length))
		return false;
	pp_find_destination(fd, to);
	return wanted->at == NULL ||
	       (pp_endpoints_have(wanted, to) && is_closed_tcp(fd));
}

/*
 * Does a call that may begin a connection to there put a header ahead of it?
 * 1, or 0 where the call is the kernel's alone, or -1 where the settings are
 * bad; errno is EINVAL then.
 */
static int begins_with_header(int fd, const struct sockaddr *address,
			      socklen_t length, union pp_address *to)
{
	int before = errno;
	bool begins;

	if (!pp_configuration_is_valid() && pp_is_tcp_socket(fd) &&
	    !pp_configuration_require_valid(fd))
		return -1;
	begins = pp_configuration()->send_version != 0 &&
		 is_wanted(fd, address, length, to);
	errno = before;
	return begins;
}

/* What connect(2) returns of a connection that this call has begun. */
static int finish_connect(int fd, const struct sockaddr *address,
			  socklen_t length)
{
	int before = errno, deferred = 0, result;
	socklen_t size = sizeof(deferred);

	/* the program's own Fast Open, which does not wait */
	getsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &deferred, &size);
	errno = before;
	if (deferred)
		return 0;
	if (fcntl(fd, F_GETFL, 0) & O_NONBLOCK) {
		errno = EINPROGRESS;
		return -1;
	}
	result = real_connect(fd, address, length);
	/* SO_SNDTIMEO; the kernel takes it for a second call */
	if (result != 0 && errno == EALREADY)
		errno = EINPROGRESS;
	return result;
}

static int connect_with_header(int fd, const struct sockaddr *address,
			       socklen_t length, const union pp_address *to)
{
	struct header header;
	int before = errno, result;
	int begun = begin_with_header(&header, fd, address, length, to);

	errno = before;
	if (begun == 0) {
		result = finish_connect(fd, address, length);
	} else if (begun == -EOPNOTSUPP) {
		result = real_connect(fd, address, length);
	} else {
		errno = -begun;
		result = -1;
	}
	/* is there a connection, or may there still be one? */
	end_header(&header, fd,
		   result == 0 || errno == EINPROGRESS || errno == EINTR);
	return result;
}

__attribute__((constructor)) static void start_library(void)
{
	pp_configuration_start();
}

PP_EXPORT int connect(int fd, const struct sockaddr *address, socklen_t length)
{
	union pp_address to;
	int begins = begins_with_header(fd, address, length, &to);

	if (begins < 0)
		return -1;
	return begins ? connect_with_header(fd, address, length, &to)
		      : real_connect(fd, address, length);
}

/*
 * Begins a connection with a header where the program's call, with these flags,
 * would begin it with data. -1 where that failed; errno says so. Otherwise the
 * call is to be made, and finds the connection under way with 1.
 */
static int send_header_ahead(int fd, int flags, const struct sockaddr *address,
			     socklen_t length)
{
	int before = errno, error, begins = 0;
	struct header header;
	union pp_address to;

	if (flags & MSG_FASTOPEN)
		begins = begins_with_header(fd, address, length, &to);
	if (begins <= 0)
		return begins;
	error = begin_with_header(&header, fd, address, length, &to);
	end_header(&header, fd, error == 0);
	errno = error == 0 ? before : -error;
	if (error == 0)
		return 1;
	/* it is told itself that Fast Open is off */
	return error == -EOPNOTSUPP ? 0 : -1;
}

/* The error of the program's call, as if it had begun the connection. */
static void adjust_error(int begun, ssize_t result)
{
	if (begun && result < 0 && errno == EALREADY)
		errno = EINPROGRESS;
}

PP_EXPORT ssize_t sendto(int fd, const void *bytes, size_t size, int flags,
			 const struct sockaddr *address, socklen_t length)
{
	ssize_t result;
	int begun;

	if (pp_is_udp_asked() && pp_datagram_sendto(fd, bytes, size, flags,
						    address, length, &result))
		return result;
	begun = send_header_ahead(fd, flags, address, length);
	if (begun < 0)
		return -1;
	result = real_sendto(fd, bytes, size, flags, address, length);
	adjust_error(begun, result);
	return result;
}

/* The same for a message. Where it is not in memory the kernel says so. */
static int send_header_ahead_of(int fd, int flags, const struct msghdr *message)
{
	struct msghdr copy;

	if (!(flags & MSG_FASTOPEN) ||
	    !pp_copy_memory(&copy, message, sizeof(copy)))
		return 0;
	return send_header_ahead(fd, flags, copy.msg_name, copy.msg_namelen);
}

PP_EXPORT ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	ssize_t result;
	int begun;

	if (pp_is_udp_asked() &&
	    pp_datagram_sendmsg(fd, message, flags, &result))
		return result;
	begun = send_header_ahead_of(fd, flags, message);
	if (begun < 0)
		return -1;
	result = real_sendmsg(fd, message, flags);
	adjust_error(begun, result);
	return result;
}

/* The first message begins the connection. */
PP_EXPORT int sendmmsg(int fd, struct mmsghdr *messages, unsigned count,
		       pp_mmsg_flags flags)
{
	int begun = 0, result;

	if (pp_is_udp_asked() &&
	    pp_datagram_sendmmsg(fd, messages, count, (int)flags, &result))
		return result;
	if (count > 0)
		begun = send_header_ahead_of(fd, flags, &messages->msg_hdr);
	if (begun < 0)
		return -1;
	result = real_sendmmsg(fd, messages, count, flags);
	adjust_error(begun, result);
	return result;
}

/*
 * Where time_t can have 64 bits glibc has these by two names each. They are the
 * same: what is sent has no time in it. Those above have the names for 64 bits.
 */
#ifdef HAVE___SENDMSG64
PP_EXPORT ssize_t sendmsg32(int fd, const struct msghdr *message, int flags)
	__asm__("sendmsg") __attribute__((alias("__sendmsg64")));
PP_EXPORT int sendmmsg32(int fd, struct mmsghdr *messages, unsigned count,
			 pp_mmsg_flags flags)
	__asm__("sendmmsg") __attribute__((alias("__sendmmsg64")));
#endif
