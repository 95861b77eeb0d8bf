/* SPDX-License-Identifier: ISC */
/*
 * The hook of libproxyproto_connect.so: a header in front of what a client
 * sends.
 */
#include <config.h>

#include "configuration.h"
#include "header.h"
#include "log.h"
#include "real.h"
#include "send.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>

/* Is it the connect of a TCP socket to an internet address? */
static bool is_ours(int fd, const struct sockaddr *address, socklen_t length)
{
	return address != NULL && length >= sizeof(address->sa_family) &&
	       pp_family_is_internet(address->sa_family) &&
	       pp_is_tcp_socket(fd);
}

/*
 * PROVISIONAL: a non-blocking connect is waited for here, the socket left
 * non-blocking. It ends when the kernel ends the attempt. True when the
 * connection stands; otherwise its error is left for the program to fetch.
 */
static bool wait_connected(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLOUT };

	while (poll(&poll_fd, 1, -1) < 0)
		if (errno != EINTR)
			return false;
	return !(poll_fd.revents & (POLLERR | POLLHUP | POLLNVAL));
}

static void send_header(int fd)
{
	const struct pp_settings *settings = pp_configuration();
	char from[PP_ADDRESS_TEXT], to[PP_ADDRESS_TEXT];
	struct sockaddr_storage name;
	socklen_t name_length = sizeof(name);
	uint8_t bytes[PP_FORMAT_MAX];
	union pp_address destination;
	size_t length;
	int error;

	if (getpeername(fd, (struct sockaddr *)&name, &name_length) != 0 ||
	    !pp_send_is_first(fd))
		return;
	pp_address_from_kernel(&destination, (struct sockaddr *)&name,
			       name_length);
	length = pp_header_format(settings->send_version, &settings->source,
				  &destination, bytes, sizeof(bytes));
	error = pp_send_whole(fd, bytes, length);
	if (settings->debug)
		pp_log(pp_library,
		       "connect: fd %d: v%u header of %zu bytes: client %s, "
		       "destination %s: %s",
		       fd, settings->send_version, length,
		       pp_address_text(&settings->source, from, sizeof(from)),
		       pp_address_text(&destination, to, sizeof(to)),
		       error == 0 ? "sent" : strerror(-error));
}

/* The rest of a connect(2) that returned result with errno set to error. */
static void follow(int fd, int result, int error)
{
	int state;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	if (result == 0 ||
	    ((error == EINPROGRESS || error == EALREADY) && wait_connected(fd)))
		send_header(fd);
	pthread_setcancelstate(state, NULL);
}

PP_EXPORT int connect(int fd, const struct sockaddr *address, socklen_t length)
{
	int before = errno;
	int result, error;

	if (!is_ours(fd, address, length)) {
		errno = before;
		return real_connect(fd, address, length);
	}
	if (!pp_configuration_is_valid()) {
		errno = EINVAL;
		return -1;
	}
	if (pp_configuration()->send_version == 0)
		return real_connect(fd, address, length);
	result = real_connect(fd, address, length);
	error = result == 0 ? before : errno;
	follow(fd, result, error);
	errno = error;
	return result;
}
